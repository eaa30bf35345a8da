//! The TLS side of the broker connection: mutual, ring, certificates read from PEM files at each call.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use schemas::id::AgentCn;

use crate::config::BrokerConfig;

#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("{key} = {path}: {why}", path = path.display())]
    File { key: &'static str, path: PathBuf, why: String },
    #[error("broker.server_name {0:?} is not a host name or address")]
    Name(String),
    #[error("the certificate {path} names {cn:?}; ingest needs one with the CN service.ingestN", path = path.display())]
    Cn { path: PathBuf, cn: String },
    #[error("TLS cannot be set up: {0}")]
    Setup(String),
}

/// What a connection needs.
pub(crate) struct Identity {
    /// CN of the certificate and MQTT client id.
    pub(crate) cn: AgentCn,
    pub(crate) tls: Arc<ClientConfig>,
}

/// Reads all files.
pub(crate) fn load(config: &BrokerConfig) -> Result<Identity, TlsError> {
    let chain = certificates("broker.certificate", &config.certificate)?;
    let cn = common_name(&config.certificate, chain.first())?;
    let key = PrivateKeyDer::from_pem_file(&config.key).map_err(|error| file("broker.key", &config.key, &error))?;
    let mut roots = RootCertStore::empty();
    for certificate in certificates("broker.ca", &config.ca)? {
        roots.add(certificate).map_err(|error| file("broker.ca", &config.ca, &error))?;
    }
    let setup = |error: &dyn std::fmt::Display| TlsError::Setup(error.to_string());
    let provider: Arc<CryptoProvider> = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| setup(&error))?;
    let builder = match &config.server_name {
        None => builder.with_root_certificates(roots),
        Some(name) => {
            let name = ServerName::try_from(name.clone()).map_err(|_| TlsError::Name(name.clone()))?;
            let inner = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
                .build()
                .map_err(|error| setup(&error))?;
            builder.dangerous().with_custom_certificate_verifier(Arc::new(Named { inner, name }))
        }
    };
    let tls = builder
        .with_client_auth_cert(chain, key)
        .map_err(|error| file("broker.key", &config.key, &format!("does not fit the certificate: {error}")))?;
    Ok(Identity { cn, tls: Arc::new(tls) })
}

fn file(key: &'static str, path: &Path, why: &dyn std::fmt::Display) -> TlsError {
    TlsError::File { key, path: path.to_owned(), why: why.to_string() }
}

fn certificates(key: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match read {
        Ok(list) if list.is_empty() => Err(file(key, path, &"holds no certificate")),
        Ok(list) => Ok(list),
        Err(error) => Err(file(key, path, &error)),
    }
}

fn common_name(path: &Path, certificate: Option<&CertificateDer<'_>>) -> Result<AgentCn, TlsError> {
    let text = certificate
        .and_then(|der| x509_parser::parse_x509_certificate(der).ok())
        .and_then(|(_, parsed)| parsed.subject().iter_common_name().next()?.as_str().ok().map(str::to_owned))
        .unwrap_or_default();
    match text.parse::<AgentCn>() {
        Ok(cn) if cn.is_service() && cn.agent().starts_with("ingest") => Ok(cn),
        _ => Err(TlsError::Cn { path: path.to_owned(), cn: text }),
    }
}

/// Verifies as rustls does, but against the configured name instead of the host that was dialled.
#[derive(Debug)]
struct Named {
    inner: Arc<WebPkiServerVerifier>,
    name: ServerName<'static>,
}

impl ServerCertVerifier for Named {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _dialled: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.inner.verify_server_cert(end_entity, intermediates, &self.name, ocsp, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(cn: &str) -> (tempfile::TempDir, BrokerConfig) {
        let dir = tempfile::tempdir().unwrap();
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(rcgen::DnType::CommonName, cn);
        let certificate = params.self_signed(&key).unwrap();
        let config = BrokerConfig {
            ca: dir.path().join("ca.pem"),
            certificate: dir.path().join("ingest.pem"),
            key: dir.path().join("ingest.key"),
            ..BrokerConfig::default()
        };
        std::fs::write(&config.ca, certificate.pem()).unwrap();
        std::fs::write(&config.certificate, certificate.pem()).unwrap();
        std::fs::write(&config.key, key.serialize_pem()).unwrap();
        (dir, config)
    }

    #[test]
    fn the_client_id_is_the_cn_of_the_certificate() {
        let (_dir, mut config) = written("service.ingest1");
        assert_eq!(load(&config).unwrap().cn.as_str(), "service.ingest1");
        config.server_name = Some("broker.example".to_owned());
        assert!(load(&config).is_ok());
        config.server_name = Some("not a name".to_owned());
        assert!(matches!(load(&config), Err(TlsError::Name(_))));
    }

    #[test]
    fn a_certificate_of_somebody_else_is_refused_before_connecting() {
        for cn in ["acme.one", "service.broker", "ingest1", ""] {
            assert!(matches!(load(&written(cn).1), Err(TlsError::File { .. } | TlsError::Cn { .. })), "{cn}");
            let (_dir, config) = written(cn);
            assert!(matches!(load(&config), Err(TlsError::Cn { .. })), "{cn}");
        }
    }

    #[test]
    fn a_missing_or_foreign_file_is_named_with_its_key() {
        let (_dir, mut config) = written("service.ingest1");
        let (_other, foreign) = written("service.ingest1");
        config.key = foreign.key;
        assert!(load(&config).err().unwrap().to_string().starts_with("broker.key"));
        config.ca = "/no/such/file".into();
        config.key = config.certificate.clone();
        assert!(load(&config).is_err());
    }
}
