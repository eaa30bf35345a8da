//! A device on a loopback socket: answers SNMP from a table, well or badly, and counts what it hears.
//!
//! Shares no code with the agent's encoder: requests are read by the snmp2 crate, answers are written here.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "a test device: each binary takes its own part of it"
)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use edge_agent::snmp::{Oid, Table, Value};
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

/// How a device behaves beside answering.
#[derive(Debug, Clone, Copy, Default)]
pub struct Manners {
    /// Answers v1 only.
    pub v1_only: bool,
    /// tooBig for requests with more objects, or answers with more values.
    pub values_max: Option<usize>,
    /// Falls silent instead of saying tooBig.
    pub chokes: bool,
    /// Requests that get no answer, from the first on.
    pub silent_for: usize,
    /// Requests that are answered before it falls silent for good.
    pub dies_after: Option<usize>,
    /// Answers are cut in the middle of a value.
    pub garbled: bool,
    /// Each answer comes twice.
    pub doubled: bool,
    /// The answer to the previous request comes first.
    pub late: bool,
    /// Only so many values come, whatever was asked.
    pub cut_to: Option<usize>,
    /// GETBULK is answered as GETNEXT.
    pub no_bulk: bool,
    /// Each answer takes so long, ms.
    pub delay_ms: u64,
    /// What follows an object is the object itself: a table without an end.
    pub circular: bool,
    /// Answers come from another port than was asked.
    pub other_port: bool,
    /// Answers bear another request id.
    pub other_id: bool,
    /// Bytes of the string that stands for a long one; 0 = there is none.
    pub huge: usize,
}

/// A running device; it ends with the value.
pub struct Device {
    pub address: SocketAddr,
    pub requests: Arc<AtomicUsize>,
    /// UDP payload and 28 bytes a packet, both directions.
    pub bytes: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

impl Drop for Device {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub async fn start(table: Table, manners: Manners) -> Device {
    start_at("127.0.0.1:0", table, manners).await
}

pub async fn start_at(address: &str, table: Table, manners: Manners) -> Device {
    let socket = UdpSocket::bind(address).await.unwrap();
    let address = socket.local_addr().unwrap();
    let (requests, bytes) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicU64::new(0)));
    let (counted, heard) = (requests.clone(), bytes.clone());
    let task = tokio::spawn(async move {
        let mut buffer = vec![0u8; 65_536];
        let mut previous: Option<Vec<u8>> = None;
        loop {
            let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
            let number = counted.fetch_add(1, Ordering::SeqCst);
            heard.fetch_add(length as u64 + 28, Ordering::SeqCst);
            let Some(reply) = answer(&table, manners, &buffer[..length]) else { continue };
            if number < manners.silent_for || manners.dies_after.is_some_and(|last| number >= last) {
                continue;
            }
            let reply = if manners.garbled { reply[..reply.len() - 3].to_vec() } else { reply };
            let mut replies = vec![reply.clone()];
            if manners.doubled {
                replies.push(reply.clone());
            }
            if manners.late
                && let Some(previous) = previous.replace(reply)
            {
                replies.insert(0, previous);
            }
            if manners.delay_ms > 0 {
                tokio::time::sleep(std::time::Duration::from_millis(manners.delay_ms)).await;
            }
            let elsewhere = UdpSocket::bind((address.ip(), 0)).await.unwrap();
            let socket = if manners.other_port { &elsewhere } else { &socket };
            for reply in replies {
                heard.fetch_add(reply.len() as u64 + 28, Ordering::SeqCst);
                // What is too large for a datagram is not sent.
                let _ = socket.send_to(&reply, from).await;
            }
        }
    });
    Device { address, requests, bytes, task }
}

/// A device one of whose strings is longer than a table keeps.
pub async fn start_with_huge(mut table: Table, oid: &Oid, bytes: usize) -> Device {
    table.insert(oid.clone(), Value::Bytes(HUGE.to_vec()));
    start(table, Manners { huge: bytes, ..Manners::default() }).await
}

/// Stands for the long string in the table.
const HUGE: &[u8] = b"huge";

type Bind = (Oid, Option<Value>);

