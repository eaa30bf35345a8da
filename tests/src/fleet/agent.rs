//! One simulated agent: connects as an agent does, says hello, and sends what it holds through the production window.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context, Result};
use edge_agent::limits::{RECONNECT_MAX, RECONNECT_MIN, RESEND_MAX, RESEND_MIN};
use edge_agent::publish::window::{Pace, Want, Window};
use rumqttc::mqttbytes::v4::Packet;
use schemas::topic::Topic;
use schemas::wire::{Hello, decode_ack, encode_hello};
use service::backoff::Backoff;
use service::clock::Clock;
use tokio::sync::watch;
use tokio::time::Instant;

use super::identity::Identity;
use super::limits::CONNECT_TIMEOUT;
use super::line::Line;
use super::load::{HOUR_S, batch};
use super::tally::Tally;

/// What the fleet is told to do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Orders {
    /// Take a batch every so often; zero: none.
    pub every: Duration,
    /// Agents below this number hold a backlog of so many hours from now on.
    pub backlog: (usize, u64),
}

/// A payload that is not settled.
struct Held {
    bytes: Vec<u8>,
    sent: Option<Instant>,
    is_backlog: bool,
}

pub(super) struct Agent {
    pub number: usize,
    pub identity: Identity,
    pub source: Ipv4Addr,
    pub port: u16,
    pub devices: u32,
    pub orders: watch::Receiver<Orders>,
    pub tally: Arc<Tally>,
}

struct State {
    window: Window,
    held: BTreeMap<u64, Held>,
    seqs: BTreeMap<[u8; 16], u64>,
    taken: u64,
    epoch: u64,
    /// Backlog hours that were not made yet, the oldest first.
    backlog: std::ops::Range<u64>,
    /// `None` until batches are asked for.
    next_batch: Option<Instant>,
}

impl Agent {
    /// Runs until it is dropped.
    pub(super) async fn run(mut self) {
        let mut backoff = Backoff::new(RECONNECT_MIN, RECONNECT_MAX);
        let pace = Pace { min: RESEND_MIN, max: RESEND_MAX };
        let mut state = State {
            window: Window::new(pace),
            held: BTreeMap::new(),
            seqs: BTreeMap::new(),
            taken: 0,
            epoch: rand::random(),
            backlog: 0..0,
            next_batch: None,
        };
        let started = Instant::now();
        loop {
            self.tally.attempts.fetch_add(1, Ordering::Relaxed);
            let connecting = Line::connect(&self.identity, self.source, self.port);
            let ended = match tokio::time::timeout(CONNECT_TIMEOUT, connecting).await {
                Ok(Ok(line)) => {
                    let began = Instant::now();
                    let ended = self.session(line, &mut state, started).await;
                    if state.window.is_open() {
                        self.tally.greeted.fetch_sub(1, Ordering::Relaxed);
                        state.window.closed();
                    }
                    if began.elapsed() >= Duration::from_secs(30) {
                        backoff.reset();
                    }
                    ended
                }
                Ok(Err(error)) => Err(error),
                Err(_) => Err(anyhow::anyhow!("no connection within {CONNECT_TIMEOUT:?}")),
            };
            if let Err(error) = ended {
                self.tally.failed(&error.context(self.identity.cn.to_string()));
            }
            tokio::time::sleep(backoff.next_wait()).await;
        }
    }

    /// Until the connection ends.
    async fn session(&mut self, mut line: Line, state: &mut State, started: Instant) -> Result<()> {
        let topic = Topic::up(&self.identity.cn).to_string();
        let nonce = rand::random();
        let hello = Hello { nonce, version: "fleet".to_owned(), epoch: state.epoch, ..Hello::default() };
        let hello = encode_hello(&self.identity.cn, &hello)?;
        line.publish(&topic, hello.clone(), false)?;
        let mut hello_again = Instant::now() + RESEND_MIN;
        loop {
            let orders = *self.orders.borrow_and_update();
            let (now, elapsed) = (Instant::now(), started.elapsed());
            self.take(state, orders, now)?;
            state.window.pass(elapsed);
            self.send(&mut line, state, &topic, elapsed)?;
            if !state.window.is_open() && now >= hello_again {
                line.publish(&topic, hello.clone(), false)?;
                hello_again = now + RESEND_MIN;
            }
            line.flush().await?;
            let overdue = state.window.next_overdue().map_or(now + RESEND_MIN, |at| started + at);
            let batch_at = state.next_batch.unwrap_or(overdue);
            tokio::select! {
                packet = line.read() => self.hear(&mut line, packet?, state, nonce, started).await?,
                changed = self.orders.changed() => changed.context("the drill is over")?,
                () = tokio::time::sleep_until(overdue.min(batch_at).min(now + RESEND_MIN)) => {}
            }
        }
    }

