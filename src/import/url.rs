//! Owns the address of one side.

use super::error::ImportError;

/// `redis://[user:password@]host:port[/database]`, the scheme may be missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Url {
    pub(super) user: Option<String>,
    pub(super) password: Option<String>,
    /// Host and port, as they are dialled and shown.
    pub(super) address: String,
    pub(super) database: u32,
}

impl Url {
    pub(super) fn parse(text: &str) -> Result<Self, ImportError> {
        let shown = without_password(text);
        let bad = || ImportError::BadUrl(shown.clone());
        let rest = match text.split_once("://") {
            Some(("redis", rest)) => rest,
            Some(("rediss", _)) => return Err(ImportError::Secure(shown)),
            Some(_) => return Err(bad()),
            None => text,
        };
        let (rest, database) = match rest.split_once('/') {
            Some((rest, "")) => (rest, 0),
            Some((rest, number)) => (rest, number.parse().map_err(|_| bad())?),
            None => (rest, 0),
        };
        let (who, address) = match rest.rsplit_once('@') {
            Some((who, address)) => (Some(who), address),
            None => (None, rest),
        };
        let (host, port) = address.rsplit_once(':').ok_or_else(bad)?;
        if host.is_empty() || port.parse::<u16>().is_err() {
            return Err(bad());
        }
        let (user, password) = match who {
            None => (None, None),
            Some(who) => {
                let (user, password) = who.split_once(':').ok_or_else(bad)?;
                let [user, password] = [user, password].map(decoded);
                let user = user.ok_or_else(bad)?;
                (Some(user).filter(|user| !user.is_empty()), Some(password.ok_or_else(bad)?))
            }
        };
        Ok(Self { user, password, address: address.to_owned(), database })
    }

    pub(super) fn in_database(self, database: u32) -> Self {
        Self { database, ..self }
    }
}

/// A URL as it may be shown.
fn without_password(text: &str) -> String {
    match text.rsplit_once('@') {
        Some((before, address)) => {
            let scheme = before.split_once("://").map_or("", |(scheme, _)| scheme);
            format!("{scheme}://...@{address}")
        }
        None => text.to_owned(),
    }
}

/// Text without `%XX`.
fn decoded(text: &str) -> Option<String> {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let [byte, behind @ ..] = rest {
        rest = behind;
        if *byte == b'%' {
            let (digits, behind) = rest.split_first_chunk::<2>()?;
            bytes.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
            rest = behind;
        } else {
            bytes.push(*byte);
        }
    }
    String::from_utf8(bytes).ok()
}
