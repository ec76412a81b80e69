//! Owns what is read inside transactions and scripts.

use std::collections::{BTreeMap, BTreeSet};

use hyperion_engine::Unit;
use hyperion_engine::command::{Flags, keys_of};

use super::deliver::Invalid;
use super::table::Reading;
use crate::front::Client;
use crate::node::NodeCore;
use crate::scripts::Reads;

/// A key that a transaction reads.
#[derive(Debug)]
pub(crate) struct Touched {
    key: Vec<u8>,
    /// All that the transaction writes of it comes before.
    is_behind_writes: bool,
}

impl Touched {
    /// The keys that a part of a transaction reads, each once; `counted`: of each command, whether its reads count.
    pub(crate) fn by(unit: &Unit, counted: &[bool]) -> Vec<Self> {
        let (mut read, mut written) = (BTreeMap::new(), BTreeSet::new());
        if !counted.contains(&true) {
            return Vec::new();
        }
        for (command, is_counted) in unit.commands.iter().zip(counted) {
            let words = command.words();
            for at in keys_of(command.spec, &words) {
                let key = words[at].to_vec();
                if command.spec.flags.has(Flags::READONLY) {
                    if !is_counted {
                        continue;
                    }
                    let is_behind = written.contains(&key);
                    read.entry(key).or_insert(is_behind);
                } else {
                    // What it has read changes behind that.
                    read.entry(key.clone()).and_modify(|is_behind| *is_behind = false);
                    written.insert(key);
                }
            }
        }
        let touched = |(key, is_behind_writes)| Self { key, is_behind_writes };
        read.into_iter().map(touched).collect()
    }
}

impl NodeCore {
    /// Part of a transaction begins, of one turn or several: until `end_read` its client hears of every change of what it reads.
    pub(crate) fn begin_unit_reads(&mut self, client: &mut Client, touched: Vec<Touched>) {
        if !touched.is_empty() {
            self.begin_reads(client, touched.into_iter().map(|it| it.key).collect());
        }
    }

    /// Part of a transaction has run in this turn on this core, whose log ended at `before` when it began. What the client read behind all writes of
    /// its own is as good as new.
    pub(crate) fn note_unit_reads(&mut self, client: &Client, touched: Vec<Touched>, before: u64) {
        let after = self.engine.store().appended_position();
        for Touched { key, is_behind_writes } in touched {
            let since = if is_behind_writes { after } else { before };
            self.track(client.connection, vec![key], Reading::DoneAt(since));
        }
    }

    /// A script begins that may take several turns or cores: any of its keys may be read.
    pub(crate) fn begin_script_reads(&mut self, client: &mut Client, keys: Vec<Vec<u8>>) {
        if client.wants_read() && !keys.is_empty() {
            self.begin_reads(client, keys);
        }
    }

    /// A script has run in this turn on this core alone, which has all keys.
    pub(crate) fn note_script_reads(&mut self, client: &Client, reads: &Reads, declared: &[&[u8]]) {
        if !reads.keys.is_empty() {
            let undeclared = reads.keys.iter().filter(|key| !declared.contains(&key.as_slice()));
            let declared = declared.iter().map(|key| key.to_vec());
            let keys = declared.chain(undeclared.cloned()).collect();
            self.track(client.connection, keys, Reading::Done);
        }
        self.tell_unknown_reads(client, reads);
    }

    /// A script that took turns or cores has run, and is about to be answered. What one without keys has read
    /// may have changed since, so its client hears that it has.
    pub(crate) fn settle_script_reads(&mut self, client: &mut Client, reads: &Reads) {
        let Some(tracking) = client.tracking.as_mut() else { return };
        let declared = std::mem::take(&mut tracking.reading);
        // As in Redis 7.0 all of them count, once it has read something.
        let (read, unread) = if reads.keys.is_empty() {
            (Vec::new(), declared.clone())
        } else {
            (declared.clone(), Vec::new())
        };
        tracking.reading = read;
        self.track(client.connection, unread, Reading::Without);
        // Of others than these Redis 7.0 tells nothing.
        let others = reads.keys.iter().filter(|_| declared.is_empty());
        for key in others {
            let (connection, key) = (client.connection, key.clone());
            self.invalid.push(Invalid::Read { connection, key, by: None });
        }
        self.tell_unknown_reads(client, reads);
    }

    /// A script that has read more than is remembered leaves its client nothing to keep.
    fn tell_unknown_reads(&mut self, client: &Client, reads: &Reads) {
        if reads.are_too_many {
            self.tell_all_changed(client);
        }
    }

    /// What a client has read was not noted: it keeps nothing.
    pub(crate) fn tell_all_changed(&mut self, client: &Client) {
        self.invalid.push(Invalid::AllOf(client.connection));
    }
}
