//! What agents are told. Pure.

use schemas::id::{AgentCn, PayloadId};
use schemas::limits::ACK_IDS_MAX;
use schemas::topic::Topic;
use schemas::wire::{Ack, encode_ack};
use serde_bytes::ByteBuf;

/// One message to one agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub topic: String,
    pub payload: Vec<u8>,
}

/// The acks for payloads that are settled now, one message per agent or more if the ids are many; `now` is the server's
/// time in Unix milliseconds.
pub fn settled(ids: impl IntoIterator<Item = (AgentCn, PayloadId)>, now: i64) -> Vec<Message> {
    let mut agents: Vec<(AgentCn, Vec<ByteBuf>)> = Vec::new();
    for (cn, id) in ids {
        let id = ByteBuf::from(id.0.to_vec());
        match agents.iter_mut().find(|(other, ids)| *other == cn && ids.len() < ACK_IDS_MAX) {
            Some((_, ids)) => ids.push(id),
            None => agents.push((cn, vec![id])),
        }
    }
    agents.into_iter().filter_map(|(cn, ids)| message(&cn, &Ack { ids, now, ..Ack::default() })).collect()
}

/// The answer to a hello: nothing settled, the server's time, the nonce.
pub fn hello(cn: &AgentCn, nonce: u64, now: i64) -> Option<Message> {
    message(cn, &Ack { now, re: Some(nonce), ..Ack::default() })
}

/// Says that somebody new hears this agent: what it sent before and has no ack for may be lost.
pub fn resend(cn: &AgentCn, now: i64) -> Option<Message> {
    message(cn, &Ack { now, resend: true, ..Ack::default() })
}

fn message(cn: &AgentCn, ack: &Ack) -> Option<Message> {
    match encode_ack(ack) {
        Ok(payload) => Some(Message { topic: Topic::ack(cn).to_string(), payload }),
        Err(error) => {
            // The agent sends again and is told then.
            tracing::error!(%cn, %error, "ack could not be encoded");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use schemas::wire::decode_ack;

    #[test]
    fn each_agent_hears_of_its_own_payloads_in_messages_of_bounded_length() {
        let (one, two): (AgentCn, AgentCn) = ("acme.one".parse().unwrap(), "acme.two".parse().unwrap());
        let id = |n: usize| PayloadId([u8::try_from(n % 251).unwrap(); 16]);
        let ids = (0..=ACK_IDS_MAX).map(|n| (one.clone(), id(n))).chain([(two.clone(), id(7))]);
        let messages = settled(ids, 5);
        let told: Vec<(&str, usize)> =
            messages.iter().map(|m| (m.topic.as_str(), decode_ack(&m.payload).unwrap().ids.len())).collect();
        assert_eq!(
            told,
            [
                ("platen/v1/down/acme.one/ack", ACK_IDS_MAX),
                ("platen/v1/down/acme.one/ack", 1),
                ("platen/v1/down/acme.two/ack", 1)
            ]
        );
    }

    #[test]
    fn a_hello_is_answered_with_its_nonce_and_the_time() {
        let ack = decode_ack(&hello(&"acme.one".parse().unwrap(), 99, 1_780_000_000_000).unwrap().payload).unwrap();
        assert_eq!((ack.ids.len(), ack.re, ack.now), (0, Some(99), 1_780_000_000_000));
    }
}
