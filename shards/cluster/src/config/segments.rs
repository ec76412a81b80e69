//! Owns the length of segments that new data gets on a machine.

use super::cores::CoreChoice;
use super::document::Config;
use super::limits::{
    HUGE_PAGE_BYTES, SEGMENT_BYTES_MAX, SEGMENT_BYTES_MIN, SEGMENTS_A_CORE, SMALL_SEGMENTS_A_CORE,
};
use super::machine::Machine;
use super::size::Size;

impl Config {
    /// Makes segments smaller than the default where the first node's memory asks for it.
    pub fn fit_segments(&mut self, machine: &Machine) {
        self.settings.segment_bytes = Size::from_bytes(fitting_segment_bytes(self, machine));
    }
}

/// The largest segment of which every core gets its share from the memory limit.
fn fitting_segment_bytes(config: &Config, machine: &Machine) -> u64 {
    let partitions = usize::try_from(config.partitions).unwrap_or(usize::MAX);
    let core_count = config
        .nodes
        .first()
        .and_then(|node| CoreChoice::parse(&node.cores).ok())
        .and_then(|choice| choice.pick(&machine.cores_allowed, partitions).ok())
        .map_or(1, |cores| cores.len().max(1) as u64);
    let limit = config.settings.memory_bytes_max.as_ref();
    let limit = limit.map_or_else(|| machine.memory_bytes_default(), Size::bytes);
    let share = limit / core_count;
    let mut segment_bytes = SEGMENT_BYTES_MAX;
    while segment_bytes > share / SEGMENTS_A_CORE && segment_bytes > HUGE_PAGE_BYTES {
        segment_bytes /= 2;
    }
    while segment_bytes > share / SMALL_SEGMENTS_A_CORE && segment_bytes > SEGMENT_BYTES_MIN {
        segment_bytes /= 2;
    }
    segment_bytes
}
