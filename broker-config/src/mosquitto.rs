//! The same rules for mosquitto: a `mosquitto.conf` and its `acl` file.
//!
//! The differences that remain stand in `docs/broker-conformance.md`, each with its reason; a test tries both brokers.

use crate::pki::{Index, Kind, State};

/// The acl file. Services are listed by name: those of the index that are not revoked, and those given.
pub fn acl(services: &[String]) -> String {
    let mut text = String::from(
        "# Written by `broker-config mosquitto`. %u is the CN of the client's certificate.\n\
         pattern write platen/v1/up/+/%u\n\
         pattern write platen/v1/status/%u\n\
         pattern read platen/v1/down/%u/#\n",
    );
    for service in services {
        // The patterns above are for agents; mosquitto looks at denials first.
        text.push_str(&format!("\nuser {service}\ntopic deny platen/v1/up/+/{service}\n"));
        if service == "service.canary" {
            text.push_str("topic readwrite platen/v1/status/service.canary\n");
            continue;
        }
        text.push_str(&format!("topic deny platen/v1/status/{service}\n"));
        text.push_str("topic read platen/v1/up/#\ntopic read platen/v1/status/#\n");
        text.push_str("topic write platen/v1/down/+/config\ntopic write platen/v1/down/+/command\n");
        if service.starts_with("service.ingest") {
            text.push_str("topic write platen/v1/down/+/ack\n");
        }
    }
    text
}

/// The configuration file. `dir` is where mosquitto finds the other files.
pub fn configuration(dir: &str, port: u16) -> String {
    format!(
        "# Written by `broker-config mosquitto`: Platen's rules for mosquitto 2.\n\
         per_listener_settings false\n\
         listener {port}\n\
         cafile {dir}/ca.pem\n\
         certfile {dir}/broker.pem\n\
         keyfile {dir}/broker.key\n\
         crlfile {dir}/crl.pem\n\
         tls_version tlsv1.3\n\
         require_certificate true\n\
         # user name and client id are the CN of the certificate\n\
         use_identity_as_username true\n\
         use_username_as_clientid true\n\
         allow_anonymous false\n\
         acl_file {dir}/acl\n\
         # one payload is at most 16 KiB, its topic and header less than 256 bytes\n\
         max_packet_size 16640\n\
         message_size_limit 16384\n\
         # agents hold at most 64 unacknowledged payloads; what a broker loses they send again\n\
         max_inflight_messages 100\n\
         max_queued_messages 10000\n\
         persistence false\n\
         retain_available true\n\
         connection_messages true\n"
    )
}

/// The CNs of the services in an index that are not revoked.
pub fn services(index: &Index) -> Vec<String> {
    let mut names: Vec<String> = index
        .certificates
        .iter()
        .filter(|entry| entry.kind == Kind::Service && entry.state == State::Issued)
        .map(|entry| entry.cn.clone())
        .collect();
    names.sort();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::acl::{may_publish, may_subscribe};
    use schemas::id::AgentCn;

    /// What one client may do by the text of an acl file: (publish, subscribe).
    fn by_file(text: &str, cn: &str, topic: &str) -> (bool, bool) {
        let (mut user, mut write, mut read, mut denied) = (None, false, false, false);
        for line in text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
            let words: Vec<&str> = line.split(' ').collect();
            let (access, pattern) = match words.as_slice() {
                ["user", name] => {
                    user = Some((*name).to_owned());
                    continue;
                }
                ["pattern", access, pattern] => (*access, pattern.replace("%u", cn)),
                ["topic", access, pattern] if user.as_deref() == Some(cn) => (*access, (*pattern).to_owned()),
                _ => continue,
            };
            if covers(&pattern, topic) {
                denied |= access == "deny";
                write |= access != "read";
                read |= access != "write";
            }
        }
        (write && !denied, read && !denied)
    }

    fn covers(filter: &str, topic: &str) -> bool {
        let (mut filter, mut topic) = (filter.split('/'), topic.split('/'));
        loop {
            match (filter.next(), topic.next()) {
                (Some("#"), _) | (None, None) => return true,
                (Some("+"), Some(_)) => {}
                (Some(want), Some(have)) if want == have => {}
                _ => return false,
            }
        }
    }

    #[test]
    fn the_acl_file_says_what_the_rules_say() {
        let text = acl(&["service.canary".into(), "service.ingest1".into(), "service.portal".into()]);
        let agent: AgentCn = "acme.one".parse().unwrap();
        let topics = [
            format!("platen/v1/up/{}/acme.one", agent.partition()),
            "platen/v1/status/acme.one".to_owned(),
            "platen/v1/status/acme.two".to_owned(),
            "platen/v1/down/acme.one/ack".to_owned(),
            "platen/v1/down/acme.one/command".to_owned(),
            "platen/v1/down/acme.two/ack".to_owned(),
            "platen/v1/status/service.canary".to_owned(),
            "platen/v1/status/service.portal".to_owned(),
            "platen/v1/up/7/service.portal".to_owned(),
        ];
        for who in ["acme.one", "service.ingest1", "service.portal", "service.canary"] {
            let cn: AgentCn = who.parse().unwrap();
            for topic in &topics {
                let (write, _) = by_file(&text, who, topic);
                assert_eq!(write, may_publish(&cn, topic).is_ok(), "{who} publishes {topic}");
            }
        }
        for topic in topics.iter().filter(|topic| topic.contains("/down/")) {
            assert_eq!(by_file(&text, "acme.one", topic).1, may_subscribe(&agent, topic).is_ok(), "{topic}");
        }
        assert!(by_file(&text, "service.ingest1", &topics[0]).1);
        assert!(!by_file(&text, "acme.two", &topics[3]).1);
    }
}
