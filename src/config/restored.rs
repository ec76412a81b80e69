//! Owns the libraries of functions and the order of the databases that came with a snapshot: they lie beside the data until a start has taken them into the config.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use hyperion_cluster::config::Config;

use super::error::ConfigError;
use super::file;

/// The file in the data folder that has them: an object, each code by the name of its library.
pub(crate) const RESTORED_FUNCTIONS: &str = "functions.json";

/// The name under which the order of the databases stands among the libraries; none of them can have it.
pub(crate) const DATABASES_NAME: &str = "/settings/databases";

/// Takes libraries that lie beside the data into a config, those whose names it does not have. `writes`: the config's file has them then, and
/// the file beside the data is gone. Gives a sentence for the log.
///
/// Errors: the file cannot be read or is none, or the config cannot be written.
pub(super) fn take_functions(
    path: &Path,
    config: &mut Config,
    data: &Path,
    writes: bool,
) -> Result<Option<String>, ConfigError> {
    let beside = data.join(RESTORED_FUNCTIONS);
    let unreadable = |error| ConfigError::Unreadable { path: beside.clone(), error };
    let bytes = match fs::read(&beside) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(error)),
    };
    let invalid = |error| unreadable(io::Error::new(io::ErrorKind::InvalidData, error));
    let mut libraries: BTreeMap<String, String> =
        serde_json::from_slice(&bytes).map_err(invalid)?;
    let databases = libraries.remove(DATABASES_NAME);
    let databases: Option<Vec<u8>> =
        databases.map(|text| serde_json::from_str(&text).map_err(invalid)).transpose()?;
    if config.nodes.len() > 1 {
        // Its file would be another one than those of the other nodes.
        let order = databases.map(|order| format!(", set {DATABASES_NAME} to {order:?}"));
        return Ok(Some(format!(
            "{} holds {} libraries of functions of a snapshot, which are not taken into the config of several nodes: load them with \
             FUNCTION LOAD{}, and remove the file",
            beside.display(),
            libraries.len(),
            order.unwrap_or_default()
        )));
    }
    let functions = &mut config.settings.functions;
    let before = functions.len();
    for (name, code) in libraries {
        functions.entry(name).or_insert(code);
    }
    let taken = functions.len() - before;
    let has_order = databases.is_some();
    config.settings.databases = databases.unwrap_or_else(|| config.settings.databases.clone());
    if writes {
        let not_made = |error| ConfigError::NotMade { path: path.to_owned(), error };
        if taken > 0 || has_order {
            file::write_atomically(path, config.to_text().as_bytes()).map_err(not_made)?;
        }
        fs::remove_file(&beside).map_err(not_made)?;
    }
    Ok(Some(format!("took {taken} libraries of functions of a snapshot into {}", path.display())))
}
