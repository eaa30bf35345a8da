//! Certificates for all agents, and the TLS that they speak: as an agent does it, without resumption.

use std::sync::Arc;

use anyhow::{Context, Result};
use broker_config::pki::{Authority, Validity};
use rustls::ClientConfig;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use schemas::id::AgentCn;

const CERTIFICATE_DAYS: u32 = 30;

/// Who an agent is.
#[derive(Debug)]
pub(super) struct Identity {
    pub cn: AgentCn,
    pub tls: Arc<ClientConfig>,
}

/// `fleet0.a0`, `fleet1.a1`, …: as many tenants as a dealer has customers, one in ten agents each.
fn name(number: usize) -> Result<AgentCn> {
    Ok(format!("fleet{}.a{number}", number % 200).parse()?)
}

/// Issues one certificate for each agent.
///
/// # Errors
/// When the authority cannot write its index.
pub(super) fn issue(pki: &Authority, count: usize) -> Result<Vec<Identity>> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(pki.certificate_pem().as_bytes())?)?;
    let roots = Arc::new(roots);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let validity = Validity::days(CERTIFICATE_DAYS)?;
    (0..count)
        .map(|number| {
            let cn = name(number)?;
            let issued = pki.issue_agent(&cn, validity).with_context(|| format!("a certificate for {cn}"))?;
            let chain = vec![CertificateDer::from_pem_slice(issued.certificate_pem.as_bytes())?];
            let key = PrivateKeyDer::from_pem_slice(issued.key_pem().as_bytes())?;
            let mut tls = ClientConfig::builder_with_provider(Arc::clone(&provider))
                .with_protocol_versions(&[&rustls::version::TLS13])?
                .with_root_certificates(Arc::clone(&roots))
                .with_client_auth_cert(chain, key)?;
            tls.resumption = rustls::client::Resumption::disabled();
            Ok(Identity { cn, tls: Arc::new(tls) })
        })
        .collect()
}
