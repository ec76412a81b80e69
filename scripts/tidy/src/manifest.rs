//! As much of a Cargo.toml as the arrows need: the package's name and its dependencies with lines.

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Manifest {
    pub(crate) package: String,
    /// In the order of the file; development and build dependencies too.
    pub(crate) dependencies: Vec<Dependency>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Dependency {
    /// The package's name, also when the manifest gives it another one.
    pub(crate) name: String,
    /// From 1.
    pub(crate) line: usize,
    /// Needed by tests and benches alone.
    pub(crate) development: bool,
}

/// Reads what stands in `[package] name` and in every dependency table, target tables included.
pub(crate) fn parse(text: &str) -> Manifest {
    let mut manifest = Manifest::default();
    let mut section = String::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or("").trim();
        if let Some(header) = line.strip_prefix('[') {
            header.trim_matches(['[', ']']).clone_into(&mut section);
            // A dependency with a table of its own: [dependencies.name]
            if let Some((table, name)) = section.rsplit_once('.')
                && is_dependencies(table)
            {
                manifest.dependencies.push(dependency(name, table, index));
            }
            continue;
        }
        let Some((key, value)) = line.split_once('=') else { continue };
        let (key, value) = (key.trim(), value.trim());
        if section == "package" && key == "name" {
            value.trim_matches('"').clone_into(&mut manifest.package);
        } else if is_dependencies(&section) {
            let name = renamed(value).unwrap_or_else(|| key.split('.').next().unwrap_or(key));
            manifest.dependencies.push(dependency(name, &section, index));
        } else if key == "package"
            && section.rsplit_once('.').is_some_and(|(table, _)| is_dependencies(table))
            && let Some(last) = manifest.dependencies.last_mut()
        {
            value.trim_matches('"').clone_into(&mut last.name);
        }
    }
    manifest
}

fn dependency(name: &str, table: &str, index: usize) -> Dependency {
    Dependency {
        name: name.trim_matches(['"', '\'']).to_owned(),
        line: index + 1,
        development: table.ends_with("dev-dependencies"),
    }
}

fn is_dependencies(section: &str) -> bool {
    let last = section.rsplit('.').next().unwrap_or(section);
    matches!(last, "dependencies" | "dev-dependencies" | "build-dependencies")
        && !section.starts_with("workspace")
}

/// `{ package = "other", .. }` names another package than its key.
fn renamed(value: &str) -> Option<&str> {
    let (_, rest) = value.split_once("package")?;
    rest.trim_start().strip_prefix('=')?.split('"').nth(1)
}
