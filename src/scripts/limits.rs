//! Owns the limits of scripts.

/// Memory of one core's machine.
pub(crate) const MACHINE_BYTES_MAX: usize = 256 << 20;
/// A script that takes longer is stopped, ms.
pub(crate) const SCRIPT_MS_MAX: u64 = 5_000;
/// Instructions between two looks at the clock.
pub(crate) const INSTRUCTIONS_A_LOOK: u32 = 100_000;
/// Scripts that a node keeps, and bytes of their texts.
pub(crate) const TEXTS_MAX: usize = 10_000;
pub(crate) const TEXTS_BYTES_MAX: usize = 64 << 20;
/// Compiled scripts that one core keeps.
pub(crate) const COMPILED_MAX: usize = 1_000;
/// Tables in tables of an answer, and of JSON and of packed messages.
pub(crate) const DEPTH_MAX: usize = 128;
/// Arguments of one call.
pub(crate) const CALL_WORDS_MAX: usize = 1 << 20;
/// Messages of one script on channels, and their bytes.
pub(crate) const PUBLISHED_MAX: usize = 1 << 16;
pub(crate) const PUBLISHED_BYTES_MAX: usize = 16 << 20;
