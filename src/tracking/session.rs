//! Owns what a client has chosen with CLIENT TRACKING, and the words of it.

use std::collections::BTreeSet;

use hyperion_model::number::parse_integer;
use hyperion_runtime::ConnectionId;

use super::limits::PREFIXES_MAX;

const NOT_CHOSEN: &str = "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled";
pub(crate) const NO_TARGET: &str = "ERR The client ID you want redirect to does not exist";
const OVERLAP: &str = "Prefixes for a single client must not overlap.";

/// Which reads count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Choice {
    /// All of them.
    #[default]
    All,
    /// Those behind CLIENT CACHING YES.
    OptIn,
    /// Those that are not behind CLIENT CACHING NO.
    OptOut,
}

/// Where invalidations of a client go instead of to itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) number: u64,
    pub(crate) core: u16,
    pub(crate) connection: ConnectionId,
}

/// The words behind CLIENT TRACKING ON.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) is_broadcast: bool,
    pub(crate) choice: Choice,
    pub(crate) no_loop: bool,
    pub(crate) redirect: Option<u64>,
    pub(crate) prefixes: Vec<Vec<u8>>,
}

/// A client that keeps copies of what it has read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tracking {
    pub(crate) options: Options,
    pub(crate) target: Option<Target>,
    /// The target has gone: that is told for each change that it cannot hear of.
    pub(crate) is_broken: bool,
    /// CLIENT CACHING was said for the next command.
    pub(crate) caching: bool,
    /// Keys that a read under way is about, in order.
    pub(crate) reading: Vec<Vec<u8>>,
    /// Of these the client is told behind the answer of that read: they have changed meanwhile, or this node does not hear of their changes.
    pub(crate) unheard: BTreeSet<Vec<u8>>,
    /// As those: all keys.
    pub(crate) is_all_unheard: bool,
}

impl Options {
    /// Reads the words.
    ///
    /// Errors: the error line.
    pub(crate) fn parse(words: &[&[u8]]) -> Result<Self, String> {
        let syntax = || "ERR syntax error".to_owned();
        let mut options = Self::default();
        let (mut opt_in, mut opt_out) = (false, false);
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match word.to_ascii_lowercase().as_slice() {
                b"bcast" => options.is_broadcast = true,
                b"optin" => opt_in = true,
                b"optout" => opt_out = true,
                b"noloop" => options.no_loop = true,
                b"redirect" => {
                    let number = words.next().ok_or_else(syntax)?;
                    if options.redirect.is_some() {
                        return Err(
                            "ERR A client can only redirect to a single other client".to_owned()
                        );
                    }
                    let number = parse_integer(number)
                        .ok_or("ERR value is not an integer or out of range")?;
                    let number = u64::try_from(number).ok().filter(|number| *number > 0);
                    options.redirect = Some(number.ok_or(NO_TARGET)?);
                }
                b"prefix" => options.prefixes.push(words.next().ok_or_else(syntax)?.to_vec()),
                _ => return Err(syntax()),
            }
        }
        if !options.is_broadcast && !options.prefixes.is_empty() {
            return Err("ERR PREFIX option requires BCAST mode to be enabled".to_owned());
        }
        if options.is_broadcast && (opt_in || opt_out) {
            return Err("ERR OPTIN and OPTOUT are not compatible with BCAST".to_owned());
        }
        options.choice = match (opt_in, opt_out) {
            (true, true) => {
                return Err("ERR You can't specify both OPTIN mode and OPTOUT mode".to_owned());
            }
            (true, false) => Choice::OptIn,
            (false, true) => Choice::OptOut,
            (false, false) => Choice::All,
        };
        Ok(options)
    }

    /// Takes the choices of a client that tracks already, where they may be changed.
    ///
    /// Errors: the error line.
    pub(crate) fn over(mut self, before: Option<&Tracking>) -> Result<Self, String> {
        let old = before.map(|before| &before.options);
        if let Some(old) = old {
            if old.is_broadcast != self.is_broadcast {
                return Err("ERR You can't switch BCAST mode on/off before disabling tracking for this client, and then re-enabling it with a different mode."
                    .to_owned());
            }
            if old.choice != Choice::All && self.choice != Choice::All && old.choice != self.choice
            {
                return Err("ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then re-enabling it with a different mode."
                    .to_owned());
            }
        }
        let known = old.map_or(&[][..], |old| &old.prefixes);
        let shown = |prefix: &[u8]| String::from_utf8_lossy(prefix).into_owned();
        let overlap = |one: &[u8], other: &[u8]| one.starts_with(other) || other.starts_with(one);
        for (at, prefix) in self.prefixes.iter().enumerate() {
            if let Some(other) = known.iter().find(|other| overlap(prefix, other)) {
                let (prefix, other) = (shown(prefix), shown(other));
                return Err(format!(
                    "ERR Prefix '{prefix}' overlaps with an existing prefix '{other}'. {OVERLAP}"
                ));
            }
            if let Some(other) = self.prefixes[at + 1..].iter().find(|other| overlap(prefix, other))
            {
                let (prefix, other) = (shown(prefix), shown(other));
                return Err(format!(
                    "ERR Prefix '{prefix}' overlaps with another provided prefix '{other}'. {OVERLAP}"
                ));
            }
        }
        let own = std::mem::take(&mut self.prefixes);
        self.prefixes = known.iter().cloned().chain(own).collect();
        if self.is_broadcast && self.prefixes.is_empty() {
            self.prefixes.push(Vec::new());
        }
        if self.prefixes.len() > PREFIXES_MAX {
            return Err(format!("ERR a client may have {PREFIXES_MAX} prefixes"));
        }
        Ok(self)
    }
}

