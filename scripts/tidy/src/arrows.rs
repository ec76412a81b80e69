//! Which crate may name which: the arrows of the layout, read from the Cargo.toml files.

use std::collections::BTreeMap;

use crate::finding::Finding;
use crate::manifest::{self, Dependency};
use crate::tree::Tree;

/// Packages that reach a device, a clock, a thread or chance: none of them below `shards/`.
const DEVICES: [&str; 16] = [
    "glommio",
    "io-uring",
    "libc",
    "memmap2",
    "rand",
    "rand_core",
    "fastrand",
    "getrandom",
    "nix",
    "rustix",
    "mio",
    "socket2",
    "tokio",
    "tiny_http",
    "crossbeam",
    "chrono",
];
/// Only `io/runtime` names these.
const RING: [&str; 3] = ["glommio", "io-uring", "memmap2"];

/// For each folder, the crates of this repository that it may name outside its tests. A folder that
/// does not stand here may name none; `src` may name all.
const ARROWS: [(&str, &[&str]); 16] = [
    ("io/wire", &[]),
    ("io/runtime", &[]),
    ("io/client", &["io/wire", "shards/model", "io/client/derive"]),
    ("io/client/derive", &[]),
    ("shards/model", &[]),
    ("shards/store", &["shards/model"]),
    ("shards/cluster", &["shards/model"]),
    ("shards/query", &["shards/model"]),
    ("shards/engine", &["shards/model", "shards/store", "shards/cluster", "shards/query"]),
    (
        "shards/sim",
        &["shards/model", "shards/store", "shards/cluster", "shards/query", "shards/engine"],
    ),
    ("gpu", &["shards/model"]),
    (
        "benches",
        &["io/wire", "io/runtime", "io/client", "shards/model", "shards/store", "shards/engine"],
    ),
    (
        "benches/hot",
        &[
            "io/wire",
            "io/runtime",
            "shards/model",
            "shards/store",
            "shards/cluster",
            "shards/engine",
        ],
    ),
    ("benches/loadgen", &["io/wire", "io/client"]),
    ("benches/peers", &["io/wire", "io/client"]),
    ("scripts/tidy", &[]),
];

pub(crate) fn check(tree: &Tree, findings: &mut Vec<Finding>) {
    let manifests: Vec<(&str, &str, manifest::Manifest)> = tree
        .files
        .iter()
        .filter(|(path, _)| *path == "Cargo.toml" || path.ends_with("/Cargo.toml"))
        .map(|(path, text)| {
            (
                path.as_str(),
                path.trim_end_matches("Cargo.toml").trim_end_matches('/'),
                manifest::parse(text),
            )
        })
        .collect();
    let folders: BTreeMap<&str, &str> = manifests
        .iter()
        .map(|(_, folder, manifest)| (manifest.package.as_str(), *folder))
        .collect();
    for (path, folder, manifest) in &manifests {
        // A fuzz crate, as any workspace of its own, only drives what it stands beside: nobody builds on it.
        if folder.ends_with("/fuzz") || (!folder.is_empty() && is_workspace(&tree.files[*path])) {
            continue;
        }
        for dependency in &manifest.dependencies {
            if let Some(what) =
                refusal(folder, dependency, folders.get(dependency.name.as_str()).copied())
            {
                findings.push(Finding::new(path, dependency.line, what));
            }
        }
    }
}

fn is_workspace(manifest: &str) -> bool {
    manifest.lines().any(|line| line.trim() == "[workspace]")
}

/// Why `folder` may not name `dependency`, which stands at `target` when it is one of ours.
fn refusal(folder: &str, dependency: &Dependency, target: Option<&str>) -> Option<String> {
    let name = &dependency.name;
    let inside_shards = folder.starts_with("shards/");
    if inside_shards && DEVICES.contains(&name.as_str()) {
        return Some(format!(
            "{folder} must not name {name}; shards/ knows no device, clock, thread or chance: take it as an event or ask for it as an effect"
        ));
    }
    if RING.contains(&name.as_str()) && folder != "io/runtime" {
        return Some(format!("only io/runtime names {name}; reach it through hyperion-runtime"));
    }
    if folder == "scripts/tidy" {
        return Some(format!("tidy builds from the standard library alone; remove {name}"));
    }
    let target = target?;
    if inside_shards && !target.starts_with("shards/") {
        return Some(format!(
            "{folder} must not name {target}; shards/ depends on nothing outside shards/"
        ));
    }
    if folder.is_empty() || dependency.development {
        return None;
    }
    let allowed = ARROWS.iter().find(|(from, _)| *from == folder).map_or(&[][..], |(_, to)| to);
    if allowed.contains(&target) {
        return None;
    }
    Some(format!(
        "there is no arrow from {folder} to {target}; move the code to where the arrows meet, or add the arrow here and in the layout's text"
    ))
}