fn answer(table: &Table, manners: Manners, request: &[u8]) -> Option<Vec<u8>> {
    let pdu = snmp2::Pdu::from_bytes(request).ok()?;
    let v1 = pdu.version().ok()? == snmp2::Version::V1;
    if pdu.community != b"public" || (manners.v1_only && !v1) {
        return None;
    }
    let asked: Vec<Oid> = pdu.varbinds.clone().map(|(oid, _)| oid.to_string().parse().unwrap()).collect();
    let next = |oid: &Oid| match table.after(oid.arcs()) {
        Some((_, value)) if manners.circular => (oid.clone(), Some(value.clone())),
        Some((name, value)) => (name.clone(), Some(value.clone())),
        None => (oid.clone(), None),
    };
    let mut binds: Vec<Bind> = match pdu.message_type {
        snmp2::MessageType::GetRequest => {
            asked.iter().map(|oid| (oid.clone(), table.get(oid.arcs()).cloned())).collect()
        }
        snmp2::MessageType::GetNextRequest => asked.iter().map(next).collect(),
        snmp2::MessageType::GetBulkRequest if !v1 => {
            let singles = asked.len().min(pdu.error_status as usize);
            let mut binds: Vec<Bind> = asked[..singles].iter().map(next).collect();
            let mut at = asked[singles..].to_vec();
            for _ in 0..if manners.no_bulk { 1 } else { pdu.error_index } {
                for oid in &mut at {
                    let bind = next(oid);
                    *oid = bind.0.clone();
                    binds.push(bind);
                }
            }
            binds
        }
        _ => return None,
    };
    if manners.values_max.is_some_and(|most| binds.len() > most) {
        if manners.chokes {
            return None;
        }
        let echo = asked.into_iter().map(|oid| (oid, None)).collect::<Vec<_>>();
        return Some(message(v1, pdu.req_id, 1, 0, &echo));
    }
    if v1 && let Some(place) = binds.iter().position(|(_, value)| value.is_none()) {
        let echo = asked.into_iter().map(|oid| (oid, None)).collect::<Vec<_>>();
        return Some(message(v1, pdu.req_id, 2, place as i64 + 1, &echo));
    }
    for (_, value) in &mut binds {
        if manners.huge > 0 && *value == Some(Value::Bytes(HUGE.to_vec())) {
            *value = Some(Value::Bytes(vec![b'x'; manners.huge]));
        }
    }
    binds.truncate(manners.cut_to.unwrap_or(usize::MAX));
    let id = if manners.other_id { pdu.req_id.wrapping_add(7) } else { pdu.req_id };
    Some(message(v1, id, 0, 0, &binds))
}

fn message(v1: bool, id: i32, status: i64, index: i64, binds: &[Bind]) -> Vec<u8> {
    let list: Vec<u8> = binds
        .iter()
        .flat_map(|(oid, value)| {
            let value = match value {
                None if v1 => tlv(0x05, &[]),
                None => tlv(0x81, &[]),
                Some(value) => encode(value),
            };
            tlv(0x30, &[name(oid), value].concat())
        })
        .collect();
    let pdu = [number(0x02, id.into()), number(0x02, status), number(0x02, index), tlv(0x30, &list)].concat();
    let version = number(0x02, if v1 { 0 } else { 1 });
    tlv(0x30, &[version, tlv(0x04, b"public"), tlv(0xa2, &pdu)].concat())
}

fn encode(value: &Value) -> Vec<u8> {
    match value {
        Value::Integer(value) => number(0x02, *value),
        Value::Unsigned(value) if *value > u64::from(u32::MAX) => number(0x46, *value as i64),
        Value::Unsigned(value) => number(0x41, *value as i64),
        Value::Ticks(value) => number(0x43, i64::from(*value)),
        Value::Bytes(bytes) => tlv(0x04, bytes),
        Value::Oid(oid) => name(oid),
        Value::Ip(octets) => tlv(0x40, octets),
    }
}

fn name(oid: &Oid) -> Vec<u8> {
    let text = format!("{oid}");
    let arcs: Vec<u64> = text.split('.').filter_map(|arc| arc.parse().ok()).collect();
    let (first, rest) = match arcs.as_slice() {
        [a, b, rest @ ..] => (a * 40 + b, rest),
        _ => (0, &[][..]),
    };
    let mut bytes = Vec::new();
    for arc in std::iter::once(&first).chain(rest) {
        let mut groups = vec![(arc & 0x7f) as u8];
        let mut left = arc >> 7;
        while left > 0 {
            groups.push((left & 0x7f) as u8 | 0x80);
            left >>= 7;
        }
        bytes.extend(groups.iter().rev());
    }
    tlv(0x06, &bytes)
}

fn number(tag: u8, value: i64) -> Vec<u8> {
    let mut bytes = value.to_be_bytes().to_vec();
    while bytes.len() > 1 && ((bytes[0] == 0 && bytes[1] < 0x80) || (bytes[0] == 0xff && bytes[1] >= 0x80)) {
        bytes.remove(0);
    }
    tlv(tag, &bytes)
}

fn tlv(tag: u8, contents: &[u8]) -> Vec<u8> {
    let length = contents.len();
    let mut bytes = match length {
        0..0x80 => vec![tag, length as u8],
        0x80..0x100 => vec![tag, 0x81, length as u8],
        0x100..0x1_0000 => vec![tag, 0x82, (length >> 8) as u8, length as u8],
        _ => vec![tag, 0x83, (length >> 16) as u8, (length >> 8) as u8, length as u8],
    };
    bytes.extend(contents);
    bytes
}