impl Tracking {
    /// Whether the keys of the next read count.
    pub(crate) fn wants_read(&self) -> bool {
        !self.options.is_broadcast
            && match self.options.choice {
                Choice::All => true,
                Choice::OptIn => self.caching,
                Choice::OptOut => !self.caching,
            }
    }

    /// Whether reads behind this CLIENT command of a transaction count; `None`: it does not change that.
    pub(crate) fn counts_behind(&self, words: &[&[u8]]) -> Option<bool> {
        let [_, subcommand, word] = words else { return None };
        if !subcommand.eq_ignore_ascii_case(b"caching") {
            return None;
        }
        match self.options.choice {
            Choice::OptIn if word.eq_ignore_ascii_case(b"yes") => Some(true),
            Choice::OptOut if word.eq_ignore_ascii_case(b"no") => Some(false),
            _ => None,
        }
    }

    /// The words that CLIENT TRACKINGINFO tells.
    pub(crate) fn words(&self) -> Vec<&'static str> {
        let (opt_in, opt_out) =
            (self.options.choice == Choice::OptIn, self.options.choice == Choice::OptOut);
        [
            ("on", true),
            ("bcast", self.options.is_broadcast),
            ("optin", opt_in),
            ("caching-yes", opt_in && self.caching),
            ("optout", opt_out),
            ("caching-no", opt_out && self.caching),
            ("noloop", self.options.no_loop),
            ("broken_redirect", self.is_broken),
        ]
        .into_iter()
        .filter_map(|(word, holds)| holds.then_some(word))
        .collect()
    }
}

/// Takes CLIENT CACHING's word for the next command.
///
/// Errors: the error line.
pub(crate) fn set_caching(tracking: Option<&mut Tracking>, word: &[u8]) -> Result<(), String> {
    let chosen = tracking.filter(|tracking| tracking.options.choice != Choice::All);
    let Some(tracking) = chosen else { return Err(NOT_CHOSEN.to_owned()) };
    if word.eq_ignore_ascii_case(b"yes") {
        if tracking.options.choice != Choice::OptIn {
            return Err(
                "ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode."
                    .to_owned(),
            );
        }
    } else if word.eq_ignore_ascii_case(b"no") {
        if tracking.options.choice != Choice::OptOut {
            return Err(
                "ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode."
                    .to_owned(),
            );
        }
    } else {
        return Err("ERR syntax error".to_owned());
    }
    tracking.caching = true;
    Ok(())
}
