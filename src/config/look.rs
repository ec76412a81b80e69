//! Owns what is asked of a config before it is taken: the rules of a change, unless the cluster has agreed on it, and this machine.

use std::sync::Arc;

use hyperion_cluster::change::table::{Column, sort};
use hyperion_cluster::change::{Author, Refusal, Stale, check_change};
use hyperion_cluster::config::{Config, Problem, Usage, between};
use hyperion_cluster::state::ClusterState;
use hyperion_engine::Eviction;

use super::keeper::{Keeper, Refused};
use super::overrides::Overrides;
use super::resolve::{Resolved, resolve, validate};
use super::tls::NodeTls;
use crate::front::shown_back_problems;

/// Whose word a config is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// A person's: the rules of a change hold.
    Person,
    /// All nodes': it is in force, and only what this machine makes of it is asked.
    Cluster,
}

/// A config that was found right for this machine.
pub(super) struct Looked {
    pub(super) resolved: Resolved,
    pub(super) tls: Option<Arc<NodeTls>>,
    pub(super) overrides: Overrides,
    pub(super) changed_live: Vec<String>,
    pub(super) needs_restart: Vec<String>,
}

impl Keeper {
    /// Checks the child of the current config; gives what it comes to here, and what its change does.
    pub(super) fn look(
        &self,
        proposed: &Config,
        overrides: &Overrides,
        by: By,
    ) -> Result<Looked, Refused> {
        let current = self.current();
        let stays_alone =
            current.resolved.is_alone() && !ClusterState::grows(&current.config, proposed);
        let column = if stays_alone { Column::Single } else { Column::Cluster };
        // The only node is found without its name.
        let uuid = (!stays_alone).then_some(current.resolved.node().uuid.as_str());
        let mut sorted = sort(column, None, &between(&current.config, proposed));
        let mut problems = match by {
            By::Person => self.change_problems(proposed, std::mem::take(&mut sorted.refused))?,
            By::Cluster => Vec::new(),
        };
        let before = current.resolved.config.clone();
        let overrides = uuid
            .map_or_else(|| overrides.clone(), |uuid| overrides.clone().of_node(uuid, proposed));
        let effective = overrides.over(proposed);
        let mut add = |found: Vec<Problem>| {
            for problem in found {
                if !problems.contains(&problem) {
                    problems.push(problem);
                }
            }
        };
        let resolved = resolve(&effective, &self.machine, uuid).map_err(&mut add).ok();
        if by == By::Person {
            let known = shown_back_problems(&current.config.settings.redis);
            let mut found = shown_back_problems(&proposed.settings.redis);
            found.retain(|problem| !known.contains(problem));
            add(found);
        }
        // What was wrong in the file before, and a flag stands over it, is not this change's doing.
        let known = validate(&current.config, &self.machine, uuid);
        let mut in_file = validate(proposed, &self.machine, uuid);
        in_file.retain(|problem| !known.contains(problem));
        add(in_file);
        let tls = if problems.is_empty() {
            self.look_at_tls(&effective.settings, by).map_err(|problem| problems.push(problem))
        } else {
            Ok(None)
        };
        let (Some(resolved), Ok(tls), true) = (resolved, tls, problems.is_empty()) else {
            return Err(Refused::Invalid(problems));
        };
        let mut changed_live = sort(column, None, &between(&before, &effective)).live;
        changed_live.append(&mut sorted.live);
        changed_live.append(&mut sorted.moves);
        if by == By::Cluster {
            // What nodes say of themselves, and the epoch, which clients read.
            changed_live.extend(sorted.refused.iter().map(|problem| problem.pointer.clone()));
            changed_live.push("/epoch".to_owned());
        }
        changed_live.sort_unstable();
        changed_live.dedup();
        Ok(Looked { resolved, tls, overrides, changed_live, needs_restart: sorted.needs_restart })
    }

    /// All that is wrong with a change that a person makes; `refused` is what is wrong where the node is alone.
    fn change_problems(
        &self,
        proposed: &Config,
        refused: Vec<Problem>,
    ) -> Result<Vec<Problem>, Refused> {
        let agreed = self.member.as_ref().and_then(|member| member.agreed.get());
        let evictions: Vec<&str> = Eviction::ALL.iter().map(|eviction| eviction.name()).collect();
        let Some(state) = agreed else {
            let current = &self.current().config;
            if !ClusterState::grows(current, proposed) {
                return Ok(refused);
            }
            return problems_of(ClusterState::grown(current, proposed, &evictions).map(drop));
        };
        let usage = Usage::default();
        let standing = state.standing(&usage, &evictions);
        problems_of(check_change(standing, proposed, Author::Person).map(drop))
    }
}

fn problems_of(checked: Result<(), Refusal>) -> Result<Vec<Problem>, Refused> {
    match checked {
        Ok(()) => Ok(Vec::new()),
        Err(Refusal::Invalid(problems)) => Ok(problems),
        Err(Refusal::Stale(Stale { epoch, hash, diff })) => {
            Err(Refused::Stale { epoch, hash, diff })
        }
    }
}
