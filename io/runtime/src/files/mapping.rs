//! Read-only views of files that nobody changes any more.
#![expect(unsafe_code, reason = "a mapping is sound only while nobody shortens or writes the file")]

use std::{fs::File, io, ops::Deref};

use memmap2::Mmap;

/// A file's bytes. Empty for an empty file.
#[derive(Debug)]
pub struct Mapping {
    map: Option<Mmap>,
}

/// Maps all of `file` for reading. Only for sealed files under a held directory lock: the caller
/// sees to it that nobody writes or shortens the file while the mapping lives.
///
/// Errors: those of mmap.
pub fn map(file: &File) -> io::Result<Mapping> {
    if file.metadata()?.len() == 0 {
        return Ok(Mapping { map: None });
    }
    // SAFETY: the caller maps sealed files alone, as the text above demands; the lock keeps other
    // processes off.
    let map = unsafe { Mmap::map(file)? };
    Ok(Mapping { map: Some(map) })
}

impl Deref for Mapping {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.map.as_deref().unwrap_or_default()
    }
}
