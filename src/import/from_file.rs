//! Owns copying a dump file of Redis into a Hyperion that runs.

use std::fs::File;
use std::io::{self, BufReader};
use std::path::Path;
use std::time::Instant;

use hyperion_wire::reply::Reply;

use super::dump_file::{DumpFile, Item};
use super::error::ImportError;
use super::functions::restore_functions;
use super::limits::{PROGRESS, READ_BYTES, WINDOW_KEYS};
use super::link::Link;
use super::refused::Refused;
use super::url::Url;

/// Copies all keys of all databases. Gives what to print.
pub(crate) fn import_file(path: &Path, to: &str) -> Result<String, ImportError> {
    let unread = |error: io::Error| ImportError::file(path, &error);
    let input = File::open(path).map_err(unread)?;
    let mut file = DumpFile::open(BufReader::with_capacity(READ_BYTES, input)).map_err(unread)?;
    let mut target = Link::connect(&Url::parse(to)?)?;
    let (mut keys, mut refused, mut told) = (0_u64, Refused::default(), Instant::now());
    let mut sent: Vec<Vec<u8>> = Vec::new();
    let mut database = 0;
    loop {
        let item = file.next().map_err(unread)?;
        let libraries = file.take_libraries();
        let is_elsewhere = item.as_ref().is_some_and(|item| item.database != database);
        if item.is_none() || is_elsewhere || libraries.is_some() || sent.len() == WINDOW_KEYS {
            target.send()?;
            for key in sent.drain(..) {
                match target.any_answer()? {
                    Reply::Error(text) => refused.note(&target, &key, &text)?,
                    _ => keys += 1,
                }
            }
            if told.elapsed() >= PROGRESS {
                told = Instant::now();
                eprintln!("{keys} keys");
            }
        }
        if let Some(payload) = libraries {
            restore_functions(&mut target, &payload)?;
        }
        let Some(Item { database: its, key, expiry_ms, payload }) = item else { break };
        if is_elsewhere {
            database = its;
            target.call("SELECT", &[b"SELECT", database.to_string().as_bytes()])?;
        }
        let expiry = expiry_ms.unwrap_or_default().to_string();
        target.ask(&[b"RESTORE", &key, expiry.as_bytes(), &payload, b"REPLACE", b"ABSTTL"]);
        if target.unsent_bytes() >= READ_BYTES {
            target.send()?;
        }
        sent.push(key);
    }
    let said = format!("imported {keys} keys from {}\n", path.display());
    match refused.complaint() {
        Some(why) => Err(ImportError::Differs { said, why }),
        None => Ok(said),
    }
}
