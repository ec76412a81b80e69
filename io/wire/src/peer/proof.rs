//! The secret that the nodes of a cluster share, and the proof that a node knows it.

use std::fmt;

use hmac::{Hmac, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use super::body::Body;
use super::hello::Hello;
use crate::limits::SECRET_BYTES_MIN;

/// The secret, as the keyed state of HMAC-SHA256; the bytes themselves are not kept, nor shown.
#[derive(Clone)]
pub struct Secret(Hmac<Sha256>);

/// A secret that could be guessed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the peer secret has {bytes} bytes; use at least {SECRET_BYTES_MIN} random ones")]
pub struct SecretTooShort {
    /// How many there are.
    pub bytes: usize,
}

impl Secret {
    /// The secret from the bytes of its file.
    ///
    /// # Errors
    /// They are too few: a recorded handshake lets anybody try secrets at leisure.
    pub fn new(bytes: &[u8]) -> Result<Self, SecretTooShort> {
        if bytes.len() < SECRET_BYTES_MIN {
            return Err(SecretTooShort { bytes: bytes.len() });
        }
        let keyed = Hmac::new_from_slice(bytes).expect("HMAC takes a key of any length");
        Ok(Self(keyed))
    }

    /// The secret for one connection, of which both ends know `key` and nobody else does: a proof made with it is none on another.
    #[must_use]
    pub fn bound_to(&self, key: &[u8; 32]) -> Self {
        let mut keyed = self.0.clone();
        keyed.update(b"hyperion peer secret of a connection 1");
        keyed.update(key);
        let bound = keyed.finalize().into_bytes();
        Self(Hmac::new_from_slice(&bound).expect("HMAC takes a key of any length"))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(..)")
    }
}

/// Which end proves. It is part of the proof, so that neither end can be made to answer with its
/// own words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    DialerToListener = 1,
    ListenerToDialer = 2,
}

/// HMAC-SHA256 over a label, the direction, the dialer's hello and the listener's hello, as they
/// are sent: nonces, identities, cluster, versions and purpose. A hello has one size, so no two
/// pairs of them give the same bytes.
pub(super) fn proof(
    secret: &Secret,
    direction: Direction,
    dialer: &Hello,
    listener: &Hello,
) -> [u8; 32] {
    let mut said = b"hyperion peer proof 1".to_vec();
    said.push(direction as u8);
    for hello in [dialer, listener] {
        hello.encode_body(&mut said).expect("a hello was checked when it was made or read");
    }
    let mut keyed = secret.0.clone();
    keyed.update(&said);
    keyed.finalize().into_bytes().into()
}

/// Compares in a time that does not tell where they differ.
pub(super) fn is_equal(one: &[u8; 32], other: &[u8; 32]) -> bool {
    one.ct_eq(other).into()
}
