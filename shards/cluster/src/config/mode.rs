//! Owns the modes: how nodes share the data, and the numbers of nodes and copies that fit each.

use super::document::Config;
use super::limits::REPLICATION_MAX;
use super::problem::Problem;

/// How nodes share the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// One node holds everything.
    Single,
    /// Several nodes, each partition on one of them.
    Sharding,
    /// Several nodes, each partition on all of them.
    Duplication,
    /// Several nodes, each partition on some of them.
    ShardingDuplication,
}

impl Mode {
    /// Each with its word.
    pub const WORDS: [(Self, &str); 4] = [
        (Self::Single, "single"),
        (Self::Sharding, "sharding"),
        (Self::Duplication, "duplication"),
        (Self::ShardingDuplication, "sharding+duplication"),
    ];

    /// The mode of a config; `None` when its word is none of them.
    #[must_use]
    pub fn of(config: &Config) -> Option<Self> {
        Self::WORDS.iter().find(|(_, word)| *word == config.mode).map(|(mode, _)| *mode)
    }

    /// The mode in which `nodes` nodes hold `replication` copies.
    #[must_use]
    pub fn fitting(nodes: usize, replication: u32) -> Self {
        match (nodes, replication) {
            (..=1, _) => Self::Single,
            (_, ..=1) => Self::Sharding,
            _ if replication as usize >= nodes => Self::Duplication,
            _ => Self::ShardingDuplication,
        }
    }

    /// The word in the config.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::WORDS.iter().find(|(mode, _)| *mode == self).map_or("", |(_, word)| word)
    }
}

impl Config {
    /// Whether it is the config of a node that has never had others beside it: its partitions are no groups. What is left of a cluster may have the mode
    /// `single` as well, and goes on with its groups.
    #[must_use]
    pub fn is_alone(&self) -> bool {
        let was_cluster = !self.removed.is_empty() || self.nodes.len() > 1;
        Mode::of(self) == Some(Mode::Single) && !was_cluster
    }
}

/// Whether the mode is one, and fits the number of nodes that stay.
pub(super) fn check_mode(config: &Config, problems: &mut Vec<Problem>) {
    let nodes = config.data_nodes().count();
    let Some(mode) = Mode::of(config) else {
        let text = format!("mode {:?} is not possible", config.mode);
        let words: Vec<String> = Mode::WORDS.iter().map(|(_, word)| format!("{word:?}")).collect();
        let hint = format!("give one of {}", words.join(", "));
        return problems.push(Problem::at("/mode", text, hint));
    };
    let needed = match mode {
        Mode::Single => return,
        // What is left of a cluster whose other nodes are lost: copies are made as soon as others join.
        Mode::Duplication if !config.removed.is_empty() => 1,
        Mode::Sharding | Mode::Duplication => 2,
        Mode::ShardingDuplication => 3,
    };
    if nodes < needed {
        let text = format!(
            "mode {:?} wants {needed} nodes that hold data and stay, this config has {nodes}",
            config.mode
        );
        let hint = format!(
            "add nodes, or give the mode {:?}",
            Mode::fitting(nodes, config.replication).as_str()
        );
        problems.push(Problem::at("/mode", text, hint));
    }
}

/// Whether the number of copies fits the mode and the number of nodes that stay.
pub(super) fn check_replication(config: &Config, problems: &mut Vec<Problem>) {
    let Some(mode) = Mode::of(config) else { return };
    let nodes = u32::try_from(config.data_nodes().count()).unwrap_or(u32::MAX);
    let copies = config.replication;
    let hint = match mode {
        Mode::Single | Mode::Sharding if copies == 1 => return,
        Mode::Single | Mode::Sharding => format!("mode {:?} keeps 1 copy", config.mode),
        Mode::Duplication if copies == nodes && copies <= REPLICATION_MAX => return,
        Mode::Duplication if nodes > REPLICATION_MAX => format!(
            "at most {REPLICATION_MAX} copies are kept; give the mode \"sharding+duplication\""
        ),
        Mode::Duplication => format!("mode \"duplication\" keeps a copy on each of {nodes} nodes"),
        Mode::ShardingDuplication if (2..nodes).contains(&copies) && copies <= REPLICATION_MAX => {
            return;
        }
        Mode::ShardingDuplication => format!(
            "mode \"sharding+duplication\" keeps 2 copies or more, and fewer than its {nodes} nodes; at most {REPLICATION_MAX}"
        ),
    };
    let text = format!("{copies} copies are not possible");
    problems.push(Problem::at("/replication", text, hint));
}
