//! Owns the reading of certificates and keys: PEM files, each within its limit.

use std::{
    fs::{File, OpenOptions},
    io::{Read, Take},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    RootCertStore,
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

use super::error::{TlsError, TlsFile};
use crate::limits::TLS_FILE_BYTES_MAX;

/// Where the files are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate of this node in PEM, with those between it and the authority.
    pub cert_file: PathBuf,
    /// Its key in PEM.
    pub key_file: PathBuf,
    /// The certificates of the authorities that others are checked by.
    pub ca_file: Option<PathBuf>,
}

/// What the files held when they were read. Two that are equal make equal servers.
#[derive(Debug, PartialEq, Eq)]
pub struct TlsMaterial {
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) key: PrivateKeyDer<'static>,
    pub(super) authorities: Vec<CertificateDer<'static>>,
    files: TlsFiles,
}

impl TlsMaterial {
    /// Reads the files, and checks that the key is the certificate's.
    ///
    /// Errors: what is wrong with which file.
    pub fn read(files: &TlsFiles) -> Result<Self, TlsError> {
        let certificates = |file, path: &Path| {
            let hint = "openssl x509 writes one";
            pem(file, path, "certificate", hint, |bytes| {
                CertificateDer::pem_slice_iter(bytes).collect::<Result<Vec<_>, _>>()
            })
        };
        let none = |file, path: &Path| TlsError::Empty {
            file,
            path: path.to_owned(),
            wanted: "certificate",
            hint: "openssl x509 writes one",
        };
        let chain = certificates(TlsFile::Certificate, &files.cert_file)?;
        if chain.is_empty() {
            return Err(none(TlsFile::Certificate, &files.cert_file));
        }
        let hint = "openssl pkcs8 -topk8 -nocrypt turns an encrypted one into one";
        let key =
            pem(TlsFile::Key, &files.key_file, "private key", hint, PrivateKeyDer::from_pem_slice)?;
        let authorities = match &files.ca_file {
            Some(path) => {
                let found = certificates(TlsFile::Authority, path)?;
                if found.is_empty() {
                    return Err(none(TlsFile::Authority, path));
                }
                found
            }
            None => Vec::new(),
        };
        let material = Self { chain, key, authorities, files: files.clone() };
        material.check_pair()?;
        Ok(material)
    }

    /// Whether others can be checked.
    #[must_use]
    pub fn has_authority(&self) -> bool {
        !self.authorities.is_empty()
    }

    fn check_pair(&self) -> Result<(), TlsError> {
        let key = provider().key_provider.load_private_key(self.key.clone_key());
        let key = key.map_err(|why| self.unusable(TlsFile::Key, &why))?;
        let pair = rustls::sign::CertifiedKey::new(self.chain.clone(), key);
        pair.keys_match().map_err(|why| match why {
            rustls::Error::InconsistentKeys(rustls::InconsistentKeys::KeyMismatch) => {
                let path = self.files.key_file.clone();
                let cert = self.files.cert_file.display();
                let why = format!("it is not the key of the certificate {cert}");
                TlsError::Unusable { file: TlsFile::Key, path, why }
            }
            why => self.unusable(TlsFile::Certificate, &why),
        })
    }

    /// The authorities that others are checked by.
    pub(super) fn roots(&self) -> Result<Arc<RootCertStore>, TlsError> {
        if self.authorities.is_empty() {
            return Err(TlsError::NoAuthority);
        }
        let mut roots = RootCertStore::empty();
        for authority in &self.authorities {
            roots.add(authority.clone()).map_err(|why| self.unusable(TlsFile::Authority, &why))?;
        }
        Ok(Arc::new(roots))
    }

    pub(super) fn unusable(&self, file: TlsFile, why: &rustls::Error) -> TlsError {
        let path = match file {
            TlsFile::Certificate => Some(&self.files.cert_file),
            TlsFile::Key => Some(&self.files.key_file),
            TlsFile::Authority => self.files.ca_file.as_ref(),
        };
        let path = path.cloned().unwrap_or_default();
        TlsError::Unusable { file, path, why: why.to_string() }
    }
}

/// The one provider of primitives.
pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// Reads what `parse` finds in a file.
fn pem<T>(
    file: TlsFile,
    path: &Path,
    wanted: &'static str,
    hint: &'static str,
    parse: impl FnOnce(&[u8]) -> Result<T, rustls::pki_types::pem::Error>,
) -> Result<T, TlsError> {
    let unreadable = |error| TlsError::Unreadable { file, path: path.to_owned(), error };
    let mut bytes = Vec::new();
    // A pipe that nobody writes to is empty, and not waited for.
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(libc::O_NONBLOCK);
    let opened: Take<File> = options.open(path).map_err(unreadable)?.take(TLS_FILE_BYTES_MAX + 1);
    { opened }.read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > TLS_FILE_BYTES_MAX {
        return Err(TlsError::TooLong {
            file,
            path: path.to_owned(),
            bytes_max: TLS_FILE_BYTES_MAX,
        });
    }
    parse(&bytes).map_err(|error| match error {
        rustls::pki_types::pem::Error::NoItemsFound => {
            TlsError::Empty { file, path: path.to_owned(), wanted, hint }
        }
        error => TlsError::Unusable { file, path: path.to_owned(), why: error.to_string() },
    })
}
