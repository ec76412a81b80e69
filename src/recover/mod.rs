//! Owns `hyperiond recover --unsafe`: the one node that is left of a lost majority goes on alone, with what it has.
//!
//! What is to be done is written down first (`recovery.json`), so that a run that was cut short is finished by the next one, and the node does
//! not start in between: some of its groups would have another idea of their members than the rest.

mod peers;
mod report;

use std::fs;
use std::io::{self, BufRead, Write};
use std::path::{Path, PathBuf};

use hyperion_cluster::change::left_alone;
use hyperion_cluster::config::{Node, problems};
use hyperion_cluster::state::ClusterState;
use hyperion_engine::Eviction;
use hyperion_runtime::files;
use thiserror::Error;

use crate::cluster::{agreed_in, keep_agreed, mark_in};
use crate::config::{self, ConfigError};
use crate::flags::EXIT_BAD_FLAGS;
use crate::node::{NodeError, Stopped};
use crate::remedy::Remedy;

/// The file in the data folder that says what a recovery is to make of it, while one is under way.
const FILE: &str = "recovery.json";

/// What a person asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    /// The config file.
    pub(crate) config: &'a Path,
    /// The data folder.
    pub(crate) data: &'a Path,
    /// It was said that data may be lost.
    pub(crate) may_lose: bool,
    /// Nobody is to be asked again.
    pub(crate) is_confirmed: bool,
}

/// Why nothing was recovered.
#[derive(Debug, Error)]
pub(crate) enum RecoverError {
    /// It was not said that data may be lost.
    #[error(
        "recover gives the other nodes up for ever, with all that they alone have; bring a majority of them back instead, or say --unsafe"
    )]
    NotSaid,
    /// It may not be done, or need not: a whole sentence.
    #[error("{0}; nothing was changed")]
    Refused(String),
    /// The data or the config cannot be used.
    #[error("{0}")]
    Node(#[from] NodeError),
    /// What was begun could not be finished.
    #[error("{path}: {error}; {}, and run the same command again", Remedy::of(error).advice())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
}

impl RecoverError {
    /// The exit code of the process.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::NotSaid => EXIT_BAD_FLAGS,
            Self::Refused(_) => ConfigError::EXIT_CODE,
            Self::Node(error) => error.exit_code(),
            Self::Io { .. } => 74,
        }
    }
}

fn refused(sentence: impl Into<String>) -> RecoverError {
    RecoverError::Refused(sentence.into())
}

fn failed(path: &Path) -> impl Fn(io::Error) -> RecoverError + '_ {
    |error| RecoverError::Io { path: path.to_path_buf(), error }
}

/// Why a node may not start on this folder: a recovery of it has not come to its end.
pub(crate) fn unfinished_recovery(data: &Path) -> Option<String> {
    data.join(FILE).exists().then(|| {
        format!(
            "an unsafe recovery of {} was begun and not finished; run `hyperiond recover --unsafe` again",
            data.display()
        )
    })
}

/// Makes the node of the folder the only one of its cluster. Gives what to print.
///
/// Errors: [`RecoverError`].
pub(crate) fn recover(asked: Asked<'_>) -> Result<String, RecoverError> {
    if !asked.may_lose {
        return Err(RecoverError::NotSaid);
    }
    let data = asked.data;
    let file = config::load(asked.config).map_err(NodeError::from)?;
    let stopped = Stopped::open(data)?;
    let mark = mark_in(data).map_err(failed(data))?.filter(|mark| mark.members.is_some());
    let mark = mark.ok_or_else(|| {
        refused("the data is of no cluster, so no majority of it can be lost; start the node")
    })?;
    let begun = begun(data)?;
    let known = known(&stopped, data, begun.is_some())?;
    let own = own_node(&known, &mark.uuid)?;
    if begun.is_none() {
        check_lost(&known, &own)?;
    }
    let facts = stopped.facts();
    let mut out = io::stdout();
    let told = report::report(&known, &own, &facts);
    out.write_all(told.as_bytes()).and_then(|()| out.flush()).map_err(failed(data))?;
    let left = match begun {
        Some(state) => state,
        None => left_alone(&known, own.id, report::note(&known, &own, &facts)).map_err(refused)?,
    };
    let evictions: Vec<&str> = Eviction::ALL.iter().map(|eviction| eviction.name()).collect();
    if let Some(problem) = problems(left.config(), &evictions).first() {
        return Err(refused(format!("the config of this node alone would be wrong: {problem}")));
    }
    if !asked.is_confirmed {
        confirm(&own)?;
    }
    let begins = data.join(FILE);
    files::replace(&begins, &left.to_bytes()).map_err(failed(&begins))?;
    stopped.rewrite(own.id.0, &left)?;
    stop_for_test();
    keep_agreed(data, &left).map_err(failed(data))?;
    config::replace_file(asked.config, &file, left.config()).map_err(failed(asked.config))?;
    fs::remove_file(&begins).and_then(|()| files::sync_directory(data)).map_err(failed(&begins))?;
    Ok(format!(
        "recovered: node {:?} is the only one of the config of epoch {}; start it, then add others: each joins with a new uuid and an empty \
         folder",
        own.name,
        left.config().epoch
    ))
}

