//! Owns the types of values: their numbers in the store, and their names.

use hyperion_store::ValueType;

/// Fields with values.
pub const HASH: ValueType = ValueType(1);
/// Elements in an order.
pub const LIST: ValueType = ValueType(2);
/// Members.
pub const SET: ValueType = ValueType(3);
/// Members with scores.
pub const SORTED_SET: ValueType = ValueType(4);
/// Entries with ids, and groups that consume them.
pub const STREAM: ValueType = ValueType(5);

/// The name of a type, as TYPE tells it.
#[must_use]
pub fn name_of(value_type: ValueType) -> &'static str {
    match value_type {
        ValueType::STRING => "string",
        HASH => "hash",
        LIST => "list",
        SET => "set",
        SORTED_SET => "zset",
        STREAM => "stream",
        _ => "unknown",
    }
}
