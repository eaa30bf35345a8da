//! Whose certificate the agent's is: an agent's, never one of Platen's own services. The files are `service::tls`' matter.

use std::path::Path;
use std::sync::Arc;

use rustls::ClientConfig;
use schemas::id::{AgentCn, IdError};
use service::tls::{Certificate, Files, TlsError};

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
    let (certificate, config) = service::tls::load(files)?;
    let cn = owner(&files.certificate, &certificate)?;
    Ok(Identity { config, cn, expires: certificate.expires })
}

/// The agent's name.
///
/// # Errors
/// When the file holds no certificate, or one without an agent's name.
pub fn name(path: &Path) -> Result<AgentCn, TlsError> {
    owner(path, &service::tls::certificate(path)?)
}

fn owner(path: &Path, certificate: &Certificate) -> Result<AgentCn, TlsError> {
    let wrong = |why: String| TlsError::Cn { path: path.to_owned(), cn: certificate.cn.clone(), why };
    let agent: AgentCn = certificate.cn.parse().map_err(|error: IdError| wrong(error.to_string()))?;
    if agent.is_service() {
        return Err(wrong("this is a certificate of Platen's own services; an agent needs its own".to_owned()));
    }
    Ok(agent)
}
