//! The structs as messages of Protocol Buffers, which have types of their own.

use prost_types::Timestamp;

use crate::data;

/// A list of small ones.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Smalls {
    #[prost(message, repeated, tag = "1")]
    pub(crate) items: Vec<Small>,
}

/// [`data::Small`].
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Small {
    #[prost(uint64, tag = "1")]
    pub(crate) id: u64,
    #[prost(message, optional, tag = "2")]
    pub(crate) at: Option<Timestamp>,
    #[prost(double, tag = "3")]
    pub(crate) value: f64,
    #[prost(uint32, tag = "4")]
    pub(crate) room: u32,
    #[prost(bool, tag = "5")]
    pub(crate) is_live: bool,
    #[prost(string, tag = "6")]
    pub(crate) name: String,
}

/// A list of large ones.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Larges {
    #[prost(message, repeated, tag = "1")]
    pub(crate) items: Vec<Large>,
}

/// [`data::Large`].
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Large {
    #[prost(uint64, tag = "1")]
    pub(crate) id: u64,
    #[prost(message, optional, tag = "2")]
    pub(crate) at: Option<Timestamp>,
    #[prost(string, tag = "3")]
    pub(crate) title: String,
    #[prost(string, repeated, tag = "4")]
    pub(crate) tags: Vec<String>,
    #[prost(double, repeated, tag = "5")]
    pub(crate) values: Vec<f64>,
    #[prost(message, repeated, tag = "6")]
    pub(crate) attributes: Vec<Attribute>,
    #[prost(string, tag = "7")]
    pub(crate) body: String,
}

/// [`data::Attribute`].
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Attribute {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(string, tag = "2")]
    pub(crate) value: String,
}

impl From<&data::Small> for Small {
    fn from(it: &data::Small) -> Self {
        Self {
            id: it.id,
            at: Some(it.at.into()),
            value: it.value,
            room: it.room,
            is_live: it.is_live,
            name: it.name.clone(),
        }
    }
}

impl From<&data::Large> for Large {
    fn from(it: &data::Large) -> Self {
        Self {
            id: it.id,
            at: Some(it.at.into()),
            title: it.title.clone(),
            tags: it.tags.clone(),
            values: it.values.clone(),
            attributes: it
                .attributes
                .iter()
                .map(|it| Attribute { name: it.name.clone(), value: it.value.clone() })
                .collect(),
            body: it.body.clone(),
        }
    }
}
