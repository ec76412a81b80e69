//! Owns what is read inside transactions and scripts.

use std::collections::BTreeSet;

use hyperion_engine::Unit;
use hyperion_engine::command::{Flags, keys_of};

use super::deliver::Invalid;
use super::table::Reading;
use crate::front::Client;
use crate::node::NodeCore;
use crate::scripts::Reads;

impl NodeCore {
    /// Part of a transaction begins, of one turn or several: until `end_read` its client hears of every change of what it reads.
    pub(crate) fn begin_unit_reads(&mut self, client: &mut Client, unit: &Unit) {
        if !client.wants_read() {
            return;
        }
        let mut keys = BTreeSet::new();
        for command in unit.commands.iter().filter(|it| it.spec.flags.has(Flags::READONLY)) {
            let words = command.words();
            keys.extend(keys_of(command.spec, &words).map(|at| words[at].to_vec()));
        }
        if !keys.is_empty() {
            self.begin_reads(client, keys.into_iter().collect());
        }
    }

    /// A script begins that may take several turns or cores: any of its keys may be read.
    pub(crate) fn begin_script_reads(&mut self, client: &mut Client, keys: Vec<Vec<u8>>) {
        if client.wants_read() && !keys.is_empty() {
            self.begin_reads(client, keys);
        }
    }

    /// A script has run in this turn on this core alone, which has all keys.
    pub(crate) fn note_script_reads(&mut self, client: &Client, reads: &Reads) {
        if !reads.keys.is_empty() {
            self.track(client.connection, reads.keys.iter().cloned().collect(), Reading::Done);
        }
        self.tell_unknown_reads(client, reads);
    }

    /// A script that took turns or cores has run, and is about to be answered. What it did not declare may have changed since it was read, so
    /// its client hears that it has.
    pub(crate) fn settle_script_reads(&mut self, client: &mut Client, reads: &Reads) {
        let Some(tracking) = client.tracking.as_mut() else { return };
        let declared = std::mem::take(&mut tracking.reading);
        let (read, unread) = declared.iter().cloned().partition(|key| reads.keys.contains(key));
        tracking.reading = read;
        self.track(client.connection, unread, Reading::Without);
        for key in reads.keys.iter().filter(|key| !declared.contains(key)) {
            let (connection, key) = (client.connection, key.clone());
            self.invalid.push(Invalid::Read { connection, key, by: None });
        }
        self.tell_unknown_reads(client, reads);
    }

    /// A script that has read more than is remembered leaves its client nothing to keep.
    fn tell_unknown_reads(&mut self, client: &Client, reads: &Reads) {
        if reads.are_too_many {
            self.invalid.push(Invalid::AllOf(client.connection));
        }
    }
}
