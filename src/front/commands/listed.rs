//! Owns the test of the table of commands that people read, beside the one in code.

use std::collections::BTreeMap;

use hyperion_engine::command::{COMMANDS, find};

const TABLE: &str = include_str!("../COMMANDS.md");

/// Each command in small letters, with its state and what is said of it.
fn rows() -> BTreeMap<String, (&'static str, &'static str)> {
    let mut rows = BTreeMap::new();
    for line in TABLE.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.trim_matches('|').splitn(3, " | ").map(str::trim).collect();
        let [name, state, what] = cells[..] else { panic!("{line:?} has no three cells") };
        let name = name.trim_matches('`').to_ascii_lowercase();
        let before = rows.insert(name, (state, what));
        assert!(before.is_none(), "{line:?} is there twice");
    }
    rows
}

#[test]
fn every_command_stands_in_the_table_as_it_is() {
    let rows = rows();
    let mut wrong = Vec::new();
    for spec in &COMMANDS {
        let name = spec.name.to_ascii_uppercase();
        match rows.get(spec.name) {
            Some(("same" | "different", _)) => {}
            Some(_) => wrong.push(format!("it runs: | `{name}` | same | |")),
            None => wrong.push(format!("it is missing: | `{name}` | same | |")),
        }
    }
    for (name, (state, what)) in &rows {
        match *state {
            "same" if what.is_empty() => {}
            "different" if !what.is_empty() => {}
            "absent" if !what.is_empty() && find(name.as_bytes()).is_none() => {}
            "absent" if find(name.as_bytes()).is_some() => {}
            _ => wrong.push(format!("{name}: {state:?} with {what:?} is no row")),
        }
        if *state != "absent" && find(name.as_bytes()).is_none() {
            wrong.push(format!(
                "it does not run: | `{}` | absent | why |",
                name.to_ascii_uppercase()
            ));
        }
    }
    assert!(wrong.is_empty(), "make these rows of src/front/COMMANDS.md so:\n{}", wrong.join("\n"));
    assert!(rows.len() > 230, "{} rows are not all of Redis 7.2", rows.len());
}
