//! Owns how each library encodes and decodes one struct and a list of them. Buffers are used again where the library lets that be.

use rkyv::rancor;
use speedy::{LittleEndian, Readable, Writable};

use super::messages;
use crate::data::{Large, Small};

/// The libraries, in the order of the tables. The last one decodes nothing: it checks the bytes and reads a field of each struct there.
pub(crate) const ALL: [&str; 7] =
    ["speedy", "serde_json", "bincode", "postcard", "prost", "rkyv", "rkyv, in place"];

/// What one library does with lists of `T` and with single ones.
pub(crate) struct Codec<T> {
    pub(crate) name: &'static str,
    /// Writes into the emptied buffer.
    pub(crate) encode: fn(&Vec<T>, &mut Vec<u8>),
    /// Nothing where it reads in place.
    pub(crate) decode: fn(&[u8]) -> Vec<T>,
    pub(crate) encode_one: fn(&T, &mut Vec<u8>),
    /// Nothing where it reads in place.
    pub(crate) decode_one: fn(&[u8]) -> Option<T>,
}

const OWN: &str = "what a library wrote it reads";

macro_rules! codecs {
    ($item:ident) => {
        [
            Codec {
                name: ALL[0],
                encode: |items, out| {
                    items.write_to_stream_with_ctx(LittleEndian {}, &mut *out).expect(OWN);
                },
                decode: |bytes| Vec::read_from_buffer_with_ctx(LittleEndian {}, bytes).expect(OWN),
                encode_one: |item, out| {
                    item.write_to_stream_with_ctx(LittleEndian {}, &mut *out).expect(OWN);
                },
                decode_one: |bytes| {
                    Some($item::read_from_buffer_with_ctx(LittleEndian {}, bytes).expect(OWN))
                },
            },
            Codec {
                name: ALL[1],
                encode: |items, out| serde_json::to_writer(&mut *out, items).expect(OWN),
                decode: |bytes| serde_json::from_slice(bytes).expect(OWN),
                encode_one: |item, out| serde_json::to_writer(&mut *out, item).expect(OWN),
                decode_one: |bytes| Some(serde_json::from_slice(bytes).expect(OWN)),
            },
            Codec {
                name: ALL[2],
                encode: |items, out| {
                    bincode::encode_into_std_write(items, out, bincode::config::standard())
                        .expect(OWN);
                },
                decode: |bytes| {
                    bincode::decode_from_slice(bytes, bincode::config::standard()).expect(OWN).0
                },
                encode_one: |item, out| {
                    bincode::encode_into_std_write(item, out, bincode::config::standard())
                        .expect(OWN);
                },
                decode_one: |bytes| {
                    let config = bincode::config::standard();
                    Some(bincode::decode_from_slice(bytes, config).expect(OWN).0)
                },
            },
            Codec {
                name: ALL[3],
                encode: |items, out| {
                    *out = postcard::to_extend(items, std::mem::take(out)).expect(OWN);
                },
                decode: |bytes| postcard::from_bytes(bytes).expect(OWN),
                encode_one: |item, out| {
                    *out = postcard::to_extend(item, std::mem::take(out)).expect(OWN);
                },
                decode_one: |bytes| Some(postcard::from_bytes(bytes).expect(OWN)),
            },
            Codec {
                name: ALL[5],
                encode: |items, out| {
                    *out = rkyv::api::high::to_bytes_in::<_, rancor::Error>(
                        items,
                        std::mem::take(out),
                    )
                    .expect(OWN);
                },
                decode: |bytes| rkyv::from_bytes::<Vec<$item>, rancor::Error>(bytes).expect(OWN),
                encode_one: |item, out| {
                    *out =
                        rkyv::api::high::to_bytes_in::<_, rancor::Error>(item, std::mem::take(out))
                            .expect(OWN);
                },
                decode_one: |bytes| {
                    Some(rkyv::from_bytes::<$item, rancor::Error>(bytes).expect(OWN))
                },
            },
            Codec {
                name: ALL[6],
                encode: |items, out| {
                    *out = rkyv::api::high::to_bytes_in::<_, rancor::Error>(
                        items,
                        std::mem::take(out),
                    )
                    .expect(OWN);
                },
                decode: |bytes| {
                    let items = rkyv::access::<rkyv::Archived<Vec<$item>>, rancor::Error>(bytes)
                        .expect(OWN);
                    std::hint::black_box(items.iter().map(|item| item.id.to_native()).sum::<u64>());
                    Vec::new()
                },
                encode_one: |item, out| {
                    *out =
                        rkyv::api::high::to_bytes_in::<_, rancor::Error>(item, std::mem::take(out))
                            .expect(OWN);
                },
                decode_one: |bytes| {
                    let item =
                        rkyv::access::<rkyv::Archived<$item>, rancor::Error>(bytes).expect(OWN);
                    std::hint::black_box(item.id.to_native());
                    None
                },
            },
        ]
    };
}

macro_rules! prost_codec {
    ($item:ident, $list:ident) => {
        Codec {
            name: ALL[4],
            // A list of messages is a message around them: taking the list and giving it back costs nothing.
            encode: |items, out| {
                for item in items {
                    prost::encoding::message::encode(1, item, out);
                }
            },
            decode: |bytes| {
                <messages::$list as prost::Message>::decode(bytes).expect(OWN).items
            },
            encode_one: |item, out| prost::Message::encode(item, out).expect(OWN),
            decode_one: |bytes| {
                Some(<messages::$item as prost::Message>::decode(bytes).expect(OWN))
            },
        }
    };
}

/// All but prost, for small structs.
pub(super) fn small() -> [Codec<Small>; 6] {
    codecs!(Small)
}

/// All but prost, for large structs.
pub(super) fn large() -> [Codec<Large>; 6] {
    codecs!(Large)
}

/// prost, for small structs.
pub(super) fn small_messages() -> Codec<messages::Small> {
    prost_codec!(Small, Smalls)
}

/// prost, for large structs.
pub(super) fn large_messages() -> Codec<messages::Large> {
    prost_codec!(Large, Larges)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data;

    fn check<T: PartialEq + std::fmt::Debug>(codec: &Codec<T>, items: &Vec<T>) {
        let mut bytes = Vec::new();
        (codec.encode)(items, &mut bytes);
        let back = (codec.decode)(&bytes);
        bytes.clear();
        (codec.encode_one)(&items[0], &mut bytes);
        let one = (codec.decode_one)(&bytes);
        if codec.name == ALL[6] {
            assert_eq!((back.len(), one), (0, None));
        } else {
            assert_eq!(&back, items, "{}", codec.name);
            assert_eq!(one.as_ref(), items.first(), "{}", codec.name);
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let (smalls, larges) = (data::small(20), data::large(20));
        small().iter().for_each(|codec| check(codec, &smalls));
        large().iter().for_each(|codec| check(codec, &larges));
        check(&small_messages(), &smalls.iter().map(Into::into).collect());
        check(&large_messages(), &larges.iter().map(Into::into).collect());
    }
}
