//! An agent: the production spool and the production conversation, over a disk that holds what the last fdatasync left.
//!
//! Does what `publish::link` and `spool::keeper` do around them, step by step, so that a crash fits between any two.

use std::collections::BTreeSet;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use edge_agent::publish::talk::Talk;
use edge_agent::publish::window::{Pace, Want};
use edge_agent::spool::batch::Origin;
use edge_agent::spool::counters::Counters;
use edge_agent::spool::given::Given;
use edge_agent::spool::layout::{Name, decode_records};
use edge_agent::spool::store::MemoryStore;
use edge_agent::spool::{Close, Measures, Place, Settings, Spool};
use edge_agent::taken::Polled;
use edge_agent::time::Moment;
use edge_agent::time::stamper::Heard;
use schemas::id::{AgentCn, PayloadId};
use schemas::privacy::Withhold;
use schemas::wire::{Device, Hello, Poll, decode_ack, decode_body, decode_header, encode_hello};

use crate::time::Now;

const PACE: Pace = Pace { min: Duration::from_secs(10), max: Duration::from_secs(600) };

/// Devices of an agent.
const DEVICES: i64 = 16;

/// What a host's clocks and disk are like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Host {
    /// The host's date minus the true one.
    pub(crate) wall_off_ms: i64,
    /// The spool's cap.
    pub(crate) bytes_max: u64,
    /// Nothing is at rest: the spool dies with the process.
    pub(crate) memory_only: bool,
}

/// What survives a crash.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Disk {
    image: MemoryStore,
    counters: CountersFile,
    epoch: u64,
}

/// The counters file, comparable.
#[derive(Debug, Clone, PartialEq, Eq)]
struct CountersFile(Counters);

impl Hash for CountersFile {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.0.epoch, self.0.taken, self.0.oldest).hash(state);
        self.0.prior.iter().for_each(|prior| (prior.epoch, prior.taken, prior.oldest).hash(state));
    }
}

/// A running process.
#[derive(Debug)]
struct Live {
    spool: Spool,
    talk: Talk,
    /// Readings that are not in a payload yet.
    unfrozen: BTreeSet<i64>,
}

impl Live {
    fn start(settings: Settings, disk: Disk, moment: Moment, now: Now) -> Self {
        let Disk { image, counters, epoch } = disk;
        let spool = Spool::restore(settings, image, epoch, moment, counters.0).unwrap();
        let unfrozen = readings(spool.image().unwrap());
        Self { spool, talk: Talk::new(PACE, epoch, now.0), unfrozen }
    }

    /// The payloads frozen after a seq.
    fn fresh(&mut self, moment: Moment, after: u64) -> Vec<Frozen> {
        let taken = self.spool.books().taken();
        let mut fresh = Vec::new();
        for seq in after + 1..=taken {
            let Some((id, bytes)) = self.spool.payload(moment, seq).unwrap() else { continue };
            let body = decode_body(&decode_header(&bytes).unwrap()).unwrap();
            let polls = body.records.iter().filter_map(|record| record.poll.as_deref());
            for poll in polls {
                self.unfrozen.remove(&poll.counters["total"]);
            }
            fresh.push(Frozen { id, bytes: bytes.into() });
        }
        fresh
    }
}

impl Clone for Live {
    fn clone(&self) -> Self {
        let spool = self.spool.fork().unwrap();
        Self { spool, talk: self.talk.clone(), unfrozen: self.unfrozen.clone() }
    }
}

/// One agent on one host. Its process is always there: a killed one is started again at once, and what a longer absence
/// costs is what the broker loses meanwhile.
#[derive(Debug, Clone)]
pub(crate) struct Agent {
    pub(crate) cn: AgentCn,
    pub(crate) host: Host,
    /// What the serial numbers of its devices begin with.
    serial: String,
    live: Arc<Live>,
    boot: u64,
    booted: Now,
    pub(crate) connected: bool,
    nonce: u64,
    /// What the broker has for it, in the order of sending.
    pub(crate) hearing: Vec<Bytes>,
}

impl Hash for Agent {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.boot, self.booted, self.connected, self.nonce).hash(state);
        let Live { spool, talk, unfrozen } = &*self.live;
        (spool.image(), spool.books().epoch(), spool.stamper(), talk, unfrozen).hash(state);
        CountersFile(spool.counters().clone()).hash(state);
        let mut hearing: Vec<&Bytes> = self.hearing.iter().collect();
        hearing.sort_unstable();
        hearing.hash(state);
    }
}

/// What came of frozen records.
#[derive(Debug, Clone)]
pub(crate) struct Frozen {
    pub(crate) id: PayloadId,
    pub(crate) bytes: Bytes,
}

