//! The README's code map names only what exists.
//!
//! The map is the section whose heading holds the words "code map" or "layout"; every name in
//! backticks there that reads as a path must stand in the repository.

use crate::finding::Finding;
use crate::tree::Tree;

pub(crate) fn check(tree: &Tree, findings: &mut Vec<Finding>) {
    let Some(text) = tree.files.get("README.md") else {
        findings.push(Finding::new(
            "README.md",
            1,
            "missing; it is the first page that a person reads",
        ));
        return;
    };
    let mut in_map = false;
    let mut map_seen = false;
    for (index, line) in text.lines().enumerate() {
        if line.starts_with('#') {
            let heading = line.to_lowercase();
            in_map = heading.contains("code map") || heading.contains("layout");
            map_seen |= in_map;
            continue;
        }
        if !in_map {
            continue;
        }
        for path in line.split('`').skip(1).step_by(2).filter(|name| is_path(name)) {
            if !tree.holds(path) {
                findings.push(Finding::new(
                    "README.md",
                    index + 1,
                    format!(
                        "the code map names {path}, which is not there; mend the name or the map"
                    ),
                ));
            }
        }
    }
    if !map_seen {
        findings.push(Finding::new(
            "README.md",
            1,
            "holds no heading \"Code map\"; list each folder with what it owns",
        ));
    }
}

/// A folder of the top level, or anything with a `/` that is neither a route, a command nor a pattern.
fn is_path(name: &str) -> bool {
    const TOP: [&str; 6] = ["src", "io", "shards", "gpu", "benches", "scripts"];
    let first = name.split('/').next().unwrap_or(name);
    TOP.contains(&first) && !name.contains([' ', '*', '{', '<'])
}
