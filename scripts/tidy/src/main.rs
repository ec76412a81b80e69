//! Runs the checks that clippy cannot make over the whole repository: `cargo run -q -p hyperion-tidy`.
//!
//! An argument, if given, names the repository's folder; without one the folder above this crate is
//! checked. Exit code 0 when all is well, 1 with one line for each finding.

mod arrows;
mod code_map;
mod commands;
mod finding;
mod folders;
mod manifest;
mod source;
mod top_level;
mod tree;
mod words;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use finding::Finding;
use tree::Tree;

fn main() -> ExitCode {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let root = std::env::args_os().nth(1).map_or(default, PathBuf::from);
    let tree = match Tree::read(&root) {
        Ok(tree) => tree,
        Err(error) => {
            eprintln!(
                "tidy: cannot read {}: {error}; give the repository's folder",
                root.display()
            );
            return ExitCode::from(64);
        }
    };
    let findings = check(&tree);
    for finding in &findings {
        println!("{finding}");
    }
    if findings.is_empty() {
        println!("tidy: {} files, nothing to mend", tree.files.len());
        return ExitCode::SUCCESS;
    }
    println!("tidy: {} to mend", findings.len());
    ExitCode::FAILURE
}

fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    top_level::check(tree, &mut findings);
    folders::check(tree, &mut findings);
    arrows::check(tree, &mut findings);
    words::check(tree, &mut findings);
    code_map::check(tree, &mut findings);
    commands::check(tree, &mut findings);
    findings.sort();
    findings
}
