//! Owns what is said to those who may not, and about rules that are none.

use thiserror::Error;

/// Why a rule is refused; the texts are Redis'.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum RuleError {
    /// No such command or category.
    #[error("Unknown command or category name in ACL")]
    Unknown,
    /// No rule at all.
    #[error("Syntax error")]
    Syntax,
    /// A password to be removed is not there.
    #[error("The password you are trying to remove from the user does not exist")]
    NoSuchPassword,
    /// A hash is none.
    #[error(
        "The password hash must be exactly 64 characters and contain only lowercase hexadecimal characters"
    )]
    BadHash,
    /// All keys are allowed already.
    #[error(
        "Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and does not have any effect. \
         Try 'resetkeys' to start with an empty list of patterns"
    )]
    AfterAllKeys,
    /// All channels are allowed already.
    #[error(
        "Adding a pattern after the * pattern (or the 'allchannels' flag) is not valid and does not have any effect. \
         Try 'resetchannels' to start with an empty list of channels"
    )]
    AfterAllChannels,
    /// A first argument of a subcommand.
    #[error("Allowing first-arg of a subcommand is not supported")]
    ArgumentOfSubcommand,
    /// The config is JSON.
    #[error("The config keeps text: a pattern must be UTF-8")]
    NotText,
}

/// What a user may not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// Run the command.
    Command,
    /// Do that to a key.
    Key,
    /// Use a channel.
    Channel,
}

/// A command that a user may not run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Denied {
    /// What of it.
    pub what: What,
    /// The word that it is about.
    pub at: usize,
}

impl Denied {
    /// The sentence for the one who tried; `object` is the command or the word, and is told of keys and channels only where that
    /// is no secret.
    #[must_use]
    pub fn sentence(&self, user: &str, object: &str, is_told: bool) -> String {
        match (self.what, is_told) {
            (What::Command, _) => {
                format!("User {user} has no permissions to run the '{object}' command")
            }
            (What::Key, true) => {
                format!("User {user} has no permissions to access the '{object}' key")
            }
            (What::Key, false) => "No permissions to access a key".to_owned(),
            (What::Channel, true) => {
                format!("User {user} has no permissions to access the '{object}' channel")
            }
            (What::Channel, false) => "No permissions to access a channel".to_owned(),
        }
    }
}
