//! Messages of SNMP v3 (RFC 3412 section 6, RFC 3414 section 2.4): sealed when they go out, opened when they come in.

use std::sync::Arc;

use subtle::ConstantTimeEq;

use super::engines::Engine;
use super::{Key, Privacy, User, UsmError, cipher, keys};
use crate::snmp::ber::{self, Reader, element, integer};
use crate::snmp::limits::ANSWER_BYTES_MAX;
use crate::snmp::oid::Oid;

const FLAG_AUTH: u8 = 1;
const FLAG_PRIV: u8 = 2;
const FLAG_REPORTABLE: u8 = 4;
/// msgSecurityModel of RFC 3414.
const USM: i64 = 3;
/// snmpUnavailableContexts and snmpUnknownContexts, RFC 3413.
const CONTEXT_REPORTS: &[u32] = &[1, 3, 6, 1, 6, 3, 12, 1];
/// usmStats, RFC 3414.
const USM_REPORTS: &[u32] = &[1, 3, 6, 1, 6, 3, 15, 1, 1];
pub(super) const REPORT: u8 = 0xa8;

/// What a datagram says to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::snmp) enum Said {
    /// It does not answer this request, or nobody can vouch for it.
    Stray,
    /// A PDU, with its header.
    Answer(Vec<u8>),
    /// The engine is another one than thought, or its clock is: ask again.
    AskAgain,
    Error(UsmError),
}

/// One user talking to one engine.
#[derive(Debug)]
pub(in crate::snmp) struct Talk {
    user: Arc<User>,
    engine: Engine,
    auth_key: Key,
    priv_key: Key,
}

/// Asks an address for its engine: answered by any device that speaks v3, whatever the user.
pub(in crate::snmp) fn discovery(id: i32) -> Vec<u8> {
    // A GET of nothing.
    let mut pdu = integer(i64::from(id));
    pdu.extend([integer(0), integer(0), element(ber::SEQUENCE, &[])].concat());
    let scoped = scoped(&[], "", &element(0xa0, &pdu));
    let security = security(&[], 0, 0, "", &[], &[]);
    assemble(id, FLAG_REPORTABLE, &security, &scoped)
}

impl Engine {
    /// Reads the answer to a [`discovery`].
    pub(in crate::snmp) fn discovered(datagram: &[u8], id: i32) -> Option<Self> {
        let message = Incoming::read(datagram)?;
        // RFC 3411 section 5: 5 to 32 bytes.
        let plausible = message.id == id && (5..=32).contains(&message.engine.len()) && message.flags & FLAG_AUTH == 0;
        plausible.then(|| Self::new(message.engine, message.boots, message.time_s, false))
    }
}

impl Talk {
    pub(in crate::snmp) fn new(user: Arc<User>, engine: Engine) -> Self {
        let (auth_key, priv_key) = match (&user.auth, &user.privacy) {
            (Some((auth, key)), None) => (keys::localised(*auth, key, &engine.id), Key(Vec::new())),
            (Some((auth, key)), Some((privacy, private))) => {
                (keys::localised(*auth, key, &engine.id), keys::localised_private(*auth, *privacy, private, &engine.id))
            }
            (None, _) => (Key(Vec::new()), Key(Vec::new())),
        };
        Self { user, engine, auth_key, priv_key }
    }

    pub(in crate::snmp) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// A message with this PDU. `salt` never repeats for one key.
    pub(in crate::snmp) fn seal(&self, id: i32, pdu: &[u8], salt: [u8; 8]) -> Vec<u8> {
        let User { name, context, auth, privacy } = &*self.user;
        let (boots, time_s) = (self.engine.boots, self.engine.time_s());
        let scoped = scoped(&self.engine.id, context, pdu);
        let mut flags = FLAG_REPORTABLE | if auth.is_some() { FLAG_AUTH } else { 0 };
        let (data, sent_salt) = match privacy {
            Some((privacy, _)) => {
                flags |= FLAG_PRIV;
                let salt = match privacy {
                    // RFC 3414 section 8.1.1.1: boots and a number.
                    Privacy::Des => {
                        let mut des = boots.to_be_bytes().to_vec();
                        des.extend(&salt[4..]);
                        des
                    }
                    Privacy::None
                    | Privacy::Aes128
                    | Privacy::Aes192
                    | Privacy::Aes256
                    | Privacy::Aes192c
                    | Privacy::Aes256c => salt.to_vec(),
                };
                let iv = cipher::Vector { boots, time_s, salt: &salt };
                (element(ber::OCTETS, &cipher::encrypt(*privacy, &self.priv_key, &iv, &scoped)), salt)
            }
            None => (scoped, Vec::new()),
        };
        let mac_bytes = auth.as_ref().map_or(0, |(auth, _)| auth.mac_bytes());
        let blank = vec![0; mac_bytes];
        let with = |mac: &[u8]| {
            let security = security(&self.engine.id, boots, time_s, name, mac, &sent_salt);
            assemble(id, flags, &security, &data)
        };
        match auth {
            Some((auth, _)) => with(&auth.mac(&self.auth_key, &with(&blank))),
            None => with(&[]),
        }
    }

