//! The agent's certificates: read anew at each connection attempt, so that a renewed one needs no restart.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_pki_types::pem::PemObject;
use schemas::id::AgentCn;
use x509_parser::prelude::{FromDer, X509Certificate};

#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("read {what} from {path}: {why}", path = path.display())]
    Read { what: &'static str, path: PathBuf, why: String },
    #[error("others may read the private key {path} (mode {mode:o}); run chmod 600 on it", path = path.display())]
    KeyMode { path: PathBuf, mode: u32 },
    #[error("the certificate {path} names {cn:?}: {why}", path = path.display())]
    Cn { path: PathBuf, cn: String, why: String },
    #[error("certificate and key do not make a TLS identity: {0}")]
    Identity(String),
    #[error("broker.server_name {0:?} is not a host name or address")]
    ServerName(String),
}

/// Where the certificates lie.
#[derive(Debug, Clone)]
pub struct Files {
    pub ca: PathBuf,
    pub certificate: PathBuf,
    pub key: PathBuf,
    /// The name that the broker's certificate must carry, if it is not the host.
    pub server_name: Option<String>,
}

/// A TLS identity, ready for use.
#[derive(Debug, Clone)]
pub struct Identity {
    pub config: Arc<ClientConfig>,
    pub cn: AgentCn,
    /// When the certificate expires, Unix seconds.
    pub expires: i64,
}

/// Reads and checks all files.
///
/// # Errors
/// [`TlsError`], each naming the file and what to do.
pub fn load(files: &Files) -> Result<Identity, TlsError> {
    let (cn, expires, chain) = certificate(&files.certificate)?;
    let key = private_key(&files.key)?;
    let roots = roots(&files.ca)?;
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|error| TlsError::Identity(error.to_string()))?;
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
    let mut config =
        builder.with_client_auth_cert(chain, key).map_err(|error| TlsError::Identity(error.to_string()))?;
    // The broker must see the certificate each time: a resumed session would outlive a revocation.
    config.resumption = Resumption::disabled();
    Ok(Identity { config: Arc::new(config), cn, expires })
}

/// The agent's name, when its certificate expires, and the chain.
///
/// # Errors
/// When the file holds no certificate, or one without an agent's name.
pub fn certificate(path: &Path) -> Result<(AgentCn, i64, Vec<CertificateDer<'static>>), TlsError> {
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|error| read_error("the certificate", path, error))?;
    let first = chain.first().ok_or_else(|| read_error("the certificate", path, "there is none in the file"))?;
    let (_, parsed) = X509Certificate::from_der(first).map_err(|error| read_error("the certificate", path, error))?;
    let cn = parsed.subject().iter_common_name().next().and_then(|cn| cn.as_str().ok()).unwrap_or_default().to_owned();
    let wrong = |why: String| TlsError::Cn { path: path.to_owned(), cn: cn.clone(), why };
    let agent: AgentCn = cn.parse().map_err(|error: schemas::id::IdError| wrong(error.to_string()))?;
    if agent.is_service() {
        return Err(wrong("this is a certificate of Platen's own services; an agent needs its own".to_owned()));
    }
    Ok((agent, parsed.validity().not_after.timestamp(), chain))
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

/// Checks the broker's certificate against a configured name instead of the host that was dialled. All else is rustls'.
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
