//! Whether a CONNECT is accepted, as a pure decision.
//!
//! User name and password are ignored: the certificate is the identity. Every session is clean, also when a client asks
//! for a kept one (the CONNACK says so): what counts is kept on the edge.

use std::time::Duration;

use broker_config::acl::may_publish;
use rumqttd::protocol::{Connect, LastWill};
use schemas::id::AgentCn;
use schemas::topic::Topic;

use crate::limits::{KEEP_ALIVE_PERCENT, STATUS_BYTES_MAX};
use crate::reason::Refused;

/// What the connection is served with.
#[derive(Debug, PartialEq, Eq)]
pub struct Accepted {
    pub will: Option<LastWill>,
    /// The client is gone when silent for longer.
    pub idle_max: Duration,
}

/// `keep_alive_max_s` stands in for no keep-alive and for a longer one.
///
/// # Errors
/// Why not.
pub fn decide(
    cn: &AgentCn,
    connect: &Connect,
    will: Option<LastWill>,
    keep_alive_max_s: u16,
) -> Result<Accepted, Refused> {
    if connect.client_id != cn.as_str() {
        return Err(Refused::ClientId);
    }
    if let Some(will) = &will {
        let topic = std::str::from_utf8(&will.topic).map_err(|_| Refused::Will)?;
        let own_status = matches!(may_publish(cn, topic), Ok(Topic::Status { .. }));
        if !own_status || will.message.len() > STATUS_BYTES_MAX {
            return Err(Refused::Will);
        }
    }
    let keep_alive_s = match connect.keep_alive {
        0 => keep_alive_max_s,
        wanted => wanted.min(keep_alive_max_s),
    };
    Ok(Accepted { will, idle_max: Duration::from_secs(u64::from(keep_alive_s)) * KEEP_ALIVE_PERCENT / 100 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rumqttd::protocol::QoS;

    fn check(client_id: &str, keep_alive: u16, will: Option<(&str, usize)>) -> Result<u64, Refused> {
        let connect = Connect { keep_alive, client_id: client_id.to_owned(), clean_session: false };
        let will = will.map(|(topic, bytes)| LastWill {
            topic: topic.to_owned().into(),
            message: vec![0; bytes].into(),
            qos: QoS::AtLeastOnce,
            retain: true,
        });
        decide(&"acme.one".parse().unwrap(), &connect, will, 600).map(|accepted| accepted.idle_max.as_secs())
    }

    #[test]
    fn the_client_id_is_the_cn_and_the_will_is_its_own_status() {
        assert_eq!(check("acme.one", 60, None), Ok(90));
        assert_eq!(check("acme.one", 60, Some(("platen/v1/status/acme.one", 10))), Ok(90));
        for id in ["", "acme.two", "ACME.one", "acme.one "] {
            assert_eq!(check(id, 60, None), Err(Refused::ClientId), "{id:?}");
        }
        for topic in ["platen/v1/status/acme.two", "platen/v1/up/35/acme.one", "#", ""] {
            assert_eq!(check("acme.one", 60, Some((topic, 10))), Err(Refused::Will), "{topic:?}");
        }
        assert_eq!(check("acme.one", 60, Some(("platen/v1/status/acme.one", 5000))), Err(Refused::Will));
    }

    #[test]
    fn no_keep_alive_and_a_long_one_count_as_the_longest_allowed() {
        assert_eq!(check("acme.one", 0, None), Ok(900));
        assert_eq!(check("acme.one", u16::MAX, None), Ok(900));
    }
}
