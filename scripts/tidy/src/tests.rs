//! Each check on a small tree in memory: what it finds and what it leaves alone.

use std::collections::BTreeMap;

use crate::finding::Finding;
use crate::tree::Tree;
use crate::{arrows, code_map, commands, folders, manifest, source, top_level, words};

fn tree(files: &[(&str, &str)]) -> Tree {
    let files: BTreeMap<String, String> =
        files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
    Tree { files }
}

/// `path:line` of each finding of one check.
fn places(check: fn(&Tree, &mut Vec<Finding>), files: &[(&str, &str)]) -> Vec<String> {
    let mut findings = Vec::new();
    check(&tree(files), &mut findings);
    findings.iter().map(|finding| format!("{}:{}", finding.path, finding.line)).collect()
}

#[test]
fn top_level_holds_the_allowed_entries_only() {
    for (path, expected) in [
        ("Cargo.toml", &[][..]),
        (".ci/run", &[]),
        ("LICENSE-MIT", &[]),
        ("scripts/systemd/hyperiond.service", &[]),
        ("docs/design.md", &["docs/design.md:1"]),
        ("Makefile", &["Makefile:1"]),
        ("src/util.rs", &["src/util.rs:1"]),
        ("io/wire/src/helpers/mod.rs", &["io/wire/src/helpers/mod.rs:1"]),
        ("src/commonplace.rs", &[]),
    ] {
        assert_eq!(places(top_level::check, &[(path, "")]), expected, "{path}");
    }
}

#[test]
fn a_folder_at_the_top_is_named_once() {
    assert_eq!(places(top_level::check, &[("docs/a", ""), ("docs/b", "")]), ["docs/a:1"]);
}

#[test]
fn folders_without_a_readme_are_named() {
    let whole = [
        ("src/README.md", "x"),
        ("gpu/README.md", "x"),
        ("benches/README.md", "x"),
        ("benches/loadgen/README.md", "x"),
        ("scripts/README.md", "x"),
        ("io/wire/README.md", "x"),
        ("io/wire/src/lib.rs", "x"),
    ];
    assert_eq!(places(folders::check, &whole), [""; 0]);
    for missing in 0..6 {
        let mut files = whole.to_vec();
        files[missing].1 = " \n";
        assert_eq!(places(folders::check, &files), [format!("{}:1", whole[missing].0)]);
    }
    let mut files = whole.to_vec();
    files.push(("shards/store/src/lib.rs", ""));
    assert_eq!(places(folders::check, &files), ["shards/store/README.md:1"]);
}

