//! The broker's certificates: read as a whole, checked, turned into a TLS configuration; read again when files change.
//!
//! Only TLS 1.3, always with a client certificate, without resumption: every connection is verified in full. A list of
//! revoked certificates past its `next update` is honoured and alarmed about; refusing everybody would be worse.

use std::io::Read;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer, UnixTime};
use x509_parser::prelude::{CertificateRevocationList, FromDer, X509Certificate};

use crate::config::TlsConfig;
use crate::identity::Peer;
use crate::limits::TLS_FILE_BYTES_MAX;
use crate::reason::{End, Refused};

#[derive(Debug, thiserror::Error)]
pub enum CertificatesError {
    #[error("read {path} (tls.{key}): {source}", path = path.display())]
    Read { key: &'static str, path: PathBuf, source: std::io::Error },
    #[error("{path} (tls.{key}) holds no {wanted} in PEM", path = path.display())]
    Empty { key: &'static str, path: PathBuf, wanted: &'static str },
    #[error("{path} (tls.{key}) cannot be used: {why}", path = path.display())]
    Unusable { key: &'static str, path: PathBuf, why: String },
    #[error("{path} (tls.key) can be read by others (mode {mode:o}); chmod 600 it", path = path.display())]
    KeyMode { path: PathBuf, mode: u32 },
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
}

/// One set of files, ready for use.
#[derive(Debug)]
pub struct Certificates {
    pub server: Arc<ServerConfig>,
    verifier: Arc<dyn ClientCertVerifier>,
    /// When the broker's own certificate ends, Unix seconds.
    pub not_after: i64,
    /// The oldest list of revoked certificates.
    pub crl: Option<CrlDates>,
}

/// Unix seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CrlDates {
    pub this_update: i64,
    pub next_update: Option<i64>,
}

impl Certificates {
    /// # Errors
    /// What is wrong with which file.
    pub fn load(config: &TlsConfig) -> Result<Self, CertificatesError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let authorities = certificates("ca", &config.ca)?;
        let mut roots = RootCertStore::empty();
        for authority in authorities {
            roots.add(authority).map_err(|error| unusable("ca", &config.ca, &error))?;
        }
        let (lists, crl) = match &config.crl {
            Some(path) => lists(path)?,
            None => (Vec::new(), None),
        };
        let mut builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
        if let Some(path) = &config.crl {
            builder = builder.with_crls(lists);
            builder.clone().build().map_err(|error| unusable("crl", path, &error))?;
        }
        let verifier = builder.build().map_err(|error| unusable("ca", &config.ca, &error))?;

        let chain = certificates("certificate", &config.certificate)?;
        let not_after = match chain.first().map(|der| X509Certificate::from_der(der)) {
            Some(Ok((_, certificate))) => certificate.validity().not_after.timestamp(),
            _ => return Err(unusable("certificate", &config.certificate, &"it cannot be parsed")),
        };
        let key = key(&config.key)?;
        let mut server = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_client_cert_verifier(Arc::clone(&verifier))
            .with_single_cert(chain, key)
            .map_err(|error| unusable("certificate", &config.certificate, &error))?;
        server.session_storage = Arc::new(NoServerSessionStorage {});
        server.send_tls13_tickets = 0;
        Ok(Self { server: Arc::new(server), verifier, not_after, crl })
    }

    /// Whether a live connection's certificate would still be accepted at `now` (Unix seconds); the reason to end if not.
    pub fn verify(&self, peer: &Peer, now: i64) -> Result<(), End> {
        let [leaf, intermediates @ ..] = peer.chain() else { return Err(End::CertificateInvalid) };
        let now = UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(now).unwrap_or(0)));
        match self.verifier.verify_client_cert(leaf, intermediates, now) {
            Ok(_) => Ok(()),
            Err(rustls::Error::InvalidCertificate(error)) => Err(match Refused::of_certificate(&error) {
                Refused::CertificateRevoked => End::CertificateRevoked,
                Refused::CertificateExpired => End::CertificateExpired,
                _ => End::CertificateInvalid,
            }),
            Err(_) => Err(End::CertificateInvalid),
        }
    }
}

/// What tells that a file was replaced or changed: modification time, length, inode.
type Stamp = Option<(SystemTime, u64, u64)>;

/// The state of all files, to be compared with an earlier one.
pub fn stamps(config: &TlsConfig) -> Vec<Stamp> {
    let files = [Some(&config.ca), Some(&config.certificate), Some(&config.key), config.crl.as_ref()];
    let stamp = |path: &PathBuf| {
        let meta = std::fs::metadata(path).ok()?;
        Some((meta.modified().ok()?, meta.len(), meta.ino()))
    };
    files.into_iter().flatten().map(stamp).collect()
}

fn certificates(key: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, CertificatesError> {
    let text = read(key, path)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let found = found.map_err(|error| unusable(key, path, &error))?;
    if found.is_empty() {
        return Err(CertificatesError::Empty { key, path: path.to_owned(), wanted: "certificate" });
    }
    Ok(found)
}

type Lists = (Vec<CertificateRevocationListDer<'static>>, Option<CrlDates>);

fn lists(path: &Path) -> Result<Lists, CertificatesError> {
    let text = read("crl", path)?;
    let found: Result<Vec<_>, _> = CertificateRevocationListDer::pem_slice_iter(&text).collect();
    let found = found.map_err(|error| unusable("crl", path, &error))?;
    let mut oldest: Option<CrlDates> = None;
    for der in &found {
        let (_, list) = CertificateRevocationList::from_der(der).map_err(|error| unusable("crl", path, &error))?;
        let dates = CrlDates {
            this_update: list.last_update().timestamp(),
            next_update: list.next_update().map(|next| next.timestamp()),
        };
        if oldest.is_none_or(|oldest| dates.this_update < oldest.this_update) {
            oldest = Some(dates);
        }
    }
    if found.is_empty() {
        let wanted = "list of revoked certificates";
        return Err(CertificatesError::Empty { key: "crl", path: path.to_owned(), wanted });
    }
    Ok((found, oldest))
}

fn key(path: &Path) -> Result<PrivateKeyDer<'static>, CertificatesError> {
    let text = read("key", path)?;
    let mode = std::fs::metadata(path).map_or(0, |meta| meta.permissions().mode() & 0o777);
    if mode & 0o077 != 0 {
        return Err(CertificatesError::KeyMode { path: path.to_owned(), mode });
    }
    PrivateKeyDer::from_pem_slice(&text).map_err(|error| unusable("key", path, &error))
}

fn read(key: &'static str, path: &Path) -> Result<Vec<u8>, CertificatesError> {
    let mut bytes = Vec::new();
    let failed = |source| CertificatesError::Read { key, path: path.to_owned(), source };
    let file = std::fs::File::open(path).map_err(failed)?;
    file.take(TLS_FILE_BYTES_MAX).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

fn unusable(key: &'static str, path: &Path, why: &dyn std::fmt::Display) -> CertificatesError {
    CertificatesError::Unusable { key, path: path.to_owned(), why: why.to_string() }
}
