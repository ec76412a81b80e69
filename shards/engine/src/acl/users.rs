//! Owns all users, and the way between them and the config.
//!
//! The config has one line of rules for each user, as ACL LIST prints it behind the name. The default user's first password is
//! `settings.auth.password_hash`, which HTTP asks for too; without a line of its own the default user may do everything.

use super::error::RuleError;
use super::user::User;
use hyperion_cluster::config::{Auth, PasswordHash};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The user that clients are without a name.
pub const DEFAULT: &str = "default";

/// All users by name; the default user is always there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Users(BTreeMap<String, Arc<User>>);

impl Users {
    /// The users of a config.
    ///
    /// # Errors
    /// Each name whose rules are none, with a sentence.
    pub fn of(auth: &Auth) -> Result<Self, Vec<(String, String)>> {
        let mut users = BTreeMap::new();
        let mut problems = Vec::new();
        for (name, text) in &auth.users {
            match parse(name, text) {
                Ok(user) => drop(users.insert(name.clone(), user)),
                Err(sentence) => problems.push((name.clone(), sentence)),
            }
        }
        let first = auth.password_hash.as_deref().and_then(|text| PasswordHash::parse(text).ok());
        let default = users.entry(DEFAULT.to_owned()).or_insert_with(|| User::free(DEFAULT));
        if let Some(hash) = first {
            if auth.users.contains_key(DEFAULT) && default.needs_no_password {
                let sentence = "nopass does not go together with /settings/auth/password_hash";
                problems.push((DEFAULT.to_owned(), sentence.to_owned()));
            }
            default.needs_no_password = false;
            default.passwords.retain(|it| *it != hash);
            default.passwords.insert(0, hash);
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Self(users.into_iter().map(|(name, user)| (name, Arc::new(user))).collect()))
    }

    /// The user of this name.
    #[must_use]
    pub fn get(&self, name: &[u8]) -> Option<&Arc<User>> {
        self.0.get(std::str::from_utf8(name).ok()?)
    }

    /// The default user.
    #[must_use]
    pub fn default_user(&self) -> &Arc<User> {
        &self.0[DEFAULT]
    }

    /// All users, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<User>> {
        self.0.values()
    }
}

impl Default for Users {
    fn default() -> Self {
        Self(BTreeMap::from([(DEFAULT.to_owned(), Arc::new(User::free(DEFAULT)))]))
    }
}

/// Writes a user into a config.
pub fn keep(auth: &mut Auth, user: &User) {
    if user.name != DEFAULT {
        auth.users.insert(user.name.clone(), user.describe());
        return;
    }
    auth.password_hash = user.passwords.first().map(PasswordHash::to_text);
    let mut rest = user.clone();
    rest.passwords.drain(..rest.passwords.len().min(1));
    let mut plain = User::free(DEFAULT);
    plain.needs_no_password = auth.password_hash.is_none();
    if rest == plain {
        auth.users.remove(DEFAULT);
    } else {
        auth.users.insert(DEFAULT.to_owned(), rest.describe());
    }
}

/// Gives the default user one password, or none, as the older setting has it.
pub fn set_default_password(auth: &mut Auth, hash: Option<PasswordHash>) {
    let Ok(users) = Users::of(auth) else {
        auth.password_hash = hash.as_ref().map(PasswordHash::to_text);
        return;
    };
    let mut user = User::clone(users.default_user());
    user.needs_no_password = hash.is_none();
    user.passwords = hash.into_iter().collect();
    keep(auth, &user);
}

/// Reads the line of a user.
fn parse(name: &str, text: &str) -> Result<User, String> {
    let words: Vec<&[u8]> = text.split_ascii_whitespace().map(str::as_bytes).collect();
    let rules = merge_selectors(&words).map_err(|start| format!("{start} has no end"))?;
    let mut user = User::new(name);
    for rule in &rules {
        if matches!(rule.first(), Some(b'>' | b'<')) {
            return Err("a password is not kept; give its hash behind #".to_owned());
        }
        user.take(rule).map_err(|error| said(rule, error))?;
    }
    Ok(user)
}

/// What is wrong with a rule.
fn said(rule: &[u8], error: RuleError) -> String {
    format!("{:?}: {error}", String::from_utf8_lossy(rule))
}

/// Joins words in brackets to one: `(~key*`, `+get)`.
///
/// # Errors
/// The word that opens a bracket which nothing closes.
pub fn merge_selectors(words: &[&[u8]]) -> Result<Vec<Vec<u8>>, String> {
    let mut rules: Vec<Vec<u8>> = Vec::new();
    let mut open: Option<Vec<u8>> = None;
    let mut start: &[u8] = &[];
    for &word in words {
        match &mut open {
            Some(selector) => {
                selector.push(b' ');
                selector.extend_from_slice(word);
                if word.ends_with(b")") {
                    rules.extend(open.take());
                }
            }
            None if word.starts_with(b"(") && !word.ends_with(b")") => {
                (start, open) = (word, Some(word.to_vec()));
            }
            None => rules.push(word.to_vec()),
        }
    }
    match open {
        Some(_) => Err(String::from_utf8_lossy(start).into_owned()),
        None => Ok(rules),
    }
}
