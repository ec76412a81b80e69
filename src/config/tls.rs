//! Owns what TLS is spoken with: certificates and keys as the files had them when a config, or the same one again, was taken.

use std::path::PathBuf;
use std::sync::Arc;

use hyperion_cluster::config::{ClientAuth, PeerTls, Problem, Tls};
use hyperion_runtime::tls::{self, TlsClient, TlsError, TlsFiles, TlsMaterial, TlsServer};

/// What a node speaks TLS with.
#[derive(Debug)]
pub(crate) struct NodeTls {
    settings: Tls,
    material: TlsMaterial,
    /// For clients of Redis and of HTTP.
    pub(crate) clients: TlsServer,
    /// For the other nodes: what they are answered with, and dialed with.
    pub(crate) peers: Option<(TlsServer, TlsClient)>,
}

impl NodeTls {
    /// Reads the files; `None` when the settings name none. What is as it was is not made anew: its sessions go on.
    ///
    /// Errors: what is wrong with which file.
    pub(crate) fn read(
        settings: &Tls,
        known: Option<&Arc<Self>>,
    ) -> Result<Option<Arc<Self>>, Problem> {
        let (Some(cert), Some(key)) = (&settings.cert_file, &settings.key_file) else {
            return Ok(None);
        };
        let files = TlsFiles {
            cert_file: PathBuf::from(cert),
            key_file: PathBuf::from(key),
            ca_file: settings.ca_file.as_ref().map(PathBuf::from),
        };
        let material = TlsMaterial::read(&files).map_err(|error| problem(&error))?;
        if let Some(known) = known
            && known.settings == *settings
            && known.material == material
        {
            return Ok(Some(Arc::clone(known)));
        }
        let auth = match settings.client_auth {
            ClientAuth::No => tls::ClientAuth::No,
            ClientAuth::Optional => tls::ClientAuth::Optional,
            ClientAuth::Required => tls::ClientAuth::Required,
        };
        let clients = TlsServer::new(&material, auth).map_err(|error| problem(&error))?;
        let peers = if settings.peers == PeerTls::Off {
            None
        } else {
            let server = TlsServer::new(&material, tls::ClientAuth::Required)
                .map_err(|error| problem(&error))?;
            Some((server, TlsClient::new(&material).map_err(|error| problem(&error))?))
        };
        Ok(Some(Arc::new(Self { settings: settings.clone(), material, clients, peers })))
    }
}

fn problem(error: &TlsError) -> Problem {
    let pointer = format!("/settings/tls/{}", error.file().field());
    let sentence = error.to_string();
    let (text, hint) = sentence.rsplit_once("; ").unwrap_or((&sentence, ""));
    Problem::at(pointer, text, hint)
}
