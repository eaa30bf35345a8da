//! Whose certificate a worker's is: `service.ingestN`, one for each. The files are `service::tls`' matter.

use std::sync::Arc;

use rustls::ClientConfig;
use schemas::id::AgentCn;
use service::tls::{Files, TlsError};

use crate::config::BrokerConfig;

/// What a connection needs.
pub(crate) struct Identity {
    /// CN of the certificate and MQTT client id.
    pub(crate) cn: AgentCn,
    pub(crate) tls: Arc<ClientConfig>,
}

/// Reads all files.
///
/// # Errors
/// [`TlsError`], naming the file and what to do.
pub(crate) fn load(config: &BrokerConfig) -> Result<Identity, TlsError> {
    let files = Files {
        ca: config.ca.clone(),
        certificate: config.certificate.clone(),
        key: config.key.clone(),
        server_name: config.server_name.clone(),
    };
    let (certificate, tls) = service::tls::load(&files)?;
    match certificate.cn.parse::<AgentCn>() {
        Ok(cn) if cn.is_service() && cn.agent().starts_with("ingest") => Ok(Identity { cn, tls }),
        _ => {
            let why = "ingest needs one with the CN service.ingestN".to_owned();
            Err(TlsError::Cn { path: files.certificate, cn: certificate.cn, why })
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

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
        std::fs::set_permissions(&config.key, std::fs::Permissions::from_mode(0o600)).unwrap();
        (dir, config)
    }

    #[test]
    fn the_client_id_is_the_cn_of_the_certificate() {
        let (_dir, config) = written("service.ingest1");
        assert_eq!(load(&config).unwrap().cn.as_str(), "service.ingest1");
    }

    #[test]
    fn a_certificate_of_somebody_else_is_refused_before_connecting() {
        for cn in ["acme.one", "service.broker", "ingest1", ""] {
            let (_dir, config) = written(cn);
            assert!(matches!(load(&config), Err(TlsError::Cn { .. })), "{cn}");
        }
    }
}
