//! Why connections are refused and why they end: one closed list, each with the word that metrics and logs use.

use rustls::CertificateError;

/// Why somebody who connected was not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    ConnectionsMax,
    HandshakesMax,
    AddressMax,
    /// Nothing, or not enough, was said in time.
    Timeout,
    /// Closed by the other side before CONNECT.
    Left,
    CertificateMissing,
    CertificateExpired,
    CertificateRevoked,
    CertificateForeign,
    CertificateInvalid,
    Tls,
    /// Something else than a CONNECT of MQTT 3.1.1.
    NotMqtt,
    /// The certificate's CN is not `tenant.agent`.
    CommonName,
    /// The client id is not the CN.
    ClientId,
    /// A will on a topic that is not the client's own status.
    Will,
    /// The predecessor of the same CN did not end in time.
    Occupied,
    Router,
    Stopping,
}

impl Refused {
    /// All of them, so that each is counted from 0 on.
    pub const ALL: [Self; 18] = [
        Self::ConnectionsMax,
        Self::HandshakesMax,
        Self::AddressMax,
        Self::Timeout,
        Self::Left,
        Self::CertificateMissing,
        Self::CertificateExpired,
        Self::CertificateRevoked,
        Self::CertificateForeign,
        Self::CertificateInvalid,
        Self::Tls,
        Self::NotMqtt,
        Self::CommonName,
        Self::ClientId,
        Self::Will,
        Self::Occupied,
        Self::Router,
        Self::Stopping,
    ];

    pub fn word(self) -> &'static str {
        match self {
            Self::ConnectionsMax => "connections_max",
            Self::HandshakesMax => "handshakes_max",
            Self::AddressMax => "address_max",
            Self::Timeout => "timeout",
            Self::Left => "left",
            Self::CertificateMissing => "certificate_missing",
            Self::CertificateExpired => "certificate_expired",
            Self::CertificateRevoked => "certificate_revoked",
            Self::CertificateForeign => "certificate_foreign",
            Self::CertificateInvalid => "certificate_invalid",
            Self::Tls => "tls",
            Self::NotMqtt => "not_mqtt",
            Self::CommonName => "common_name",
            Self::ClientId => "client_id",
            Self::Will => "will",
            Self::Occupied => "occupied",
            Self::Router => "router",
            Self::Stopping => "stopping",
        }
    }

    /// The CONNACK return code (MQTT 3.1.1 §3.2.2.3), for refusals that a CONNECT is answered with.
    pub fn code(self) -> Option<u8> {
        match self {
            Self::ClientId => Some(2),
            Self::Occupied | Self::Router | Self::Stopping => Some(3),
            Self::CommonName | Self::Will => Some(5),
            _ => None,
        }
    }

    /// What a failed TLS handshake means.
    pub fn of_handshake(error: &std::io::Error) -> Self {
        let Some(error) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) else {
            return Self::Left;
        };
        match error {
            rustls::Error::NoCertificatesPresented => Self::CertificateMissing,
            rustls::Error::InvalidCertificate(error) => Self::of_certificate(error),
            _ => Self::Tls,
        }
    }

    pub fn of_certificate(error: &CertificateError) -> Self {
        match error {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => Self::CertificateExpired,
            CertificateError::Revoked => Self::CertificateRevoked,
            CertificateError::UnknownIssuer | CertificateError::BadSignature => Self::CertificateForeign,
            _ => Self::CertificateInvalid,
        }
    }
}

/// Why a connection that was let in ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The client said DISCONNECT; its will is dropped.
    Goodbye,
    /// The connection broke.
    Lost,
    KeepAlive,
    /// The same CN connected again.
    TakenOver,
    CertificateRevoked,
    CertificateExpired,
    /// The certificate is no longer accepted for another reason, a withdrawn authority for example.
    CertificateInvalid,
    /// A publish that the rules forbid.
    Forbidden,
    Oversize,
    /// Not MQTT 3.1.1, or a part of it that is not offered (QoS 2).
    Malformed,
    TooManyFilters,
    /// Took nothing for too long, or let its queue fill up.
    Slow,
    /// The router overwrote what this client had not been given; it must come again rather than miss it silently.
    Overrun,
    Router,
    /// The broker stops; wills are dropped, since it cannot know that the clients are gone.
    Stopping,
}

impl End {
    /// All of them, so that each is counted from 0 on.
    pub const ALL: [Self; 15] = [
        Self::Goodbye,
        Self::Lost,
        Self::KeepAlive,
        Self::TakenOver,
        Self::CertificateRevoked,
        Self::CertificateExpired,
        Self::CertificateInvalid,
        Self::Forbidden,
        Self::Oversize,
        Self::Malformed,
        Self::TooManyFilters,
        Self::Slow,
        Self::Overrun,
        Self::Router,
        Self::Stopping,
    ];

    pub fn word(self) -> &'static str {
        match self {
            Self::Goodbye => "goodbye",
            Self::Lost => "lost",
            Self::KeepAlive => "keep_alive",
            Self::TakenOver => "taken_over",
            Self::CertificateRevoked => "certificate_revoked",
            Self::CertificateExpired => "certificate_expired",
            Self::CertificateInvalid => "certificate_invalid",
            Self::Forbidden => "forbidden",
            Self::Oversize => "oversize",
            Self::Malformed => "malformed",
            Self::TooManyFilters => "too_many_filters",
            Self::Slow => "slow",
            Self::Overrun => "overrun",
            Self::Router => "router",
            Self::Stopping => "stopping",
        }
    }

    /// Whether the client's will is published.
    pub fn fires_will(self) -> bool {
        !matches!(self, Self::Goodbye | Self::Stopping | Self::Router)
    }
}
