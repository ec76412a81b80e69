//! Owns `check-data`: every segment read and every checksum checked, nothing written, and a table of what was found.

use std::fmt::Write;
use std::fs;
use std::io;
use std::path::Path;

use hyperion_runtime::arena;
use hyperion_runtime::files;
use hyperion_store::manifest::Manifest;

use super::super::commit::EXIT_DISK;
use super::super::error::NodeError;
use super::super::open::has_segments;
use super::super::open_error::{OpenError, failed};
use super::super::supply::segment_path;
use super::EXIT_DAMAGED;
use super::offline::{Offline, read};
use super::report::shown_key;

/// Keys of one damaged place that are printed.
const KEYS_SHOWN: usize = 5;

/// Checks the data in `path`: what to print, and the exit code: 0 sound, 65 damaged, 74 not all of it can be read.
///
/// Errors: data that cannot be looked at: in use, not there, without a manifest, or of another format.
pub(crate) fn check_data(path: &Path) -> Result<(String, u8), NodeError> {
    if !path.is_dir() {
        let what = if path.exists() { "it is not a folder" } else { "there is no such folder" };
        return Err(OpenError::NoData { path: path.to_path_buf(), what }.into());
    }
    let _lock = files::lock_unwritten(&path.join("LOCK")).map_err(OpenError::from)?;
    let manifest_path = path.join("MANIFEST");
    let bytes = match fs::read(&manifest_path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let path = path.to_path_buf();
            let what = "it has no MANIFEST and no segments";
            return Err(match has_segments(&path) {
                true => OpenError::NoManifest { path },
                false => OpenError::NoData { path, what },
            }
            .into());
        }
        Err(error) => return Err(failed(&manifest_path)(error).into()),
    };
    let manifest = Manifest::read(&bytes)
        .map_err(|error| OpenError::Manifest { path: path.to_path_buf(), error })?;
    let mut said = format!(
        "{}: {} cores, {} partitions, segments of {} bytes, generation {}\n\n\
         core  segments   batches     records   live keys         bytes  log ends at\n",
        path.display(),
        manifest.cores,
        manifest.partitions,
        manifest.segment_bytes,
        manifest.generation,
    );
    let (mut damage, mut places, mut is_unreadable) = (String::new(), 0, false);
    for core in 0..manifest.cores {
        // One core after the other: no more memory than the largest one has.
        let offline = match read(path, &manifest, core) {
            Ok(offline) => offline,
            Err(error @ OpenError::Damaged { .. }) => {
                places += 1;
                let _ = writeln!(damage, "core {core}: {error}");
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        line(&mut said, &offline);
        places += tell(&mut damage, &offline);
        is_unreadable |= offline.bad_files.iter().any(|file| file.is_unreadable);
        offline.store.into_memory().for_each(arena::release);
    }
    let verdict = match places {
        0 => "sound".to_owned(),
        1 => format!("1 place is damaged; {ADVICE}"),
        more => format!("{more} places are damaged; {ADVICE}"),
    };
    let _ = writeln!(said, "\n{damage}{verdict}");
    let code = match (is_unreadable, places) {
        (true, _) => u8::try_from(EXIT_DISK).unwrap_or(1),
        (false, 0) => 0,
        (false, _) => EXIT_DAMAGED,
    };
    Ok((said, code))
}

const ADVICE: &str =
    "restore the files from a backup, or start with --repair to save what can be saved";

fn line(said: &mut String, offline: &Offline) {
    let figures = offline.store.figures();
    let end = match offline.recovered.cut {
        Some((segment, offset)) => format!("segment {segment}, offset {offset}: cut there"),
        None => "a whole batch".to_owned(),
    };
    let _ = writeln!(
        said,
        "{:4}  {:8}  {:8}  {:10}  {:10}  {:12}  {end}",
        offline.core,
        offline.segments,
        offline.recovered.batches,
        offline.recovered.records,
        figures.keys,
        figures.held_bytes,
    );
}

/// Describes each damaged place. Gives their number.
fn tell(damage: &mut String, offline: &Offline) -> usize {
    for file in &offline.bad_files {
        let records = file.records.map_or_else(String::new, |records| {
            format!("; up to {records} records in it are concerned")
        });
        let _ = writeln!(damage, "{}: {}{records}", file.path.display(), file.what);
    }
    for hole in &offline.recovered.holes {
        let path = segment_path(&offline.folder, hole.segment);
        let mut keys: Vec<String> =
            hole.keys.iter().take(KEYS_SHOWN).map(|(_, key)| shown_key(key)).collect();
        if hole.keys.len() > KEYS_SHOWN || hole.has_more_keys {
            keys.push("..".to_owned());
        }
        let named = if keys.is_empty() {
            String::new()
        } else {
            format!("; keys that can be read there: {}", keys.join(", "))
        };
        let _ = writeln!(
            damage,
            "{}: damaged from offset {} to {}; up to {} records and as many keys are concerned{named}",
            path.display(),
            hole.offset,
            hole.end,
            hole.records_max,
        );
    }
    offline.bad_files.len() + offline.recovered.holes.len()
}
