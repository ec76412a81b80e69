//! Owns which commands and subcommands a selector allows, and the rules that say so.

use super::error::RuleError;
use crate::command::{
    COMMANDS, CommandSpec, Flags, SUBCOMMANDS, category, find, find_subcommand, is_in,
    is_subcommand_in, subcommands_of,
};
use std::collections::BTreeMap;

const COUNT: usize = COMMANDS.len() + SUBCOMMANDS.len();
const WORDS: usize = COUNT.div_ceil(64);

/// Commands and subcommands, and the first arguments that are allowed of commands that are not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Allowed {
    /// Commands by their place in the table, and subcommands behind them.
    bits: [u64; WORDS],
    /// All, those of other versions too, and no rule takes any away.
    pub(super) is_all: bool,
    /// The last of `+@all` and `-@all` was the first.
    begins_with_all: bool,
    first_words: BTreeMap<usize, Vec<Vec<u8>>>,
    /// What was said since then.
    rules: Vec<String>,
}

impl Allowed {
    pub(super) fn none() -> Self {
        Self {
            bits: [0; WORDS],
            is_all: false,
            begins_with_all: false,
            first_words: BTreeMap::new(),
            rules: Vec::new(),
        }
    }

    pub(super) fn all() -> Self {
        Self { bits: [u64::MAX; WORDS], is_all: true, begins_with_all: true, ..Self::none() }
    }

    fn set(&mut self, bit: usize, is_allowed: bool) {
        let mask = 1 << (bit % 64);
        if is_allowed {
            self.bits[bit / 64] |= mask;
        } else {
            self.bits[bit / 64] &= !mask;
            self.is_all = false;
        }
        self.first_words.remove(&bit);
    }

    fn has(&self, bit: usize) -> bool {
        self.bits[bit / 64] >> (bit % 64) & 1 == 1
    }

    /// Whether the line may run, as far as the command goes.
    pub(super) fn allows(&self, spec: &CommandSpec, arguments: &[&[u8]]) -> bool {
        if self.is_all || spec.flags.has(Flags::NO_AUTH) {
            return true;
        }
        let Some(&word) = arguments.get(1) else { return self.has(spec.index()) };
        if let Some(at) = find_subcommand(spec, word) {
            return self.has(COMMANDS.len() + at);
        }
        let is_first = |words: &Vec<Vec<u8>>| words.iter().any(|it| it.eq_ignore_ascii_case(word));
        self.has(spec.index()) || self.first_words.get(&spec.index()).is_some_and(is_first)
    }

    /// Takes a rule with its sign: `+get`, `-config|set`, `+@read`, `+select|0`.
    pub(super) fn take(&mut self, rule: &str) -> Result<(), RuleError> {
        let (is_allowed, name) = match rule.split_at_checked(1) {
            Some(("+", name)) => (true, name.to_ascii_lowercase()),
            Some(("-", name)) => (false, name.to_ascii_lowercase()),
            _ => return Err(RuleError::Syntax),
        };
        if let Some(name) = name.strip_prefix('@') {
            return self.take_category(name, is_allowed);
        }
        match name.split_once('|') {
            None => self.take_command(&name, is_allowed)?,
            Some((command, word)) => {
                let has_all = is_allowed && self.has_whole(command);
                self.take_subcommand(command, word, is_allowed)?;
                if has_all {
                    return Ok(());
                }
            }
        }
        self.note(&name, is_allowed);
        Ok(())
    }

    /// Whether a command is allowed with all that it has below it, so that there is no more to allow.
    fn has_whole(&self, command: &str) -> bool {
        let Some(spec) = find(command.as_bytes()) else { return false };
        let mut below = subcommands_of(spec);
        !below.is_empty() && self.has(spec.index()) && below.all(|at| self.has(COMMANDS.len() + at))
    }

    fn take_category(&mut self, name: &str, is_allowed: bool) -> Result<(), RuleError> {
        if name == "all" {
            *self = if is_allowed { Self::all() } else { Self::none() };
            return Ok(());
        }
        let category = category(name.as_bytes()).ok_or(RuleError::Unknown)?;
        for spec in COMMANDS.iter().filter(|spec| is_in(spec, category)) {
            self.set(spec.index(), is_allowed);
        }
        for (at, _) in
            SUBCOMMANDS.iter().enumerate().filter(|(_, sub)| is_subcommand_in(sub, category))
        {
            self.set(COMMANDS.len() + at, is_allowed);
        }
        self.note(&format!("@{name}"), is_allowed);
        Ok(())
    }

    fn take_command(&mut self, name: &str, is_allowed: bool) -> Result<(), RuleError> {
        let spec = find(name.as_bytes()).ok_or(RuleError::Unknown)?;
        self.set(spec.index(), is_allowed);
        subcommands_of(spec).for_each(|at| self.set(COMMANDS.len() + at, is_allowed));
        Ok(())
    }

    fn take_subcommand(
        &mut self,
        command: &str,
        word: &str,
        is_allowed: bool,
    ) -> Result<(), RuleError> {
        let spec = find(command.as_bytes()).ok_or(RuleError::Unknown)?;
        if !subcommands_of(spec).is_empty() {
            let (own, rest) =
                word.split_once('|').map_or((word, None), |(own, rest)| (own, Some(rest)));
            if own.is_empty() && is_allowed {
                return Err(RuleError::Syntax);
            }
            let at = find_subcommand(spec, own.as_bytes()).ok_or(RuleError::Unknown)?;
            if rest.is_some() {
                let unsupported = RuleError::ArgumentOfSubcommand;
                return Err(if is_allowed { unsupported } else { RuleError::Unknown });
            }
            self.set(COMMANDS.len() + at, is_allowed);
            return Ok(());
        }
        // One of a command's first arguments can be allowed, not taken away.
        if !is_allowed || word.contains('|') {
            return Err(RuleError::Unknown);
        }
        if word.is_empty() {
            return Err(RuleError::Syntax);
        }
        self.first_words.entry(spec.index()).or_default().push(word.as_bytes().to_vec());
        Ok(())
    }

    /// Keeps a rule behind the others, instead of those that it replaces.
    fn note(&mut self, name: &str, is_allowed: bool) {
        self.rules.retain(|rule| {
            let behind = rule[1..].strip_prefix(name);
            !behind.is_some_and(|behind| behind.is_empty() || behind.starts_with('|'))
        });
        self.rules.push(format!("{}{name}", if is_allowed { '+' } else { '-' }));
    }

    /// The rules that give the same.
    pub(super) fn describe(&self) -> String {
        let mut text = if self.begins_with_all { "+@all" } else { "-@all" }.to_owned();
        for rule in &self.rules {
            text.push(' ');
            text.push_str(rule);
        }
        text
    }
}
