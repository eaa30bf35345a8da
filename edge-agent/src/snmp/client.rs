//! A conversation with one device: GET, GETNEXT and GETBULK in v1, v2c and v3, and nothing that writes.
//!
//! What was sent and received is counted. A recording can stand in for the device, so that a saved walk is read by the same
//! code. In v3 the engine is found first, remembered in [`Engines`](super::usm::Engines), and asked for anew after silence.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use service::secret::Secret;

use super::config::Version;
use super::credential::Login;
use super::limits::PACKETS_MAX;
use super::line::Line;
use super::oid::Oid;
use super::request::{self, Kind};
use super::usm::{self, Engines, Said, Talk, User, UsmError};
use super::value::{Table, Value};
use crate::taken::Cost;

/// How often a device may say that its engine or clock is another than thought, in one request.
const ASK_AGAIN_MAX: u32 = 2;

/// Why a packet brought nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SnmpError {
    #[error("no answer in time")]
    NoAnswer,
    /// ICMP port unreachable: the host is up.
    #[error("the host refuses the SNMP port")]
    Refused,
    #[error("the answer cannot be used: {0}")]
    Unusable(String),
    /// error-status of RFC 3416 section 3; 1 = tooBig, 2 = noSuchName, 5 = genErr. `index` counts from 1.
    #[error("the device answered with error status {status} at index {index}")]
    Status { status: u32, index: u32 },
    /// A report of SNMP v3.
    #[error("{0}")]
    Usm(#[from] UsmError),
    /// The limit of packets for one conversation is used up.
    #[error("the device needs more than {PACKETS_MAX} packets")]
    Endless,
    /// This host has no way to the address.
    #[error("there is no route to the address")]
    NotRouted,
    /// Local trouble: no socket, no permission.
    #[error("cannot send: {0}")]
    Local(String),
}

/// Names and values of one answer; `None` where the device says that there is nothing.
pub type Binds = Vec<(Oid, Option<Value>)>;

/// A value as it was sent: with its BER tag, by which a recording tells a gauge from a counter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bind {
    pub oid: Oid,
    pub tag: u8,
    pub value: Option<Value>,
}

/// A conversation with one device.
#[derive(Debug)]
pub struct Client {
    peer: Peer,
    version: Version,
    login: Login,
    retries: u32,
    /// Values asked for in one packet, at present.
    pub packet_oids: usize,
    /// Packets after which it is given up.
    pub packets_max: u64,
    engines: Engines,
    cost: Cost,
    answers: u64,
}

#[derive(Debug)]
enum Peer {
    Udp(Box<Line>),
    Recorded(Box<Table>),
}

impl Client {
    /// Nothing is sent yet.
    pub fn new(address: SocketAddr, version: Version, login: Login, timeout: Duration, retries: u32) -> Self {
        Self {
            peer: Peer::Udp(Box::new(Line::new(address, timeout))),
            version,
            login,
            retries,
            packet_oids: 60,
            packets_max: PACKETS_MAX,
            engines: Engines::default(),
            cost: Cost::default(),
            answers: 0,
        }
    }

    /// Remembers engines of v3 where others remember them.
    #[must_use]
    pub fn with_engines(mut self, engines: &Engines) -> Self {
        self.engines = engines.clone();
        self
    }

    /// Answers from a recording, as v2c.
    pub fn recorded(table: Table) -> Self {
        let nobody = Login::Community(Secret::default());
        let mut client = Self::new(([127, 0, 0, 1], 161).into(), Version::V2c, nobody, Duration::ZERO, 0);
        client.peer = Peer::Recorded(Box::new(table));
        client
    }

    pub fn version(&self) -> Version {
        self.version
    }

    pub fn retries(&self) -> u32 {
        self.retries
    }

    /// One try was used up by somebody else.
    pub fn spend_retry(&mut self) {
        self.retries = self.retries.saturating_sub(1);
    }

    /// What the conversation cost so far.
    pub fn cost(&self) -> Cost {
        self.cost
    }

    /// Packets that were answered with something usable.
    pub fn answers(&self) -> u64 {
        self.answers
    }

    /// Answers in the order of `oids`, one packet, no retry.
    pub async fn get(&mut self, oids: &[Oid]) -> Result<Binds, SnmpError> {
        self.exchange(Kind::Get, oids).await.map(untyped)
    }

    /// What follows each of `oids`, one packet, no retry.
    pub async fn getnext(&mut self, oids: &[Oid]) -> Result<Binds, SnmpError> {
        self.exchange(Kind::GetNext, oids).await.map(untyped)
    }