#[test]
fn arrows_are_held() {
    let manifests = |folder: &str, dependency: &str| {
        let text = format!("[package]\nname = \"under-test\"\n\n{dependency}\n");
        let path = if folder.is_empty() {
            "Cargo.toml".to_owned()
        } else {
            format!("{folder}/Cargo.toml")
        };
        let files = [
            ("io/wire/Cargo.toml", "[package]\nname = \"hyperion-wire\""),
            ("io/runtime/Cargo.toml", "[package]\nname = \"hyperion-runtime\""),
            ("shards/model/Cargo.toml", "[package]\nname = \"hyperion-model\""),
            ("shards/engine/Cargo.toml", "[package]\nname = \"hyperion-engine\""),
            (path.as_str(), text.as_str()),
        ];
        places(arrows::check, &files)
    };
    for (folder, dependency, refused) in [
        ("", "[dependencies]\nhyperion-engine.workspace = true", false),
        ("", "[dependencies]\nhyperion-runtime = { path = \"io/runtime\" }", false),
        ("", "[dependencies]\nglommio.workspace = true", true),
        ("io/runtime", "[dependencies]\nglommio.workspace = true", false),
        ("io/wire", "[dependencies]\nio-uring = \"0.7\"", true),
        ("io/wire", "[dependencies]\nhyperion-model.workspace = true", true),
        ("shards/store", "[dependencies]\nhyperion-model.workspace = true", false),
        ("shards/store", "[dependencies]\nhyperion-engine.workspace = true", true),
        ("shards/store", "[dependencies]\nlibc = \"0.2\"", true),
        ("shards/store", "[dev-dependencies]\nrand = \"0.9\"", true),
        ("shards/store", "[dev-dependencies]\nhyperion-wire.workspace = true", true),
        ("shards/store", "[dev-dependencies]\nproptest.workspace = true", false),
        ("shards/store", "[target.'cfg(unix)'.dependencies]\nlibc = \"0.2\"", true),
        ("shards/store", "[dependencies.libc]\nversion = \"0.2\"", true),
        (
            "shards/store",
            "[dependencies]\nsystem = { package = \"libc\", version = \"0.2\" }",
            true,
        ),
        ("shards/store", "[features]\nlibc = []", false),
        ("shards/sim", "[dependencies]\nhyperion-engine.workspace = true", false),
        ("shards/sim", "[dependencies]\nhyperion-wire.workspace = true", true),
        ("shards/new", "[dependencies]\nhyperion-engine.workspace = true", true),
        ("gpu", "[dependencies]\nhyperion-model.workspace = true", false),
        ("gpu", "[dependencies]\nhyperion-engine.workspace = true", true),
        ("scripts/tidy", "[dependencies]\nserde = \"1\"", true),
        (
            "io/wire/fuzz",
            "[dependencies]\nlibc = \"0.2\"\nhyperion-engine = { path = \"x\" }",
            false,
        ),
        ("benches/bars", "[dependencies]\nhyperion-engine = { path = \"x\" }\n[workspace]", false),
        ("benches/bars", "[dependencies]\nhyperion-engine = { path = \"x\" }", true),
    ] {
        let expected: Vec<String> = match refused {
            false => vec![],
            true if dependency.starts_with("[dependencies.") => {
                vec![format!("{folder}/Cargo.toml:4")]
            }
            true => vec![format!("{folder}/Cargo.toml:5").trim_start_matches('/').to_owned()],
        };
        assert_eq!(manifests(folder, dependency), expected, "{folder}: {dependency}");
    }
}

#[test]
fn workspace_tables_are_no_dependencies() {
    let text =
        "[workspace.dependencies]\nglommio = \"0.9\"\n[package]\nname = \"hyperion\" # ours\n";
    assert_eq!(
        manifest::parse(text),
        manifest::Manifest { package: "hyperion".to_owned(), dependencies: vec![] }
    );
}

#[test]
fn only_code_is_left_of_a_source() {
    for (input, expected) in [
        ("a // unsafe\nb", "a          \nb"),
        ("a /* /* unsafe */ */ b", "a                    b"),
        ("\"un\\\"safe\" b", "           b"),
        ("r#\"un\"safe\"# b", "             b"),
        ("br\"\\\" b", "b     b"),
        ("'\"' b", "    b"),
        ("'\\'' b", "     b"),
        ("'é' b", "     b"),
        ("fn f<'a>(x: &'a str) b", "fn f<'a>(x: &'a str) b"),
        ("\"two\nlines\" b", "    \n       b"),
        ("letter\"x\"", "letter   "),
        ("\"never closed", "             "),
    ] {
        assert_eq!(source::code_only(input), expected, "{input:?}");
    }
}

#[test]
fn unchecked_code_stands_in_four_folders_only() {
    for (path, text, refused) in [
        ("src/main.rs", "fn f() {}\nunsafe { g() }", true),
        ("src/main.rs", "// unsafe\nlet text = \"unsafe\"; #![forbid(unsafe_code)]", false),
        ("io/runtime/src/ring.rs", "\nunsafe { g() }", false),
        ("io/lua/src/stack.rs", "\nunsafe { g() }", false),
        ("io/wire/src/lib.rs", "\nunsafe { g() }", true),
        ("shards/store/src/index.rs", "\nunsafe { g() }", false),
        ("shards/model/src/lib.rs", "\nunsafe impl Send for X {}", true),
        ("gpu/src/launch.rs", "\nunsafe { g() }", false),
        ("README.md", "\nunsafe { g() }", false),
    ] {
        let expected = if refused { vec![format!("{path}:2")] } else { vec![] };
        assert_eq!(places(words::check, &[(path, text)]), expected, "{path}: {text}");
    }
}

