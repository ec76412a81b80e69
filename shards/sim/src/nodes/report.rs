//! Owns the figures of a run.

use std::fmt;

/// What a run came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Stands for everything that happened, in order.
    pub trace: u64,
    /// Commands that were answered.
    pub answers: u64,
    /// Those among them whose keys lie in several partitions.
    pub spans: u64,
    /// Commands whose end nobody knows.
    pub unknown: u64,
    /// Reads that took what a replica says.
    pub replica_reads: u64,
    /// Times that a node was told to ask another.
    pub moved: u64,
    /// Times that a node began to lead a partition.
    pub elections: u64,
    /// Processes that ended.
    pub kills: u64,
    /// Power cuts.
    pub power_cuts: u64,
    /// Nodes that came back with what was saved out of damaged files.
    pub repairs: u64,
    /// Times that a node was stopped and went on.
    pub pauses: u64,
    /// Times that the network was parted.
    pub splits: u64,
    /// Connections that broke while both ends lived.
    pub broken: u64,
    /// Partitions that a node took over whole from another.
    pub snapshots: u64,
    /// Answers to beats of groups in which nothing went on.
    pub beats: u64,
    /// Segments that cleaners emptied.
    pub cleaned: u64,
    /// Histories of a partition with too many possible orders to try.
    pub undecided: u64,
    /// Machines that came to be nodes.
    pub joins: u64,
    /// Machines that were lost.
    pub lost: u64,
    /// Machines that were lost and had to come back for the cluster to go on.
    pub found: u64,
    /// Partitions that began empty, because their only copy was given up.
    pub emptied: u64,
    /// Partitions that were to go on with the one copy that was left.
    pub left_copies: u64,
    /// Times that a core began a replica.
    pub hosted: u64,
    /// Configs that group 0 was asked for.
    pub configs: u64,
    /// Configs that the rules refused.
    pub refused: u64,
}

impl Report {
    /// Adds another run's figures; the trace depends on the order.
    pub fn add(&mut self, other: &Self) {
        self.trace = self.trace.rotate_left(1) ^ other.trace;
        self.answers += other.answers;
        self.spans += other.spans;
        self.unknown += other.unknown;
        self.replica_reads += other.replica_reads;
        self.moved += other.moved;
        self.elections += other.elections;
        self.kills += other.kills;
        self.power_cuts += other.power_cuts;
        self.repairs += other.repairs;
        self.pauses += other.pauses;
        self.splits += other.splits;
        self.broken += other.broken;
        self.snapshots += other.snapshots;
        self.beats += other.beats;
        self.cleaned += other.cleaned;
        self.undecided += other.undecided;
        self.joins += other.joins;
        self.lost += other.lost;
        self.found += other.found;
        self.emptied += other.emptied;
        self.left_copies += other.left_copies;
        self.hosted += other.hosted;
        self.configs += other.configs;
        self.refused += other.refused;
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { answers, unknown, replica_reads, moved, elections, .. } = self;
        let Self { kills, power_cuts, repairs, pauses, splits, broken, snapshots, .. } = self;
        write!(
            out,
            "{answers} answers ({replica_reads} of replicas), {unknown} without a known end, {moved} sent on, {elections} elections, \
             {kills} kills, {power_cuts} power cuts, {repairs} repairs, {pauses} pauses, {splits} splits, {broken} broken connections, {snapshots} \
             snapshots, {} segments cleaned, {} histories undecided",
            self.cleaned, self.undecided
        )?;
        let Self { joins, lost, found, emptied, left_copies, hosted, configs, refused, .. } = self;
        if configs + refused > 0 {
            write!(
                out,
                ", {joins} nodes joined, {lost} machines lost ({found} needed again; {emptied} partitions began empty, \
                 {left_copies} had one copy left), {hosted} replicas begun, {configs} configs \
                 proposed and {refused} refused"
            )?;
        }
        write!(out, "; trace {:016x}", self.trace)
    }
}
