//! Owns an authority for tests and what it signs, as files.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};

/// Who signs certificates.
pub(crate) struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key, as PEM.
#[derive(Clone)]
pub(crate) struct Signed {
    pub(crate) cert: String,
    pub(crate) key: String,
}

/// The files that a config names.
pub(crate) struct Files {
    pub(crate) cert: PathBuf,
    pub(crate) key: PathBuf,
    pub(crate) ca: PathBuf,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().expect("random bits");
        let pem = params.self_signed(&key).expect("a key").pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    /// Signs for `localhost`.
    pub(crate) fn sign(&self) -> Signed {
        self.sign_with(|_| {})
    }

    /// The same, good in the year 2001.
    pub(crate) fn sign_expired(&self) -> Signed {
        self.sign_with(|params| {
            params.not_before = date_time_ymd(2001, 1, 1);
            params.not_after = date_time_ymd(2001, 12, 31);
        })
    }

    fn sign_with(&self, edit: impl FnOnce(&mut CertificateParams)) -> Signed {
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let mut params = CertificateParams::new(names).expect("they are names");
        edit(&mut params);
        let key = KeyPair::generate().expect("random bits");
        let cert = params.signed_by(&key, &self.issuer).expect("a key").pem();
        Signed { cert, key: key.serialize_pem() }
    }

    /// Signs a certificate for a node, and writes all that its config names.
    pub(crate) fn write(&self, folder: &Path) -> Files {
        self.write_signed(folder, &self.sign())
    }

    pub(crate) fn write_signed(&self, folder: &Path, signed: &Signed) -> Files {
        let write = |name: &str, text: &str| {
            let path = folder.join(name);
            fs::write(&path, text).expect("the folder is ours");
            path
        };
        Files {
            cert: write("cert.pem", &signed.cert),
            key: write("key.pem", &signed.key),
            ca: write("ca.pem", &self.pem),
        }
    }

    /// What a client checks the node by, and shows of itself.
    pub(crate) fn client(&self, shown: Option<&Signed>) -> Arc<ClientConfig> {
        let certificate = |pem: &str| CertificateDer::from_pem_slice(pem.as_bytes()).expect("PEM");
        let mut roots = RootCertStore::empty();
        roots.add(certificate(&self.pem)).expect("an authority");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("TLS 1.2 and 1.3")
            .with_root_certificates(roots);
        Arc::new(match shown {
            None => builder.with_no_client_auth(),
            Some(Signed { cert, key }) => {
                let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).expect("PEM");
                builder.with_client_auth_cert(vec![certificate(cert)], key).expect("a pair")
            }
        })
    }
}

impl Files {
    /// The settings that name them.
    pub(crate) fn settings(&self) -> Value {
        json!({ "cert_file": self.cert, "key_file": self.key, "ca_file": self.ca })
    }
}