/// Ends in the middle, for a test; builds for use know no such thing.
fn stop_for_test() {
    if cfg!(debug_assertions) && std::env::var_os("HYPERION_TEST_RECOVER_STOPS").is_some() {
        std::process::exit(1);
    }
}

/// The newest that the folder knows of the cluster. Of one whose recovery was begun, what it was before, as long as that is told.
fn known(stopped: &Stopped, data: &Path, is_begun: bool) -> Result<ClusterState, RecoverError> {
    let held = if is_begun { None } else { stopped.cluster().map_err(refused)? };
    let agreed = agreed_in(data).map_err(failed(data))?;
    // Of the same epoch group 0 has the newer map.
    let newest = [agreed, held].into_iter().flatten().max_by_key(|state| state.config().epoch);
    newest.ok_or_else(|| refused("the folder knows nothing of its cluster's config"))
}

/// What a run that was cut short was about to make.
fn begun(data: &Path) -> Result<Option<ClusterState>, RecoverError> {
    let path = data.join(FILE);
    match fs::read(&path) {
        Ok(bytes) => match ClusterState::from_bytes(&bytes) {
            Ok(state) => Ok(Some(state)),
            Err(error) => Err(refused(format!("{} is not legible: {error}", path.display()))),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(&path)(error)),
    }
}

fn own_node(known: &ClusterState, uuid: &str) -> Result<Node, RecoverError> {
    let own = known.config().nodes.iter().find(|node| node.uuid == uuid);
    own.cloned().ok_or_else(|| {
        refused(format!(
            "this node (uuid {uuid}) was removed from the cluster; recover another one"
        ))
    })
}

/// Refuses what has a majority, or others that would go on by themselves.
fn check_lost(known: &ClusterState, own: &Node) -> Result<(), RecoverError> {
    if known.config().nodes.len() == 1 {
        return Err(refused("this node is the only one of its cluster already; start it"));
    }
    let voters = known.placement().group(0).map_or(&[][..], |meta| &meta.voters);
    let reached = peers::reached(known.config().nodes.iter().filter(|node| node.id != own.id));
    let votes = |node: &&Node| voters.contains(&node.id);
    let have = reached.iter().filter(|node| votes(node)).count() + usize::from(votes(&own));
    if have * 2 <= voters.len() {
        return Ok(());
    }
    let names: Vec<&str> = reached.iter().map(|node| node.name.as_str()).collect();
    Err(refused(format!(
        "a majority is there: {} answer, and with this node {have} of {} voters; start this node, and where another one is lost with its disk, \
         POST /nodes/remove {{\"node\": \"NAME\", \"dead\": true, \"lose_data\": true}} gives up what that alone had",
        names.join(", "),
        voters.len()
    )))
}

/// Asks for the node's name.
fn confirm(own: &Node) -> Result<(), RecoverError> {
    let mut out = io::stdout();
    let question = format!("Type the name of this node ({}) to go on: ", own.name);
    let asked = out.write_all(question.as_bytes()).and_then(|()| out.flush());
    let mut line = String::new();
    let read = asked.and_then(|()| io::stdin().lock().read_line(&mut line));
    if read.is_err() || line.trim() != own.name {
        return Err(refused("it was not confirmed"));
    }
    Ok(())
}