    /// Opens what came. Only an authentic message is an answer or moves the engine's clock, if the user authenticates.
    pub(in crate::snmp) fn open(&mut self, datagram: &[u8], id: i32) -> Said {
        let Some(message) = Incoming::read(datagram).filter(|message| message.id == id) else { return Said::Stray };
        let authentic = self.is_authentic(&message);
        if message.flags & FLAG_AUTH != 0 && !authentic {
            return Said::Stray;
        }
        let plain = match self.scoped_pdu(&message) {
            Some(plain) => plain,
            None => return Said::Stray,
        };
        let Some((tag, pdu)) = pdu_of(&plain) else { return Said::Stray };
        if tag == REPORT {
            return self.report(&message, pdu, authentic);
        }
        let level_kept = authentic || self.user.auth.is_none();
        let private_kept = message.flags & FLAG_PRIV != 0 || self.user.privacy.is_none();
        if !level_kept || !private_kept || message.engine != self.engine.id || message.user != self.user.name.as_bytes()
        {
            return Said::Stray;
        }
        if authentic {
            if !self.engine.accepts(message.boots, message.time_s) {
                return Said::Stray;
            }
            self.engine = Engine::new(message.engine, message.boots, message.time_s, true);
        }
        Said::Answer(pdu.to_vec())
    }

    fn is_authentic(&self, message: &Incoming<'_>) -> bool {
        let Some((auth, _)) = &self.user.auth else { return false };
        if message.flags & FLAG_AUTH == 0 || message.engine != self.engine.id || message.mac.len() != auth.mac_bytes() {
            return false;
        }
        let mut blanked = message.bytes.to_vec();
        let Some(place) = blanked.get_mut(message.mac_at..message.mac_at + message.mac.len()) else { return false };
        place.fill(0);
        auth.mac(&self.auth_key, &blanked).ct_eq(message.mac).into()
    }

    fn scoped_pdu(&self, message: &Incoming<'_>) -> Option<Vec<u8>> {
        if message.flags & FLAG_PRIV == 0 {
            return Some(message.data.bytes.to_vec());
        }
        let (privacy, _) = self.user.privacy.as_ref()?;
        if message.data.tag != ber::OCTETS {
            return None;
        }
        let iv = cipher::Vector { boots: message.boots, time_s: message.time_s, salt: message.salt };
        cipher::decrypt(*privacy, &self.priv_key, &iv, message.data.contents)
    }

    fn report(&mut self, message: &Incoming<'_>, pdu: &[u8], authentic: bool) -> Said {
        let Some(what) = reported(pdu) else { return Said::Stray };
        if what.below(CONTEXT_REPORTS).is_some() {
            return Said::Error(UsmError::Context);
        }
        match what.below(USM_REPORTS).and_then(<[u32]>::first) {
            Some(1) => Said::Error(UsmError::Level),
            Some(2) if authentic => {
                self.engine = Engine::new(message.engine, message.boots, message.time_s, true);
                Said::AskAgain
            }
            // Without authentication its time cannot be believed: its engine is asked for anew.
            Some(2 | 4) => {
                self.engine.proven = false;
                Said::AskAgain
            }
            Some(3) => Said::Error(UsmError::UnknownUser),
            Some(5) => Said::Error(UsmError::WrongKey),
            Some(6) => Said::Error(UsmError::WrongPrivacyKey),
            _ => Said::Stray,
        }
    }
}

