//! Who a client is: the CN of its verified certificate, and nothing that it says itself.

use rustls_pki_types::CertificateDer;
use schemas::id::AgentCn;
use x509_parser::prelude::{FromDer, X509Certificate};

/// A client whose certificate was verified.
#[derive(Debug)]
pub struct Peer {
    pub cn: AgentCn,
    /// Hexadecimal, for the log.
    pub serial: String,
    /// Unix seconds.
    pub not_after: i64,
    chain: Vec<CertificateDer<'static>>,
}

impl Peer {
    /// Reads the leaf of a chain that TLS has verified. The chain is kept to verify it again after a reload.
    ///
    /// # Errors
    /// What the certificate says instead of `tenant.agent`.
    pub fn of(chain: &[CertificateDer<'_>]) -> Result<Self, String> {
        let leaf = chain.first().ok_or("no certificate")?;
        let (_, certificate) = X509Certificate::from_der(leaf).map_err(|error| error.to_string())?;
        let name = broker_config::check::common_name(&certificate).ok_or("not exactly one CN")?;
        let cn = name.parse().map_err(|error: schemas::id::IdError| error.to_string())?;
        Ok(Self {
            cn,
            serial: hex::encode(certificate.raw_serial()),
            not_after: certificate.validity().not_after.timestamp(),
            chain: chain.iter().map(|der| der.clone().into_owned()).collect(),
        })
    }

    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.chain
    }
}