    /// RFC 3416 section 4.2.3, one packet, no retry. In v1, which has none, it is answered by `Unusable`.
    pub async fn getbulk(&mut self, oids: &[Oid], non_repeaters: u32, repetitions: u32) -> Result<Binds, SnmpError> {
        if self.version == Version::V1 {
            return Err(SnmpError::Unusable("v1 has no GETBULK".into()));
        }
        self.exchange(Kind::GetBulk { non_repeaters, repetitions }, oids).await.map(untyped)
    }

    /// The `repetitions` values after `from` with their tags; in v1 one. One packet, no retry.
    pub async fn following(&mut self, from: &Oid, repetitions: u32) -> Result<Vec<Bind>, SnmpError> {
        let kind = match self.version {
            Version::V1 => Kind::GetNext,
            Version::V2c | Version::V3 => Kind::GetBulk { non_repeaters: 0, repetitions },
        };
        self.exchange(kind, std::slice::from_ref(from)).await
    }

    /// Asks whether the address speaks v3 at all, whatever the user; one packet, no retry.
    pub async fn find_engine(&mut self) -> Result<(), SnmpError> {
        match &mut self.peer {
            Peer::Recorded(_) => Err(SnmpError::NoAnswer),
            Peer::Udp(line) => find_engine(line, &self.engines, &mut self.cost).await.map(|_| ()),
        }
    }

    async fn exchange(&mut self, kind: Kind, oids: &[Oid]) -> Result<Vec<Bind>, SnmpError> {
        if self.cost.packets >= self.packets_max {
            return Err(SnmpError::Endless);
        }
        let result = match (&mut self.peer, &self.login) {
            (Peer::Recorded(table), _) => {
                self.cost.packets += 2;
                Ok(replay(table, kind, oids))
            }
            (Peer::Udp(line), Login::Community(community)) => {
                let (version, community) = (self.version, community.expose().as_bytes());
                let id = line.next_id();
                let message = request::message(version, community, id, kind, oids);
                let read = |datagram: &[u8]| typed_answer(datagram, Expected { version, community, id });
                line.exchange(&message, &mut self.cost, read).await.and_then(|answer| answer)
            }
            (Peer::Udp(line), Login::User(user)) => {
                let result = private(line, user, &self.engines, &mut self.cost, kind, oids).await;
                if result == Err(SnmpError::NoAnswer) {
                    // Perhaps another device is there now, whose engine is another.
                    self.engines.forget(line.address);
                }
                result
            }
        };
        if matches!(result, Ok(_) | Err(SnmpError::Status { .. })) {
            self.answers += 1;
        } else if let Peer::Udp(line) = &mut self.peer {
            line.hang_up();
        }
        result
    }
}

/// One request in v3: finds the engine if it is not known, and follows it if it restarted.
async fn private(
    line: &mut Line,
    user: &Arc<User>,
    engines: &Engines,
    cost: &mut Cost,
    kind: Kind,
    oids: &[Oid],
) -> Result<Vec<Bind>, SnmpError> {
    let mut engine = match engines.get(line.address) {
        Some(engine) => engine,
        None => find_engine(line, engines, cost).await?,
    };
    for _ in 0..=ASK_AGAIN_MAX {
        let mut talk = Talk::new(Arc::clone(user), engine.clone());
        let id = line.next_id();
        let message = talk.seal(id, &request::pdu(id, kind, oids), rand::random());
        let read = |datagram: &[u8]| match talk.open(datagram, id) {
            Said::Stray => None,
            said => Some(said),
        };
        match line.exchange(&message, cost, read).await? {
            Said::Stray => {}
            Said::Error(error) => return Err(error.into()),
            Said::AskAgain if talk.engine().is_proven() => engine = talk.engine().clone(),
            Said::AskAgain => engine = find_engine(line, engines, cost).await?,
            Said::Answer(pdu) => {
                engines.set(line.address, talk.engine().clone());
                let inner = request::enveloped(Version::V2c, b"", &pdu);
                let expected = Expected { version: Version::V2c, community: b"", id };
                return typed_answer(&inner, expected).unwrap_or(Err(SnmpError::NoAnswer));
            }
        }
    }
    Err(UsmError::OutOfStep.into())
}

async fn find_engine(line: &mut Line, engines: &Engines, cost: &mut Cost) -> Result<usm::Engine, SnmpError> {
    let id = line.next_id();
    let found = line.exchange(&usm::discovery(id), cost, |datagram| usm::Engine::discovered(datagram, id)).await?;
    engines.set(line.address, found.clone());
    Ok(found)
}

#[derive(Clone, Copy)]
struct Expected<'a> {
    version: Version,
    community: &'a [u8],
    id: i32,
}

