//! What clients say to the broker: packets, and the topics and filters in them.

use broker::wire::{Incoming, next};
use broker_config::acl::{may_publish, may_subscribe};
use bytes::BytesMut;
use schemas::id::AgentCn;
use schemas::topic::Topic;

/// The largest packet of an agent, as the broker's door sets it: a payload and its topic.
const PACKET_BYTES_MAX: usize = 17 * 1024;

/// A stream of bytes as packets of MQTT 3.1.1.
pub fn packet(data: &[u8]) {
    let mut buffer = BytesMut::from(data);
    loop {
        let before = buffer.len();
        match next(&mut buffer, PACKET_BYTES_MAX) {
            Ok(Some(incoming)) => {
                assert!(buffer.len() < before, "a packet takes bytes off the buffer");
                if let Incoming::Publish(published) = incoming {
                    assert!(published.topic.len() + published.payload.len() < before && published.id != Some(0));
                }
            }
            Ok(None) | Err(_) => return,
        }
    }
}

/// Any text as a topic and as a filter, for an agent and for services.
pub fn topic(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(topic) = text.parse::<Topic>() {
        assert_eq!(topic.to_string(), text, "one spelling, one topic");
    }
    if let Ok(cn) = text.parse::<AgentCn>() {
        assert_eq!(cn.as_str(), text);
        assert!(may_publish(&cn, &Topic::ack(&cn).to_string()).is_err() || cn.is_service());
    }
    let agent: AgentCn = "acme.one".parse().unwrap();
    if let Ok(topic) = may_publish(&agent, text) {
        assert!(matches!(topic, Topic::Up { cn, .. } | Topic::Status { cn } if cn == agent), "{text}");
    }
    if may_subscribe(&agent, text).is_ok() {
        assert!(text.starts_with("platen/v1/down/acme.one/"), "{text}");
    }
    for service in ["service.ingest1", "service.watch", "service.canary"] {
        let service: AgentCn = service.parse().unwrap();
        let published = may_publish(&service, text);
        assert!(!matches!(published, Ok(Topic::Up { .. })), "services have no payloads: {text}");
        let _ = may_subscribe(&service, text);
    }
}
