//! The only place that speaks UDP to devices: one client per device and conversation.
//!
//! Offers GET, GETNEXT and GETBULK and nothing that writes. A socket is connected to one address and port, so that the
//! kernel drops what others send, and is replaced after any silence, so that a late answer meets a closed port. Request ids
//! start at random. What was sent and received is counted. A recording can stand in for the device, so that a saved walk
//! is read by the same code.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use service::secret::Secret;
use tokio::net::UdpSocket;

use super::config::Version;
use super::limits::{ANSWER_BYTES_MAX, PACKETS_MAX, STRAYS_MAX};
use super::oid::Oid;
use super::request::{self, Kind};
use super::value::{Table, Value};
use crate::taken::Cost;

/// IPv4 and UDP headers of one packet, bytes.
const HEADER_BYTES: u64 = 28;

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
    /// The limit of packets for one conversation is used up.
    #[error("the device needs more than {PACKETS_MAX} packets")]
    Endless,
    /// Local trouble: no socket, no route.
    #[error("cannot send: {0}")]
    Local(String),
}

/// Names and values of one answer; `None` where the device says that there is nothing.
pub type Binds = Vec<(Oid, Option<Value>)>;

/// A conversation with one device.
#[derive(Debug)]
pub struct Client {
    peer: Peer,
    version: Version,
    community: Secret,
    timeout: Duration,
    retries: u32,
    /// Values asked for in one packet, at present.
    pub packet_oids: usize,
    cost: Cost,
    answers: u64,
}

#[derive(Debug)]
enum Peer {
    Udp { address: SocketAddr, socket: Option<UdpSocket>, id: i32, buffer: Vec<u8> },
    Recorded(Box<Table>),
}

impl Client {
    /// Nothing is sent yet.
    pub fn new(address: SocketAddr, version: Version, community: Secret, timeout: Duration, retries: u32) -> Self {
        let peer = Peer::Udp { address, socket: None, id: rand::random_range(1..i32::MAX / 2), buffer: Vec::new() };
        Self { peer, version, community, timeout, retries, packet_oids: 60, cost: Cost::default(), answers: 0 }
    }

    /// Answers from a recording, as v2c.
    pub fn recorded(table: Table) -> Self {
        let mut client = Self::new(([127, 0, 0, 1], 161).into(), Version::V2c, Secret::default(), Duration::ZERO, 0);
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
        self.exchange(Kind::Get, oids).await
    }

    /// What follows each of `oids`, one packet, no retry.
    pub async fn getnext(&mut self, oids: &[Oid]) -> Result<Binds, SnmpError> {
        self.exchange(Kind::GetNext, oids).await
    }

    /// RFC 3416 section 4.2.3, one packet, no retry. v2c only: in v1 it is answered by `Unusable`.
    pub async fn getbulk(&mut self, oids: &[Oid], non_repeaters: u32, repetitions: u32) -> Result<Binds, SnmpError> {
        if self.version == Version::V1 {
            return Err(SnmpError::Unusable("v1 has no GETBULK".into()));
        }
        self.exchange(Kind::GetBulk { non_repeaters, repetitions }, oids).await
    }

    async fn exchange(&mut self, kind: Kind, oids: &[Oid]) -> Result<Binds, SnmpError> {
        if self.cost.packets >= PACKETS_MAX {
            return Err(SnmpError::Endless);
        }
        let result = match &mut self.peer {
            Peer::Recorded(table) => {
                self.cost.packets += 2;
                Ok(replay(table, kind, oids))
            }
            Peer::Udp { address, socket, id, buffer } => {
                *id = id.wrapping_add(1);
                buffer.resize(ANSWER_BYTES_MAX, 0);
                let message = request::message(self.version, self.community.expose().as_bytes(), *id, kind, oids);
                let expected =
                    Expected { version: self.version, community: self.community.expose().as_bytes(), id: *id };
                let talk = talk(*address, socket, &message, buffer, expected, &mut self.cost);
                let result = match tokio::time::timeout(self.timeout, talk).await {
                    Ok(result) => result,
                    Err(_) => Err(SnmpError::NoAnswer),
                };
                if !matches!(result, Ok(_) | Err(SnmpError::Status { .. })) {
                    *socket = None;
                }
                result
            }
        };
        if matches!(result, Ok(_) | Err(SnmpError::Status { .. })) {
            self.answers += 1;
        }
        result
    }
}

#[derive(Clone, Copy)]
struct Expected<'a> {
    version: Version,
    community: &'a [u8],
    id: i32,
}

async fn talk(
    address: SocketAddr,
    slot: &mut Option<UdpSocket>,
    message: &[u8],
    buffer: &mut [u8],
    expected: Expected<'_>,
    cost: &mut Cost,
) -> Result<Binds, SnmpError> {
    let socket = match slot {
        Some(socket) => socket,
        None => slot.insert(connect(address).await?),
    };
    count(cost, message.len());
    socket.send(message).await.map_err(|error| trouble(&error))?;
    for _ in 0..=STRAYS_MAX {
        let length = socket.recv(buffer).await.map_err(|error| trouble(&error))?;
        count(cost, length);
        match parse(buffer.get(..length).unwrap_or_default(), expected) {
            // The device repeated an earlier answer, or somebody guesses.
            Err(Refusal::Stray) => {}
            Err(Refusal::Error(error)) => return Err(error),
            Ok(binds) => return Ok(binds),
        }
    }
    Err(SnmpError::Unusable("it repeats answers to other requests".into()))
}

