//! Tests of the way back.

use super::unpack::Unpacking;
use super::{Compressor, unpack};

#[test]
fn little_that_stands_for_much_is_refused_and_so_is_what_is_cut() {
    let zeros = vec![0; 8 << 20];
    let mut compressor = Compressor::default();
    let packed = compressor.pack(&zeros).expect("it shrinks").to_vec();
    assert!(packed.len() < 1_000, "{} bytes", packed.len());
    assert_eq!(unpack(&packed, zeros.len()).as_deref(), Ok(zeros.as_slice()));
    for bytes_max in [0, 1 << 20, zeros.len() - 1] {
        assert_eq!(unpack(&packed, bytes_max), Err(Unpacking::TooLong { bytes_max }));
    }
    assert_eq!(unpack(&packed[..packed.len() - 1], zeros.len()), Err(Unpacking::Damaged));
    assert_eq!(
        unpack(b"no brotli at all, as far as anybody knows", 1 << 20),
        Err(Unpacking::Damaged)
    );
    assert_eq!(unpack(b"", 1 << 20), Err(Unpacking::Damaged));
}
