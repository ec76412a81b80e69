//! Every folder that a reader enters has a README.md of its own.

use crate::finding::Finding;
use crate::tree::Tree;

const FIXED: [&str; 5] = ["src", "gpu", "benches", "benches/loadgen", "scripts"];

pub(crate) fn check(tree: &Tree, findings: &mut Vec<Finding>) {
    let fixed = FIXED.iter().map(|folder| (*folder).to_owned());
    let below = ["io", "shards"].into_iter().flat_map(|parent| {
        tree.folders_below(parent).into_iter().map(move |name| format!("{parent}/{name}"))
    });
    for folder in fixed.chain(below) {
        let readme = format!("{folder}/README.md");
        let text = tree.files.get(&readme);
        if text.is_none_or(|text| text.trim().is_empty()) {
            findings.push(Finding::new(
                &readme,
                1,
                "missing or empty; say in a few lines what the folder owns and what it must not know",
            ));
        }
    }
}
