//! Keeps a connection to the broker and does on it what [`Talk`] says: greets, sends from the spool, frees what is settled.
//!
//! Each attempt builds a new connection from certificate files read anew: nothing of an old one is trusted, and what is to
//! be sent comes from the spool alone. Nothing is freed because a broker took it; only an ack of ingest frees.

use std::time::Duration;

use schemas::id::AgentCn;
use schemas::topic::{Down, Topic};
use schemas::wire::{Hello, decode_ack, encode_hello};
use service::backoff::Backoff;
use service::health::Health;
use service::tls::{Files, TlsError};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::client::{Connection, Event, Events, Requests};
use super::fault::Fault;
use super::flow::Flow;
use super::mode::Mode;
use super::talk::Talk;
use super::tls;
use super::window::{Pace, Want};
use crate::limits::{CERT_EXPIRY_WARN, STOP_DEADLINE};
use crate::metrics::AgentMetrics;
use crate::spool::handle::{Closed, Fetched, Payload, SpoolHandle};
use crate::spool::{Close, Summary};
use crate::time::Moments;

/// A connection that lasted this long was a success; a shorter one does not end the backing off.
const STABLE_AFTER: Duration = Duration::from_secs(30);
/// When nothing is due: the longest wait for an event.
const FAR: Duration = Duration::from_secs(3_600);

/// How to connect.
#[derive(Debug, Clone)]
pub struct LinkSettings {
    pub host: String,
    pub port: u16,
    pub files: Files,
    pub cn: AgentCn,
    pub keep_alive: Duration,
    pub pace: Pace,
    /// How long the broker may owe a PUBACK.
    pub silence: Duration,
    pub reconnect_min: Duration,
    pub reconnect_max: Duration,
    /// On a stop, try to send what is held before leaving: it exists nowhere else.
    pub drain_on_stop: bool,
}

/// The link's side of the agent.
#[derive(Debug)]
pub struct Link {
    pub settings: LinkSettings,
    pub spool: SpoolHandle,
    pub moments: Moments,
    pub metrics: AgentMetrics,
    pub health: Health,
    pub mode: watch::Sender<Mode>,
    pub token: CancellationToken,
}

/// Why a connection ended.
enum End {
    Fault(Fault),
    Stopped,
}

