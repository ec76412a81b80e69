//! Owns what is compared: each codec at each level, one call a buffer.

use std::io::{Read, Write};

use brotli::enc::BrotliEncoderParams;

/// Window of brotli, as the server has it (2 to the power of this).
const BROTLI_WINDOW: i32 = 20;
/// Bytes that brotli reads at once on the way back, as in the server.
const BROTLI_READ_BYTES: usize = 64 << 10;
/// Brotli's highest level makes half a megabyte a second, so it is left out above this.
const SLOW_BYTES_MAX: usize = 128 << 10;

type Work = Box<dyn FnMut(&[u8], &mut Vec<u8>)>;

/// One codec at one level.
pub(super) struct Codec {
    pub(super) name: String,
    /// Appends to the emptied buffer.
    pub(super) compress: Work,
    /// Appends to the emptied buffer, which has room for the plain bytes.
    pub(super) expand: Work,
    /// The longest input that it is measured with.
    pub(super) bytes_max: usize,
}

impl Codec {
    fn new(
        name: String,
        compress: impl FnMut(&[u8], &mut Vec<u8>) + 'static,
        expand: impl FnMut(&[u8], &mut Vec<u8>) + 'static,
    ) -> Self {
        let (compress, expand) = (Box::new(compress), Box::new(expand));
        Self { name, compress, expand, bytes_max: usize::MAX }
    }
}

/// All of them, in the order of the tables.
pub(super) fn all() -> Vec<Codec> {
    let mut codecs: Vec<Codec> = [1, 4, 6, 9].into_iter().map(brotli).collect();
    codecs.push(Codec { bytes_max: SLOW_BYTES_MAX, ..brotli(11) });
    codecs.push(lz4());
    codecs.extend([1, 3, 9].into_iter().map(zstd));
    codecs.extend([1, 6].into_iter().map(gzip));
    codecs
}

const MEMORY: &str = "memory takes it";
const OWN: &str = "what a codec made it reads";

fn brotli(quality: i32) -> Codec {
    Codec::new(
        format!("brotli {quality}"),
        move |mut plain, out| {
            let parameters = BrotliEncoderParams {
                quality,
                lgwin: BROTLI_WINDOW,
                size_hint: plain.len(),
                ..BrotliEncoderParams::default()
            };
            brotli::BrotliCompress(&mut plain, out, &parameters).expect(MEMORY);
        },
        |packed, out| {
            let buffer = BROTLI_READ_BYTES.min(packed.len().max(1));
            brotli::Decompressor::new(packed, buffer).read_to_end(out).expect(OWN);
        },
    )
}

fn lz4() -> Codec {
    Codec::new(
        "lz4_flex".to_owned(),
        |plain, out| {
            out.resize(4 + lz4_flex::block::get_maximum_output_size(plain.len()), 0);
            let bytes = u32::try_from(plain.len()).expect("samples are short");
            out[..4].copy_from_slice(&bytes.to_le_bytes());
            let written = lz4_flex::block::compress_into(plain, &mut out[4..]).expect(MEMORY);
            out.truncate(4 + written);
        },
        |packed, out| {
            let (bytes, packed) = packed.split_first_chunk().expect(OWN);
            out.resize(u32::from_le_bytes(*bytes) as usize, 0);
            lz4_flex::block::decompress_into(packed, out).expect(OWN);
        },
    )
}

fn zstd(level: i32) -> Codec {
    let mut compressor = zstd::bulk::Compressor::new(level).expect(MEMORY);
    let mut expander = zstd::bulk::Decompressor::new().expect(MEMORY);
    Codec::new(
        format!("zstd {level}"),
        move |plain, out| {
            out.reserve(zstd::zstd_safe::compress_bound(plain.len()));
            compressor.compress_to_buffer(plain, out).expect(MEMORY);
        },
        move |packed, out| {
            expander.decompress_to_buffer(packed, out).expect(OWN);
        },
    )
}

fn gzip(level: u32) -> Codec {
    Codec::new(
        format!("gzip {level}"),
        move |plain, out| {
            let mut encoder = flate2::write::GzEncoder::new(out, flate2::Compression::new(level));
            encoder.write_all(plain).expect(MEMORY);
            encoder.finish().expect(MEMORY);
        },
        |packed, out| {
            flate2::read::GzDecoder::new(packed).read_to_end(out).expect(OWN);
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compression::samples::{KINDS, sample};

    #[test]
    fn what_is_compressed_comes_back() {
        for mut codec in all() {
            for kind in KINDS {
                let plain = sample(kind, 5_000);
                let (mut packed, mut back) = (Vec::new(), Vec::with_capacity(plain.len()));
                (codec.compress)(&plain, &mut packed);
                (codec.expand)(&packed, &mut back);
                assert!(back == plain, "{} of {kind}: {} bytes", codec.name, back.len());
            }
        }
    }
}
