//! The connection to the broker; the only user of the MQTT client.
//!
//! Each attempt builds a new client from certificate files read anew: nothing of an old connection is trusted, and what
//! is to be sent comes from the spool alone. Nothing is freed because a broker took it; only an ack of ingest frees.

use std::time::Duration;

use rumqttc::{
    AsyncClient, ConnectionError, Event, EventLoop, LastWill, MqttOptions, NetworkOptions, Outgoing, Packet, Publish,
    QoS, SubscribeReasonCode, TlsConfiguration, Transport,
};
use schemas::id::{AgentCn, PayloadId};
use schemas::topic::{Down, Topic, filter};
use schemas::wire::{Hello, Status, decode_ack, encode_hello, encode_status};
use service::backoff::Backoff;
use service::health::Health;
use service::tls::{Files, TlsError};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::fault::Fault;
use super::greeting::{Asked, Greeting};
use super::mode::Mode;
use super::tls;
use super::window::{Pace, Want, Window};
use crate::limits::{
    CERT_EXPIRY_WARN, CONNECT_TIMEOUT, FETCH_MAX, MQTT_INFLIGHT, MQTT_REQUESTS, PACKET_BYTES_MAX, PUBACK_TIMEOUT,
    STOP_DEADLINE,
};
use crate::metrics::AgentMetrics;
use crate::spool::Summary;
use crate::spool::keeper::{Closed, Payload, SpoolHandle};
use crate::time::Moments;

/// A connection that lasted this long was a success; a shorter one does not end the backing off.
const STABLE_AFTER: Duration = Duration::from_secs(30);
/// How long a goodbye may take.
const GOODBYE_TIMEOUT: Duration = Duration::from_secs(2);

