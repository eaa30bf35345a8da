//! A client's TLS identity from PEM files: TLS 1.3 only, mutual, nothing resumed, ring. Read anew at each call, so that a
//! renewed certificate needs no restart.
//!
//! A private key that others may read is refused.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::ring;
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use x509_parser::prelude::{FromDer, X509Certificate};

/// What is wrong with the files; each names the file and what to do.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("read {what} from {path}: {why}", path = path.display())]
    Read { what: &'static str, path: PathBuf, why: String },
    #[error("others may read the private key {path} (mode {mode:o}); run chmod 600 on it", path = path.display())]
    KeyMode { path: PathBuf, mode: u32 },
    #[error("the certificate {path} names {cn:?}: {why}", path = path.display())]
    Cn { path: PathBuf, cn: String, why: String },
    #[error("certificate {certificate} and key {key} do not make a TLS identity: {why}", certificate = certificate.display(), key = key.display())]
    Identity { certificate: PathBuf, key: PathBuf, why: String },
    #[error("broker.server_name {0:?} is not a host name or address")]
    ServerName(String),
}

/// Where the certificates lie.
#[derive(Debug, Clone)]
pub struct Files {
    /// All certificates in it are trusted.
    pub ca: PathBuf,
    pub certificate: PathBuf,
    pub key: PathBuf,
    /// The name that the server's certificate must carry, if it is not the host.
    pub server_name: Option<String>,
}

/// A certificate chain and what it says of its owner.
#[derive(Debug, Clone)]
pub struct Certificate {
    /// The subject's common name; empty if there is none.
    pub cn: String,
    /// Unix seconds.
    pub expires: i64,
    pub chain: Vec<CertificateDer<'static>>,
}

/// Reads and checks all files.
///
/// # Errors
/// [`TlsError`], naming the file and what to do.
pub fn load(files: &Files) -> Result<(Certificate, Arc<ClientConfig>), TlsError> {
    let certificate = certificate(&files.certificate)?;
    let key = private_key(&files.key)?;
    let roots = roots(&files.ca)?;
    let identity = |error: rustls::Error| TlsError::Identity {
        certificate: files.certificate.clone(),
        key: files.key.clone(),
        why: error.to_string(),
    };
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(identity)?;
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .map_err(|error| read_error("the CA", &files.ca, error))?;
    let builder = match &files.server_name {
        None => builder.with_webpki_verifier(verifier),
        Some(name) => {
            let name = ServerName::try_from(name.clone()).map_err(|_| TlsError::ServerName(name.clone()))?;
            builder.dangerous().with_custom_certificate_verifier(Arc::new(Named { name, verifier }))
        }
    };
    let mut config = builder.with_client_auth_cert(certificate.chain.clone(), key).map_err(identity)?;
    // The server must see the certificate each time: a resumed session would outlive a revocation.
    config.resumption = Resumption::disabled();
    Ok((certificate, Arc::new(config)))
}

/// Reads a certificate chain, the owner's certificate first.
///
/// # Errors
/// When the file holds no certificate.
pub fn certificate(path: &Path) -> Result<Certificate, TlsError> {
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|error| read_error("the certificate", path, error))?;
    let first = chain.first().ok_or_else(|| read_error("the certificate", path, "there is none in the file"))?;
    let (_, parsed) = X509Certificate::from_der(first).map_err(|error| read_error("the certificate", path, error))?;
    let cn = parsed.subject().iter_common_name().next().and_then(|cn| cn.as_str().ok()).unwrap_or_default().to_owned();
    let expires = parsed.validity().not_after.timestamp();
    Ok(Certificate { cn, expires, chain })
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let data = std::fs::metadata(path).map_err(|error| read_error("the private key", path, error))?;
    let mode = data.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(TlsError::KeyMode { path: path.to_owned(), mode });
    }
    PrivateKeyDer::from_pem_file(path).map_err(|error| read_error("the private key", path, error))
}

fn roots(path: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(path).map_err(|error| read_error("the CA", path, error))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| read_error("the CA", path, error))?;
        roots.add(certificate).map_err(|error| read_error("the CA", path, error))?;
    }
    if roots.is_empty() { Err(read_error("the CA", path, "there is no certificate in the file")) } else { Ok(roots) }
}

fn read_error(what: &'static str, path: &Path, why: impl ToString) -> TlsError {
    TlsError::Read { what, path: path.to_owned(), why: why.to_string() }
}

/// Checks the server's certificate against a configured name instead of the host that was dialled. All else is rustls'.
#[derive(Debug)]
struct Named {
    name: ServerName<'static>,
    verifier: Arc<WebPkiServerVerifier>,
}

impl ServerCertVerifier for Named {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _dialled: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.verifier.verify_server_cert(end_entity, intermediates, &self.name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(cn: &str) -> (tempfile::TempDir, Files) {
        let dir = tempfile::tempdir().unwrap();
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(rcgen::DnType::CommonName, cn);
        let certificate = params.self_signed(&key).unwrap();
        let file = |name: &str| dir.path().join(name);
        let files = Files {
            ca: file("ca.pem"),
            certificate: file("own.pem"),
            key: file("own.key"),
            server_name: Some("broker.example".to_owned()),
        };
        std::fs::write(&files.ca, certificate.pem()).unwrap();
        std::fs::write(&files.certificate, certificate.pem()).unwrap();
        std::fs::write(&files.key, key.serialize_pem()).unwrap();
        std::fs::set_permissions(&files.key, std::fs::Permissions::from_mode(0o600)).unwrap();
        (dir, files)
    }

    #[test]
    fn the_owner_is_the_common_name_of_the_first_certificate() {
        let (_dir, files) = written("acme.one");
        assert_eq!(load(&files).unwrap().0.cn, "acme.one");
    }

    #[test]
    fn a_private_key_that_others_may_read_is_refused() {
        let (_dir, files) = written("acme.one");
        std::fs::set_permissions(&files.key, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(load(&files), Err(TlsError::KeyMode { mode: 0o640, .. })));
    }

    #[test]
    fn what_is_wrong_names_the_file() {
        let (_dir, good) = written("acme.one");
        let (_other, foreign) = written("acme.one");
        let cases = [
            (Files { key: foreign.key.clone(), ..good.clone() }, foreign.key.clone()),
            (Files { key: "/no/such/key".into(), ..good.clone() }, "/no/such/key".into()),
            (Files { ca: good.key.clone(), ..good.clone() }, good.key.clone()),
            (Files { certificate: good.key.clone(), ..good.clone() }, good.key.clone()),
        ];
        for (files, named) in cases {
            let error = load(&files).unwrap_err().to_string();
            assert!(error.contains(&*named.to_string_lossy()), "{error}");
        }
        let files = Files { server_name: Some("not a name".to_owned()), ..good };
        assert!(matches!(load(&files), Err(TlsError::ServerName(_))));
    }
}
