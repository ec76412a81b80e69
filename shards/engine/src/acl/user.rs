//! Owns a user: name, passwords and rights, and the rules that change them.

use super::error::{Denied, RuleError};
use super::selector::Selector;
use crate::command::CommandSpec;
use hyperion_cluster::config::PasswordHash;

/// A user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The name.
    pub name: String,
    /// Whether anybody may come in by this name.
    pub is_on: bool,
    /// Whether any password will do.
    pub needs_no_password: bool,
    /// What is left of the passwords.
    pub passwords: Vec<PasswordHash>,
    /// The first one is that of the rules outside brackets.
    selectors: Vec<Selector>,
}

impl User {
    /// A user who may do nothing, nor come in.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            is_on: false,
            needs_no_password: false,
            passwords: Vec::new(),
            selectors: vec![Selector::none()],
        }
    }

    /// A user who may do everything, without a password.
    #[must_use]
    pub fn free(name: &str) -> Self {
        Self {
            is_on: true,
            needs_no_password: true,
            selectors: vec![Selector::all()],
            ..Self::new(name)
        }
    }

    /// Whether every command may run, about every key and channel.
    #[must_use]
    pub fn may_all(&self) -> bool {
        self.selectors[0].is_all()
    }

    /// Whether the password is one of the user's; the time does not tell how near it was.
    #[must_use]
    pub fn accepts(&self, password: &[u8]) -> bool {
        let hits = self.passwords.iter().filter(|hash| hash.accepts(password)).count();
        self.is_on && (self.needs_no_password || hits > 0)
    }

    /// Whether clients come in as this user without AUTH.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.is_on && self.needs_no_password
    }

    /// Whether the user may run a line.
    ///
    /// # Errors
    /// What is missing, of the selector that allows most of it.
    pub fn check(&self, spec: &CommandSpec, arguments: &[&[u8]]) -> Result<(), Denied> {
        let mut denied: Option<Denied> = None;
        for selector in &self.selectors {
            match selector.check(spec, arguments) {
                Ok(()) => return Ok(()),
                Err(more) => denied = denied.max(Some(more)),
            }
        }
        denied.map_or(Ok(()), Err)
    }

    /// The option of a SORT that names other keys, if it has one and the user may not read all keys.
    #[must_use]
    pub fn sort_denied(&self, spec: &CommandSpec, arguments: &[&[u8]]) -> Option<&'static str> {
        if spec.name != "sort" && spec.name != "sort_ro" {
            return None;
        }
        let may_read_all = |it: &Selector| it.may_read_all() && it.check(spec, arguments).is_ok();
        let mut rest = arguments.get(2..).unwrap_or_default();
        while let Some((word, behind)) = rest.split_first() {
            let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
            let named = match behind.first() {
                Some(pattern) if is("by") && pattern.contains(&b'*') => Some("BY"),
                Some(_) if is("get") => Some("GET"),
                _ => None,
            };
            if named.is_some() && !self.selectors.iter().any(may_read_all) {
                return named;
            }
            let words =
                if is("limit") { 2 } else { usize::from(is("by") || is("get") || is("store")) };
            rest = behind.get(words..).unwrap_or_default();
        }
        None
    }

    /// Whether the user may listen to a channel, or to those that fit a pattern.
    #[must_use]
    pub fn may_listen(&self, channel: &[u8], is_pattern: bool) -> bool {
        self.selectors.iter().any(|selector| selector.may_listen(channel, is_pattern))
    }

    /// Takes one rule.
    ///
    /// # Errors
    /// When it is none; then nothing has changed.
    pub fn take(&mut self, rule: &[u8]) -> Result<(), RuleError> {
        if let Some(password) = rule.strip_prefix(b">") {
            self.add_password(PasswordHash::of(password));
            return Ok(());
        }
        if let Some(password) = rule.strip_prefix(b"<") {
            return self.remove_password(&PasswordHash::of(password));
        }
        let text = std::str::from_utf8(rule).map_err(|_| RuleError::NotText)?;
        let is = |word: &str| text.eq_ignore_ascii_case(word);
        if is("on") {
            self.is_on = true;
        } else if is("off") {
            self.is_on = false;
        } else if is("nopass") {
            self.needs_no_password = true;
            self.passwords.clear();
        } else if is("resetpass") {
            self.needs_no_password = false;
            self.passwords.clear();
        } else if is("sanitize-payload") || is("skip-sanitize-payload") {
            // What RESTORE brings is always checked.
        } else if is("reset") {
            *self = Self::new(&self.name);
        } else if is("clearselectors") {
            self.selectors.truncate(1);
        } else if let Some(hash) = text.strip_prefix('#') {
            self.add_password(read_hash(hash)?);
        } else if let Some(hash) = text.strip_prefix('!') {
            self.remove_password(&read_hash(hash)?)?;
        } else if text.starts_with('(') {
            self.selectors.push(Selector::parse(text)?);
        } else {
            self.selectors[0].take(text)?;
        }
        Ok(())
    }

    fn add_password(&mut self, hash: PasswordHash) {
        self.needs_no_password = false;
        if !self.passwords.contains(&hash) {
            self.passwords.push(hash);
        }
    }

    fn remove_password(&mut self, hash: &PasswordHash) -> Result<(), RuleError> {
        let at = self.passwords.iter().position(|it| it == hash);
        self.passwords.remove(at.ok_or(RuleError::NoSuchPassword)?);
        Ok(())
    }

    /// The words that ACL GETUSER calls flags.
    pub fn flags(&self) -> impl Iterator<Item = &'static str> {
        let nopass = self.needs_no_password.then_some("nopass");
        [if self.is_on { "on" } else { "off" }].into_iter().chain(nopass)
    }

    /// The rights outside brackets, and those in brackets behind them.
    #[must_use]
    pub fn selectors(&self) -> &[Selector] {
        &self.selectors
    }

    /// The passwords as 64 hexadecimal digits each.
    pub fn hashes(&self) -> impl Iterator<Item = String> {
        self.passwords.iter().map(|hash| digits(&hash.to_text()).to_owned())
    }

    /// Rules that give the same user, when they are taken by a new one.
    #[must_use]
    pub fn describe(&self) -> String {
        let mut words: Vec<String> = self.flags().map(str::to_owned).collect();
        words.extend(self.hashes().map(|hash| format!("#{hash}")));
        words.push(self.selectors[0].describe());
        words.extend(self.selectors[1..].iter().map(|it| format!("({})", it.describe())));
        words.join(" ")
    }
}

/// What the config has in front of the digits of a hash.
const PREFIX: &str = "sha256:";

fn digits(text: &str) -> &str {
    text.strip_prefix(PREFIX).unwrap_or(text)
}

fn read_hash(text: &str) -> Result<PasswordHash, RuleError> {
    PasswordHash::parse(&format!("{PREFIX}{text}")).map_err(|_| RuleError::BadHash)
}