impl From<Fault> for End {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<Closed> for End {
    fn from(_: Closed) -> Self {
        Self::Stopped
    }
}

/// What belongs to one connection.
struct Session {
    requests: Requests,
    flow: Flow,
    connected: bool,
    stop_at: Option<Duration>,
}

impl Link {
    /// Connects and sends until the token is cancelled.
    pub async fn run(self) {
        let started = Instant::now();
        let mut backoff = Backoff::new(self.settings.reconnect_min, self.settings.reconnect_max);
        let epoch = self.spool.summary().borrow().epoch;
        let mut talk = Talk::new(self.settings.pace, epoch, started.elapsed());
        loop {
            self.metrics.reconnects.inc();
            let attempt = Instant::now();
            let end = match self.connect(rand::random()) {
                Ok((requests, events)) => {
                    let flow = Flow::new(self.settings.silence, started.elapsed());
                    let session = Session { requests, flow, connected: false, stop_at: None };
                    self.session(session, events, &mut talk, started).await
                }
                Err(error) => {
                    tracing::error!(%error, "certificates unusable");
                    End::Fault(Fault::OwnCertificate(error.to_string()))
                }
            };
            let greeted = talk.answered();
            talk.disconnected(started.elapsed());
            self.show(Mode::Offline);
            let fault = match end {
                End::Stopped => return,
                End::Fault(fault) => fault,
            };
            self.health.set("broker", Err(fault.advice()));
            self.metrics.fault(fault.kind());
            if greeted && attempt.elapsed() >= STABLE_AFTER.min(self.settings.reconnect_max) {
                backoff.reset();
            }
            let wait = backoff.next_wait();
            let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
            tracing::warn!(fault = fault.kind(), advice = fault.advice(), wait_ms, "not connected to the broker");
            tokio::select! {
                () = self.token.cancelled() => return,
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    fn connect(&self, number: u64) -> Result<(Requests, Events), TlsError> {
        let settings = &self.settings;
        let identity = tls::load(&settings.files)?;
        if identity.cn != settings.cn {
            let why = format!("this agent runs as {}; restart it to become another", settings.cn);
            return Err(TlsError::Cn { path: settings.files.certificate.clone(), cn: identity.cn.to_string(), why });
        }
        let left = identity.expires.saturating_sub(self.server_seconds());
        self.metrics.certificate_until(identity.expires);
        if left < i64::try_from(CERT_EXPIRY_WARN.as_secs()).unwrap_or(i64::MAX) {
            tracing::warn!(days_left = left / 86_400, "certificate expires soon; issue a new one");
        }
        let LinkSettings { host, port, cn, keep_alive, .. } = settings;
        let connection = Connection { cn, host, port: *port, keep_alive: *keep_alive, tls: identity.config, number };
        Ok(connection.open())
    }

    async fn session(&self, mut session: Session, mut events: Events, talk: &mut Talk, started: Instant) -> End {
        let mut summary = self.spool.summary();
        let end = loop {
            let waited = self.wait(&mut session, &mut events, talk, &mut summary, started).await;
            let event = match waited {
                Ok(event) => event,
                Err(end) => break end,
            };
            if let Err(end) = self.event(&mut session, event, talk, started).await {
                break end;
            }
        };
        if matches!(end, End::Stopped) && session.connected {
            session.requests.leave(events).await;
        }
        end
    }

    /// Sends what is due and waits for the next event of the connection.
    async fn wait(
        &self,
        session: &mut Session,
        events: &mut Events,
        talk: &mut Talk,
        summary: &mut watch::Receiver<Summary>,
        started: Instant,
    ) -> Result<Event, End> {
        // Awaited to its end, see there.
        let mut event = std::pin::pin!(events.next());
        loop {
            let state = *summary.borrow_and_update();
            let now = started.elapsed();
            talk.in_epoch(state.epoch, now);
            if session.connected {
                if session.flow.is_silent(now) {
                    return Err(Fault::Silent.into());
                }
                talk.pass(now);
                self.say_hello(session, talk, &state, now)?;
                self.send(session, talk, summary, started).await?;
                let unacked = u64::try_from(talk.unacked()).unwrap_or(u64::MAX);
                self.metrics.payloads_unacked.set(i64::try_from(unacked).unwrap_or(i64::MAX));
                let unsent = summary.borrow().payloads.saturating_sub(unacked);
                self.show(Mode::of(true, talk.answered(), unsent));
            }
            if let Some(stop_at) = session.stop_at
                && (now >= stop_at || !session.connected || (state.payloads == 0 && state.unfrozen_polls == 0))
            {
                return Err(End::Stopped);
            }
            let said = talk.next(now).filter(|_| session.connected);
            let due = [said, session.flow.silent_at(), session.stop_at].into_iter().flatten().min();
            let timer = due.unwrap_or(now + FAR).min(now + FAR);
            let hello = talk.hello_waits_for(now, self.moments.now()).filter(|_| session.connected);
            tokio::select! {
                event = &mut event => return event.map_err(End::Fault),
                changed = summary.changed() => changed.map_err(|_| End::Stopped)?,
                () = tokio::time::sleep_until(started + timer) => {}
                () = self.moments.clock().until_steady(hello.unwrap_or_default()), if hello.is_some() => {}
                () = self.token.cancelled(), if session.stop_at.is_none() => {
                    if !(self.settings.drain_on_stop && session.connected && talk.answered()) {
                        return Err(End::Stopped);
                    }
                    session.stop_at = Some(now + STOP_DEADLINE / 2);
                    self.spool.close(Close::All).await?;
                }
            }
        }
    }

    async fn event(&self, session: &mut Session, event: Event, talk: &mut Talk, started: Instant) -> Result<(), End> {
        let now = started.elapsed();
        match event {
            Event::Connected => {
                session.connected = true;
                talk.connected(now);
                session.requests.subscribe()?;
                session.flow.subscribed();
                session.requests.say_online()?;
                session.flow.published(now);
                tracing::info!(host = self.settings.host, port = self.settings.port, "connected to the broker");
            }
            Event::Written => session.flow.written(),
            Event::Received => session.flow.received(now),
            Event::Told { topic, payload } => self.told(talk, &topic, &payload, started).await?,
            Event::Left | Event::Other => {}
        }
        Ok(())
    }

    /// Hears what the agent is told.
    async fn told(&self, talk: &mut Talk, topic: &str, payload: &[u8], started: Instant) -> Result<(), End> {
        match topic.parse() {
            Ok(Topic::Down { cn, leaf: Down::Ack }) if cn == self.settings.cn => {}
            Ok(Topic::Down { cn, leaf }) if cn == self.settings.cn => {
                tracing::debug!(leaf = leaf.as_str(), "nothing listens to this yet");
                return Ok(());
            }
            _ => {
                tracing::warn!(topic = topic.chars().take(120).collect::<String>(), "told on a strange topic");
                return Ok(());
            }
        }
        let ack = match decode_ack(payload) {
            Ok(ack) => ack,
            Err(error) => {
                tracing::warn!(%error, "ack unreadable");
                return Ok(());
            }
        };
        let told = talk.told(&ack);
        if let Some(asked) = told.answers {
            let heard = self.spool.heard(asked.at, self.moments.now(), ack.now).await?;
            if talk.heard(heard, asked, started.elapsed()) {
                tracing::info!(?heard, "ingest answers");
            }
        }
        if ack.resend {
            tracing::debug!("another worker of ingest hears this agent");
            talk.asked_again(started.elapsed());
        }
        if !told.ids.is_empty() {
            let settled = self.spool.settle(told.ids).await?;
            if !settled.is_empty() {
                self.metrics.last_settled_timestamp_seconds.set(self.server_seconds());
            }
            talk.settled(&settled, started.elapsed());
        }
        Ok(())
    }

    fn say_hello(&self, session: &mut Session, talk: &mut Talk, state: &Summary, now: Duration) -> Result<(), End> {
        if !session.flow.has_room() {
            return Ok(());
        }
        let Some(asked) = talk.hello(rand::random(), self.moments.now(), now) else { return Ok(()) };
        let hello = Hello {
            nonce: asked.nonce,
            wall: asked.at.wall_ms,
            boot: self.moments.clock().boot_id(),
            drill: self.moments.clock().is_drill(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            epoch: state.epoch,
            taken: state.taken,
            oldest: state.oldest,
        };
        match encode_hello(&self.settings.cn, &hello) {
            Ok(bytes) => {
                session.requests.send_up(bytes)?;
                session.flow.published(now);
            }
            Err(error) => tracing::error!(%error, "hello not encoded"),
        }
        Ok(())
    }

    async fn send(
        &self,
        session: &mut Session,
        talk: &mut Talk,
        summary: &watch::Receiver<Summary>,
        started: Instant,
    ) -> Result<(), End> {
        while session.flow.has_room() {
            let state = *summary.borrow();
            let payloads = match talk.want(state.taken, state.payloads) {
                Want::Nothing => return Ok(()),
                Want::Again(seq) => match self.spool.payload(seq).await? {
                    Fetched::Here(payload) => vec![payload],
                    Fetched::Gone => {
                        talk.gone(seq);
                        continue;
                    }
                    // It is still held; the state changes when the spool works again, which wakes this task.
                    Fetched::NotNow => return Ok(()),
                },
                Want::New { after, count } => {
                    let payloads = self.spool.after(after, count).await?;
                    if payloads.is_empty() {
                        return Ok(());
                    }
                    payloads
                }
            };
            for payload in payloads {
                self.send_one(session, talk, payload, started.elapsed())?;
            }
        }
        Ok(())
    }

    fn send_one(&self, session: &mut Session, talk: &mut Talk, payload: Payload, now: Duration) -> Result<(), End> {
        let bytes = u64::try_from(payload.bytes.len()).unwrap_or(0);
        session.requests.send_up(payload.bytes)?;
        session.flow.published(now);
        self.metrics.wan_bytes.inc_by(bytes);
        if talk.sent(payload.seq, now) {
            self.metrics.payloads_resent.inc();
        } else {
            self.metrics.payloads_sent.inc();
        }
        tracing::trace!(seq = payload.seq, id = %payload.id, bytes, "payload sent");
        Ok(())
    }

    fn show(&self, mode: Mode) {
        let changed = self.mode.send_if_modified(|known| std::mem::replace(known, mode) != mode);
        self.metrics.connected.set(i64::from(mode.health().is_ok()));
        if changed && mode != Mode::Offline {
            self.health.set("broker", mode.health());
            tracing::debug!(?mode, "link");
        }
    }

    fn server_seconds(&self) -> i64 {
        let offset = self.spool.summary().borrow().offset_ms.unwrap_or(0);
        self.moments.now().wall_ms.saturating_add(offset).div_euclid(1_000)
    }
}
