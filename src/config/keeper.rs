//! Owns the current config: the one place where a new one is accepted, written and put in force.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hyperion_cluster::change::{Compared, Stale, compare};
use hyperion_cluster::config::limits::CONFIG_BYTES_MAX;
use hyperion_cluster::config::{self, Config, Difference, Machine, Problem, Settings, parse};
use hyperion_cluster::state::ClusterState;

use super::file;
use super::limits::EARLIER_CONFIGS_MAX;
use super::look::{By, Looked};
use super::overrides::Overrides;
use super::published::{Current, Published};
use super::resolve::{Resolved, resolve};
use super::tls::NodeTls;
use crate::cluster::Member;
use crate::front::shown_back_problems;

/// Holds the current config and its file. It reads and writes that file and knows no socket and no
/// thread.
#[derive(Debug)]
pub(crate) struct Keeper {
    path: PathBuf,
    pub(super) machine: Machine,
    pub(super) overrides: Overrides,
    published: Arc<Published>,
    history: VecDeque<(u64, String)>,
    /// The cluster that the node belongs to, if it does.
    pub(super) member: Option<Arc<Member>>,
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
        let uuid = uuid_named(&config, overrides.node.as_deref());
        let resolved = Arc::new(resolve(&overrides.over(&config), &machine, uuid.as_deref())?);
        // What a cluster keeps may come from nodes that know other parameters.
        let shown_back = shown_back_problems(&config.settings.redis);
        if resolved.is_alone() && !shown_back.is_empty() {
            return Err(shown_back);
        }
        let tls = NodeTls::read(&resolved.settings().tls, None).map_err(|problem| vec![problem])?;
        let hash = config::hash(&config);
        let mut history = earlier_hashes(path, config.epoch);
        history.push_back((config.epoch, hash.clone()));
        let published = Arc::new(Published::new(Current { config, hash, resolved }, tls));
        Ok(Self { path: path.to_owned(), machine, overrides, published, history, member: None })
    }

    /// From now on what is agreed is written down too, before the file.
    pub(crate) fn belong_to(&mut self, member: Arc<Member>) {
        self.member = Some(member);
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
        let proposed = self.read(bytes)?;
        let current = self.current();
        match compare(&current.config, &current.hash, &proposed) {
            Compared::Same => return self.reload(),
            Compared::Stale(Stale { epoch, hash, diff }) => {
                return Err(Refused::Stale { epoch, hash, diff });
            }
            Compared::Child => {}
        }
        let rest = self.overrides.after_change(&current.config.settings, &proposed.settings);
        self.take(proposed, &rest)
    }

    /// Reads a whole config. One that does not name the libraries of functions, or the order of the databases, keeps what is there: it comes by
    /// FUNCTION LOAD and SWAPDB, and who changes something else need not know of it. An empty object or list removes it.
    fn read(&self, bytes: &[u8]) -> Result<Config, Refused> {
        if bytes.len() > CONFIG_BYTES_MAX {
            return Err(Refused::TooBig);
        }
        let mut proposed =
            parse(bytes).map_err(|error| Refused::Invalid(vec![error.into_problem()]))?;
        let current = self.current();
        let kept = &current.config.settings;
        let next = &mut proposed.settings;
        let keeps_functions = next.functions.is_empty() && !kept.functions.is_empty();
        let keeps_databases = next.databases.is_empty() && !kept.databases.is_empty();
        if keeps_databases && !names(bytes, "/settings/databases") {
            next.databases.clone_from(&kept.databases);
        }
        if keeps_functions && !names(bytes, "/settings/functions") {
            next.functions.clone_from(&kept.functions);
            if proposed.to_text().len() > CONFIG_BYTES_MAX {
                return Err(Refused::TooBig);
            }
        }
        Ok(proposed)
    }

    /// Looks at a whole config without taking it: [`Keeper::learn`] does when the cluster has agreed.
    ///
    /// Errors: [`Refused`].
    pub(crate) fn check(&self, bytes: &[u8]) -> Result<Checked, Refused> {
        let proposed = self.read(bytes)?;
        let current = self.current();
        match compare(&current.config, &current.hash, &proposed) {
            Compared::Same => Ok(Checked::Same(self.unchanged())),
            Compared::Stale(Stale { epoch, hash, diff }) => {
                Err(Refused::Stale { epoch, hash, diff })
            }
            Compared::Child => {
                let rest =
                    self.overrides.after_change(&current.config.settings, &proposed.settings);
                self.look(&proposed, &rest, By::Person)?;
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
        self.look(&proposed, &rest, By::Person)?;
        Ok(Checked::Child(proposed))
    }

    /// Takes what the cluster holds, however many configs it is ahead; `None`: the config in force is the same. `keeps_bak`: what was in the
    /// file is kept beside it.
    ///
    /// Errors: [`Refused`]; the node must not go on with another config than the others have.
    pub(crate) fn learn(
        &mut self,
        state: &ClusterState,
        keeps_bak: bool,
    ) -> Result<Option<Accepted>, Refused> {
        let (current, proposed) = (self.current(), state.config().clone());
        let agreed = self.member.as_ref().and_then(|member| member.agreed.get());
        if agreed.is_some_and(|agreed| agreed.config().epoch > proposed.epoch) {
            return Ok(None);
        }
        if current.hash == state.hash() {
            self.write_agreed(state)?;
            return Ok(None);
        }
        let rest = self.overrides.after_change(&current.config.settings, &proposed.settings);
        let looked = self.look(&proposed, &rest, By::Cluster)?;
        self.write_agreed(state)?;
        if keeps_bak {
            self.written(file::keep_bak(&self.path))?;
        } else {
            self.keep_earlier(&current.config)?;
        }
        self.put_in_force(proposed, looked).map(Some)
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
        self.take(proposed, &rest)
    }

    /// Whether this very config was in force in the cluster.
    pub(crate) fn was_in_force(&self, epoch: u64, hash: &str) -> bool {
        let agreed = self.member.as_ref().and_then(|member| member.agreed.get());
        agreed.is_some_and(|agreed| agreed.history().knows(epoch, hash))
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

    /// Checks, writes and puts in force the child of the current config.
    fn take(&mut self, proposed: Config, overrides: &Overrides) -> Result<Accepted, Refused> {
        let looked = self.look(&proposed, overrides, By::Person)?;
        self.keep_earlier(&self.current().config)?;
        self.put_in_force(proposed, looked)
    }

    pub(super) fn keep_earlier(&self, config: &Config) -> Result<(), Refused> {
        let text = config.to_text();
        self.written(file::keep_earlier(&self.path, config.epoch, text.as_bytes()))
    }

    /// Writes and publishes a config that was looked at.
    pub(super) fn put_in_force(
        &mut self,
        proposed: Config,
        looked: Looked,
    ) -> Result<Accepted, Refused> {
        let Looked { resolved, tls, overrides, changed_live, needs_restart } = looked;
        self.written(file::write_atomically(&self.path, proposed.to_text().as_bytes()))?;
        let hash = config::hash(&proposed);
        let resolved = Arc::new(resolved);
        self.overrides = overrides;
        self.history.push_back((proposed.epoch, hash.clone()));
        while self.history.len() > EARLIER_CONFIGS_MAX + 1 {
            self.history.pop_front();
        }
        self.published.set_tls(tls);
        self.published.set(Current {
            config: proposed.clone(),
            hash: hash.clone(),
            resolved: Arc::clone(&resolved),
        });
        Ok(Accepted { config: proposed, hash, resolved, changed_live, needs_restart })
    }

    /// Writes down what is agreed: before the file, so that after a crash between the two the file is an older one and no conflict.
    fn write_agreed(&self, state: &ClusterState) -> Result<(), Refused> {
        let member = self.member.as_ref();
        member.map_or(Ok(()), |member| self.written(member.agreed.set(state.clone())))
    }

    fn written(&self, result: io::Result<()>) -> Result<(), Refused> {
        result.map_err(|error| {
            let full =
                matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
            let what_to_do = if full {
                "free space there"
            } else {
                "let the node write the file and its folder"
            };
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

/// Whether a document has the field.
fn names(bytes: &[u8], field: &str) -> bool {
    let document: Result<serde_json::Value, _> = serde_json::from_slice(bytes);
    document.is_ok_and(|document| document.pointer(field).is_some())
}

/// The uuid of the node with this name.
fn uuid_named(config: &Config, name: Option<&str>) -> Option<String> {
    let node = config.nodes.iter().find(|node| Some(node.name.as_str()) == name)?;
    Some(node.uuid.clone())
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
