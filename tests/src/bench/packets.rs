//! Counts the packets of one TCP port at IP level, from a raw socket: the kernel hands it a copy of every TCP packet that
//! arrives on this machine, so on a loopback each packet is seen once. Needs root.

use std::collections::HashMap;
use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::net::{AddressFamily, SocketType, ipproto, socket, sockopt};
use serde::{Deserialize, Serialize};

/// A burst of many payloads waits here until it is counted.
const BUFFER_BYTES: usize = 64 * 1024 * 1024;
/// How often the counting thread looks whether it is to end.
const LOOK_EVERY: Duration = Duration::from_millis(100);
const PACKET_BYTES_MAX: usize = 64 * 1024;

/// What passed, in both directions.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(super) struct Count {
    /// IP level: headers of IP and TCP included.
    pub ip_bytes: u64,
    pub packets: u64,
    /// Bytes of the TCP stream in them, each once.
    pub stream: u64,
    /// Bytes of the TCP stream that were sent again.
    pub resent: u64,
    /// Packets with data towards the port.
    pub sent_with_data: usize,
}

impl Count {
    #[must_use]
    pub(super) fn since(&self, before: &Self) -> Self {
        Self {
            ip_bytes: self.ip_bytes - before.ip_bytes,
            packets: self.packets - before.packets,
            stream: self.stream - before.stream,
            resent: self.resent - before.resent,
            sent_with_data: self.sent_with_data - before.sent_with_data,
        }
    }

    pub(super) fn bytes(&self) -> f64 {
        super::approx(usize::try_from(self.ip_bytes).unwrap_or(usize::MAX))
    }

    pub(super) fn packets(&self) -> f64 {
        super::approx(usize::try_from(self.packets).unwrap_or(usize::MAX))
    }
}

/// Counts packet by packet.
#[derive(Debug, Default)]
struct Tally {
    count: Count,
    /// (from, to) → the sequence number that comes next.
    next: HashMap<(u16, u16), u32>,
}

impl Tally {
    /// Adds a packet if it is one of this port.
    fn packet(&mut self, packet: &[u8], port: u16) -> Option<()> {
        let word = |at: usize| Some(u16::from_be_bytes([*packet.get(at)?, *packet.get(at + 1)?]));
        let header = usize::from(packet.first()? & 0x0f) * 4;
        let (from, to) = (word(header)?, word(header + 2)?);
        if from != port && to != port {
            return None;
        }
        let total = word(2)?;
        let data = usize::from(total).checked_sub(header + usize::from(packet.get(header + 12)? >> 4) * 4)?;
        let sequence = u32::from_be_bytes(
            [word(header + 4)?.to_be_bytes(), word(header + 6)?.to_be_bytes()].concat().try_into().ok()?,
        );
        let count = &mut self.count;
        count.ip_bytes += u64::from(total);
        count.packets += 1;
        count.sent_with_data += usize::from(to == port && data > 0);
        if data > 0 {
            let end = sequence.wrapping_add(u32::try_from(data).ok()?);
            let next = self.next.entry((from, to)).or_insert(sequence);
            // Ahead of what was seen, in the arithmetic of sequence numbers.
            if end.wrapping_sub(*next).cast_signed() > 0 {
                *next = end;
                count.stream += u64::try_from(data).ok()?;
            } else {
                count.resent += u64::try_from(data).ok()?;
            }
        }
        Some(())
    }
}

/// Counts until it is dropped.
pub(super) struct Counter {
    count: Arc<Mutex<Tally>>,
    stop: Arc<AtomicBool>,
}

impl Counter {
    /// # Errors
    /// Without the right to open a raw socket.
    pub(super) fn start(port: u16) -> Result<Self> {
        let raw = socket(AddressFamily::INET, SocketType::RAW, Some(ipproto::TCP)).context("open a raw socket")?;
        sockopt::set_socket_recv_buffer_size_force(&raw, BUFFER_BYTES)?;
        // Only receiving and its timeout are used, which a raw socket has like any other.
        let socket = UdpSocket::from(raw);
        socket.set_read_timeout(Some(LOOK_EVERY))?;
        let (count, stop) = (Arc::new(Mutex::new(Tally::default())), Arc::new(AtomicBool::new(false)));
        let (counting, ending) = (Arc::clone(&count), Arc::clone(&stop));
        std::thread::spawn(move || {
            let mut packet = vec![0; PACKET_BYTES_MAX];
            while !ending.load(Ordering::Relaxed) {
                if let Ok(length) = socket.recv(&mut packet) {
                    counting.lock().unwrap_or_else(PoisonError::into_inner).packet(&packet[..length], port);
                }
            }
        });
        Ok(Self { count, stop })
    }

    pub(super) fn count(&self) -> Count {
        self.count.lock().unwrap_or_else(PoisonError::into_inner).count
    }

    /// Holds the stream bytes counted against those that really passed.
    ///
    /// # Errors
    /// When packets were missed, or came more than once.
    pub(super) fn check(&self, counted: u64, passed: u64) -> Result<()> {
        let slack = passed / 200;
        ensure!(
            counted.abs_diff(passed) <= slack,
            "{counted} bytes were counted in packets, {passed} bytes passed: packets were missed"
        );
        Ok(())
    }
}

impl Drop for Counter {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A packet from port 9 to port 7 with 17 bytes at this sequence number.
    fn packet(sequence: u8) -> Vec<u8> {
        let mut packet = vec![0_u8; 57];
        (packet[0], packet[3], packet[21], packet[23], packet[27], packet[32]) = (0x45, 57, 9, 7, sequence, 0x50);
        packet
    }

    #[test]
    fn packets_of_other_ports_and_damaged_ones_are_not_counted() {
        let mut tally = Tally::default();
        tally.packet(&packet(1), 7);
        tally.packet(&packet(1), 8);
        tally.packet(&packet(1)[..30], 7);
        let Count { packets, ip_bytes, stream, sent_with_data, .. } = tally.count;
        assert_eq!((packets, ip_bytes, stream, sent_with_data), (1, 57, 17, 1));
    }

    #[test]
    fn what_is_sent_again_is_wire_but_not_stream() {
        let mut tally = Tally::default();
        for sequence in [1, 18, 18, 35] {
            tally.packet(&packet(sequence), 7);
        }
        assert_eq!((tally.count.packets, tally.count.stream, tally.count.resent), (4, 51, 17));
    }
}
