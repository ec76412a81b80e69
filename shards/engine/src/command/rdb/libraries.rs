//! Owns libraries of functions in the form of Redis' dump files: FUNCTION DUMP and RESTORE.
//!
//! ```text
//! payload   (0xf5, string)..., version u16, CRC-64 u64 (both little endian)     a string is the code of one library
//! ```

use super::input::Input;
use super::write::push_string;

/// What stands before the code of a library.
const LIBRARY: u8 = 0xf5;
/// The same in versions of Redis 7.0 that came before it was final.
const LIBRARY_EARLY: u8 = 0xf6;

/// The payload with the code of these libraries.
pub fn dump_libraries<'c>(codes: impl Iterator<Item = &'c [u8]>) -> Vec<u8> {
    let mut payload = Vec::new();
    for code in codes {
        payload.push(LIBRARY);
        push_string(&mut payload, code);
    }
    super::seal(&mut payload);
    payload
}

/// The code of the libraries in a payload, which unpacks to `bytes_max` at most.
///
/// # Errors
/// Redis' sentence, without its code.
pub fn read_libraries(payload: &[u8], bytes_max: usize) -> Result<Vec<Vec<u8>>, &'static str> {
    let libraries = super::open(payload).ok_or("DUMP payload version or checksum are wrong")?;
    let mut input = Input::new(libraries, bytes_max);
    let mut codes = Vec::new();
    while !input.is_empty() {
        match input.byte() {
            Ok(LIBRARY) => {}
            Ok(LIBRARY_EARLY) => return Err("Pre-release function format not supported."),
            _ => return Err("given type is not a function"),
        }
        codes.push(input.owned().map_err(|_| "failed loading the given functions payload")?);
    }
    Ok(codes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: usize = 1 << 20;

    #[test]
    fn what_is_dumped_is_read() {
        let long = b"#!lua name=long\n".repeat(5_000);
        for codes in [&[][..], &[b"".as_slice()], &[b"#!lua name=a\n".as_slice(), &long]] {
            let payload = dump_libraries(codes.iter().copied());
            let read = read_libraries(&payload, MAX).expect("it was dumped");
            assert_eq!(read, codes);
            for cut in 0..payload.len().min(64) {
                assert!(read_libraries(&payload[..cut], MAX).is_err(), "{cut}");
            }
        }
    }

    #[test]
    fn what_is_no_library_is_refused() {
        for (bytes, why) in [
            (&b"\xf6\x01a"[..], "Pre-release function format not supported."),
            (b"\x00\x01a", "given type is not a function"),
            (b"\xf5\x05a", "failed loading the given functions payload"),
        ] {
            let mut payload = bytes.to_vec();
            super::super::seal(&mut payload);
            assert_eq!(read_libraries(&payload, MAX), Err(why));
        }
        assert!(read_libraries(b"bad_payload", MAX).is_err());
    }
}
