//! Owns what becomes of a core's leads while the disk has no room for another segment.

use std::sync::atomic::Ordering;

use super::Io;
use super::core::NodeCore;
use super::limits::ROOM_NS;

/// Whether the core leads, by the room that it has.
#[derive(Debug, Default)]
pub(super) enum Room {
    #[default]
    Has,
    /// It has none: others lead.
    Lacks,
    /// It has some again, and others lead until this time: a full disk has room for a segment now and then, and for no more.
    Again { until_ns: u64 },
}

impl Room {
    /// There is none; gives whether there was until now.
    fn goes(&mut self) -> bool {
        matches!(std::mem::replace(self, Self::Lacks), Self::Has)
    }

    fn comes(&mut self, now_ns: u64) {
        if matches!(self, Self::Lacks) {
            *self = Self::Again { until_ns: now_ns + ROOM_NS };
        }
    }

    /// Whether it has been there for long enough, as of now.
    fn lasts(&mut self, now_ns: u64) -> bool {
        let lasts = matches!(self, Self::Again { until_ns } if now_ns >= *until_ns);
        if lasts {
            *self = Self::Has;
        }
        lasts
    }
}

impl NodeCore {
    /// The disk has no room for another segment, or has some again: meanwhile others are to lead, whose writes go on.
    pub(super) fn has_room(&mut self, io: &mut Io, has_room: bool) {
        if has_room {
            self.room.comes(io.now_ns());
        } else if self.room.goes() {
            self.shared.leave.full.fetch_add(1, Ordering::AcqRel);
            self.engine.leave();
        }
    }

    /// Leads are taken again where room lasts; to be called every tick of the groups.
    pub(super) fn tick_room(&mut self, io: &mut Io) {
        if self.room.lasts(io.now_ns()) {
            self.shared.leave.full.fetch_sub(1, Ordering::AcqRel);
            if self.leaving.is_none() {
                self.engine.stay();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_for_a_moment_brings_no_leads_back() {
        let mut room = Room::default();
        assert!(!room.lasts(u64::MAX));
        assert!(room.goes());
        assert!(!room.lasts(u64::MAX));
        for now_ns in [1_000, 2_000] {
            room.comes(now_ns);
            assert!(!room.lasts(now_ns + ROOM_NS - 1));
            assert!(!room.goes(), "it leads nothing yet");
        }
        room.comes(3_000);
        assert!(room.lasts(3_000 + ROOM_NS));
        assert!(!room.lasts(u64::MAX), "it is told once");
        assert!(room.goes());
    }
}
