//! Words that may stand in some places only: the word that opens unchecked code, and marks of
//! unfinished work.

use crate::finding::Finding;
use crate::source;
use crate::tree::Tree;

/// Folders in which code outside the compiler's checks may stand, behind a module of its own.
const UNSAFE_FOLDERS: [&str; 4] = ["io/runtime/", "io/lua/", "shards/store/", "gpu/"];
/// Spelled in parts, so that this file does not find itself.
const MARKS: [&str; 3] = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("X", "XX")];
const CODE_ENDINGS: [&str; 6] = ["rs", "toml", "py", "sh", "service", "yml"];

pub(crate) fn check(tree: &Tree, findings: &mut Vec<Finding>) {
    for (path, text) in &tree.files {
        if path.ends_with(".rs") && !UNSAFE_FOLDERS.iter().any(|folder| path.starts_with(folder)) {
            for (index, line) in source::code_only(text).lines().enumerate() {
                if source::has_word(line, "unsafe") {
                    findings.push(Finding::new(
                        path,
                        index + 1,
                        "unsafe stands only in io/runtime, io/lua, shards/store and gpu; call what they offer",
                    ));
                }
            }
        }
        if is_code(path, text) {
            for (index, line) in text.lines().enumerate() {
                for mark in MARKS {
                    if source::has_word(line, mark) {
                        findings.push(Finding::new(
                            path,
                            index + 1,
                            format!("{mark} marks unfinished work; finish it, or say in a sentence what is absent and why"),
                        ));
                    }
                }
            }
        }
    }
}

/// By its ending, or a script that begins with the line naming its interpreter.
fn is_code(path: &str, text: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    match name.rsplit_once('.') {
        Some((stem, ending)) if !stem.is_empty() => CODE_ENDINGS.contains(&ending),
        _ => text.starts_with("#!"),
    }
}

#[cfg(test)]
pub(crate) fn marks() -> [&'static str; 3] {
    MARKS
}
