//! The config between nodes: proposing one to the leader of the metadata group, and asking for it.

use std::borrow::Cow;

use speedy::{Readable, Writable};

use super::body::{Body, within};
use super::error::BodyError;
use super::kind::Kind;
use crate::limits::CONFIG_HISTORY_MAX;

/// A config that a node was given, for the leader.
#[derive(Debug, Clone, PartialEq, Eq, Readable, Writable)]
pub struct ConfigPropose<'a> {
    /// The sender's number for it; the answer repeats it.
    pub request: u64,
    /// The config as JSON.
    pub config: Cow<'a, [u8]>,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Readable, Writable)]
pub struct ConfigProposed<'a> {
    /// The number of the proposal.
    pub request: u64,
    /// The HTTP status for whoever posted it.
    pub status: u16,
    /// The body for whoever posted it.
    pub body: Cow<'a, [u8]>,
}

/// Asks for the config.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Readable, Writable)]
pub struct ConfigFetch {
    /// The sender's number for it; the answer repeats it.
    pub request: u64,
    /// The epoch from which on the history is wanted.
    pub epoch_min: u64,
}

/// One config of the history, by its hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Readable, Writable)]
pub struct ConfigPast {
    /// Its epoch.
    pub epoch: u64,
    /// SHA-256 of its canonical form.
    pub hash: [u8; 32],
}

/// The config that the sender holds, and how it stands to it.
#[derive(Debug, Clone, PartialEq, Eq, Readable, Writable)]
pub struct ConfigCurrent<'a> {
    /// The number of the question.
    pub request: u64,
    /// Its epoch.
    pub epoch: u64,
    /// SHA-256 of its canonical form.
    pub hash: [u8; 32],
    /// What the sender says of itself, as JSON: with the config of its file before it belongs to a cluster, with what is agreed there
    /// (config, history, placement) afterwards.
    pub config: Cow<'a, [u8]>,
    /// The ones before it, oldest first; empty where `config` tells them.
    pub history: Vec<ConfigPast>,
}

impl<'a> Body<'a> for ConfigPropose<'a> {
    const KIND: Kind = Kind::ConfigPropose;

    fn check(&self) -> Result<(), BodyError> {
        Ok(())
    }
}

impl<'a> Body<'a> for ConfigProposed<'a> {
    const KIND: Kind = Kind::ConfigProposed;

    fn check(&self) -> Result<(), BodyError> {
        within(Self::KIND, "status", usize::from(self.status), 599)
    }
}

impl<'a> Body<'a> for ConfigFetch {
    const KIND: Kind = Kind::ConfigFetch;

    fn check(&self) -> Result<(), BodyError> {
        Ok(())
    }
}

impl<'a> Body<'a> for ConfigCurrent<'a> {
    const KIND: Kind = Kind::ConfigCurrent;

    fn check(&self) -> Result<(), BodyError> {
        within(Self::KIND, "length of the history", self.history.len(), CONFIG_HISTORY_MAX)
    }
}
