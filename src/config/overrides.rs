//! Owns the flags that stand over the config file for one start.

use hyperion_cluster::config::{
    Config, Durability, LogLevel, Node, Problem, Settings, Size, Storage, between,
};

use crate::flags::Flags;

/// What the flags say in the place of the file; a live change of the same field ends it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Overrides {
    /// The name of this node in the config.
    pub(crate) node: Option<String>,
    /// For `/nodes/0/resp`.
    pub(crate) resp: Option<String>,
    /// For `/nodes/0/http`.
    pub(crate) http: Option<String>,
    /// For `/nodes/0/cores`.
    pub(crate) cores: Option<String>,
    /// For `/nodes/0/resp_cores`.
    pub(crate) resp_cores: Option<u16>,
    /// For `/nodes/0/unix`.
    pub(crate) unix: Option<String>,
    /// For `/settings/storage`.
    pub(crate) storage: Option<Storage>,
    /// For `/settings/durability`.
    pub(crate) durability: Option<Durability>,
    /// For `/settings/memory_bytes_max`.
    pub(crate) memory: Option<Size>,
    /// For `/settings/log_level`.
    pub(crate) log_level: Option<LogLevel>,
}

impl Overrides {
    /// Takes them from the flags.
    pub(crate) fn from_flags(flags: &Flags) -> Self {
        Self {
            node: flags.node.clone(),
            resp: flags.resp.map(|address| address.to_string()),
            http: flags.http.map(|address| address.to_string()),
            cores: flags.cores.clone(),
            resp_cores: flags.resp_cores,
            unix: flags.unix.clone(),
            storage: flags.storage,
            durability: flags.durability,
            memory: flags.memory.clone(),
            log_level: flags.log_level,
        }
    }

    /// The same for the node with this uuid, by the name that a config gives it.
    pub(crate) fn of_node(mut self, uuid: &str, config: &Config) -> Self {
        let node = config.nodes.iter().find(|node| node.uuid == uuid);
        if let (Some(name), Some(node)) = (&mut self.node, node) {
            name.clone_from(&node.name);
        }
        self
    }

    /// The config with the flags in it.
    pub(crate) fn over(&self, config: &Config) -> Config {
        let mut config = config.clone();
        let named = |node: &Node| self.node.as_deref().is_none_or(|name| node.name == name);
        if let Some(node) = config.nodes.iter_mut().find(|node| named(node)) {
            put(&mut node.resp, &self.resp);
            put(&mut node.http, &self.http);
            put(&mut node.cores, &self.cores);
            put(&mut node.resp_cores, &self.resp_cores);
            if self.unix.is_some() {
                node.unix.clone_from(&self.unix);
            }
        }
        put(&mut config.settings.storage, &self.storage);
        put(&mut config.settings.durability, &self.durability);
        if self.memory.is_some() {
            config.settings.memory_bytes_max.clone_from(&self.memory);
        }
        put(&mut config.settings.log_level, &self.log_level);
        config
    }

    /// What is wrong, with the flag's name where it is what a flag says.
    pub(crate) fn name_flags(&self, config: &Config, mut problems: Vec<Problem>) -> Vec<Problem> {
        let named = |node: &Node| self.node.as_deref().is_none_or(|name| node.name == name);
        let own = config.nodes.iter().position(named).unwrap_or(0);
        let own = format!("/nodes/{own}/");
        let flags = [
            ("/resp", "--resp", self.resp.is_some()),
            ("/http", "--http", self.http.is_some()),
            ("/cores", "--cores", self.cores.is_some()),
            ("/resp_cores", "--resp-cores", self.resp_cores.is_some()),
            ("/unix", "--unix", self.unix.is_some()),
            ("/settings/storage", "--storage", self.storage.is_some()),
            ("/settings/memory_bytes_max", "--memory", self.memory.is_some()),
        ];
        for problem in &mut problems {
            let is_others =
                problem.pointer.starts_with("/nodes/") && !problem.pointer.starts_with(&own);
            let is_it = |end: &str| problem.pointer.ends_with(end) && !is_others;
            let flag = flags.iter().find(|(end, _, is_given)| *is_given && is_it(end));
            if let Some((_, flag, _)) = flag {
                problem.pointer = format!("{} by the flag {flag}", problem.pointer);
            }
        }
        problems
    }

    /// One sentence for each field where the flags and the file differ, for the log.
    pub(crate) fn sentences(&self, file: &Config) -> Vec<String> {
        between(file, &self.over(file))
            .into_iter()
            .map(|difference| {
                let show = |value: Option<serde_json::Value>| {
                    value.map_or_else(|| "nothing".to_owned(), |value| value.to_string())
                };
                format!(
                    "{} is {} by a flag for this start; the config file says {}",
                    difference.pointer,
                    show(difference.proposed),
                    show(difference.current)
                )
            })
            .collect()
    }

    /// What remains once the file has gone from `old` to `new`: a field that was changed is the
    /// file's again.
    pub(crate) fn after_change(&self, old: &Settings, new: &Settings) -> Self {
        let mut rest = self.clone();
        if old.durability != new.durability {
            rest.durability = None;
        }
        if old.memory_bytes_max != new.memory_bytes_max {
            rest.memory = None;
        }
        if old.log_level != new.log_level {
            rest.log_level = None;
        }
        rest
    }

    /// Takes settings that were changed while the flags stood over them: what was not touched goes
    /// back to what the file says, what was touched is the file's from now on.
    pub(crate) fn settle(&self, seen: &Settings, changed: &mut Settings, file: &Settings) -> Self {
        let rest = self.after_change(seen, changed);
        if rest.durability.is_some() {
            changed.durability = file.durability;
        }
        if rest.memory.is_some() {
            changed.memory_bytes_max.clone_from(&file.memory_bytes_max);
        }
        if rest.log_level.is_some() {
            changed.log_level = file.log_level;
        }
        if changed.storage == seen.storage {
            changed.storage = file.storage;
        }
        rest
    }
}

fn put<T: Clone>(field: &mut T, flag: &Option<T>) {
    if let Some(value) = flag {
        field.clone_from(value);
    }
}
