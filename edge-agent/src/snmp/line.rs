//! The only place that speaks UDP to devices: one socket per conversation.
//!
//! A socket is connected to one address and port, so that the kernel drops what others send, and is replaced after any
//! silence, so that a late answer meets a closed port. Request ids start at random. What goes over it is counted.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::UdpSocket;

use super::client::SnmpError;
use super::limits::{ANSWER_BYTES_MAX, STRAYS_MAX};
use crate::taken::Cost;

/// IPv4 and UDP headers of one packet, bytes.
const HEADER_BYTES: u64 = 28;

/// Where request ids begin: three bytes in BER, also for the last of a long conversation. A fourth would cost 500 bytes in
/// a sweep of a /24, and a guess has to hit the port as well.
const FIRST_IDS: std::ops::Range<i32> = 0x8000..0x40_0000;

/// The way to one device.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) address: SocketAddr,
    timeout: Duration,
    socket: Option<UdpSocket>,
    id: i32,
    buffer: Vec<u8>,
}

impl Line {
    pub(super) fn new(address: SocketAddr, timeout: Duration) -> Self {
        Self { address, timeout, socket: None, id: rand::random_range(FIRST_IDS), buffer: Vec::new() }
    }

    /// An id that no request on this line had.
    pub(super) fn next_id(&mut self) -> i32 {
        self.id = self.id.wrapping_add(1);
        self.id
    }

    /// Sends a message and waits for a datagram of which `read` says that it answers it; one packet, no retry.
    pub(super) async fn exchange<T>(
        &mut self,
        message: &[u8],
        cost: &mut Cost,
        read: impl FnMut(&[u8]) -> Option<T>,
    ) -> Result<T, SnmpError> {
        self.buffer.resize(ANSWER_BYTES_MAX, 0);
        let talk = talk(self.address, &mut self.socket, message, &mut self.buffer, cost, read);
        let result = match tokio::time::timeout(self.timeout, talk).await {
            Ok(result) => result,
            Err(_) => Err(SnmpError::NoAnswer),
        };
        if result.is_err() {
            self.hang_up();
        }
        result
    }

    /// Whatever still comes meets a closed port.
    pub(super) fn hang_up(&mut self) {
        self.socket = None;
    }
}

async fn talk<T>(
    address: SocketAddr,
    slot: &mut Option<UdpSocket>,
    message: &[u8],
    buffer: &mut [u8],
    cost: &mut Cost,
    mut read: impl FnMut(&[u8]) -> Option<T>,
) -> Result<T, SnmpError> {
    let socket = match slot {
        Some(socket) => socket,
        None => slot.insert(connect(address).await?),
    };
    count(cost, message.len());
    socket.send(message).await.map_err(|error| trouble(&error))?;
    for _ in 0..=STRAYS_MAX {
        let length = socket.recv(buffer).await.map_err(|error| trouble(&error))?;
        count(cost, length);
        // Without an answer in it: the device repeated an earlier one, or somebody guesses.
        if let Some(answer) = read(buffer.get(..length).unwrap_or_default()) {
            return Ok(answer);
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
        io::ErrorKind::NetworkUnreachable => SnmpError::NotRouted,
        _ => SnmpError::Local(error.to_string()),
    }
}
