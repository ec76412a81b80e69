//! Owns the current config: the one place where a new one is accepted, written and put in force.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hyperion_cluster::change::table::{Column, Sorted, sort};
use hyperion_cluster::change::{Compared, Stale, compare};
use hyperion_cluster::config::limits::CONFIG_BYTES_MAX;
use hyperion_cluster::config::{
    self, Config, Difference, Machine, Mode, Problem, Settings, between, parse,
};

use super::file;
use super::limits::EARLIER_CONFIGS_MAX;
use super::overrides::Overrides;
use super::published::{Current, Published};
use super::resolve::{Resolved, resolve, validate};

/// Holds the current config and its file. It reads and writes that file and knows no socket and no
/// thread.
#[derive(Debug)]
pub(crate) struct Keeper {
    path: PathBuf,
    machine: Machine,
    overrides: Overrides,
    published: Arc<Published>,
    history: VecDeque<(u64, String)>,
}

/// A config that was taken.
#[derive(Debug, Clone)]
pub(crate) struct Accepted {
    /// The config as it is in the file now.
    pub(crate) config: Config,
    /// The hash of its canonical form.
    pub(crate) hash: String,
    /// What every core is to run with from now on.
    pub(crate) resolved: Arc<Resolved>,
    /// Pointers of what is in force at once; empty when the very same config came again.
    pub(crate) changed_live: Vec<String>,
    /// Pointers of what is in force from the next start on.
    pub(crate) needs_restart: Vec<String>,
}

/// What a config that was looked at is.
#[derive(Debug)]
pub(crate) enum Checked {
    /// The one that is in force.
    Same(Accepted),
    /// Its child, which may be taken.
    Child(Config),
}

/// How a config comes to be the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Somebody asks for it.
    Asked,
    /// The cluster has agreed on it.
    Agreed,
}

/// Why a config was not taken; the current one stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refused {
    /// It is not the child of the current config.
    Stale {
        /// The current epoch.
        epoch: u64,
        /// The hash of the current config.
        hash: String,
        /// Where the two differ, apart from epoch and parent.
        diff: Vec<Difference>,
    },
    /// It is wrong; all that was found.
    Invalid(Vec<Problem>),
    /// It is longer than a config may be.
    TooBig,
    /// It could not be written.
    NotWritable {
        /// Whether there was no space left.
        full: bool,
        /// What happened and what to do.
        sentence: String,
    },
}

impl Keeper {
    /// Begins with a config that was read from `path` or written there.
    ///
    /// Errors: every problem there is, with the flags of this start taken into account.
    pub(crate) fn new(
        path: &Path,
        config: Config,
        overrides: Overrides,
        machine: Machine,
    ) -> Result<Self, Vec<Problem>> {
        let resolved =
            Arc::new(resolve(&overrides.over(&config), &machine, overrides.node.as_deref())?);
        let hash = config::hash(&config);
        let mut history = earlier_hashes(path, config.epoch);
        history.push_back((config.epoch, hash.clone()));
        let published = Arc::new(Published::new(Current { config, hash, resolved }));
        Ok(Self { path: path.to_owned(), machine, overrides, published, history })
    }

    /// Where readers find the config in force.
    pub(crate) fn published(&self) -> Arc<Published> {
        Arc::clone(&self.published)
    }

    /// The config in force.
    pub(crate) fn current(&self) -> Arc<Current> {
        self.published.get()
    }

    /// The path of the config file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Epochs and hashes of the configs that are still there, the current one last.
    #[cfg(test)]
    pub(crate) fn history(&self) -> impl Iterator<Item = &(u64, String)> {
        self.history.iter()
    }

    /// One sentence for each field where a flag stands over the file.
    pub(crate) fn override_sentences(&self) -> Vec<String> {
        self.overrides.sentences(&self.current().config)
    }