/// A message taken apart. Slices of the datagram, so that the place of the digest is known.
struct Incoming<'a> {
    /// The message without what may follow it in the datagram.
    bytes: &'a [u8],
    id: i32,
    flags: u8,
    engine: &'a [u8],
    boots: u32,
    time_s: u32,
    user: &'a [u8],
    mac: &'a [u8],
    mac_at: usize,
    salt: &'a [u8],
    data: ber::Element<'a>,
}

impl<'a> Incoming<'a> {
    fn read(datagram: &'a [u8]) -> Option<Self> {
        let outer = Reader::new(datagram).whole().filter(|outer| outer.tag == ber::SEQUENCE)?;
        let mut message = Reader::new(outer.contents);
        if message.integer()? != 3 {
            return None;
        }
        let mut header = Reader::new(message.expect(ber::SEQUENCE)?);
        let id = i32::try_from(header.integer()?).ok()?;
        let _size_max = header.integer()?;
        let flags = *header.expect(ber::OCTETS)?.first()?;
        if header.integer()? != USM || flags & (FLAG_AUTH | FLAG_PRIV) == FLAG_PRIV {
            return None;
        }
        let mut security = Reader::new(message.expect(ber::OCTETS)?);
        let mut security = Reader::new(security.expect(ber::SEQUENCE)?);
        let engine = security.expect(ber::OCTETS)?;
        let boots = number(security.integer()?)?;
        let time_s = number(security.integer()?)?;
        let user = security.expect(ber::OCTETS)?;
        let mac = security.expect(ber::OCTETS)?;
        let salt = security.expect(ber::OCTETS)?;
        let data = message.whole()?;
        let mac_at = (mac.as_ptr() as usize).checked_sub(outer.bytes.as_ptr() as usize)?;
        Some(Self { bytes: outer.bytes, id, flags, engine, boots, time_s, user, mac, mac_at, salt, data })
    }
}

/// snmpEngineBoots and snmpEngineTime: 0 to 2^31 - 1.
fn number(value: i64) -> Option<u32> {
    i32::try_from(value).ok().and_then(|value| u32::try_from(value).ok())
}

/// The PDU in a scoped PDU, with its tag. What a cipher padded behind it is passed over.
fn pdu_of(scoped: &[u8]) -> Option<(u8, &[u8])> {
    let mut scoped = Reader::new(Reader::new(scoped).expect(ber::SEQUENCE)?);
    let (_engine, _context) = (scoped.expect(ber::OCTETS)?, scoped.expect(ber::OCTETS)?);
    let pdu = scoped.whole()?;
    Some((pdu.tag, pdu.bytes))
}

/// The counter that a report names.
fn reported(pdu: &[u8]) -> Option<Oid> {
    let mut pdu = Reader::new(Reader::new(pdu).expect(REPORT)?);
    let _numbers = (pdu.integer()?, pdu.integer()?, pdu.integer()?);
    let mut binds = Reader::new(pdu.expect(ber::SEQUENCE)?);
    let mut bind = Reader::new(binds.expect(ber::SEQUENCE)?);
    Oid::decode(bind.expect(ber::OBJECT_IDENTIFIER)?).ok()
}

fn scoped(engine: &[u8], context: &str, pdu: &[u8]) -> Vec<u8> {
    let parts = [element(ber::OCTETS, engine), element(ber::OCTETS, context.as_bytes()), pdu.to_vec()];
    element(ber::SEQUENCE, &parts.concat())
}

fn security(engine: &[u8], boots: u32, time_s: u32, user: &str, mac: &[u8], salt: &[u8]) -> Vec<u8> {
    let parts = [
        element(ber::OCTETS, engine),
        integer(boots.into()),
        integer(time_s.into()),
        element(ber::OCTETS, user.as_bytes()),
        element(ber::OCTETS, mac),
        element(ber::OCTETS, salt),
    ];
    element(ber::OCTETS, &element(ber::SEQUENCE, &parts.concat()))
}

fn assemble(id: i32, flags: u8, security: &[u8], data: &[u8]) -> Vec<u8> {
    let size_max = i64::try_from(ANSWER_BYTES_MAX).unwrap_or(i64::MAX);
    let header = [integer(id.into()), integer(size_max), element(ber::OCTETS, &[flags]), integer(USM)];
    let parts = [integer(3), element(ber::SEQUENCE, &header.concat()), security.to_vec(), data.to_vec()];
    element(ber::SEQUENCE, &parts.concat())
}
