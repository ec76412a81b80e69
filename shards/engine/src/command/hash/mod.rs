//! Owns the commands of hashes.
//!
//! A hash lies in section [`FIELDS`]. Packed, its entries are field and value in the order in which they came; as an object, the key of an
//! entry is eight bytes of the field's hash and the field, so that fields are found by it, and HSCAN's cursors are hashes.
//!
//! Where fields expire the hash is an object. Section [`EXPIRIES`] then has an entry for each of them, with the key that it has in
//! [`FIELDS`] and the Unix ms as eight bytes, big endian; the hash's own bytes (`meta`) are such a time too, not above the first of all
//! these. Where none expires both are empty.

mod change;
mod choose;
mod count;
mod expire;
mod extended;
mod live;
mod read;
mod whole;
mod words;
mod write;

pub(super) use choose::{hrandfield, hscan};
pub(super) use count::{hincrby, hincrbyfloat};
pub(super) use expire::{
    hexpire, hexpireat, hexpiretime, hpersist, hpexpire, hpexpireat, hpexpiretime, hpttl, httl,
};
pub(super) use extended::{hgetdel, hgetex, hsetex};
pub(super) use live::field_value;
pub(crate) use live::{bury_fields, field_expired};
pub(super) use read::{hexists, hget, hgetall, hkeys, hlen, hmget, hstrlen, hvals};
pub(super) use whole::{FieldValue, live_fields, put_expiring};
pub(super) use write::{hdel, hset, hsetnx};

use crate::collection::Section;

/// Fields and their values.
pub(super) const FIELDS: Section = 0;
/// When fields expire.
pub(super) const EXPIRIES: Section = 1;
