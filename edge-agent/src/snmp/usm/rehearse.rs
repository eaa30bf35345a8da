//! A conversation with a device that says anything at all: for whoever feeds the reader with any bytes (`fuzz`).

use std::sync::Arc;

use super::message::REPORT;
use super::{Auth, Engine, Key, Privacy, Said, Talk, User};
use crate::snmp::ber;

/// The request that is answered.
pub const REQUEST: i32 = 1;

/// What became of the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heard {
    /// As a datagram, they were taken for the answer.
    pub believed: bool,
    /// As a PDU that the device seals, they came out as they went in.
    pub opened: bool,
}

/// Hears the bytes as the answer to a discovery, as the answer to [`REQUEST`] of a user with these protocols, and as the PDU in a
/// message that is sealed with that user's keys. An IO-free part of `Client`.
pub fn rehearse(auth: Auth, privacy: Privacy, bytes: &[u8]) -> Heard {
    let _engine = Engine::discovered(bytes, REQUEST);
    // Keys of the right length are all that counts here; passwords would take a million rounds.
    let key = || Arc::new(Key(vec![7; 64]));
    let user = User {
        name: "meter".to_owned(),
        context: String::new(),
        auth: (auth != Auth::None).then(|| (auth, key())),
        privacy: (privacy != Privacy::None).then(|| (privacy, key())),
    };
    let talk = || Talk::new(Arc::new(user.clone()), Engine::new(b"engine", 1, 1, true));
    let believed = matches!(talk().open(bytes, REQUEST), Said::Answer(_));
    let sealed = talk().seal(REQUEST, bytes, [3; 8]);
    let opened = matches!(talk().open(&sealed, REQUEST), Said::Answer(pdu) if pdu == bytes);
    Heard { believed, opened }
}

/// Whether bytes are one whole element that is no report: what [`rehearse`] must get back.
pub fn is_pdu(bytes: &[u8]) -> bool {
    let whole = ber::Reader::new(bytes).whole();
    whole.is_some_and(|element| element.bytes == bytes && element.tag != REPORT)
}
