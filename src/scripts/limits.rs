//! Owns the limits of scripts.

/// Memory of one core's machine.
pub(crate) const MACHINE_BYTES_MAX: usize = 256 << 20;
/// A script that takes longer is stopped, ms.
pub(crate) const SCRIPT_MS_MAX: u64 = 5_000;
/// One that takes longer is told and stopped by who asks on another core, ms.
pub(crate) const SCRIPT_SLOW_MS: u64 = 50;
/// A library that takes longer to load is refused, ms.
pub(crate) const LOAD_MS_MAX: u64 = 500;
/// Functions of all libraries: a machine lends 8,000 values, and while a library is replaced both are there.
pub(crate) const FUNCTIONS_MAX: usize = 2_500;
/// Instructions between two looks at the clock.
pub(crate) const INSTRUCTIONS_A_LOOK: u32 = 100_000;
/// Scripts that a node keeps, and bytes of their texts.
pub(crate) const TEXTS_MAX: usize = 10_000;
pub(crate) const TEXTS_BYTES_MAX: usize = 64 << 20;
/// Compiled scripts that one core keeps.
pub(crate) const COMPILED_MAX: usize = 1_000;
/// Tables in tables of packed messages.
pub(crate) const PACKED_DEPTH_MAX: usize = 128;
/// Values of one packed message.
pub(crate) const PACKED_VALUES_MAX: usize = MACHINE_BYTES_MAX / 16;
/// Those of JSON, whatever scripts set: each takes three places of a stack that has 8,000.
pub(crate) const JSON_DEPTH_MAX: usize = 2_600;
/// Values of one JSON text: each takes 16 bytes of a machine at least.
pub(crate) const JSON_VALUES_MAX: usize = MACHINE_BYTES_MAX / 16;
/// Bytes of an answer, 16 for each value beside its text.
pub(crate) const ANSWER_BYTES_MAX: usize = 256 << 20;
/// Arguments of one call.
pub(crate) const CALL_WORDS_MAX: usize = 1 << 20;
/// Commands that one script was denied, as far as they are noted.
pub(crate) const DENIALS_MAX: usize = 16;
/// Errors of its calls, as far as they are counted by their codes.
pub(crate) const ERRORS_MAX: usize = 64;
/// Questions about all keys of several cores that one script asks, and bytes of what it was told.
pub(crate) const ASKS_MAX: usize = 1_024;
pub(crate) const ASKS_BYTES_MAX: usize = 64 << 20;
/// Keys that one script reads, as far as a client that keeps copies may keep them, and their bytes.
pub(crate) const READS_MAX: usize = 1 << 16;
pub(crate) const READ_BYTES_MAX: usize = 16 << 20;
/// Bytes of its calls that are shown to those who watch.
pub(crate) const SHOWN_BYTES_MAX: usize = 1 << 20;
/// Messages of one script on channels, and their bytes.
pub(crate) const PUBLISHED_MAX: usize = 1 << 16;
pub(crate) const PUBLISHED_BYTES_MAX: usize = 16 << 20;
/// Memory of one script's answer, and of its text, that is kept for the next one.
pub(crate) const SPARE_BYTES_MAX: usize = 16 << 10;
