//! Owns the limits that every part of the database shares. Units are in the names.

/// Slots of the key space, as Redis Cluster counts them.
pub const SLOTS: u16 = 16_384;
/// Databases that SELECT can choose.
pub const DATABASES: u8 = 16;
/// Databases that a store keeps: those, and [`crate::DatabaseId::HIDDEN`].
pub const DATABASES_KEPT: u8 = DATABASES + 1;
/// Partitions when a node is created.
pub const PARTITIONS_DEFAULT: u16 = 64;
/// Largest number of partitions.
pub const PARTITIONS_MAX: u16 = 1_024;
/// Largest number of cores of one node.
pub const CORES_MAX: u16 = 256;
/// Longest key.
pub const KEY_BYTES_MAX: usize = 1 << 20;
/// Longest value that lies in one record; a longer one lies in chunks.
pub const RECORD_VALUE_BYTES_MAX: usize = 1 << 20;
/// Longest value, and the default of `limits.value_bytes`.
pub const VALUE_BYTES_MAX: u64 = 512 << 20;
/// Most pieces of one value.
pub const PIECES_MAX: usize = 1 << 16;
/// Most keys that one SCAN step looks at, whatever COUNT says.
pub const SCAN_COUNT_MAX: u64 = 10_000;
/// Most commands that may wait behind locked keys on one core.
pub const WAITING_COMMANDS_MAX: usize = 65_536;
/// Most transactions over several cores that one core coordinates at a time.
pub const TRANSACTIONS_MAX: usize = 16_384;
/// Buckets of the index that one active expiry step walks over.
pub const SWEEP_BUCKETS: usize = 1024;
/// Keys with an expiry that it looks at there, about: some hundred microseconds, since each key is a miss of the caches.
pub const SWEEP_LOOKS_A_TURN: u64 = 4096;
/// Expired keys that one turn removes by itself.
pub const SWEEP_REMOVALS_A_TURN: u64 = 256;
