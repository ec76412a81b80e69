//! Owns the report of a repair: what was damaged, what was saved, and what may be wrong now.

use serde_json::{Value, json};

use super::super::supply::segment_path;
use super::offline::{BadFile, Offline, Saved};
use std::path::{Path, PathBuf};

/// What a reader must know; printed as it stands.
const MEANING: [&str; 4] = [
    "records_lost_max counts records, not keys: a lost record may be an older version of a key, so fewer keys may be concerned",
    "a lost record may have been the newest version of its key, or its deletion: an older version or a deleted key may be back",
    "a lost record may have been a FLUSHDB or FLUSHALL, or the end of a transaction over several cores: keys may be back in number, \
     and such a transaction may be half done",
    "keys lists what can be read of damaged batches; a batch that is not whole counts as lost whole, for it was one commit",
];

/// A key as text: what is no UTF-8 or unprintable as `\xNN`.
pub(super) fn shown_key(key: &[u8]) -> String {
    match std::str::from_utf8(key) {
        Ok(text) if !text.chars().any(char::is_control) => text.to_owned(),
        _ => key.escape_ascii().to_string(),
    }
}

/// The report. `quarantined` gives where a file was put aside, below the report's own folder.
pub(super) fn report(
    time: &str,
    cores: &[Offline],
    quarantined: impl Fn(&Path) -> PathBuf,
) -> Value {
    let damage: Vec<Value> = cores.iter().flat_map(|core| holes(core, &quarantined)).collect();
    let files: Vec<Value> = cores
        .iter()
        .flat_map(|core| core.bad_files.iter().map(|file| bad_file(core, file, &quarantined)))
        .collect();
    json!({
        "time": time,
        "hyperion_version": env!("CARGO_PKG_VERSION"),
        "records_lost_max": cores.iter().map(Offline::records_lost_max).sum::<u64>(),
        "keys_saved": cores.iter().map(|core| core.store.figures().keys).sum::<u64>(),
        "damaged_places": damage,
        "damaged_files": files,
        "incomplete_values": cores.iter().flat_map(incomplete).collect::<Vec<Value>>(),
        "meaning": MEANING,
    })
}

/// Keys that went because a part of a long value of theirs is lost.
fn incomplete(core: &Offline) -> Vec<Value> {
    let one =
        |(database, key): &(u16, Vec<u8>)| json!({ "database": database, "key": shown_key(key) });
    core.recovered.incomplete.iter().map(one).collect()
}

fn holes(core: &Offline, quarantined: &impl Fn(&Path) -> PathBuf) -> Vec<Value> {
    let one = |hole: &hyperion_store::Hole| {
        let path = segment_path(&core.folder, hole.segment);
        let keys: Vec<Value> = hole
            .keys
            .iter()
            .map(|(database, key)| json!({ "database": database, "key": shown_key(key) }))
            .collect();
        json!({
            "core": core.core,
            "file": path,
            "quarantined": quarantined(&path),
            "offset": hole.offset,
            "end": hole.end,
            "records_lost_max": hole.records_max,
            "keys": keys,
            "has_more_keys": hole.has_more_keys,
        })
    };
    core.recovered.holes.iter().map(one).collect()
}

fn bad_file(core: &Offline, file: &BadFile, quarantined: &impl Fn(&Path) -> PathBuf) -> Value {
    let saved = match file.saved {
        Saved::Whole => "its batches, as far as they are whole",
        Saved::Roughly => {
            "its batches, as far as they are whole; keys in it that expire may do so at another time, and if the file was free, \
             deleted keys are back"
        }
        Saved::Nothing => "nothing",
    };
    json!({
        "core": core.core,
        "file": file.path,
        "quarantined": file.path.is_file().then(|| quarantined(&file.path)),
        "what": file.what,
        "saved": saved,
        "records": file.records,
    })
}
