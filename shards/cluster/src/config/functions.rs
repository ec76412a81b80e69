//! Owns the rules of libraries of functions; what is in them is read by who knows the language.

use super::limits::{LIBRARIES_BYTES_MAX, LIBRARIES_MAX};
use super::problem::{Problem, push_step};
use super::settings::Settings;

/// Bytes that a text takes in JSON.
fn bytes_in_json(text: &str) -> usize {
    let bytes = |character| match character {
        '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
        '\0'..='\u{1f}' => 6,
        other => other.len_utf8(),
    };
    text.chars().map(bytes).sum()
}

pub(super) fn check_functions(settings: &Settings, problems: &mut Vec<Problem>) {
    let libraries = &settings.functions;
    let pointer = "/settings/functions";
    if libraries.len() > LIBRARIES_MAX {
        let text = format!("{} libraries are too many", libraries.len());
        problems.push(Problem::at(pointer, text, format!("keep at most {LIBRARIES_MAX}")));
    }
    let bytes: usize = libraries.values().map(|code| bytes_in_json(code)).sum();
    if bytes > LIBRARIES_BYTES_MAX {
        let text = format!("{bytes} bytes of libraries are too many");
        problems.push(Problem::at(pointer, text, format!("keep at most {LIBRARIES_BYTES_MAX}")));
    }
    for name in libraries.keys() {
        let is_fine = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if name.is_empty() || !name.bytes().all(is_fine) {
            let mut pointer = pointer.to_owned();
            push_step(&mut pointer, name);
            let text = format!("{name:?} is no name of a library");
            problems.push(Problem::at(pointer, text, "use letters, digits and underscores"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_bytes_are_looked_at() {
        for (name, code, sound) in [
            ("lib_1", "x".repeat(LIBRARIES_BYTES_MAX), true),
            ("lib", "x".repeat(LIBRARIES_BYTES_MAX + 1), false),
            ("lib", "\n".repeat(LIBRARIES_BYTES_MAX / 2), true),
            ("lib", "\n".repeat(LIBRARIES_BYTES_MAX / 2 + 1), false),
            ("lib", "\u{1}".repeat(LIBRARIES_BYTES_MAX / 6 + 1), false),
            ("a b", String::new(), false),
            ("", String::new(), false),
        ] {
            let text = serde_json::to_string(&code).expect("text is JSON");
            assert_eq!(bytes_in_json(&code), text.len() - 2, "as it is written");
            let mut settings = Settings::default();
            settings.functions.insert(name.to_owned(), code);
            let mut problems = Vec::new();
            check_functions(&settings, &mut problems);
            assert_eq!(problems.is_empty(), sound, "{name:?}: {problems:?}");
        }
    }
}
