//! One simulated device on one UDP socket. `Unit::respond` is the whole behaviour without a socket; `serve` adds the
//! network, the faults and the counts of packets. A wrong community, a message that cannot be read and an unsupported
//! version meet silence; a SET is refused and counted.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::net::UdpSocket;

use super::answer::{Caps, answer};
use super::fault::{Delivery, Faults};
use super::life::Printer;
use super::limits::{IP_UDP_HEADER_BYTES, MAX_READS, MAX_REQUEST_BYTES};
use super::message::{Kind, Message, status};
use super::mib::Mib;
use super::oid::Oid;
use super::render::{View, render};

/// A device: a living printer or a recording.
#[derive(Debug)]
pub struct Unit {
    name: String,
    site: String,
    address: Ipv4Addr,
    community: String,
    clock: Arc<AtomicI64>,
    device: Device,
    faults: Mutex<Faults>,
    tally: Tally,
    reads: Mutex<VecDeque<Read>>,
}

#[derive(Debug)]
enum Device {
    Living(Box<Mutex<Living>>),
    Recorded(Arc<Mib>),
}

#[derive(Debug)]
struct Living {
    printer: Printer,
    /// The table rendered last, and for which moment.
    shown: Option<(i64, bool, Arc<Mib>)>,
}

/// A request that was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Read {
    /// Simulated Unix seconds.
    pub at: i64,
    pub kind: Kind,
    /// prtMarkerLifeCount of the first marker, if the answer holds it.
    pub total: Option<u64>,
}

/// Counts since the start. Bytes are UDP payload; `ip_bytes` adds 28 for each packet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traffic {
    pub packets_in: u64,
    pub packets_out: u64,
    pub bytes_in: u64,
    pub bytes_out: u64,
    pub gets: u64,
    pub get_nexts: u64,
    pub get_bulks: u64,
    /// SET requests seen, whatever their community; none was carried out.
    pub sets_total: u64,
    pub wrong_community: u64,
    pub malformed: u64,
    pub too_big: u64,
}

impl Traffic {
    /// Bytes both ways at IP level: payload and 28 bytes a packet.
    #[must_use]
    pub fn ip_bytes(&self) -> u64 {
        self.bytes_in + self.bytes_out + IP_UDP_HEADER_BYTES * (self.packets_in + self.packets_out)
    }

    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        Self {
            packets_in: self.packets_in + other.packets_in,
            packets_out: self.packets_out + other.packets_out,
            bytes_in: self.bytes_in + other.bytes_in,
            bytes_out: self.bytes_out + other.bytes_out,
            gets: self.gets + other.gets,
            get_nexts: self.get_nexts + other.get_nexts,
            get_bulks: self.get_bulks + other.get_bulks,
            sets_total: self.sets_total + other.sets_total,
            wrong_community: self.wrong_community + other.wrong_community,
            malformed: self.malformed + other.malformed,
            too_big: self.too_big + other.too_big,
        }
    }
}

#[derive(Debug, Default)]
struct Tally {
    packets_in: AtomicU64,
    packets_out: AtomicU64,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    gets: AtomicU64,
    get_nexts: AtomicU64,
    get_bulks: AtomicU64,
    sets_total: AtomicU64,
    wrong_community: AtomicU64,
    malformed: AtomicU64,
    too_big: AtomicU64,
}

impl Unit {
    /// A living printer; its time is `clock` (simulated Unix seconds).
    #[must_use]
    pub fn printer(printer: Printer, site: &str, address: Ipv4Addr, community: &str, clock: Arc<AtomicI64>) -> Self {
        let name = printer.model().name.to_owned();
        let device = Device::Living(Box::new(Mutex::new(Living { printer, shown: None })));
        Self::build(name, site, address, community, clock, device)
    }

    /// A recorded device; always the same.
    #[must_use]
    pub fn recording(name: &str, mib: Mib, address: Ipv4Addr, community: &str, clock: Arc<AtomicI64>) -> Self {
        Self::build(name.to_owned(), "", address, community, clock, Device::Recorded(Arc::new(mib)))
    }

    fn build(
        name: String,
        site: &str,
        address: Ipv4Addr,
        community: &str,
        clock: Arc<AtomicI64>,
        device: Device,
    ) -> Self {
        Self {
            name,
            site: site.to_owned(),
            address,
            community: community.to_owned(),
            clock,
            device,
            faults: Mutex::default(),
            tally: Tally::default(),
            reads: Mutex::default(),
        }
    }

    /// The model's or the recording's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    #[must_use]
    pub fn site(&self) -> &str {
        &self.site
    }

    #[must_use]
    pub fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// A copy of the printer as it stands at the simulated time; `None` for a recording.
    #[must_use]
    pub fn snapshot(&self) -> Option<Printer> {
        self.with_printer(Printer::clone)
    }

    /// Looks at the printer, advanced to the simulated time; `None` for a recording.
    pub fn with_printer<T>(&self, look: impl FnOnce(&Printer) -> T) -> Option<T> {
        let Device::Living(living) = &self.device else { return None };
        let mut living = lock(living);
        living.printer.advance_to(self.clock.load(Ordering::SeqCst));
        Some(look(&living.printer))
    }

    /// The total counter at a simulated moment up to now; `None` otherwise and for a recording.
    #[must_use]
    pub fn counter_at(&self, unix_seconds: i64) -> Option<u64> {
        self.with_printer(|printer| printer.counter_at(unix_seconds)).flatten()
    }

    /// The table as it stands at the simulated time.
    #[must_use]
    pub fn mib(&self) -> Arc<Mib> {
        self.shown().1
    }

