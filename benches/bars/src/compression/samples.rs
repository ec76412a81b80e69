//! Owns the data that is compressed.

use speedy::{LittleEndian, Writable};

use crate::data::{self, Numbers};

/// The kinds, in the order of the tables.
pub(super) const KINDS: [&str; 4] = ["random", "repeated", "struct", "json"];

/// One line again and again.
const LINE: &[u8] = b"the same line of a log comes again and again, only it comes again\n";
/// Fewer bytes than a small struct takes, in either form.
const STRUCT_BYTES_MIN: usize = 40;

/// `bytes` bytes of a kind; the same for the same kind and length.
pub(super) fn sample(kind: &str, bytes: usize) -> Vec<u8> {
    let mut numbers = Numbers::new(3);
    let mut sample = match kind {
        "random" => (0..bytes.div_ceil(8)).flat_map(|_| numbers.next().to_le_bytes()).collect(),
        "repeated" => LINE.repeat(bytes.div_ceil(LINE.len())),
        "struct" => data::small(bytes / STRUCT_BYTES_MIN + 1)
            .write_to_vec_with_ctx(LittleEndian {})
            .expect("memory takes them"),
        "json" => serde_json::to_vec(&data::small(bytes / STRUCT_BYTES_MIN + 1))
            .expect("memory takes them"),
        other => panic!("no data is called {other}"),
    };
    assert!(sample.len() >= bytes, "{kind}: {} of {bytes} bytes", sample.len());
    sample.truncate(bytes);
    sample
}
