//! Why a connection failed, so that a technician knows whom to call: the network, the broker, or the certificates.

use std::error::Error;
use std::io;

use rumqttc::{ConnectReturnCode, ConnectionError, StateError, TlsError};

/// The kinds of failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    NameUnknown(String),
    Unreachable(String),
    Timeout,
    /// We do not accept the broker's certificate.
    ServerCertificate(String),
    /// The broker does not accept ours.
    OwnCertificate(String),
    /// The broker refused the MQTT connection.
    Refused(String),
    /// The connection was closed or broke.
    Closed(String),
    /// The broker takes bytes and acknowledges nothing.
    Silent,
    /// The broker does not allow the subscription.
    NotAllowed,
}

/// All words of [`Fault::kind`].
pub const KINDS: [&str; 9] = [
    "name-unknown",
    "unreachable",
    "timeout",
    "broker-certificate",
    "own-certificate",
    "refused",
    "closed",
    "silent",
    "not-allowed",
];

impl Fault {
    /// A constant word for logs.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::NameUnknown(_) => "name-unknown",
            Self::Unreachable(_) => "unreachable",
            Self::Timeout => "timeout",
            Self::ServerCertificate(_) => "broker-certificate",
            Self::OwnCertificate(_) => "own-certificate",
            Self::Refused(_) => "refused",
            Self::Closed(_) => "closed",
            Self::Silent => "silent",
            Self::NotAllowed => "not-allowed",
        }
    }

    /// What happened and what to do.
    pub fn advice(&self) -> String {
        match self {
            Self::NameUnknown(why) => {
                format!("the broker's name cannot be resolved ({why}); check broker.host and DNS")
            }
            Self::Unreachable(why) => format!("the broker cannot be reached ({why}); check address, port and firewall"),
            Self::Timeout => "the broker did not answer in time; check the firewall and the way to it".to_owned(),
            Self::ServerCertificate(why) => {
                format!("the broker's certificate is not accepted ({why}); check broker.ca and broker.server_name")
            }
            Self::OwnCertificate(why) => format!(
                "the broker refuses this agent's certificate ({why}); it may be expired, revoked or of another CA: issue a new one"
            ),
            Self::Refused(why) => format!("the broker refuses the connection ({why})"),
            Self::Closed(why) => format!("the connection was closed ({why})"),
            Self::Silent => "the broker acknowledges nothing any more; connecting anew".to_owned(),
            Self::NotAllowed => {
                "the broker does not let this agent hear its acks; check the broker's topic rules".to_owned()
            }
        }
    }

    /// Whether trying again soon cannot help.
    pub fn needs_a_person(&self) -> bool {
        matches!(self, Self::ServerCertificate(_) | Self::OwnCertificate(_) | Self::NotAllowed)
    }
}

impl From<&ConnectionError> for Fault {
    fn from(error: &ConnectionError) -> Self {
        match error {
            ConnectionError::NetworkTimeout | ConnectionError::FlushTimeout => Self::Timeout,
            ConnectionError::Tls(TlsError::Io(error)) | ConnectionError::Io(error) => of_io(error),
            ConnectionError::Tls(TlsError::TLS(error)) => of_tls(error),
            ConnectionError::Tls(error) => Self::ServerCertificate(error.to_string()),
            ConnectionError::ConnectionRefused(code) => Self::Refused(refusal(*code).to_owned()),
            ConnectionError::MqttState(StateError::Io(error)) => of_io(error),
            other if other.to_string().contains("close_notify") => Self::Closed(BY_PEER.to_owned()),
            other => Self::Closed(other.to_string()),
        }
    }
}

const BY_PEER: &str = "by the other side or on the way";

fn refusal(code: ConnectReturnCode) -> &'static str {
    match code {
        ConnectReturnCode::BadClientId => "bad client id",
        ConnectReturnCode::ServiceUnavailable => "service unavailable",
        ConnectReturnCode::NotAuthorized | ConnectReturnCode::BadUserNamePassword => "not authorized",
        _ => "refused",
    }
}

fn of_io(error: &io::Error) -> Fault {
    let mut cause: Option<&(dyn Error + 'static)> = error.get_ref().map(|inner| inner as &(dyn Error + 'static));
    while let Some(inner) = cause {
        if let Some(tls) = inner.downcast_ref::<rustls::Error>() {
            return of_tls(tls);
        }
        cause = inner.source();
    }
    let text = error.to_string();
    match error.kind() {
        io::ErrorKind::TimedOut => Fault::Timeout,
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
            Fault::Closed(BY_PEER.to_owned())
        }
        io::ErrorKind::ConnectionRefused
        | io::ErrorKind::HostUnreachable
        | io::ErrorKind::NetworkUnreachable
        | io::ErrorKind::NetworkDown
        | io::ErrorKind::AddrNotAvailable => Fault::Unreachable(text),
        _ if text.contains("lookup address") || text.contains("resolve") => Fault::NameUnknown(text),
        _ => Fault::Closed(text),
    }
}

fn of_tls(error: &rustls::Error) -> Fault {
    match error {
        rustls::Error::AlertReceived(alert) => Fault::OwnCertificate(format!("alert {alert:?}")),
        rustls::Error::InvalidCertificate(why) => Fault::ServerCertificate(format!("{why:?}")),
        rustls::Error::NoCertificatesPresented => Fault::ServerCertificate("none was shown".to_owned()),
        other => Fault::Closed(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_certificate_is_told_from_an_unreachable_broker() {
        let alert = rustls::Error::AlertReceived(rustls::AlertDescription::CertificateRevoked);
        let error = ConnectionError::Io(io::Error::new(io::ErrorKind::InvalidData, alert));
        assert_eq!(Fault::from(&error).kind(), "own-certificate");
        let unknown = rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
        let error = ConnectionError::Tls(TlsError::Io(io::Error::new(io::ErrorKind::InvalidData, unknown)));
        assert_eq!(Fault::from(&error).kind(), "broker-certificate");
        let error = ConnectionError::Io(io::ErrorKind::ConnectionRefused.into());
        assert_eq!(Fault::from(&error).kind(), "unreachable");
        assert_eq!(Fault::from(&ConnectionError::NetworkTimeout).kind(), "timeout");
        let error = ConnectionError::MqttState(StateError::Io(io::ErrorKind::ConnectionReset.into()));
        assert_eq!(Fault::from(&error).kind(), "closed");
    }
}
