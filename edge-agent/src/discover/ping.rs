//! Whether a host is up: ICMP echo where the system allows it, and TCP to the ports that printers have open.
//!
//! An echo carries no data: 28 bytes at IP level each way. It takes an unprivileged ICMP socket
//! (`net.ipv4.ping_group_range`) or CAP_NET_RAW; without either there is no [`Pinger`], and SNMP's own answers decide.
//! IPv4 only: IPv6 addresses are listed one by one, and asked by SNMP.

use std::collections::HashMap;
use std::fmt;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::taken::Cost;

/// Printing (JetDirect), IPP, and the device's own page.
pub const PRINTER_PORTS: [u16; 3] = [9100, 631, 443];
const ECHO: u8 = 8;
const ECHO_REPLY: u8 = 0;
const ECHO_BYTES: u64 = 28;
/// Pings that wait at the same time: one for each address in flight.
const WAITING_MAX: usize = 1_024;

/// What a TCP port said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Port {
    Open,
    /// Nothing listens there; the host is up.
    Refused,
    Silent,
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open => "open",
            Self::Refused => "refused",
            Self::Silent => "silent",
        })
    }
}

/// Sends echoes over one socket and hands answers to who waits for them.
#[derive(Debug)]
pub struct Pinger {
    socket: Arc<UdpSocket>,
    waiting: Waiting,
    identifier: u16,
    reader: JoinHandle<()>,
}

type Waiting = Arc<Mutex<HashMap<Ipv4Addr, Vec<oneshot::Sender<()>>>>>;

impl Drop for Pinger {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

impl Pinger {
    /// `None` where the system allows neither kind of socket.
    pub fn open() -> Option<Self> {
        let socket = [Type::DGRAM, Type::RAW].into_iter().find_map(|kind| {
            let socket = Socket::new(Domain::IPV4, kind, Some(Protocol::ICMPV4)).ok()?;
            socket.set_nonblocking(true).ok()?;
            Some(socket)
        })?;
        // To the kernel it is a datagram socket as any other.
        let socket = Arc::new(UdpSocket::from_std(std::net::UdpSocket::from(socket)).ok()?);
        let waiting = Waiting::default();
        let identifier = rand::random();
        let reader = tokio::spawn(hear(Arc::clone(&socket), Arc::clone(&waiting)));
        Some(Self { socket, waiting, identifier, reader })
    }

    /// Whether an address answers an echo in time, asked once; and what it cost.
    pub async fn ping(&self, address: IpAddr, timeout: Duration) -> (bool, Cost) {
        let mut cost = Cost::default();
        let IpAddr::V4(address) = address else { return (false, cost) };
        let (sender, answer) = oneshot::channel();
        {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            if waiting.len() >= WAITING_MAX {
                return (false, cost);
            }
            waiting.entry(address).or_default().push(sender);
        }
        let sent = self.socket.send_to(&echo(self.identifier), (address, 0)).await.is_ok();
        let mut answered = false;
        if sent {
            cost += Cost { packets: 1, bytes: ECHO_BYTES };
            answered = tokio::time::timeout(timeout, answer).await.is_ok_and(|answer| answer.is_ok());
        }
        if answered {
            cost += Cost { packets: 1, bytes: ECHO_BYTES };
        } else {
            self.waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(&address);
        }
        (answered, cost)
    }
}

async fn hear(socket: Arc<UdpSocket>, waiting: Waiting) {
    let mut buffer = [0; 256];
    loop {
        match socket.recv_from(&mut buffer).await {
            Ok((length, SocketAddr::V4(from))) if is_reply(buffer.get(..length).unwrap_or_default()) => {
                let who = waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(from.ip());
                for sender in who.into_iter().flatten() {
                    let _ = sender.send(());
                }
            }
            Ok(_) => {}
            // An error of an earlier echo; not to spin on one that stays.
            Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    }
}

/// RFC 792. The kernel replaces the identifier of an unprivileged socket.
fn echo(identifier: u16) -> [u8; 8] {
    let [high, low] = identifier.to_be_bytes();
    let sum = u32::from(u16::from_be_bytes([ECHO, 0])) + u32::from(identifier) + 1;
    let folded = (sum & 0xffff) + (sum >> 16);
    let [check_high, check_low] = (!u16::try_from(folded & 0xffff).unwrap_or(0)).to_be_bytes();
    [ECHO, 0, check_high, check_low, high, low, 0, 1]
}

/// A raw socket hears the IP header too, and the echoes that the host itself sends.
fn is_reply(datagram: &[u8]) -> bool {
    let header = match datagram.first() {
        Some(first) if first >> 4 == 4 && datagram.len() >= 28 => usize::from(first & 0x0f) * 4,
        _ => 0,
    };
    datagram.get(header) == Some(&ECHO_REPLY) && datagram.get(header + 1) == Some(&0)
}

/// What TCP says at an address and port.
pub async fn tcp(address: IpAddr, port: u16, timeout: Duration) -> Port {
    match tokio::time::timeout(timeout, TcpStream::connect((address, port))).await {
        Ok(Ok(_)) => Port::Open,
        Ok(Err(error)) if error.kind() == ErrorKind::ConnectionRefused => Port::Refused,
        Ok(Err(_)) | Err(_) => Port::Silent,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_echo_has_the_checksum_of_the_rfc() {
        for identifier in [0, 1, 0xf7fe, 0xf7ff, 0xffff] {
            let bytes = echo(identifier);
            let sum: u32 = bytes.chunks(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]]))).sum();
            assert_eq!((sum & 0xffff) + (sum >> 16), 0xffff, "{identifier:#x}");
        }
    }

    #[test]
    fn only_a_reply_counts_with_and_without_the_header_of_ip() {
        assert!(is_reply(&[0, 0, 0xff, 0xff, 0, 0, 0, 1]));
        assert!(!is_reply(&echo(7)));
        let mut raw = [0; 28];
        raw[0] = 0x45;
        assert!(is_reply(&raw));
        raw[20] = ECHO;
        assert!(!is_reply(&raw) && !is_reply(&[]));
    }
}
