//! Owns the rules of `settings.redis`: what is kept there under a parameter's name is what CONFIG SET would have kept.

use std::collections::BTreeMap;

use super::parameter_values::{read_save, saved};
use super::parameters::{APPENDONLY, MAXMEMORY, SAVE, find};
use crate::config::{Problem, push_step};

const PLACE: &str = "/settings/redis";

/// All that is wrong with parameters that are kept, each with its place.
pub(crate) fn shown_back_problems(kept: &BTreeMap<String, String>) -> Vec<Problem> {
    let wrong = kept.iter().filter_map(|(name, text)| Some((name, check(name, text).err()?)));
    wrong
        .map(|(name, (problem, hint))| {
            let mut pointer = PLACE.to_owned();
            push_step(&mut pointer, name);
            Problem::at(pointer, problem, hint)
        })
        .collect()
}

/// Errors: what is wrong, and what to do.
fn check(name: &str, text: &str) -> Result<(), (String, String)> {
    let unknown = || {
        let problem = format!("{name:?} is no parameter of Redis that is kept to be shown back");
        (problem, "take it out, or write its name as CONFIG GET does, in small letters".to_owned())
    };
    let parameter = find(name.as_bytes()).filter(|it| it.name == name).ok_or_else(unknown)?;
    let wrong = |problem: String, good: &str| {
        (format!("{text:?}: {problem}"), format!("give {good}, or take it out"))
    };
    match name {
        MAXMEMORY => match text.parse::<u64>() {
            Ok(1..) if !text.starts_with(['0', '+']) => Ok(()),
            _ => Err(wrong(
                "it is no number of bytes".to_owned(),
                "bytes as plain digits, from 1 on",
            )),
        },
        APPENDONLY if text == "no" => Ok(()),
        APPENDONLY => Err(wrong("\"no\" alone is kept".to_owned(), "\"no\"")),
        SAVE => match read_save(text.as_bytes()) {
            Ok(_) if saved(text.as_bytes()) == text && !text.is_empty() => Ok(()),
            Ok(_) => Err(wrong("it has other blanks".to_owned(), "numbers with one blank between")),
            Err(problem) => Err(wrong(problem, "pairs of seconds and changes, such as \"3600 1\"")),
        },
        _ => match parameter.read_kept(text.as_bytes()) {
            Some(Ok(kept)) if kept == text => Ok(()),
            Some(Ok(kept)) => {
                Err(wrong("it is written in another way".to_owned(), &format!("{kept:?}")))
            }
            Some(Err(problem)) => Err(wrong(problem, "a value that CONFIG SET takes")),
            None if parameter.pointer.is_empty() => Err(unknown()),
            None => Err((
                format!("{name:?} is a setting of its own"),
                format!("take it out and change {}", parameter.pointer),
            )),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_config_set_keeps_is_right_and_nothing_else() {
        for (name, text) in [
            ("maxmemory", "20971520"),
            ("appendonly", "no"),
            ("save", "3600 1 300 100"),
            ("hz", "100"),
            ("activedefrag", "yes"),
            ("repl-backlog-size", "1024"),
            ("oom-score-adj", "relative"),
        ] {
            assert_eq!(check(name, text), Ok(()), "{name}");
        }
        for (name, text, said) in [
            ("maxmemory", "abc", "no number of bytes"),
            ("maxmemory", "0", "no number of bytes"),
            ("maxmemory", "20mb", "no number of bytes"),
            ("appendonly", "yes", "\"no\" alone"),
            ("save", "1", "Invalid save parameters"),
            ("save", "1  2", "other blanks"),
            ("save", "", "other blanks"),
            ("hz", "many", "couldn't be parsed into an integer"),
            ("activedefrag", "YES", "another way"),
            ("repl-backlog-size", "1kb", "another way"),
            ("nosuch", "1", "no parameter"),
            ("HZ", "10", "no parameter"),
            ("dir", "/tmp", "no parameter"),
            ("maxclients", "10", "a setting of its own"),
        ] {
            let (problem, hint) = check(name, text).expect_err(name);
            assert!(problem.contains(said), "{name}: {problem}");
            assert!(!hint.is_empty(), "{name}");
        }
        let kept = BTreeMap::from([("no/such".to_owned(), "1".to_owned())]);
        assert_eq!(shown_back_problems(&kept)[0].pointer, "/settings/redis/no~1such");
    }
}