    /// Takes what is due: an hour's batch, or the backlog.
    fn take(&self, state: &mut State, orders: Orders, now: Instant) -> Result<()> {
        let (agents, hours) = orders.backlog;
        if self.number < agents && state.backlog.end == 0 {
            state.backlog = 0..hours;
            self.tally.made.fetch_add(hours, Ordering::Relaxed);
            self.tally.backlog_left.fetch_add(hours, Ordering::Relaxed);
        }
        if orders.every.is_zero() || self.number < agents {
            state.next_batch = None;
            return Ok(());
        }
        // Agents do not poll in step: the first wait is a random part.
        let due = *state.next_batch.get_or_insert_with(|| now + orders.every.mul_f64(rand::random()));
        if now >= due {
            state.next_batch = Some(due + orders.every);
            self.hold(state, Clock::system().wall().as_second(), false)?;
            self.tally.made.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    fn hold(&self, state: &mut State, ts: i64, is_backlog: bool) -> Result<()> {
        state.taken += 1;
        let seq = state.taken;
        let frozen = batch(&self.identity.cn, state.epoch, seq, self.devices, ts)?;
        state.seqs.insert(frozen.id.0, seq);
        state.held.insert(seq, Held { bytes: frozen.bytes, sent: None, is_backlog });
        Ok(())
    }

    fn send(&self, line: &mut Line, state: &mut State, topic: &str, elapsed: Duration) -> Result<()> {
        loop {
            let seqs: Vec<u64> = match state.window.want() {
                Want::Nothing => return Ok(()),
                Want::Again(seq) => vec![seq],
                Want::New { after, count } => {
                    // A backlog is made as it is sent, so that thousands of agents stay small.
                    while state.held.range(after + 1..).count() < count
                        && let Some(hour) = state.backlog.next()
                    {
                        let age = i64::try_from(state.backlog.end - hour)? * HOUR_S;
                        self.hold(state, Clock::system().wall().as_second() - age, true)?;
                    }
                    state.held.range(after + 1..).take(count).map(|(seq, _)| *seq).collect()
                }
            };
            if seqs.is_empty() {
                return Ok(());
            }
            for seq in seqs {
                let Some(held) = state.held.get_mut(&seq) else {
                    state.window.gone(seq);
                    continue;
                };
                held.sent.get_or_insert_with(Instant::now);
                line.publish(topic, held.bytes.clone(), false)?;
                if state.window.sent(seq, elapsed) {
                    self.tally.resent.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    }

    async fn hear(
        &self,
        line: &mut Line,
        packet: Packet,
        state: &mut State,
        nonce: u64,
        started: Instant,
    ) -> Result<()> {
        let Packet::Publish(publish) = packet else { return Ok(()) };
        line.confirm(&publish)?;
        let ack = decode_ack(&publish.payload)?;
        if ack.re == Some(nonce) && !state.window.is_open() {
            state.window.greeted();
            self.tally.greeted.fetch_add(1, Ordering::Relaxed);
        }
        for id in ack.ids {
            let Some(seq) = <[u8; 16]>::try_from(id.as_slice()).ok().and_then(|id| state.seqs.remove(&id)) else {
                continue;
            };
            state.window.settled(seq, started.elapsed());
            if let Some(held) = state.held.remove(&seq) {
                self.tally.settled.fetch_add(1, Ordering::Relaxed);
                if held.is_backlog {
                    self.tally.backlog_left.fetch_sub(1, Ordering::Relaxed);
                }
                if let Some(sent) = held.sent {
                    self.tally.latency(held.is_backlog, sent.elapsed());
                }
            }
        }
        Ok(())
    }
}
