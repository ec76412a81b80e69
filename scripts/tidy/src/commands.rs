//! The commands that pages name exist: scripts with their options, and packages that cargo is told of.
//!
//! A command is what stands in backticks or in a fenced block and begins with `scripts/` or `cargo`. Pages in `benches/results` tell what was
//! run then and are left alone, as is the list of changes.

use crate::finding::Finding;
use crate::tree::Tree;

const LEFT_ALONE: [&str; 2] = ["benches/results/", "CHANGELOG.md"];

pub(crate) fn check(tree: &Tree, findings: &mut Vec<Finding>) {
    let pages = tree.files.iter().filter(|(path, _)| {
        path.ends_with(".md") && !LEFT_ALONE.iter().any(|place| path.starts_with(place))
    });
    for (path, text) in pages {
        let mut in_fence = false;
        for (index, line) in text.lines().enumerate() {
            if line.trim_start().starts_with("```") {
                in_fence = !in_fence;
                continue;
            }
            let spans =
                if in_fence { vec![line] } else { line.split('`').skip(1).step_by(2).collect() };
            for wrong in
                spans.into_iter().flat_map(commands).filter_map(|words| wrong(tree, &words))
            {
                findings.push(Finding::new(path, index + 1, wrong));
            }
        }
    }
}

/// The words of each command in a line of a shell, without comments, prompts and assignments.
fn commands(line: &str) -> Vec<Vec<&str>> {
    let line = line.split(" #").next().unwrap_or(line);
    line.split([';', '|', '&'])
        .map(|command| {
            command
                .split_whitespace()
                .skip_while(|word| *word == "$" || word.contains('='))
                .collect()
        })
        .filter(|words: &Vec<&str>| !words.is_empty())
        .collect()
}

/// What is wrong with a command.
fn wrong(tree: &Tree, words: &[&str]) -> Option<String> {
    let (name, rest) = words.split_first()?;
    if *name == "cargo" {
        return packages(rest)
            .find(|package| folder_of(tree, package).is_none())
            .map(|package| format!("cargo knows no package {package} here; mend the command"));
    }
    if !name.starts_with("scripts/") {
        return None;
    }
    if !tree.holds(name) {
        return Some(format!("{name} is not there; mend the command"));
    }
    let script = tree.files.get(*name)?;
    let flags = rest.iter().filter(|word| word.starts_with("--") && word.len() > 2);
    flags
        .map(|word| word.split('=').next().unwrap_or(word).trim_end_matches([',', ')', ']']))
        .find(|flag| !knows(tree, script, flag))
        .map(|flag| format!("{name} knows no {flag}; mend the command"))
}

/// The packages after `-p` or `--package`.
fn packages<'a>(words: &'a [&'a str]) -> impl Iterator<Item = &'a str> {
    let named = words.windows(2).filter(|pair| ["-p", "--package"].contains(&pair[0]));
    named
        .map(|pair| pair[1].trim_matches(['"', ',', '\'']))
        .filter(|name| name.starts_with("hyperion"))
}

/// The folder of a package, with `/` at its end.
fn folder_of<'a>(tree: &'a Tree, package: &str) -> Option<&'a str> {
    let line = format!("name = \"{package}\"");
    tree.files
        .iter()
        .find(|(path, text)| path.ends_with("Cargo.toml") && text.lines().any(|it| it == line))
        .map(|(path, _)| path.trim_end_matches("Cargo.toml"))
}

/// Whether a script has this option, or the program that it builds and runs.
fn knows(tree: &Tree, script: &str, flag: &str) -> bool {
    if holds_word(script, flag) || ["--help", "--version"].contains(&flag) {
        return true;
    }
    // As clap derives it of a field.
    let field = format!("{}:", flag.trim_start_matches('-').replace('-', "_"));
    let words: Vec<&str> = script.split_whitespace().collect();
    packages(&words).filter_map(|package| folder_of(tree, package)).any(|folder| {
        let sources =
            tree.files.iter().filter(|(path, _)| path.starts_with(folder) && path.ends_with(".rs"));
        sources.into_iter().any(|(_, text)| holds_word(text, flag) || holds_word(text, &field))
    })
}

/// Whether `word` stands in `text` and is not the beginning or the end of a longer one.
fn holds_word(text: &str, word: &str) -> bool {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
    text.match_indices(word).any(|(at, _)| {
        !text[..at].ends_with(is_part) && !text[at + word.len()..].starts_with(is_part)
    })
}
