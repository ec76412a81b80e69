//! Names of what a core has open: an index and a generation, so that a stale name finds nothing.

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name {
            /// Place in the core's table.
            pub index: u32,
            /// Counts the uses of that place.
            pub generation: u32,
        }
    };
}

id! {
    /// One open connection of one core.
    ConnectionId
}
id! {
    /// One listening socket of one core.
    ListenerId
}
id! {
    /// One file that a core's ring may write.
    FileId
}
