//! Owns libraries of functions on their way: as one payload, which takes the place of those with the same names.

use hyperion_wire::reply::Reply;

use super::error::ImportError;
use super::link::Link;

/// Copies those of a live Redis; one that knows none, or does not tell them to this user, has none.
pub(super) fn copy_functions(source: &mut Link, target: &mut Link) -> Result<(), ImportError> {
    source.ask(&[b"FUNCTION", b"DUMP"]);
    source.send()?;
    match source.any_answer()? {
        Reply::Bulk(payload) => restore_functions(target, &payload),
        Reply::Error(text) if !text.starts_with(b"ERR unknown command") => {
            let text = String::from_utf8_lossy(&text);
            eprintln!("libraries of functions are not copied: {} says {text}", source.address);
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Puts the libraries of a payload in.
pub(super) fn restore_functions(target: &mut Link, payload: &[u8]) -> Result<(), ImportError> {
    // Version and sum alone: there is none.
    if payload.len() <= 10 {
        return Ok(());
    }
    target.call("FUNCTION RESTORE", &[b"FUNCTION", b"RESTORE", payload, b"REPLACE"]).map(drop)
}
