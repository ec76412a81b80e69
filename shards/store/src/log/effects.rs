//! Owns what the log asks of the one who writes its files, and what it says of room.

/// Bytes of one segment that are to be written to its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Append {
    /// Index of the segment in the core's table.
    pub slot: u32,
    /// First byte, from the start of the segment and of its file.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
    /// The log's position when these bytes are written.
    pub position: u64,
    /// The LSN after the last record in them.
    pub lsn: u64,
    /// Bytes of copies that are written when these are.
    pub copies: u64,
}

/// A sync that was begun: when every file of it is synced, all up to `position` is durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncTicket {
    /// What will be durable.
    pub position: u64,
    /// The LSN after the last record that will be durable.
    pub lsn: u64,
    /// Bytes of copies that will be durable.
    pub copies: u64,
    /// Segments whose files are to be synced.
    pub slots: Vec<u32>,
}

/// Whether a write of some size can be made now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// Yes.
    Now,
    /// When the next segments are ready.
    Later,
}
