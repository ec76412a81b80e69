//! Owns the numbers of the forms that a value may have.

pub(super) const STRING: u8 = 0;
pub(super) const LIST: u8 = 1;
pub(super) const SET: u8 = 2;
/// Scores as text.
pub(super) const SORTED_SET: u8 = 3;
pub(super) const HASH: u8 = 4;
/// Scores as doubles.
pub(super) const SORTED_SET_2: u8 = 5;
pub(super) const HASH_ZIPMAP: u8 = 9;
pub(super) const LIST_ZIPLIST: u8 = 10;
pub(super) const SET_INTSET: u8 = 11;
pub(super) const SORTED_SET_ZIPLIST: u8 = 12;
pub(super) const HASH_ZIPLIST: u8 = 13;
/// Nodes of ziplists.
pub(super) const LIST_QUICKLIST: u8 = 14;
pub(super) const STREAM: u8 = 15;
pub(super) const HASH_LISTPACK: u8 = 16;
pub(super) const SORTED_SET_LISTPACK: u8 = 17;
/// Nodes of one element or of listpacks.
pub(super) const LIST_QUICKLIST_2: u8 = 18;
/// With the first id, the greatest deleted one and counters.
pub(super) const STREAM_2: u8 = 19;
pub(super) const SET_LISTPACK: u8 = 20;
/// With the time of a consumer's last success.
pub(super) const STREAM_3: u8 = 21;
/// Fields that may expire, as the first candidates of Redis 7.4 wrote them: without the time of the first.
pub(super) const EXPIRING_HASH_EARLY: u8 = 22;
pub(super) const EXPIRING_HASH_LISTPACK_EARLY: u8 = 23;
/// Fields that may expire, behind the time at which the first of them does.
pub(super) const EXPIRING_HASH: u8 = 24;
pub(super) const EXPIRING_HASH_LISTPACK: u8 = 25;
