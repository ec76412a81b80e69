//! Owns the sizes at which Redis changes how it keeps a collection: here they say what OBJECT ENCODING answers, and for streams how many
//! entries an approximate trim removes at once.

use serde::{Deserialize, Serialize};

/// Up to these sizes a collection is told to be in its short form. Redis' defaults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Thresholds {
    /// Fields of a hash that is a listpack.
    pub hash_listpack_entries: u64,
    /// Bytes of each of its fields and values.
    pub hash_listpack_value: u64,
    /// Elements of a list that Redis 7.2 has as a listpack; negative: its bytes, from -1 for 4 KiB to -5 for 64 KiB. Shown back: lists are told as
    /// quicklists. Text in the config, where numbers have no sign.
    #[serde(with = "signed")]
    pub list_listpack_size: i64,
    /// Members of a set of integers that is an intset.
    pub set_intset_entries: u64,
    /// Members of a set that is a listpack; Redis 7.0 has none.
    pub set_listpack_entries: u64,
    /// Bytes of each of its members.
    pub set_listpack_value: u64,
    /// Entries of a stream's node, which an approximate trim removes as a whole; 0: as many as lie together.
    pub stream_node_entries: u64,
    /// Members of a sorted set that is a listpack.
    pub zset_listpack_entries: u64,
    /// Bytes of each of its members.
    pub zset_listpack_value: u64,
}

mod signed {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes it so")]
    pub(super) fn serialize<S: Serializer>(number: &i64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(number)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            hash_listpack_entries: 128,
            hash_listpack_value: 64,
            list_listpack_size: -2,
            set_intset_entries: 512,
            set_listpack_entries: 0,
            set_listpack_value: 64,
            stream_node_entries: 100,
            zset_listpack_entries: 128,
            zset_listpack_value: 64,
        }
    }
}

impl Thresholds {
    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}
