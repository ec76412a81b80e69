//! The top level is fixed, and no file is named for being left over.

use crate::finding::Finding;
use crate::tree::Tree;

const ALLOWED: [&str; 13] = [
    "Cargo.toml",
    "Cargo.lock",
    "src",
    "io",
    "shards",
    "gpu",
    "benches",
    "scripts",
    "README.md",
    "CHANGELOG.md",
    "LICENSE-MIT",
    "LICENSE-APACHE",
    "rust-toolchain.toml",
];
const NAMES_REFUSED: [&str; 5] = ["util", "utils", "common", "helpers", "misc"];

pub(crate) fn check(tree: &Tree, findings: &mut Vec<Finding>) {
    let mut seen = String::new();
    for path in tree.files.keys() {
        let top = path.split('/').next().unwrap_or(path);
        if !ALLOWED.contains(&top) && !top.starts_with('.') && top != seen {
            findings.push(Finding::new(
                path,
                1,
                format!("{top} is not among the entries of the top level; move it below one of them (tools and packaging go to scripts/)"),
            ));
            top.clone_into(&mut seen);
        }
        for part in path.split('/') {
            let stem = part.split('.').next().unwrap_or(part);
            if NAMES_REFUSED.contains(&stem) {
                findings.push(Finding::new(
                    path,
                    1,
                    format!("the name {stem} says nothing; name it for the one idea it holds"),
                ));
            }
        }
    }
}