    /// Takes a whole config, as JSON, in the place of the current one: compare-and-set on epoch and
    /// parent.
    ///
    /// Errors: [`Refused`]; the current config stands.
    pub(crate) fn propose(&mut self, bytes: &[u8]) -> Result<Accepted, Refused> {
        if bytes.len() > CONFIG_BYTES_MAX {
            return Err(Refused::TooBig);
        }
        let proposed =
            parse(bytes).map_err(|error| Refused::Invalid(vec![error.into_problem()]))?;
        let current = self.current();
        match compare(&current.config, &current.hash, &proposed) {
            Compared::Same => return Ok(self.unchanged()),
            Compared::Stale(Stale { epoch, hash, diff }) => {
                return Err(Refused::Stale { epoch, hash, diff });
            }
            Compared::Child => {}
        }
        let rest = self.overrides.after_change(&current.config.settings, &proposed.settings);
        self.take(proposed, rest)
    }

    /// Looks at a whole config without taking it: [`Keeper::adopt`] does when the cluster has agreed.
    ///
    /// Errors: [`Refused`].
    pub(crate) fn check(&self, bytes: &[u8]) -> Result<Checked, Refused> {
        if bytes.len() > CONFIG_BYTES_MAX {
            return Err(Refused::TooBig);
        }
        let proposed =
            parse(bytes).map_err(|error| Refused::Invalid(vec![error.into_problem()]))?;
        let current = self.current();
        match compare(&current.config, &current.hash, &proposed) {
            Compared::Same => Ok(Checked::Same(self.unchanged())),
            Compared::Stale(Stale { epoch, hash, diff }) => {
                Err(Refused::Stale { epoch, hash, diff })
            }
            Compared::Child => {
                let rest =
                    self.overrides.after_change(&current.config.settings, &proposed.settings);
                self.look(&proposed, &rest, Way::Asked)?;
                Ok(Checked::Child(proposed))
            }
        }
    }

    /// As [`Keeper::amend`], without taking it.
    ///
    /// Errors: [`Refused`].
    pub(crate) fn check_amend(
        &self,
        change: impl FnOnce(&mut Settings),
    ) -> Result<Checked, Refused> {
        let current = self.current();
        let seen = current.resolved.settings();
        let mut settings = seen.clone();
        change(&mut settings);
        if settings == *seen {
            return Ok(Checked::Same(self.unchanged()));
        }
        let rest = self.overrides.settle(seen, &mut settings, &current.config.settings);
        let mut proposed = current.next();
        proposed.settings = settings;
        self.look(&proposed, &rest, Way::Asked)?;
        Ok(Checked::Child(proposed))
    }

    /// Takes the config that the cluster has agreed on, whatever the current one is; `None`: it is the current one.
    ///
    /// Errors: [`Refused`]; the node must not go on with another config than the others have.
    pub(crate) fn adopt(&mut self, bytes: &[u8]) -> Result<Option<Accepted>, Refused> {
        let proposed =
            parse(bytes).map_err(|error| Refused::Invalid(vec![error.into_problem()]))?;
        let current = self.current();
        if proposed == current.config {
            return Ok(None);
        }
        let rest = self.overrides.after_change(&current.config.settings, &proposed.settings);
        self.take_as(proposed, rest, Way::Agreed).map(Some)
    }

    /// Changes settings in place: the epoch rises by one, and all rules of [`Keeper::propose`]
    /// hold.
    ///
    /// The closure sees the settings that the node runs with. A change to what they are already is
    /// accepted without a new epoch.
    ///
    /// Errors: [`Refused`]; the current config stands.
    pub(crate) fn amend(
        &mut self,
        change: impl FnOnce(&mut Settings),
    ) -> Result<Accepted, Refused> {
        let current = self.current();
        let seen = current.resolved.settings();
        let mut settings = seen.clone();
        change(&mut settings);
        if settings == *seen {
            return Ok(self.unchanged());
        }
        let rest = self.overrides.settle(seen, &mut settings, &current.config.settings);
        let mut proposed = current.next();
        proposed.settings = settings;
        self.take(proposed, rest)
    }

    /// What is in force already.
    pub(crate) fn unchanged(&self) -> Accepted {
        let current = self.current();
        Accepted {
            config: current.config.clone(),
            hash: current.hash.clone(),
            resolved: Arc::clone(&current.resolved),
            changed_live: Vec::new(),
            needs_restart: Vec::new(),
        }
    }