fn settings(cn: &AgentCn, host: Host) -> Settings {
    Settings {
        cn: cn.clone(),
        origin: Origin { site: "hq".into(), zone: "UTC".into(), tzdb: "model".into() },
        withhold: Withhold::default(),
        place: Place::Memory(None),
        bytes_max: host.bytes_max,
        disk_free_min: 0,
        linger_ms: 60_000,
        cautious: false,
    }
}

/// The readings in records that are not in a payload yet.
fn readings(image: &MemoryStore) -> BTreeSet<i64> {
    let pending = image.iter().filter(|(key, _)| matches!(Name::of(key), Name::Pending(_)));
    let records = pending.flat_map(|(_, value)| decode_records(value).unwrap().0);
    records.filter_map(|taken| Some(taken.record.poll?.counters["total"])).collect()
}

impl Agent {
    pub(crate) fn new(cn: &str, serial: &str, epoch: u64, host: Host) -> Self {
        let cn: AgentCn = cn.parse().unwrap();
        let disk = Disk { image: MemoryStore::model(), counters: CountersFile(Counters::default()), epoch };
        let (boot, booted) = (1, Now::default());
        let live =
            Arc::new(Live::start(settings(&cn, host), disk, booted.moment(boot, booted, host.wall_off_ms), booted));
        let (nonce, hearing) = (0, Vec::new());
        Self { cn, host, serial: serial.to_owned(), live, boot, booted, connected: false, nonce, hearing }
    }

    fn moment(&self, now: Now) -> Moment {
        now.moment(self.boot, self.booted, self.host.wall_off_ms)
    }

    fn live(&mut self) -> &mut Live {
        Arc::make_mut(&mut self.live)
    }

    pub(crate) fn spool(&self) -> &Spool {
        &self.live.spool
    }

    /// What a crash now would leave.
    pub(crate) fn disk(&self) -> Disk {
        let spool = self.spool();
        Disk {
            image: spool.image().unwrap().after_crash(),
            counters: CountersFile(spool.counters().clone()),
            epoch: spool.books().epoch(),
        }
    }

    /// What is applied reaches the disk.
    pub(crate) fn sync(&mut self) {
        self.live().spool.sync().unwrap();
    }

    /// kill -9 and a new start; after a reboot of the host its clocks begin anew. What the broker had for it is gone.
    pub(crate) fn restart(&mut self, now: Now, rebooted: bool, fresh_epoch: u64) {
        let disk = self.disk();
        if self.host.memory_only {
            self.start(now, rebooted, Disk { image: MemoryStore::model(), epoch: fresh_epoch, ..disk });
        } else {
            self.start(now, rebooted, disk);
        }
    }

    /// The spool is as it was once; the counters file goes back with it or stays.
    pub(crate) fn set_back(&mut self, now: Now, snapshot: Disk, counters_too: bool) {
        let counters = if counters_too { snapshot.counters } else { self.disk().counters };
        self.start(now, true, Disk { counters, ..snapshot });
    }

    /// The spool is found lost while the process runs, which opens an empty one in a new epoch and keeps its connection.
    pub(crate) fn lose_spool(&mut self, now: Now, fresh_epoch: u64) {
        let talk = self.live.talk.clone();
        let (connected, hearing) = (self.connected, std::mem::take(&mut self.hearing));
        self.start(now, false, Disk { image: MemoryStore::model(), epoch: fresh_epoch, ..self.disk() });
        self.live().talk = talk;
        (self.connected, self.hearing) = (connected, hearing);
    }

    fn start(&mut self, now: Now, rebooted: bool, disk: Disk) {
        if rebooted {
            self.boot += 1;
            self.booted = now;
        }
        (self.connected, self.hearing) = (false, Vec::new());
        self.live = Arc::new(Live::start(settings(&self.cn, self.host), disk, self.moment(now), now));
    }

    /// Reads a device: its counter stands at `reading`. Durable afterwards. Returns readings that were given up for it
    /// before they were in a payload.
    pub(crate) fn take(&mut self, now: Now, reading: i64) -> Vec<i64> {
        let moment = self.moment(now);
        // Each reading of a run in which time stands still is of another device.
        let serial = format!("{}{:04}", self.serial, reading % DEVICES);
        let device = Device { enterprise: Some(1347), serial, ..Device::default() };
        let poll = Poll { counters: [("total".to_owned(), reading)].into(), ..Poll::default() };
        let polled = Polled { device, poll, ..Polled::default() };
        let live = self.live();
        live.spool.take(moment, [Given::Polled(moment, Box::new(polled))]).unwrap();
        live.unfrozen.insert(reading);
        let kept: u32 = live.spool.books().pending().iter().map(|pending| pending.polls).sum();
        let surplus = live.unfrozen.len() - usize::try_from(kept).unwrap();
        (0..surplus).filter_map(|_| live.unfrozen.pop_first()).collect()
    }

