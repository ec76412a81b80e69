//! Owns the way of a command to where it runs: here, on another core, on all, on another node.

use crate::command::{self, CommandSpec, Run};
use crate::engine::Engine;
use crate::request::Request;
use crate::serving::Serving;
use hyperion_model::{CoreId, DatabaseId, slot_of};

/// The slot of a command's key, if it has one key and that is its first argument: the same for routing, prefetching and running.
#[must_use]
#[inline]
pub fn key_slot(spec: &CommandSpec, arguments: &[&[u8]]) -> Option<u16> {
    let is_first = matches!(spec.run, Run::Key(_)) && spec.keys.first == 1;
    is_first.then(|| arguments.get(1).map(|key| slot_of(key))).flatten()
}

/// Where a command is to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// On this core.
    Here,
    /// On that core.
    There(CoreId),
    /// On several: [`Engine::begin_spread`].
    Spread,
    /// On all: [`Engine::begin_gather`].
    Everywhere,
    /// In the front.
    Front,
    /// On the node that serves this slot.
    Elsewhere {
        /// The slot.
        slot: u16,
    },
    /// Nowhere: its keys lie in several partitions, which have leaders of their own.
    CrossSlot,
}

impl Engine {
    /// Where a command belongs.
    #[must_use]
    pub fn route(&self, request: &Request<'_>) -> Route {
        let spec = request.spec;
        if matches!(spec.run, Run::Front(_)) {
            return Route::Front;
        }
        if let Some(serving) = &self.serving
            && let Some(elsewhere) = self.route_to_node(serving, request)
        {
            return elsewhere;
        }
        match spec.run {
            Run::Front(_) => Route::Front,
            Run::Scan if request.own_core_only => Route::Here,
            Run::Scan if self.serving.is_some() => Route::Everywhere,
            _ if self.map.cores() == 1 => Route::Here,
            Run::Key(_) => {
                if let Some(slot) = request.slot {
                    return self.route_to(self.map.owner(self.map.partition_of(slot)));
                }
                let key = command::keys_of(spec, request.arguments).next();
                key.map_or(Route::Here, |at| self.route_to(self.owner_of(request.arguments[at])))
            }
            Run::Keys { .. } => {
                let mut owners = command::keys_of(spec, request.arguments)
                    .map(|at| self.owner_of(request.arguments[at]));
                let Some(first) = owners.next() else { return Route::Here };
                let is_together = owners.all(|owner| owner == first);
                if is_together && !command::meets_others(spec, request.arguments) {
                    self.route_to(first)
                } else {
                    Route::Spread
                }
            }
            Run::Every(_) if request.own_core_only => Route::Here,
            Run::Every(_) => Route::Everywhere,
            Run::Scan => Route::Everywhere,
        }
    }

    /// Whether a command, where partitions are replicated, is about keys that its words do not name, and that may lie in others.
    #[must_use]
    pub fn meets_other_partitions(&self, request: &Request<'_>) -> bool {
        self.replication.is_some() && command::meets_others(request.spec, request.arguments)
    }

    /// Whether keys are served together, and by whom: [`Route::Here`] stands for this node.
    #[must_use]
    pub fn route_keys(&self, keys: &[(DatabaseId, Vec<u8>)]) -> Route {
        let Some(serving) = &self.serving else { return Route::Here };
        let mut slots = keys.iter().map(|(_, key)| slot_of(key));
        let Some(slot) = slots.next() else { return Route::Here };
        let partition = self.map.partition_of(slot);
        if slots.any(|other| self.map.partition_of(other) != partition) {
            return Route::CrossSlot;
        }
        let is_here = serving.serves(partition, false) || serving.awaits(partition);
        if is_here { Route::Here } else { Route::Elsewhere { slot } }
    }

    /// Where a command goes that this node must not run.
    pub(crate) fn route_to_node(&self, serving: &Serving, request: &Request<'_>) -> Option<Route> {
        let mut slots = command::keys_of(request.spec, request.arguments)
            .map(|at| slot_of(request.arguments[at]));
        let slot = request.slot.or_else(|| slots.next())?;
        let partition = self.map.partition_of(slot);
        if request.slot.is_none() && slots.any(|other| self.map.partition_of(other) != partition) {
            return Some(Route::CrossSlot);
        }
        let is_here = serving.serves(partition, request.from_replica) || serving.awaits(partition);
        (!is_here).then_some(Route::Elsewhere { slot })
    }

    /// The slot of a command's keys, where partitions are replicated: all of them lie in its partition.
    pub(crate) fn slot_of_request(&self, request: &Request<'_>) -> Option<u16> {
        self.replication.as_ref()?;
        let first = || command::keys_of(request.spec, request.arguments).next();
        request.slot.or_else(|| Some(slot_of(request.arguments[first()?])))
    }

    fn owner_of(&self, key: &[u8]) -> CoreId {
        self.map.owner(self.map.partition_of(slot_of(key)))
    }

    fn route_to(&self, core: CoreId) -> Route {
        if core == self.core { Route::Here } else { Route::There(core) }
    }
}