async fn connect(address: SocketAddr) -> Result<UdpSocket, SnmpError> {
    let any: SocketAddr = if address.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0u16; 8], 0).into() };
    let socket = UdpSocket::bind(any).await.map_err(|error| SnmpError::Local(error.to_string()))?;
    socket.connect(address).await.map_err(|error| trouble(&error))?;
    Ok(socket)
}

fn count(cost: &mut Cost, payload: usize) {
    *cost += Cost { packets: 1, bytes: payload as u64 + HEADER_BYTES };
}

fn trouble(error: &io::Error) -> SnmpError {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => SnmpError::Refused,
        // ARP found nobody, or a router says so: as good as silence.
        io::ErrorKind::HostUnreachable | io::ErrorKind::TimedOut => SnmpError::NoAnswer,
        _ => SnmpError::Local(error.to_string()),
    }
}

enum Refusal {
    Stray,
    Error(SnmpError),
}

fn parse(bytes: &[u8], expected: Expected<'_>) -> Result<Binds, Refusal> {
    let pdu = snmp2::Pdu::from_bytes(bytes).map_err(|error| Refusal::Error(SnmpError::Unusable(error.to_string())))?;
    let version_fits = match pdu.version() {
        Ok(snmp2::Version::V1) => expected.version == Version::V1,
        Ok(snmp2::Version::V2C) => expected.version == Version::V2c,
        Ok(snmp2::Version::V3) | Err(_) => false,
    };
    let fits = version_fits && pdu.message_type == snmp2::MessageType::Response && pdu.req_id == expected.id;
    if !fits || pdu.community != expected.community {
        return Err(Refusal::Stray);
    }
    if pdu.error_status != 0 {
        return Err(Refusal::Error(SnmpError::Status { status: pdu.error_status, index: pdu.error_index }));
    }
    // A varbind that cannot be read ends the list: callers compare what came with what was asked.
    Ok(pdu.varbinds.map_while(|(oid, value)| Some((Oid::decode(oid.as_bytes()).ok()?, own(&value)?))).collect())
}

/// `None` for what ends the list, `Some(None)` for what the device says it does not have.
#[expect(clippy::option_option, reason = "unreadable and absent are different answers")]
fn own(value: &snmp2::Value<'_>) -> Option<Option<Value>> {
    Some(match value {
        snmp2::Value::Integer(value) => Some(Value::Integer(*value)),
        snmp2::Value::Counter32(value) | snmp2::Value::Unsigned32(value) => Some(Value::Unsigned(u64::from(*value))),
        snmp2::Value::Counter64(value) => Some(Value::Unsigned(*value)),
        snmp2::Value::Timeticks(value) => Some(Value::Ticks(*value)),
        snmp2::Value::OctetString(bytes) | snmp2::Value::Opaque(bytes) => Some(Value::Bytes(bytes.to_vec())),
        snmp2::Value::ObjectIdentifier(oid) => Some(Value::Oid(Oid::decode(oid.as_bytes()).ok()?)),
        snmp2::Value::IpAddress(octets) => Some(Value::Ip(*octets)),
        snmp2::Value::Null | snmp2::Value::NoSuchObject | snmp2::Value::NoSuchInstance | snmp2::Value::EndOfMibView => {
            None
        }
        _ => return None,
    })
}

/// What a v2c device holding `table` would answer.
fn replay(table: &Table, kind: Kind, oids: &[Oid]) -> Binds {
    let next = |oid: &Oid| match table.after(oid.arcs()) {
        Some((name, value)) => (name.clone(), Some(value.clone())),
        None => (oid.clone(), None),
    };
    match kind {
        Kind::Get => oids.iter().map(|oid| (oid.clone(), table.get(oid.arcs()).cloned())).collect(),
        Kind::GetNext => oids.iter().map(next).collect(),
        Kind::GetBulk { non_repeaters, repetitions } => {
            let split = oids.len().min(non_repeaters as usize);
            let mut binds: Binds = oids[..split].iter().map(next).collect();
            let mut at: Vec<Oid> = oids[split..].to_vec();
            for _ in 0..repetitions {
                for oid in &mut at {
                    let bind = next(oid);
                    oid.clone_from(&bind.0);
                    binds.push(bind);
                }
            }
            binds
        }
    }
}

/// What one datagram says to the request `id`; `None` if it does not answer that request. Pure.
pub fn answer(datagram: &[u8], version: Version, community: &[u8], id: i32) -> Option<Result<Binds, SnmpError>> {
    match parse(datagram, Expected { version, community, id }) {
        Ok(binds) => Some(Ok(binds)),
        Err(Refusal::Error(error)) => Some(Err(error)),
        Err(Refusal::Stray) => None,
    }
}
