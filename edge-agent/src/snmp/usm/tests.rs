use std::time::Duration;

use super::keys::{localised, master};
use super::*;
use crate::snmp::request::{Kind, pdu};
use crate::snmp::usm::engines::Engine;
use proptest::prelude::*;

/// The engine of RFC 3414 appendix A.3.
const ENGINE: [u8; 12] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2];

#[test]
fn keys_are_those_of_the_rfc() {
    // RFC 3414 appendix A.3.1 and A.3.2: password "maplesyrup".
    for (auth, master_key, local_key) in [
        (Auth::Md5, "9faf3283884e92834ebc9847d8edd963", "526f5eed9fcce26f8964c2930787d82b"),
        (Auth::Sha1, "9fb5cc0381497b3793528939ff788d5d79145211", "6695febc9288e36282235fc7151f128497b38f3f"),
    ] {
        let key = master(auth, b"maplesyrup");
        assert_eq!(hex::encode(&key.0), master_key);
        assert_eq!(hex::encode(localised(auth, &key, &ENGINE).0), local_key);
    }
}

fn user(auth: Auth, privacy: Privacy) -> Arc<User> {
    let key = |password: &str| Arc::new(master(auth, password.as_bytes()));
    Arc::new(User {
        name: "reader".into(),
        context: String::new(),
        auth: (auth != Auth::None).then(|| (auth, key("maplesyrup"))),
        privacy: (privacy != Privacy::None).then(|| (privacy, key("treesaplow"))),
    })
}

const ALL: [Auth; 6] = [Auth::Md5, Auth::Sha1, Auth::Sha224, Auth::Sha256, Auth::Sha384, Auth::Sha512];
const PRIVATE: [Privacy; 7] = [
    Privacy::None,
    Privacy::Des,
    Privacy::Aes128,
    Privacy::Aes192,
    Privacy::Aes256,
    Privacy::Aes192c,
    Privacy::Aes256c,
];

/// A request, turned into what a device would answer: both ends of USM do the same with a message.
fn sealed(user: &Arc<User>) -> (Talk, Vec<u8>, Vec<u8>) {
    let talk = Talk::new(Arc::clone(user), Engine::new(&ENGINE, 3, 100, true));
    let pdu = pdu(7, Kind::Get, &["1.3.6.1.2.1.1.1.0".parse().unwrap()]);
    let message = talk.seal(7, &pdu, *b"saltsalt");
    (talk, message, pdu)
}

#[test]
fn every_pair_of_protocols_opens_what_it_sealed_and_shows_nothing_of_it() {
    for auth in ALL {
        for privacy in PRIVATE {
            let (mut talk, message, pdu) = sealed(&user(auth, privacy));
            assert_eq!(talk.open(&message, 7), Said::Answer(pdu.clone()), "{auth:?} {privacy:?}");
            let in_clear = message.windows(pdu.len()).any(|part| part == pdu);
            assert_eq!(in_clear, privacy == Privacy::None, "{auth:?} {privacy:?}");
        }
    }
}

#[test]
fn a_message_that_was_changed_on_the_way_or_is_for_another_request_is_no_answer() {
    let (mut talk, message, _) = sealed(&user(Auth::Sha256, Privacy::Aes128));
    assert_eq!(talk.open(&message, 8), Said::Stray);
    for place in 0..message.len() {
        let mut changed = message.clone();
        changed[place] ^= 0x10;
        assert_eq!(talk.open(&changed, 7), Said::Stray, "byte {place}");
    }
    let (_, in_clear, _) = sealed(&user(Auth::None, Privacy::None));
    assert_eq!(talk.open(&in_clear, 7), Said::Stray, "an answer without authentication");
    let (_, unencrypted, _) = sealed(&user(Auth::Sha256, Privacy::None));
    assert_eq!(talk.open(&unencrypted, 7), Said::Stray, "an authentic answer that is not encrypted");
}

#[test]
fn an_authentic_answer_of_long_ago_is_no_answer() {
    let user = user(Auth::Sha1, Privacy::Des);
    let (_, message, pdu) = sealed(&user);
    let later = |seconds| {
        let mut engine = Engine::new(&ENGINE, 3, 100, true);
        engine.heard -= Duration::from_secs(seconds);
        Talk::new(Arc::clone(&user), engine).open(&message, 7)
    };
    assert_eq!(later(0), Said::Answer(pdu));
    assert_eq!(later(200), Said::Stray);
}

proptest! {
    #[test]
    fn any_datagram_is_opened_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let (mut talk, _, _) = sealed(&user(Auth::None, Privacy::None));
        let _ = talk.open(&bytes, 7);
        let _ = Engine::discovered(&bytes, 7);
    }

    #[test]
    fn a_damaged_message_is_opened_or_refused(places in prop::collection::vec((0usize..120, any::<u8>()), 1..6)) {
        let (mut talk, mut message, _) = sealed(&user(Auth::None, Privacy::None));
        for (place, value) in places {
            if let Some(byte) = message.get_mut(place) {
                *byte = value;
            }
        }
        let _ = talk.open(&message, 7);
        let _ = Engine::discovered(&message, 7);
    }
}
