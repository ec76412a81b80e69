//! Owns copying: names by SCAN, values by DUMP, and RESTORE.

use std::time::Instant;

use hyperion_wire::reply::Reply;

use super::error::ImportError;
use super::limits::{PROGRESS, READ_BYTES, SCAN_COUNT, WINDOW_KEYS};
use super::link::Link;
use super::refused::Refused;
use super::state::State;

/// What was copied.
#[derive(Debug)]
pub(super) struct Copied {
    state: State,
    /// Keys that were gone before they were read.
    gone: u64,
    refused: Refused,
}

/// Copies all keys from where the state says.
pub(super) fn copy(
    source: &mut Link,
    target: &mut Link,
    state: State,
) -> Result<Copied, ImportError> {
    let mut copied = Copied { state, gone: 0, refused: Refused::default() };
    let (begun, mut told) = (Instant::now(), Instant::now());
    let (keys_before, _) = copied.state.done();
    loop {
        let (cursor, keys) = scan(source, copied.state.cursor())?;
        let (mut count, mut bytes) = (0, 0);
        for window in keys.chunks(WINDOW_KEYS) {
            let (more, more_bytes) = copied.copy_window(source, target, window)?;
            count += more;
            bytes += more_bytes;
        }
        copied.state.advance(cursor, count, bytes)?;
        if told.elapsed() >= PROGRESS {
            told = Instant::now();
            let (keys, bytes) = copied.state.done();
            let a_second = (keys - keys_before) as f64 / begun.elapsed().as_secs_f64();
            eprintln!("{keys} keys, {} MiB, {a_second:.0} keys a second", bytes >> 20);
        }
        if cursor == 0 {
            return Ok(copied);
        }
    }
}

/// A step of SCAN: the next cursor, and names.
pub(super) fn scan(link: &mut Link, cursor: u64) -> Result<(u64, Vec<Vec<u8>>), ImportError> {
    let count = SCAN_COUNT.to_string();
    let cursor = cursor.to_string();
    let answer = link.call("SCAN", &[b"SCAN", cursor.as_bytes(), b"COUNT", count.as_bytes()])?;
    let strange = |link: &Link| link.refused("SCAN", b"the answer is none of SCAN");
    let Reply::Array(parts) = answer else { return Err(strange(link)) };
    let Ok([Reply::Bulk(cursor), Reply::Array(keys)]) = <[Reply; 2]>::try_from(parts) else {
        return Err(strange(link));
    };
    let cursor = std::str::from_utf8(&cursor).ok().and_then(|cursor| cursor.parse().ok());
    let keys = keys.into_iter().filter_map(|key| match key {
        Reply::Bulk(key) => Some(key),
        _ => None,
    });
    Ok((cursor.ok_or_else(|| strange(link))?, keys.collect()))
}

impl Copied {
    /// Copies a few keys: each value goes on as soon as it is here. Gives how many, and their bytes.
    fn copy_window(
        &mut self,
        source: &mut Link,
        target: &mut Link,
        keys: &[Vec<u8>],
    ) -> Result<(u64, u64), ImportError> {
        for key in keys {
            source.ask(&[b"PTTL", key]);
            source.ask(&[b"DUMP", key]);
        }
        source.send()?;
        let (mut sent, mut bytes) = (Vec::new(), 0);
        for key in keys {
            let left_ms = source.answer("PTTL")?;
            let (Reply::Integer(left_ms), Reply::Bulk(payload)) = (left_ms, source.answer("DUMP")?)
            else {
                self.gone += 1;
                continue;
            };
            // It was read a moment later, so it was there.
            let ttl = if left_ms < 0 { 0 } else { left_ms.max(1) };
            let ttl = ttl.to_string();
            target.ask(&[b"RESTORE", key, ttl.as_bytes(), &payload, b"REPLACE"]);
            if target.unsent_bytes() >= READ_BYTES {
                target.send()?;
            }
            bytes += payload.len() as u64;
            sent.push(key);
        }
        target.send()?;
        let mut count = 0;
        for key in sent {
            match target.any_answer()? {
                Reply::Error(text) => self.refused.note(target, key, &text)?,
                _ => count += 1,
            }
        }
        Ok((count, bytes))
    }

    pub(super) fn sentence(&self) -> String {
        let (keys, bytes) = self.state.done();
        let gone = match self.gone {
            0 => String::new(),
            gone => format!("; {gone} were gone before they were read"),
        };
        format!("imported {keys} keys, {bytes} bytes as dumps{gone}\n")
    }

    pub(super) fn complaint(&self) -> Option<String> {
        self.refused.complaint()
    }

    pub(super) fn finish(&self) -> Result<(), ImportError> {
        self.state.finish()
    }
}
