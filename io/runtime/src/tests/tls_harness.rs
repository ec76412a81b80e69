//! Certificates made for a test, and a peer that speaks TLS over a blocking socket.

use std::{fs, net::TcpStream, path::PathBuf, sync::Arc, time::Duration};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

use super::harness::{Echoes, options, start};
use crate::{
    RingLevel,
    tls::{ClientAuth, TlsFiles, TlsMaterial, TlsServer, Unsecured},
};

pub(super) type Stream = StreamOwned<ClientConnection, TcpStream>;

/// An authority, and what it signs, as PEM.
pub(super) struct Authority {
    pub(super) pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate with its key, as PEM.
#[derive(Clone)]
pub(super) struct Signed {
    pub(super) cert: String,
    pub(super) key: String,
}

impl Authority {
    pub(super) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    /// Signs for `localhost`; one that is expired was good in the year 2001.
    pub(super) fn sign(&self, is_expired: bool) -> Signed {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        if is_expired {
            params.not_before = date_time_ymd(2001, 1, 1);
            params.not_after = date_time_ymd(2001, 12, 31);
        }
        let key = KeyPair::generate().unwrap();
        let cert = params.signed_by(&key, &self.issuer).unwrap().pem();
        Signed { cert, key: key.serialize_pem() }
    }
}

/// A folder for the files of a test; gone on drop.
pub(super) struct Folder(pub(super) PathBuf);

impl Folder {
    pub(super) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("hyperion-tls-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(super) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        path
    }

    /// The files of a node.
    pub(super) fn files(&self, signed: &Signed, authority: Option<&Authority>) -> TlsFiles {
        TlsFiles {
            cert_file: self.write("cert.pem", &signed.cert),
            key_file: self.write("key.pem", &signed.key),
            ca_file: authority.map(|authority| self.write("ca.pem", &authority.pem)),
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Echo cores that speak TLS.
pub(super) fn start_secured(
    name: &str,
    level: RingLevel,
    authority: &Authority,
    auth: ClientAuth,
    otherwise: Unsecured,
) -> Option<Echoes> {
    let folder = Folder::new(name);
    let material =
        TlsMaterial::read(&folder.files(&authority.sign(false), Some(authority))).unwrap();
    let server = TlsServer::new(&material, auth).unwrap();
    let echoes = start(&options(level, 1))?;
    echoes.ask(0, move |echo, _| echo.tls = Some((server, otherwise)));
    Some(echoes)
}

/// What a client checks the server by, and shows of itself.
pub(super) fn client(authority: &Authority, shown: Option<&Signed>) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.pem.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    Arc::new(match shown {
        None => builder.with_no_client_auth(),
        Some(signed) => {
            let chain = vec![CertificateDer::from_pem_slice(signed.cert.as_bytes()).unwrap()];
            let key = PrivateKeyDer::from_pem_slice(signed.key.as_bytes()).unwrap();
            builder.with_client_auth_cert(chain, key).unwrap()
        }
    })
}

pub(super) fn connect(echoes: &Echoes, client: &Arc<ClientConfig>) -> Stream {
    let socket = echoes.connect();
    let name = "localhost".try_into().unwrap();
    StreamOwned::new(ClientConnection::new(Arc::clone(client), name).unwrap(), socket)
}

/// Waits for the next reason why TLS ended a connection.
pub(super) fn fault(echoes: &Echoes) -> String {
    echoes.wait(0, |echo, _| {
        (!echo.faults.is_empty() && echo.held.is_empty()).then(|| echo.faults.remove(0))
    })
}

/// A time that is no deadline: only how long a peer may be silent in a test.
pub(super) const SILENT: Duration = Duration::from_millis(1);
