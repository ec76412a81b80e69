//! Owns what a listener answers handshakes with.

use std::sync::Arc;

use rustls::{
    ServerConfig,
    crypto::ring::Ticketer,
    server::{NoServerSessionStorage, WebPkiClientVerifier},
};

use super::error::{TlsError, TlsFile};
use super::files::{TlsMaterial, provider};

/// Whether those who connect show a certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientAuth {
    /// They are not asked.
    #[default]
    No,
    /// They are asked; what they show must be right.
    Optional,
    /// They must.
    Required,
}

/// What a listener answers handshakes with: TLS 1.3 and 1.2, sessions resumed by tickets that all cores know.
#[derive(Clone, Debug)]
pub struct TlsServer(pub(super) Arc<ServerConfig>);

impl TlsServer {
    /// Makes one of what the files held. A session of another one is not resumed: its handshake is a full one.
    ///
    /// Errors: what is wrong with which file.
    pub fn new(material: &TlsMaterial, auth: ClientAuth) -> Result<Self, TlsError> {
        let builder = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(|why| material.unusable(TlsFile::Certificate, &why))?;
        let builder = if auth == ClientAuth::No {
            builder.with_no_client_auth()
        } else {
            let verifier =
                WebPkiClientVerifier::builder_with_provider(material.roots()?, provider());
            let verifier = match auth {
                ClientAuth::Optional => verifier.allow_unauthenticated(),
                ClientAuth::No | ClientAuth::Required => verifier,
            };
            let verifier = verifier.build().map_err(|why| {
                let why = rustls::Error::General(why.to_string());
                material.unusable(TlsFile::Authority, &why)
            })?;
            builder.with_client_cert_verifier(verifier)
        };
        let mut config = builder
            .with_single_cert(material.chain.clone(), material.key.clone_key())
            .map_err(|why| material.unusable(TlsFile::Certificate, &why))?;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.ticketer =
            Ticketer::new().map_err(|why| material.unusable(TlsFile::Certificate, &why))?;
        // Each costs the connection a record of its own after the handshake.
        config.send_tls13_tickets = 1;
        Ok(Self(Arc::new(config)))
    }

    /// Whether both are one and the same.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}
