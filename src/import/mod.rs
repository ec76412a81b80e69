//! Owns `hyperiond import`: all keys of one database of a live Redis, copied into a Hyperion that runs, and compared afterwards.
//!
//! SCAN names the keys, PTTL and DUMP bring them, RESTORE REPLACE puts them in. How far it has come is kept in a small file, so that a run
//! that was cut short goes on. What both have afterwards is read back by the commands of each type, because dumps of the same value differ.

mod compare;
mod content;
mod copy;
mod dump_file;
mod error;
mod from_file;
mod functions;
mod limits;
mod link;
mod refused;
mod state;
#[cfg(test)]
mod tests;
mod url;

use std::path::Path;

pub(crate) use error::ImportError;
pub(crate) use from_file::import_file;

use compare::compare;
use copy::copy;
use functions::copy_functions;
use link::Link;
use state::State;
use url::Url;

/// What a person asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    /// Where the keys are: `redis://[user:password@]host:port[/database]`.
    pub(crate) from: &'a str,
    /// Where they go, in the same way; the scheme may be left out.
    pub(crate) to: &'a str,
    /// The file that says how far it has come.
    pub(crate) state: &'a Path,
    /// Of how many keys one is compared afterwards; 0: none.
    pub(crate) compare_every: u64,
}

/// Copies and compares. Gives what to print.
pub(crate) fn import(asked: Asked<'_>) -> Result<String, ImportError> {
    let from = Url::parse(asked.from)?;
    let to = Url::parse(asked.to)?.in_database(from.database);
    let (mut source, mut target) = (Link::connect(&from)?, Link::connect(&to)?);
    let mut state = State::begin(asked.state, &from, &to, &source.run_id()?)?;
    if target.is_empty() {
        state.begin_anew();
    }
    let mut said = state.resumed_sentence();
    copy_functions(&mut source, &mut target)?;
    let copied = copy(&mut source, &mut target, state)?;
    said += &copied.sentence();
    if asked.compare_every > 0 {
        let compared = compare(&mut source, &mut target, asked.compare_every)?;
        said += &compared.sentence();
        if let Some(why) = compared.complaint() {
            return Err(ImportError::Differs { said, why });
        }
    }
    if let Some(why) = copied.complaint() {
        return Err(ImportError::Differs { said, why });
    }
    copied.finish()?;
    Ok(said)
}