    /// Whether records wait that can be frozen now.
    pub(crate) fn can_close(&self) -> bool {
        self.spool().stamper().learned() && !self.spool().books().pending().is_empty()
    }

    /// States the books and freezes what waits. Durable afterwards. Returns the new payloads.
    pub(crate) fn close(&mut self, now: Now, with_statement: bool) -> Vec<Frozen> {
        let moment = self.moment(now);
        let live = self.live();
        let before = live.spool.books().taken();
        if with_statement {
            live.spool.state_books(moment, Measures::default()).unwrap();
        }
        live.spool.close(moment, Close::All).unwrap();
        live.fresh(moment, before)
    }

    /// A connection is made, with a clean session.
    pub(crate) fn connect(&mut self, now: Now) {
        self.connected = true;
        self.live().talk.connected(now.0);
    }

    pub(crate) fn disconnect(&mut self, now: Now) {
        self.connected = false;
        self.live().talk.disconnected(now.0);
    }

    /// Sends all that is due now: a hello, and payloads.
    pub(crate) fn send(&mut self, now: Now) -> Vec<Bytes> {
        let (moment, cn, nonce) = (self.moment(now), self.cn.clone(), self.nonce + 1);
        let Live { spool, talk, .. } = self.live();
        let mut out: Vec<Bytes> = Vec::new();
        let summary = spool.summary(moment);
        talk.in_epoch(summary.epoch, now.0);
        talk.pass(now.0);
        let asked = talk.hello(nonce, moment, now.0);
        if let Some(asked) = asked {
            let (epoch, taken, oldest) = (summary.epoch, summary.taken, summary.oldest);
            let hello = Hello { nonce: asked.nonce, epoch, taken, oldest, ..Hello::default() };
            out.push(encode_hello(&cn, &hello).unwrap().into());
        }
        loop {
            let seqs = match talk.want(summary.taken, u64::try_from(spool.books().held().len()).unwrap()) {
                Want::Nothing => break,
                Want::Again(seq) => vec![seq],
                Want::New { after, count } => {
                    let seqs = spool.held_after(after, count);
                    if seqs.is_empty() {
                        break;
                    }
                    seqs
                }
            };
            for seq in seqs {
                match spool.payload(moment, seq).unwrap() {
                    Some((_, bytes)) => {
                        talk.sent(seq, now.0);
                        out.push(bytes.into());
                    }
                    None => talk.gone(seq),
                }
            }
        }
        if asked.is_some() {
            self.nonce = nonce;
        }
        out
    }

    /// Hears an ack. Returns the ids that it freed, which the disk learns with the next fdatasync, and what was frozen
    /// because the time is known now.
    pub(crate) fn hear(&mut self, now: Now, ack: &[u8]) -> (Vec<PayloadId>, Vec<Frozen>) {
        let moment = self.moment(now);
        let ack = decode_ack(ack).unwrap();
        let live = self.live();
        let told = live.talk.told(&ack);
        let mut fresh = Vec::new();
        if let Some(asked) = told.answers {
            let before = live.spool.books().taken();
            let heard = live.spool.heard(asked.at, moment, ack.now).unwrap();
            if heard == Heard::Learned {
                live.spool.close(moment, Close::Due).unwrap();
            }
            fresh = live.fresh(moment, before);
            live.talk.heard(heard, asked, now.0);
        }
        if ack.resend {
            live.talk.asked_again(now.0);
        }
        let place = |id: &PayloadId| Some((live.spool.books().seq_of(*id)?, *id));
        let named: Vec<(u64, PayloadId)> = told.ids.iter().filter_map(place).collect();
        let (seqs, _) = live.spool.settle(&told.ids).unwrap();
        live.talk.settled(&seqs, now.0);
        (named.into_iter().filter(|(seq, _)| seqs.contains(seq)).map(|(_, id)| id).collect(), fresh)
    }

    /// When something is due for it without an event.
    pub(crate) fn next(&self, now: Now) -> Option<Now> {
        self.live.talk.next(now.0).filter(|_| self.connected).map(Now)
    }

    pub(crate) fn holds(&self, id: PayloadId) -> bool {
        self.spool().books().seq_of(id).is_some()
    }

    /// Ended epochs that it remembers because not all of them is accounted for.
    pub(crate) fn unaccounted(&self) -> BTreeSet<u64> {
        let prior = self.spool().counters().prior.iter();
        prior.filter(|ended| ended.oldest <= ended.taken).map(|ended| ended.epoch).collect()
    }

    /// Readings that are not in a payload yet.
    pub(crate) fn unfrozen(&self) -> &BTreeSet<i64> {
        &self.live.unfrozen
    }

    /// Whether nothing is held and nothing waits.
    pub(crate) fn is_drained(&self) -> bool {
        self.spool().books().held().is_empty() && self.spool().books().pending().is_empty()
    }
}
