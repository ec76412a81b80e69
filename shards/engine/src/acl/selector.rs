//! Owns a selector: commands, with the keys and channels that they may be about.

use super::access::{Access, access_of};
use super::channels::channels_of;
use super::commands::Allowed;
use super::error::{Denied, RuleError, What};
use crate::command::{CommandSpec, keys_of, matches};

/// A set of rights. A user has at least one; a command runs when one of them allows all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector {
    commands: Allowed,
    all_keys: bool,
    keys: Vec<(Access, String)>,
    all_channels: bool,
    channels: Vec<String>,
}

impl Selector {
    /// No right at all.
    pub(super) fn none() -> Self {
        Self {
            commands: Allowed::none(),
            all_keys: false,
            keys: Vec::new(),
            all_channels: false,
            channels: Vec::new(),
        }
    }

    /// Every right.
    pub(super) fn all() -> Self {
        Self { commands: Allowed::all(), all_keys: true, all_channels: true, ..Self::none() }
    }

    /// Whether nothing is left out.
    pub(super) fn is_all(&self) -> bool {
        self.commands.is_all && self.all_keys && self.all_channels
    }

    /// Reads `(~key* +get)`.
    pub(super) fn parse(text: &str) -> Result<Self, RuleError> {
        let inner = text.strip_prefix('(').and_then(|text| text.strip_suffix(')'));
        let mut selector = Self::none();
        for rule in inner.ok_or(RuleError::Syntax)?.split_ascii_whitespace() {
            selector.take(rule)?;
        }
        Ok(selector)
    }

    /// Takes one rule.
    pub(super) fn take(&mut self, rule: &str) -> Result<(), RuleError> {
        let is = |word: &str| rule.eq_ignore_ascii_case(word);
        if is("allkeys") || rule == "~*" {
            self.all_keys = true;
            self.keys.clear();
        } else if is("resetkeys") {
            self.all_keys = false;
            self.keys.clear();
        } else if is("allchannels") || rule == "&*" {
            self.all_channels = true;
            self.channels.clear();
        } else if is("resetchannels") {
            self.all_channels = false;
            self.channels.clear();
        } else if is("allcommands") {
            self.commands = Allowed::all();
        } else if is("nocommands") {
            self.commands = Allowed::none();
        } else if let Some(pattern) = rule.strip_prefix('~') {
            self.add_key(Access::BOTH, pattern)?;
        } else if let Some(rest) = rule.strip_prefix('%') {
            let (letters, pattern) = rest.split_once('~').ok_or(RuleError::Syntax)?;
            let mut access = Access::NONE;
            for letter in letters.chars() {
                let more = match letter.to_ascii_uppercase() {
                    'R' if !access.has(Access::READ) => Access::READ,
                    'W' if !access.has(Access::WRITE) => Access::WRITE,
                    _ => return Err(RuleError::Syntax),
                };
                access = access.and(more);
            }
            if access == Access::NONE {
                return Err(RuleError::Syntax);
            }
            self.add_key(access, pattern)?;
        } else if let Some(pattern) = rule.strip_prefix('&') {
            if self.all_channels {
                return Err(RuleError::AfterAllChannels);
            }
            check_spaces(pattern)?;
            if !self.channels.iter().any(|it| it == pattern) {
                self.channels.push(pattern.to_owned());
            }
        } else {
            self.commands.take(rule)?;
        }
        Ok(())
    }

    fn add_key(&mut self, access: Access, pattern: &str) -> Result<(), RuleError> {
        if self.all_keys {
            return Err(RuleError::AfterAllKeys);
        }
        check_spaces(pattern)?;
        if pattern == "*" && access == Access::BOTH {
            (self.all_keys, self.keys) = (true, Vec::new());
            return Ok(());
        }
        match self.keys.iter_mut().find(|(_, it)| it == pattern) {
            Some((before, _)) => *before = before.and(access),
            None => self.keys.push((access, pattern.to_owned())),
        }
        Ok(())
    }

    /// Whether the line may run.
    ///
    /// # Errors
    /// What of it may not.
    pub(super) fn check(&self, spec: &CommandSpec, arguments: &[&[u8]]) -> Result<(), Denied> {
        if !self.commands.allows(spec, arguments) {
            return Err(Denied { what: What::Command, at: 0 });
        }
        if !self.all_keys {
            for (number, at) in keys_of(spec, arguments).enumerate() {
                if !self.allows_key(arguments[at], access_of(spec, arguments, number)) {
                    return Err(Denied { what: What::Key, at });
                }
            }
        }
        if !self.all_channels
            && let Some((places, are_patterns)) = channels_of(spec.name, arguments.len())
        {
            for at in places {
                if !self.allows_channel(arguments[at], are_patterns) {
                    return Err(Denied { what: What::Channel, at });
                }
            }
        }
        Ok(())
    }

    fn allows_key(&self, key: &[u8], access: Access) -> bool {
        let fits = |(allowed, pattern): &(Access, String)| {
            allowed.has(access) && matches(pattern.as_bytes(), key)
        };
        self.keys.iter().any(fits)
    }

    pub(super) fn may_read_all(&self) -> bool {
        let is_all =
            |(access, pattern): &(Access, String)| pattern == "*" && access.has(Access::READ);
        self.all_keys || self.keys.iter().any(is_all)
    }

    pub(super) fn may_listen(&self, channel: &[u8], is_pattern: bool) -> bool {
        self.all_channels || self.allows_channel(channel, is_pattern)
    }

    /// A pattern of a client must be one of those that are allowed, letter by letter.
    fn allows_channel(&self, channel: &[u8], is_pattern: bool) -> bool {
        self.channels
            .iter()
            .map(String::as_bytes)
            .any(|allowed| if is_pattern { allowed == channel } else { matches(allowed, channel) })
    }

    /// The commands, as rules.
    #[must_use]
    pub fn commands(&self) -> String {
        self.commands.describe()
    }

    /// The keys, as rules.
    #[must_use]
    pub fn keys(&self) -> String {
        if self.all_keys {
            return "~*".to_owned();
        }
        let texts: Vec<String> = self
            .keys
            .iter()
            .map(|(access, pattern)| {
                let sign = match *access {
                    Access::READ => "%R~",
                    Access::WRITE => "%W~",
                    _ => "~",
                };
                format!("{sign}{pattern}")
            })
            .collect();
        texts.join(" ")
    }

    /// The channels, as rules.
    #[must_use]
    pub fn channels(&self) -> String {
        if self.all_channels {
            return "&*".to_owned();
        }
        let texts: Vec<String> =
            self.channels.iter().map(|channel| format!("&{channel}")).collect();
        texts.join(" ")
    }

    /// All rules, which give the same selector.
    pub(super) fn describe(&self) -> String {
        let (keys, channels) = (self.keys(), self.channels());
        let reset = if self.all_channels { "" } else { "resetchannels" };
        let commands = self.commands();
        let parts = [keys.as_str(), reset, channels.as_str(), commands.as_str()];
        let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        parts.join(" ")
    }
}

/// Rules stand side by side with blanks between them.
fn check_spaces(pattern: &str) -> Result<(), RuleError> {
    let is_bad = |byte: u8| byte.is_ascii_whitespace() || byte == 0;
    if pattern.bytes().any(is_bad) { Err(RuleError::Syntax) } else { Ok(()) }
}