/// What one datagram says to the request `id`; `None` if it does not answer that request. Pure.
pub fn answer(datagram: &[u8], version: Version, community: &[u8], id: i32) -> Option<Result<Binds, SnmpError>> {
    typed_answer(datagram, Expected { version, community, id }).map(|answer| answer.map(untyped))
}

fn typed_answer(bytes: &[u8], expected: Expected<'_>) -> Option<Result<Vec<Bind>, SnmpError>> {
    let pdu = match snmp2::Pdu::from_bytes(bytes) {
        Ok(pdu) => pdu,
        Err(error) => return Some(Err(SnmpError::Unusable(error.to_string()))),
    };
    let version_fits = match pdu.version() {
        Ok(snmp2::Version::V1) => expected.version == Version::V1,
        Ok(snmp2::Version::V2C) => expected.version == Version::V2c,
        Ok(snmp2::Version::V3) | Err(_) => false,
    };
    let fits = version_fits && pdu.message_type == snmp2::MessageType::Response && pdu.req_id == expected.id;
    if !fits || pdu.community != expected.community {
        return None;
    }
    if pdu.error_status != 0 {
        return Some(Err(SnmpError::Status { status: pdu.error_status, index: pdu.error_index }));
    }
    // A varbind that cannot be read ends the list: callers compare what came with what was asked.
    let binds = pdu.varbinds.map_while(|(oid, value)| {
        let (tag, value) = own(&value)?;
        Some(Bind { oid: Oid::decode(oid.as_bytes()).ok()?, tag, value })
    });
    Some(Ok(binds.collect()))
}

fn untyped(binds: Vec<Bind>) -> Binds {
    binds.into_iter().map(|bind| (bind.oid, bind.value)).collect()
}

/// `None` for what ends the list, a bind without a value for what the device says it does not have.
fn own(value: &snmp2::Value<'_>) -> Option<(u8, Option<Value>)> {
    let some = |tag, value| Some((tag, Some(value)));
    match value {
        snmp2::Value::Integer(value) => some(2, Value::Integer(*value)),
        snmp2::Value::Counter32(value) => some(65, Value::Unsigned(u64::from(*value))),
        snmp2::Value::Unsigned32(value) => some(66, Value::Unsigned(u64::from(*value))),
        snmp2::Value::Counter64(value) => some(70, Value::Unsigned(*value)),
        snmp2::Value::Timeticks(value) => some(67, Value::Ticks(*value)),
        snmp2::Value::OctetString(bytes) => some(4, Value::Bytes(bytes.to_vec())),
        snmp2::Value::Opaque(bytes) => some(68, Value::Bytes(bytes.to_vec())),
        snmp2::Value::ObjectIdentifier(oid) => some(6, Value::Oid(Oid::decode(oid.as_bytes()).ok()?)),
        snmp2::Value::IpAddress(octets) => some(64, Value::Ip(*octets)),
        snmp2::Value::Null | snmp2::Value::NoSuchObject | snmp2::Value::NoSuchInstance | snmp2::Value::EndOfMibView => {
            Some((5, None))
        }
        _ => None,
    }
}

/// The tag of a value of a recording; a recording does not say which of two a number had.
fn tag_of(value: &Value) -> u8 {
    match value {
        Value::Integer(_) => 2,
        Value::Unsigned(value) if *value > u64::from(u32::MAX) => 70,
        Value::Unsigned(_) => 65,
        Value::Ticks(_) => 67,
        Value::Bytes(_) => 4,
        Value::Oid(_) => 6,
        Value::Ip(_) => 64,
    }
}

/// What a v2c device holding `table` would answer.
fn replay(table: &Table, kind: Kind, oids: &[Oid]) -> Vec<Bind> {
    let bind = |oid: &Oid, value: Option<&Value>| Bind {
        oid: oid.clone(),
        tag: value.map_or(5, tag_of),
        value: value.cloned(),
    };
    let next = |oid: &Oid| match table.after(oid.arcs()) {
        Some((name, value)) => bind(name, Some(value)),
        None => bind(oid, None),
    };
    match kind {
        Kind::Get => oids.iter().map(|oid| bind(oid, table.get(oid.arcs()))).collect(),
        Kind::GetNext => oids.iter().map(next).collect(),
        Kind::GetBulk { non_repeaters, repetitions } => {
            let split = oids.len().min(non_repeaters as usize);
            let mut binds: Vec<Bind> = oids[..split].iter().map(next).collect();
            let mut at: Vec<Oid> = oids[split..].to_vec();
            for _ in 0..repetitions {
                for oid in &mut at {
                    let bind = next(oid);
                    oid.clone_from(&bind.oid);
                    binds.push(bind);
                }
            }
            binds
        }
    }
}
