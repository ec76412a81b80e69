//! Owns the config at start: found or made, read, checked, and known to be writable.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::Path;

use hyperion_cluster::config::limits::CONFIG_BYTES_MAX;
use hyperion_cluster::config::{Config, Machine, Node, ParseError, Problem, Size, identify, parse};
use hyperion_store::manifest::Manifest;

use super::error::ConfigError;
use super::file;
use super::first::first_config;
use super::keeper::Keeper;
use super::overrides::Overrides;
use super::resolve::validate;
use super::restored::take_functions;
use super::uuid;
use crate::cluster::mark_in;
use crate::flags::Flags;

/// The name of a node that nobody named.
const NODE_NAME_DEFAULT: &str = "node-1";

/// A config that the node can start with.
#[derive(Debug)]
pub(crate) struct Opened {
    /// Holds it from now on.
    pub(crate) keeper: Keeper,
    /// Sentences for the log: what was made, which flags stand over the file, what is unwise.
    pub(crate) said: Vec<String>,
}

/// Finds the config that the flags ask for, or makes the first one of a single node.
///
/// With `--check` no config is written.
///
/// Errors: [`ConfigError`], one sentence.
pub(crate) fn open(flags: &Flags, machine: &Machine) -> Result<Opened, ConfigError> {
    let mut overrides = Overrides::from_flags(flags);
    let given = flags.config.clone();
    let path = given.clone().unwrap_or_else(|| flags.data.join("config.json"));
    let mut said = Vec::new();
    let found = match fs::symlink_metadata(&path) {
        Ok(_) => true,
        Err(error) if error.kind() == io::ErrorKind::NotFound => false,
        Err(error) => return Err(ConfigError::Unreadable { path, error }),
    };
    let (path, mut config) = if found {
        // A link is followed once, here: replacing the link itself would leave its target old.
        let path = match fs::canonicalize(&path) {
            Ok(path) => path,
            Err(error) => return Err(ConfigError::Unreadable { path, error }),
        };
        let mut config = load(&path)?;
        let data_uuid = mark_in(&flags.data).ok().flatten().map(|mark| mark.uuid);
        if let Some(uuid) = data_uuid {
            let node = identify(&config, Some(&uuid), flags.node.as_deref());
            let node = node.map_err(|why| ConfigError::Unidentified { path: path.clone(), why })?;
            overrides.node = Some(node.name.clone());
        } else {
            check_name(&path, &config, flags.node.as_deref())?;
            said.extend(give_uuid(&path, &mut config, flags)?);
        }
        (path, config)
    } else if given.is_some() {
        return Err(ConfigError::Missing { path });
    } else {
        let config = make(&path, flags, &overrides, machine)?;
        if !flags.check {
            said.push(format!(
                "made the config {} with what the flags of this start say; it is used from now on",
                path.display()
            ));
        }
        (path, config)
    };
    said.extend(take_functions(&path, &mut config, &flags.data, !flags.check)?);
    let (flagged, file) = (overrides.clone(), config.clone());
    let by_flag = |problems| flagged.name_flags(&file, problems);
    let keeper = match Keeper::new(&path, config, overrides, machine.clone()) {
        Ok(keeper) => keeper,
        Err(problems) => return Err(ConfigError::Invalid { path, problems: by_flag(problems) }),
    };
    if found {
        file::check_writable(&path).map_err(ConfigError::NotWritable)?;
    }
    said.extend(keeper.override_sentences());
    said.extend(keeper.current().resolved.warnings.iter().cloned());
    Ok(Opened { keeper, said })
}

/// Reads a config file; what it holds is not checked against the machine yet.
///
/// Errors: unreadable, too long, not JSON, or a field that does not fit.
pub(crate) fn load(path: &Path) -> Result<Config, ConfigError> {
    let path = path.to_owned();
    let bytes = match file::read(&path) {
        Ok(bytes) if bytes.len() > CONFIG_BYTES_MAX => return Err(ConfigError::TooBig { path }),
        Ok(bytes) => bytes,
        Err(error) => return Err(ConfigError::Unreadable { path, error }),
    };
    parse(&bytes).map_err(|error| match error {
        ParseError::NotJson { line, column, problem } => {
            ConfigError::NotJson { path, line, column, problem }
        }
        ParseError::Shape(problem) => ConfigError::Invalid { path, problems: vec![problem] },
    })
}

