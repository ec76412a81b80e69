//! Owns the choice of clients that CLIENT LIST and CLIENT KILL are about.

use hyperion_engine::acl::Users;
use hyperion_model::number::parse_integer;

use super::run::{is_word, keyword, shown, syntax};

/// Which clients are meant: those that meet every condition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ClientFilter {
    /// One of these numbers.
    pub(super) numbers: Option<Vec<u64>>,
    /// The client's address.
    pub(super) peer: Option<String>,
    /// Our address.
    pub(super) local: Option<String>,
    pub(super) kind: Option<ClientKind>,
    /// The user's name.
    pub(super) user: Option<String>,
    /// At least so old.
    pub(super) age_s_min: u64,
    /// Not this number.
    pub(super) except: Option<u64>,
}

/// What a client is; nobody is [`ClientKind::Other`] here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ClientKind {
    Normal,
    /// It listens to channels.
    Pubsub,
    Other,
}

/// What a filter looks at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate<'a> {
    pub(super) number: u64,
    pub(super) peer: &'a str,
    pub(super) local: &'a str,
    pub(super) age_s: u64,
    pub(super) user: &'a str,
    pub(super) kind: ClientKind,
}

impl ClientFilter {
    /// Whether the client meets every condition.
    pub(super) fn fits(&self, candidate: Candidate<'_>) -> bool {
        self.numbers.as_ref().is_none_or(|numbers| numbers.contains(&candidate.number))
            && self.peer.as_ref().is_none_or(|peer| peer == candidate.peer)
            && self.local.as_ref().is_none_or(|local| local == candidate.local)
            && self.kind.is_none_or(|kind| kind == candidate.kind)
            && self.user.as_ref().is_none_or(|user| user == candidate.user)
            && candidate.age_s >= self.age_s_min
            && self.except != Some(candidate.number)
    }

    /// Reads the words behind CLIENT LIST.
    ///
    /// Errors: the error line.
    pub(super) fn parse_list(words: &[&[u8]]) -> Result<Self, String> {
        let mut filter = Self::default();
        match words {
            [] => {}
            [option, kind] if is_word(option, "type") => filter.kind = Some(parse_kind(kind)?),
            [option, numbers @ ..] if is_word(option, "id") && !numbers.is_empty() => {
                // No client has a number below 1.
                let number = |text| parse_integer(text).map(|it| u64::try_from(it).unwrap_or(0));
                let numbers: Option<Vec<u64>> = numbers.iter().map(|text| number(text)).collect();
                filter.numbers = Some(numbers.ok_or("ERR Invalid client ID")?);
            }
            _ => return Err(syntax()),
        }
        Ok(filter)
    }

    /// Reads the words behind CLIENT KILL of its newer form; `own` is the number of the client that asks.
    ///
    /// Errors: the error line.
    pub(super) fn parse_kill(words: &[&[u8]], own: u64, users: &Users) -> Result<Self, String> {
        let mut filter = Self { except: Some(own), ..Self::default() };
        let (pairs, []) = words.as_chunks::<2>() else { return Err(syntax()) };
        for &[option, value] in pairs {
            match keyword(option).as_str() {
                "id" => {
                    let number = parse_number(value).filter(|number| *number > 0);
                    let number = number.ok_or("ERR client-id should be greater than 0")?;
                    filter.numbers.get_or_insert_default().push(number);
                }
                "addr" => filter.peer = Some(address(value)),
                "laddr" => filter.local = Some(address(value)),
                "type" => filter.kind = Some(parse_kind(value)?),
                "user" => {
                    let user = users.get(value);
                    let user =
                        user.ok_or_else(|| format!("ERR No such user '{}'", shown(value)))?;
                    filter.user = Some(user.name.clone());
                }
                "skipme" if is_word(value, "yes") => filter.except = Some(own),
                "skipme" if is_word(value, "no") => filter.except = None,
                "maxage" => {
                    let age = parse_integer(value)
                        .ok_or("ERR maxage is not an integer or out of range")?;
                    filter.age_s_min = u64::try_from(age)
                        .ok()
                        .filter(|age| *age > 0)
                        .ok_or("ERR maxage should be greater than 0")?;
                }
                _ => return Err(syntax()),
            }
        }
        Ok(filter)
    }

    /// The older form: whoever has this address, the one who asks too.
    pub(super) fn of_peer(peer: &[u8]) -> Self {
        Self { peer: Some(address(peer)), ..Self::default() }
    }
}

fn address(text: &[u8]) -> String {
    String::from_utf8_lossy(text).into_owned()
}

fn parse_number(text: &[u8]) -> Option<u64> {
    u64::try_from(parse_integer(text)?).ok()
}

fn parse_kind(text: &[u8]) -> Result<ClientKind, String> {
    match keyword(text).as_str() {
        "normal" => Ok(ClientKind::Normal),
        "pubsub" => Ok(ClientKind::Pubsub),
        "master" | "replica" | "slave" => Ok(ClientKind::Other),
        _ => Err(format!("ERR Unknown client type '{}'", shown(text))),
    }
}