#[test]
fn marks_of_unfinished_work_are_named() {
    let mark = words::marks()[0];
    for (path, text, refused) in [
        ("src/main.rs", format!("// {mark}: later"), true),
        ("scripts/check", format!("#!/usr/bin/env bash # {mark}"), true),
        ("scripts/data", mark.to_owned(), false),
        ("src/main.rs", format!("let {mark}S = 1;"), false),
        ("README.md", mark.to_owned(), false),
    ] {
        let expected = if refused { vec![format!("{path}:1")] } else { vec![] };
        assert_eq!(places(words::check, &[(path, &text)]), expected, "{path}: {text}");
    }
}

#[test]
fn the_code_map_names_what_exists() {
    let check =
        |readme: &str| places(code_map::check, &[("README.md", readme), ("src/main.rs", "")]);
    for (readme, expected) in [
        ("# Code map\n`src` joins; `src/main.rs` starts", &[][..]),
        ("# Code map\n`src/`", &[]),
        ("# Code map\n\n`src/missing.rs`", &["README.md:3"]),
        ("# Code map\n`gpu`", &["README.md:2"]),
        ("# Code map\n`GET /config` and `src -> io`", &[]),
        ("# Code map\n# Use\n`src/missing.rs`", &[]),
        ("# Use", &["README.md:1"]),
    ] {
        assert_eq!(check(readme), expected, "{readme:?}");
    }
    assert_eq!(places(code_map::check, &[]), ["README.md:1"]);
}

#[test]
fn a_tree_is_read_from_disk_without_what_git_ignores() {
    let root = std::env::temp_dir().join(format!("hyperion-tidy-{}", std::process::id()));
    for (path, text) in [
        (".gitignore", "/target\n/hyperion-data\n*.log\n"),
        ("src/main.rs", "fn main() {}"),
        ("target/debug/x", ""),
        ("hyperion-data/y", ""),
    ] {
        let file = root.join(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    }
    let tree = Tree::read(&root);
    std::fs::remove_dir_all(&root).unwrap();
    let paths: Vec<String> = tree.unwrap().files.into_keys().collect();
    assert_eq!(paths, [".gitignore", "src/main.rs"]);
}

#[test]
fn commands_on_pages_are_those_that_exist() {
    let scripts = [
        ("scripts/measure", "add(\"--keys\", type=int)\nadd(\"--keys-most\")"),
        ("scripts/load", "exec cargo run -p hyperion-load -- \"$@\""),
        ("load/Cargo.toml", "name = \"hyperion-load\"\n"),
        ("load/src/arguments.rs", "value_bytes: usize, \"--bare\""),
    ];
    for (page, lines) in [
        ("`scripts/measure memory --keys 5 --keys-most=7`", &[][..]),
        ("`scripts/measure` and `scripts/measure --key 5`", &[1]),
        ("`scripts/gone`, `--key`", &[1]),
        ("`scripts/load --value-bytes 3 --bare --help`", &[]),
        ("`scripts/load --bytes 3`", &[1]),
        ("`cargo bench -p hyperion-load -- x`, `cargo add -p other`", &[]),
        ("`cargo nextest run -p hyperion-gone`", &[1]),
        ("scripts/gone --key", &[]),
        (
            "```sh\nX=1 scripts/measure --keys 3 && scripts/gone  # scripts/lost\n$ scripts/lost\n```\nscripts/lost",
            &[2, 3],
        ),
    ] {
        let expected: Vec<String> =
            lines.iter().map(|line: &usize| format!("io/README.md:{line}")).collect();
        for (path, expected) in [("io/README.md", expected), ("benches/results/old.md", Vec::new())]
        {
            let mut files = scripts.to_vec();
            files.push((path, page));
            assert_eq!(places(commands::check, &files), expected, "{path}: {page}");
        }
    }
}