/// Where the node of a config listens for HTTP.
///
/// Errors: [`ConfigError`], one sentence.
pub(crate) fn http_address(
    path: &Path,
    data: &Path,
    name: Option<&str>,
) -> Result<SocketAddr, ConfigError> {
    let config = load(path)?;
    let uuid = mark_in(data).ok().flatten().map(|mark| mark.uuid);
    let node = identify(&config, uuid.as_deref(), name)
        .map_err(|why| ConfigError::Unidentified { path: path.to_owned(), why })?;
    node.http.parse().map_err(|_| {
        let text = format!("{:?} is no address", node.http);
        let problem = Problem::at("/nodes", text, "give an IP address and a port");
        ConfigError::Invalid { path: path.to_owned(), problems: vec![problem] }
    })
}

/// Draws the uuid of a node that is new and has none in its entry, and writes it into the file. Gives a sentence for the log.
fn give_uuid(
    path: &Path,
    config: &mut Config,
    flags: &Flags,
) -> Result<Option<String>, ConfigError> {
    let named = |node: &&mut Node| flags.node.as_ref().is_none_or(|name| node.name == *name);
    let node = config.nodes.iter_mut().find(named).filter(|node| node.uuid.is_empty());
    let Some(node) = node.filter(|_| !flags.check) else { return Ok(None) };
    let not_made = |error| ConfigError::NotMade { path: path.to_owned(), error };
    node.uuid = uuid::generate().map_err(not_made)?;
    let sentence = format!(
        "node {:?} had no uuid: drew {} and wrote it into {}",
        node.name,
        node.uuid,
        path.display()
    );
    file::write_atomically(path, config.to_text().as_bytes()).map_err(not_made)?;
    Ok(Some(sentence))
}

fn check_name(path: &Path, config: &Config, wanted: Option<&str>) -> Result<(), ConfigError> {
    let names = || {
        let names: Vec<&str> = config.nodes.iter().map(|node| node.name.as_str()).collect();
        names.join(", ")
    };
    match wanted {
        Some(wanted) if config.nodes.iter().all(|node| node.name != wanted) => {
            let (path, wanted) = (path.to_owned(), wanted.to_owned());
            Err(ConfigError::NodeUnknown { path, wanted, found: names() })
        }
        None if config.nodes.len() > 1 => {
            Err(ConfigError::NodeNotNamed { path: path.to_owned(), found: names() })
        }
        _ => Ok(()),
    }
}

fn make(
    path: &Path,
    flags: &Flags,
    overrides: &Overrides,
    machine: &Machine,
) -> Result<Config, ConfigError> {
    let not_made = |error| ConfigError::NotMade { path: path.to_owned(), error };
    let name = flags.node.as_deref().unwrap_or(NODE_NAME_DEFAULT);
    let mut config = first_config(name, overrides, machine).map_err(not_made)?;
    // Data that is there without a config, restored or brought from elsewhere, says itself how it is laid out. What is wrong with a
    // manifest is told by who opens the data.
    let manifest = fs::read(flags.data.join("MANIFEST")).ok();
    if let Some(manifest) = manifest.and_then(|bytes| Manifest::read(&bytes).ok()) {
        config.partitions = u32::from(manifest.partitions);
        config.settings.segment_bytes = Size::from_bytes(u64::from(manifest.segment_bytes));
    }
    let problems = validate(&config, machine, None);
    if !problems.is_empty() {
        let problems = overrides.name_flags(&config, problems);
        return Err(ConfigError::Invalid { path: path.to_owned(), problems });
    }
    if !flags.check {
        file::make_folder(&flags.data).map_err(not_made)?;
        file::write_atomically(path, config.to_text().as_bytes()).map_err(not_made)?;
    }
    Ok(config)
}