    /// Checks the next config; gives what it comes to here, and what its change does.
    fn look(
        &self,
        proposed: &Config,
        overrides: &Overrides,
        way: Way,
    ) -> Result<(Resolved, Sorted, Vec<String>), Refused> {
        let current = self.current();
        let alone = current.resolved.is_alone();
        let column = if alone { Column::Single } else { Column::Cluster };
        let mut sorted = sort(column, None, &between(&current.config, proposed));
        if way == Way::Agreed {
            // The cluster has judged it: a node says of itself what others may not say of it.
            sorted.live.extend(sorted.refused.drain(..).map(|problem| problem.pointer));
        }
        if !alone && Mode::of(proposed) == Some(Mode::Single) {
            let text = "a cluster does not become a single node in this version";
            sorted.refused.push(Problem::at("/mode", text, "keep two nodes"));
        }
        let before = current.resolved.config.clone();
        let effective = overrides.over(proposed);
        let mut problems = std::mem::take(&mut sorted.refused);
        let mut add = |found: Vec<Problem>| {
            for problem in found {
                if !problems.contains(&problem) {
                    problems.push(problem);
                }
            }
        };
        let name = self.overrides.node.as_deref();
        let resolved = resolve(&effective, &self.machine, name).map_err(&mut add).ok();
        // What was wrong in the file before, and a flag stands over it, is not this change's doing.
        let known = validate(&current.config, &self.machine);
        let mut in_file = validate(proposed, &self.machine);
        in_file.retain(|problem| !known.contains(problem));
        add(in_file);
        let (Some(resolved), true) = (resolved, problems.is_empty()) else {
            return Err(Refused::Invalid(problems));
        };
        let mut changed_live = sort(column, None, &between(&before, &effective)).live;
        changed_live.append(&mut sorted.live);
        changed_live.extend(sorted.moves.iter().cloned());
        changed_live.sort_unstable();
        changed_live.dedup();
        Ok((resolved, sorted, changed_live))
    }

    /// Checks, writes and puts in force the child of the current config.
    fn take(&mut self, proposed: Config, overrides: Overrides) -> Result<Accepted, Refused> {
        self.take_as(proposed, overrides, Way::Asked)
    }

    fn take_as(
        &mut self,
        proposed: Config,
        overrides: Overrides,
        way: Way,
    ) -> Result<Accepted, Refused> {
        let (resolved, sorted, changed_live) = self.look(&proposed, &overrides, way)?;
        let current = self.current();
        self.write(&current.config, &proposed)?;
        let hash = config::hash(&proposed);
        let resolved = Arc::new(resolved);
        self.overrides = overrides;
        self.history.push_back((proposed.epoch, hash.clone()));
        while self.history.len() > EARLIER_CONFIGS_MAX + 1 {
            self.history.pop_front();
        }
        self.published.set(Current {
            config: proposed.clone(),
            hash: hash.clone(),
            resolved: Arc::clone(&resolved),
        });
        let needs_restart = sorted.needs_restart;
        Ok(Accepted { config: proposed, hash, resolved, changed_live, needs_restart })
    }

    fn write(&self, current: &Config, proposed: &Config) -> Result<(), Refused> {
        file::keep_earlier(&self.path, current.epoch, current.to_text().as_bytes())
            .and_then(|()| file::write_atomically(&self.path, proposed.to_text().as_bytes()))
            .map_err(|error| {
                let full = matches!(
                    error.kind(),
                    io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
                );
                let what_to_do =
                    if full { "free space there" } else { "let the node write the file and its folder" };
                Refused::NotWritable {
                    full,
                    sentence: format!(
                        "the config cannot be written to {}: {error}; {what_to_do} and send it again",
                        self.path.display()
                    ),
                }
            })
    }
}

/// The hashes of the earlier configs beside the file; one that cannot be read is left out.
fn earlier_hashes(path: &Path, epoch: u64) -> VecDeque<(u64, String)> {
    let mut hashes: VecDeque<(u64, String)> = file::earlier(path)
        .unwrap_or_default()
        .into_iter()
        .filter(|(earlier_epoch, _)| *earlier_epoch < epoch)
        .filter_map(|(earlier_epoch, path)| {
            let config = parse(&file::read(&path).ok()?).ok()?;
            config::try_hash(&config).map(|hash| (earlier_epoch, hash))
        })
        .collect();
    while hashes.len() > EARLIER_CONFIGS_MAX {
        hashes.pop_front();
    }
    hashes
}
