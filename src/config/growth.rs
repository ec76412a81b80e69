//! Owns the config by which a node that is alone becomes one of several: looked at as a whole before anything is done, then put in force.

use std::sync::Arc;

use hyperion_cluster::config::{Config, Problem, between};
use hyperion_cluster::state::ClusterState;
use hyperion_engine::Eviction;

use super::keeper::{Accepted, Keeper, Refused};
use super::look::{By, Looked};
use super::resolve::Resolved;
use crate::cluster::Member;

/// A config that makes a cluster of a node that is alone, and what group 0 is to hold.
pub(crate) struct Growth {
    config: Config,
    looked: Looked,
    /// What group 0 holds at first.
    pub(crate) state: ClusterState,
}

impl Growth {
    /// What the config comes to here.
    pub(crate) fn resolved(&self) -> &Resolved {
        &self.looked.resolved
    }
}

impl Keeper {
    /// Whether a config makes a cluster of this node, which is alone.
    pub(crate) fn grows(&self, proposed: &Config) -> bool {
        let current = self.current();
        self.member.is_none() && ClusterState::grows(&current.config, proposed)
    }

    /// Looks at a config that [`Keeper::check`] found to be the child of the one in force.
    ///
    /// Errors: [`Refused`].
    pub(crate) fn growth(&self, config: Config) -> Result<Growth, Refused> {
        let current = self.current();
        let rest = self.overrides.after_change(&current.config.settings, &config.settings);
        let looked = self.look(&config, &rest, By::Person)?;
        let by_flags = between(&config, &looked.resolved.config).into_iter();
        let problems: Vec<Problem> = by_flags
            .filter(|it| it.pointer.starts_with("/nodes/"))
            .map(|it| {
                let text =
                    "a flag of this start says otherwise, and the other nodes read the config";
                Problem::at(
                    it.pointer,
                    text,
                    "write it into the config file, start again without the flag",
                )
            })
            .collect();
        if !problems.is_empty() {
            return Err(Refused::Invalid(problems));
        }
        let evictions: Vec<&str> = Eviction::ALL.iter().map(|eviction| eviction.name()).collect();
        let grown = ClusterState::grown(&current.config, &config, &evictions);
        // The same was looked at just now.
        let (state, _) = grown.map_err(|_| Refused::Invalid(Vec::new()))?;
        Ok(Growth { config, looked, state })
    }

    /// Puts it in force: from the moment that the file is there, this node is one of several, of which `member` is to be on the disk before.
    ///
    /// Errors: [`Refused`]; the node is alone as before.
    pub(crate) fn grow(
        &mut self,
        growth: Growth,
        member: Arc<Member>,
    ) -> Result<Accepted, Refused> {
        let Growth { config, looked, .. } = growth;
        self.keep_earlier(&self.current().config)?;
        let accepted = self.put_in_force(config, looked)?;
        self.belong_to(member);
        Ok(accepted)
    }
}