    /// The table and the simulated moment it shows.
    fn shown(&self) -> (i64, Arc<Mib>) {
        let living = match &self.device {
            Device::Recorded(mib) => return (self.clock.load(Ordering::SeqCst), Arc::clone(mib)),
            Device::Living(living) => living,
        };
        let zero_s = lock(&self.faults).zero_after_start_s;
        let mut living = lock(living);
        living.printer.advance_to(self.clock.load(Ordering::SeqCst));
        let now = living.printer.now();
        let zero = now - living.printer.boot() < zero_s;
        match &living.shown {
            Some((at, shown_zero, mib)) if (*at, *shown_zero) == (now, zero) => (now, Arc::clone(mib)),
            _ => {
                let view = View { address: Some(self.address), counters_at_zero: zero };
                let mib = Arc::new(render(&living.printer, view));
                living.shown = Some((now, zero, Arc::clone(&mib)));
                (now, mib)
            }
        }
    }

    pub fn set_faults(&self, faults: Faults) {
        *lock(&self.faults) = faults;
    }

    #[must_use]
    pub fn traffic(&self) -> Traffic {
        let t = &self.tally;
        let get = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Traffic {
            packets_in: get(&t.packets_in),
            packets_out: get(&t.packets_out),
            bytes_in: get(&t.bytes_in),
            bytes_out: get(&t.bytes_out),
            gets: get(&t.gets),
            get_nexts: get(&t.get_nexts),
            get_bulks: get(&t.get_bulks),
            sets_total: get(&t.sets_total),
            wrong_community: get(&t.wrong_community),
            malformed: get(&t.malformed),
            too_big: get(&t.too_big),
        }
    }

    /// The answered requests, oldest first; the latest 16,384.
    #[must_use]
    pub fn reads(&self) -> Vec<Read> {
        lock(&self.reads).iter().copied().collect()
    }

    /// The answer to a datagram, or `None` for silence. Any bytes will do.
    pub fn respond(&self, datagram: &[u8]) -> Option<Vec<u8>> {
        let tally = &self.tally;
        count(&tally.packets_in, 1);
        count(&tally.bytes_in, datagram.len());
        let Ok(request) = Message::decode(datagram) else {
            count(&tally.malformed, 1);
            return None;
        };
        match request.kind {
            Kind::Get => count(&tally.gets, 1),
            Kind::GetNext => count(&tally.get_nexts, 1),
            Kind::GetBulk => count(&tally.get_bulks, 1),
            Kind::Set => count(&tally.sets_total, 1),
            Kind::Response => {}
        }
        if request.community != self.community.as_bytes() {
            count(&tally.wrong_community, 1);
            return None;
        }
        if lock(&self.faults).is_silent_at(self.clock.load(Ordering::SeqCst)) {
            return None;
        }
        let (now, mib) = self.shown();
        let (caps, device_index) = self.traits();
        let response = answer(&request, &mib, &caps)?;
        count(&tally.too_big, usize::from(response.status == status::TOO_BIG));
        self.remember(now, request.kind, &response, device_index);
        Some(response.encode())
    }

    /// What its SNMP can do, and the printer's hrDeviceIndex.
    fn traits(&self) -> (Caps, u32) {
        match &self.device {
            Device::Living(living) => {
                let model = lock(living).printer.model();
                (model.caps(), model.device_index)
            }
            Device::Recorded(_) => (Caps::FULL, 1),
        }
    }

    fn remember(&self, at: i64, kind: Kind, response: &Message, device_index: u32) {
        let life_count = Oid::new([1, 3, 6, 1, 2, 1, 43, 10, 2, 1, 4, device_index, 1]);
        let told = response.varbinds.iter().find(|(oid, _)| *oid == life_count);
        let total = told.and_then(|(_, value)| value.number()).map(i64::cast_unsigned);
        let mut reads = lock(&self.reads);
        if reads.len() == MAX_READS {
            reads.pop_front();
        }
        reads.push_back(Read { at, kind, total });
    }

    fn sent(&self, bytes: &[u8]) {
        count(&self.tally.packets_out, 1);
        count(&self.tally.bytes_out, bytes.len());
    }
}

/// Answers on a socket until the task is dropped; one request after the other.
pub async fn serve(socket: UdpSocket, unit: Arc<Unit>) {
    let mut buffer = vec![0; MAX_REQUEST_BYTES];
    let mut held: Option<(Vec<u8>, SocketAddr)> = None;
    for packet in 0u64.. {
        let Ok((length, peer)) = socket.recv_from(&mut buffer).await else {
            // an unreachable peer of an earlier answer; nothing to do but not to spin
            tokio::time::sleep(Duration::from_millis(5)).await;
            continue;
        };
        let Some(answer) = unit.respond(buffer.get(..length).unwrap_or_default()) else { continue };
        let (fate, answer) = {
            let faults = lock(&unit.faults);
            let fate = faults.fate(packet);
            (fate, faults.damaged(answer, fate.damage, packet))
        };
        if fate.delay_ms > 0 {
            tokio::time::sleep(Duration::from_millis(fate.delay_ms.into())).await;
        }
        let mut out: Vec<(Vec<u8>, SocketAddr)> = held.take().into_iter().collect();
        match fate.delivery {
            Delivery::Once => out.push((answer, peer)),
            Delivery::Twice => out.extend([(answer.clone(), peer), (answer, peer)]),
            Delivery::Never => {}
            Delivery::Stale => held = Some((answer, peer)),
        }
        for (bytes, to) in out {
            if socket.send_to(&bytes, to).await.is_ok() {
                unit.sent(&bytes);
            }
        }
    }
}

fn count(counter: &AtomicU64, more: usize) {
    counter.fetch_add(more as u64, Ordering::Relaxed);
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