/// How to connect.
#[derive(Debug, Clone)]
pub struct LinkSettings {
    pub host: String,
    pub port: u16,
    pub files: Files,
    pub cn: AgentCn,
    pub keep_alive: Duration,
    pub pace: Pace,
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

impl From<Closed> for End {
    fn from(_: Closed) -> Self {
        Self::Stopped
    }
}

/// What belongs to one connection.
struct Session {
    client: AsyncClient,
    number: u64,
    connected: bool,
    greeting: Greeting,
    /// Publishes without PUBACK, and when that number last fell or rose from zero.
    unacked: usize,
    progress: Duration,
    /// Requests that the client did not write yet.
    queued: usize,
    stop_at: Option<Duration>,
}

impl Link {
    /// Connects and sends until the token is cancelled.
    pub async fn run(self) {
        let started = Instant::now();
        let mut backoff = Backoff::new(self.settings.reconnect_min, self.settings.reconnect_max);
        let mut window = Window::new(self.settings.pace);
        let mut epoch = self.spool.summary().borrow().epoch;
        loop {
            self.metrics.reconnects.inc();
            let attempt = Instant::now();
            let number = rand::random();
            let (end, greeted) = match self.connect(number) {
                Ok((client, events)) => {
                    let session = Session {
                        client,
                        number,
                        connected: false,
                        greeting: Greeting::new(self.settings.pace, started.elapsed()),
                        unacked: 0,
                        progress: started.elapsed(),
                        queued: 0,
                        stop_at: None,
                    };
                    self.session(session, events, &mut window, &mut epoch, started).await
                }
                Err(error) => {
                    tracing::error!(%error, "certificates unusable");
                    (End::Fault(Fault::OwnCertificate(error.to_string())), false)
                }
            };
            window.closed();
            self.show(Mode::Offline);
            let fault = match end {
                End::Stopped => return,
                End::Fault(fault) => fault,
            };
            self.health.set("broker", Err(fault.advice()));
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

    fn connect(&self, number: u64) -> Result<(AsyncClient, EventLoop), TlsError> {
        let settings = &self.settings;
        let identity = tls::load(&settings.files)?;
        if identity.cn != settings.cn {
            let why = format!("this agent runs as {}; restart it to become another", settings.cn);
            return Err(TlsError::Cn { path: settings.files.certificate.clone(), cn: identity.cn.to_string(), why });
        }
        let left = identity.expires.saturating_sub(self.server_seconds());
        self.metrics.cert_expiry_seconds.set(left);
        if left < i64::try_from(CERT_EXPIRY_WARN.as_secs()).unwrap_or(i64::MAX) {
            tracing::warn!(days_left = left / 86_400, "certificate expires soon; issue a new one");
        }
        let mut options = MqttOptions::new(settings.cn.as_str(), &settings.host, settings.port);
        options
            .set_transport(Transport::tls_with_config(TlsConfiguration::Rustls(identity.config)))
            .set_keep_alive(settings.keep_alive)
            .set_clean_session(true)
            .set_max_packet_size(PACKET_BYTES_MAX, PACKET_BYTES_MAX)
            .set_inflight(MQTT_INFLIGHT);
        let will = Status { online: false, session: number, version: env!("CARGO_PKG_VERSION").to_owned() };
        if let Ok(will) = encode_status(&will) {
            options.set_last_will(LastWill::new(Topic::status(&settings.cn).to_string(), will, QoS::AtLeastOnce, true));
        }
        let (client, mut events) = AsyncClient::new(options, MQTT_REQUESTS);
        let mut network = NetworkOptions::new();
        network.set_connection_timeout(CONNECT_TIMEOUT.as_secs());
        network.set_tcp_nodelay(true);
        events.set_network_options(network);
        Ok((client, events))
    }

    async fn session(
        &self,
        mut session: Session,
        mut events: EventLoop,
        window: &mut Window,
        epoch: &mut u64,
        started: Instant,
    ) -> (End, bool) {
        let mut summary = self.spool.summary();
        let end = loop {
            let waited = self.wait(&mut session, &mut events, window, epoch, &mut summary, started).await;
            let event = match waited {
                Ok(Ok(event)) => event,
                Ok(Err(error)) => break End::Fault(Fault::from(&error)),
                Err(end) => break end,
            };
            if let Err(end) = self.event(&mut session, event, window, started).await {
                break end;
            }
        };
        if matches!(end, End::Stopped) && session.connected {
            self.goodbye(&session, events).await;
        }
        (end, session.greeting.answered())
    }

    /// Sends what is due and waits for the next event of the connection. The client's future is polled to its end: giving
    /// it up halfway could tear a packet apart.
    async fn wait(
        &self,
        session: &mut Session,
        events: &mut EventLoop,
        window: &mut Window,
        epoch: &mut u64,
        summary: &mut watch::Receiver<Summary>,
        started: Instant,
    ) -> Result<Result<Event, ConnectionError>, End> {
        let mut event = std::pin::pin!(events.poll());
        loop {
            let state = *summary.borrow_and_update();
            if state.epoch != *epoch {
                *epoch = state.epoch;
                window.restart();
            }
            let now = started.elapsed();
            if session.connected {
                if session.unacked > 0 && now.saturating_sub(session.progress) >= PUBACK_TIMEOUT {
                    return Err(End::Fault(Fault::Silent));
                }
                window.pass(now);
                self.say_hello(session, &state, now)?;
                self.send(session, window, summary, started).await?;
                let unacked = u64::try_from(window.unacked()).unwrap_or(u64::MAX);
                let unsent = summary.borrow().payloads.saturating_sub(unacked);
                self.show(Mode::of(true, session.greeting.answered(), unsent));
            }
            if let Some(stop_at) = session.stop_at
                && (now >= stop_at || !session.connected || (state.payloads == 0 && state.unfrozen_polls == 0))
            {
                return Err(End::Stopped);
            }
            let (hello_at, hello_steady) = session.greeting.next();
            let timer = self.timer(session, window, hello_at, now);
            tokio::select! {
                event = &mut event => return Ok(event),
                changed = summary.changed() => changed.map_err(|_| End::Stopped)?,
                () = tokio::time::sleep_until(started + timer) => {}
                () = self.moments.clock().until_steady(hello_steady), if session.connected && now >= hello_at && !session.greeting.due(now, self.moments.now()) => {}
                () = self.token.cancelled(), if session.stop_at.is_none() => {
                    if !(self.settings.drain_on_stop && session.connected && session.greeting.answered()) {
                        return Err(End::Stopped);
                    }
                    session.stop_at = Some(now + STOP_DEADLINE / 2);
                    self.spool.close(crate::spool::Close::All).await?;
                }
            }
        }
    }

    /// The next time at which something is to be done without an event.
    fn timer(&self, session: &Session, window: &Window, hello_at: Duration, now: Duration) -> Duration {
        let far = now + Duration::from_secs(3_600);
        let watchdog = if session.unacked > 0 { session.progress + PUBACK_TIMEOUT } else { far };
        let hello = if session.connected && hello_at > now { hello_at } else { far };
        let stop = session.stop_at.unwrap_or(far);
        window.next_overdue().unwrap_or(far).min(watchdog).min(hello).min(stop).min(far)
    }

    async fn event(
        &self,
        session: &mut Session,
        event: Event,
        window: &mut Window,
        started: Instant,
    ) -> Result<(), End> {
        let now = started.elapsed();
        match event {
            Event::Incoming(Packet::ConnAck(_)) => {
                session.connected = true;
                session.greeting = Greeting::new(self.settings.pace, now);
                let filter = filter::down_all(&self.settings.cn);
                if session.client.try_subscribe(filter, QoS::AtLeastOnce).is_err() {
                    return Err(End::Fault(Fault::Silent));
                }
                session.queued += 1;
                let online =
                    Status { online: true, session: session.number, version: env!("CARGO_PKG_VERSION").to_owned() };
                if let Ok(status) = encode_status(&online) {
                    self.publish(session, Topic::status(&self.settings.cn), true, status, now)?;
                }
                tracing::info!(host = self.settings.host, port = self.settings.port, "connected to the broker");
            }
            Event::Incoming(Packet::SubAck(ack)) => {
                if ack.return_codes.contains(&SubscribeReasonCode::Failure) {
                    return Err(End::Fault(Fault::NotAllowed));
                }
            }
            Event::Incoming(Packet::PubAck(_)) => {
                session.unacked = session.unacked.saturating_sub(1);
                session.progress = now;
            }
            Event::Incoming(Packet::Publish(publish)) => self.told(session, &publish, window, started).await?,
            Event::Incoming(Packet::Disconnect) => {
                return Err(End::Fault(Fault::Closed("the broker said goodbye".to_owned())));
            }
            Event::Outgoing(Outgoing::Publish(_) | Outgoing::Subscribe(_)) => {
                session.queued = session.queued.saturating_sub(1);
            }
            Event::Incoming(_) | Event::Outgoing(_) => {}
        }
        Ok(())
    }

    /// Hears what the agent is told.
    async fn told(
        &self,
        session: &mut Session,
        publish: &Publish,
        window: &mut Window,
        started: Instant,
    ) -> Result<(), End> {
        match publish.topic.parse() {
            Ok(Topic::Down { cn, leaf: Down::Ack }) if cn == self.settings.cn => {}
            Ok(Topic::Down { cn, leaf }) if cn == self.settings.cn => {
                tracing::debug!(leaf = leaf.as_str(), "nothing listens to this yet");
                return Ok(());
            }
            _ => {
                tracing::warn!(topic = publish.topic.chars().take(120).collect::<String>(), "told on a strange topic");
                return Ok(());
            }
        }
        let ack = match decode_ack(&publish.payload) {
            Ok(ack) => ack,
            Err(error) => {
                tracing::warn!(%error, "ack unreadable");
                return Ok(());
            }
        };
        if let Some(asked) = session.greeting.answer(ack.re) {
            let received = self.moments.now();
            let heard = self.spool.heard(asked.at, received, ack.now).await?;
            session.greeting.heard(heard, asked, started.elapsed());
            if !window.is_open() {
                tracing::info!(?heard, "ingest answers");
                window.greeted();
            }
        }
        let ids: Vec<PayloadId> =
            ack.ids.iter().filter_map(|id| id.as_slice().try_into().ok().map(PayloadId)).collect();
        if !ids.is_empty() {
            let settled = self.spool.settle(ids).await?;
            let now = started.elapsed();
            if !settled.is_empty() {
                self.metrics.last_settled_timestamp_seconds.set(self.server_seconds());
            }
            settled.into_iter().for_each(|seq| window.settled(seq, now));
        }
        Ok(())
    }

    fn say_hello(&self, session: &mut Session, state: &Summary, now: Duration) -> Result<(), End> {
        let at = self.moments.now();
        if !session.greeting.due(now, at) || session.queued >= MQTT_REQUESTS / 2 {
            return Ok(());
        }
        let asked = Asked { nonce: rand::random(), at };
        let hello = Hello {
            nonce: asked.nonce,
            wall: at.wall_ms,
            boot: self.moments.clock().boot_id(),
            drill: self.moments.clock().is_drill(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            epoch: state.epoch,
            taken: state.taken,
            oldest: state.oldest,
        };
        session.greeting.asked(asked, now);
        match encode_hello(&self.settings.cn, &hello) {
            Ok(bytes) => self.publish(session, Topic::up(&self.settings.cn), false, bytes, now),
            Err(error) => {
                tracing::error!(%error, "hello not encoded");
                Ok(())
            }
        }
    }

    async fn send(
        &self,
        session: &mut Session,
        window: &mut Window,
        summary: &watch::Receiver<Summary>,
        started: Instant,
    ) -> Result<(), End> {
        while session.queued < MQTT_REQUESTS / 2 {
            let payloads = match window.want() {
                Want::Nothing => return Ok(()),
                Want::Again(seq) => match self.spool.payload(seq).await? {
                    Some(payload) => vec![payload],
                    None => {
                        window.gone(seq);
                        continue;
                    }
                },
                Want::New { after, count } => {
                    let state = *summary.borrow();
                    if state.taken <= after || state.payloads == 0 {
                        return Ok(());
                    }
                    let payloads = self.spool.after(after, count.min(FETCH_MAX)).await?;
                    if payloads.is_empty() {
                        return Ok(());
                    }
                    payloads
                }
            };
            for payload in payloads {
                self.send_one(session, window, payload, started.elapsed())?;
            }
        }
        Ok(())
    }

    fn send_one(&self, session: &mut Session, window: &mut Window, payload: Payload, now: Duration) -> Result<(), End> {
        let bytes = u64::try_from(payload.bytes.len()).unwrap_or(0);
        self.publish(session, Topic::up(&self.settings.cn), false, payload.bytes, now)?;
        self.metrics.wan_bytes.inc_by(bytes);
        if window.sent(payload.seq, now) {
            self.metrics.payloads_resent.inc();
        } else {
            self.metrics.payloads_sent.inc();
        }
        tracing::trace!(seq = payload.seq, id = %payload.id, bytes, "payload sent");
        Ok(())
    }

    fn publish(
        &self,
        session: &mut Session,
        topic: Topic,
        retain: bool,
        bytes: Vec<u8>,
        now: Duration,
    ) -> Result<(), End> {
        // A full queue means that the connection takes nothing any more.
        session
            .client
            .try_publish(topic.to_string(), QoS::AtLeastOnce, retain, bytes)
            .map_err(|_| End::Fault(Fault::Silent))?;
        if session.unacked == 0 {
            session.progress = now;
        }
        session.unacked += 1;
        session.queued += 1;
        Ok(())
    }

    /// Says offline and leaves, so that the will is not needed.
    async fn goodbye(&self, session: &Session, mut events: EventLoop) {
        let offline = Status { online: false, session: session.number, version: env!("CARGO_PKG_VERSION").to_owned() };
        let Ok(status) = encode_status(&offline) else { return };
        let topic = Topic::status(&self.settings.cn).to_string();
        if session.client.try_publish(topic, QoS::AtLeastOnce, true, status).is_err()
            || session.client.try_disconnect().is_err()
        {
            return;
        }
        let _ = tokio::time::timeout(GOODBYE_TIMEOUT, async {
            while let Ok(event) = events.poll().await {
                if event == Event::Outgoing(Outgoing::Disconnect) {
                    break;
                }
            }
        })
        .await;
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
