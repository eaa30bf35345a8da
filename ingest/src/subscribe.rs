//! The only MQTT client: takes payloads from the broker, and brings acks to the agents.
//!
//! Every connection starts from nothing: a new client and event loop, a clean session, new subscriptions. Those follow what is
//! wanted while the connection runs. Broker acks are flow control only, in order, and never cross connections. The socket is
//! read on while the store is busy.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use rumqttc::{
    AsyncClient, ClientError, ConnectionError, Event, EventLoop, Incoming, MqttOptions, NetworkOptions, Outgoing,
    Publish, QoS, SubscribeFilter, SubscribeReasonCode, TlsConfiguration, Transport,
};
use schemas::topic::Topic;
use schemas::wire::decode_status;
use service::backoff::Backoff;
use service::clock::Clock;
use service::health::Health;
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::config::BrokerConfig;
use crate::hints::Notice;
use crate::intake::{Command, Delivery};
use crate::limits::{
    CONNECT_TIMEOUT, DISCONNECT_TIMEOUT, PACKET_BYTES_MAX, RECONNECT_MAX, RECONNECT_MIN, REQUESTS_MAX,
};
use crate::metrics::Counters;
use crate::subscriptions::{Filter, Request, Subscriptions, Wanted};
use crate::tls;
use crate::window::Window;

pub(crate) struct Subscriber {
    pub(crate) config: BrokerConfig,
    /// What is to be heard.
    pub(crate) wanted: watch::Receiver<Wanted>,
    /// Whether the broker sends no payloads any more.
    pub(crate) quiet: watch::Sender<bool>,
    pub(crate) deliveries: mpsc::Sender<Delivery>,
    pub(crate) notices: mpsc::Sender<Notice>,
    pub(crate) clock: Clock,
    pub(crate) health: Health,
    pub(crate) counters: Counters,
    pub(crate) token: CancellationToken,
}

/// What the halves of one connection share.
struct Shared {
    window: Mutex<Window>,
    subscriptions: Mutex<Subscriptions>,
    /// A SUBACK or UNSUBACK came.
    confirmed: Notify,
    subscribed: Mutex<bool>,
}

#[derive(Debug, thiserror::Error)]
enum Lost {
    #[error(transparent)]
    Tls(#[from] service::tls::TlsError),
    #[error("{}", connection_words(.0))]
    Connection(#[from] Box<ConnectionError>),
    #[error("the client takes no requests: {0}")]
    Client(#[from] ClientError),
    #[error("the broker refuses the subscription to {0}")]
    Refused(String),
    #[error("the broker delivers more than it may without an ack")]
    Flooded,
}

fn connection_words(error: &ConnectionError) -> String {
    match error {
        ConnectionError::ConnectionRefused(code) => format!("the broker refuses the connection: {code:?}"),
        other => service::exit::describe(other).trim_start_matches("error: ").to_owned(),
    }
}

impl Subscriber {
    /// Works until no more commands can come, which is when everything in hand is settled.
    pub(crate) async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        let mut backoff = Backoff::new(RECONNECT_MIN, RECONNECT_MAX);
        let mut connection = 0;
        loop {
            connection += 1;
            let shared = Shared {
                window: Mutex::new(Window::new(connection)),
                subscriptions: Mutex::new(Subscriptions::new(&self.wanted.borrow_and_update())),
                confirmed: Notify::new(),
                subscribed: Mutex::new(false),
            };
            let ended = self.connection(&shared, &mut commands).await;
            self.quiet.send_replace(true);
            let Err(lost) = ended else { return };
            let reason = lost.to_string();
            tracing::warn!(reason, "broker connection lost");
            self.health.set("broker", Err(reason));
            if *lock(&shared.subscribed) {
                backoff.reset();
            }
            tokio::select! {
                () = self.token.cancelled() => return,
                () = tokio::time::sleep(backoff.next_wait()) => self.counters.broker_reconnects.inc(),
            };
        }
    }

    /// One connection from start to end; `Ok` when all is done.
    async fn connection(&self, shared: &Shared, commands: &mut mpsc::Receiver<Command>) -> Result<(), Lost> {
        let (client, events) = self.client()?;
        // Requests of a new client go out in order: the subscriptions come before anything else.
        self.request(&client, shared).await?;
        tokio::select! {
            ended = self.receive(events, shared) => ended,
            ended = self.follow(&client, shared) => ended.map_err(Lost::from),
            ended = send(&client, &shared.window, commands) => ended.map_err(Lost::from),
        }
    }

    /// Brings the subscriptions to what is wanted, for as long as the connection lasts.
    async fn follow(&self, client: &AsyncClient, shared: &Shared) -> Result<(), ClientError> {
        let mut wanted = self.wanted.clone();
        loop {
            tokio::select! {
                changed = wanted.changed() => match changed {
                    Ok(()) => lock(&shared.subscriptions).want(&wanted.borrow_and_update()),
                    // Nothing more will be wanted.
                    Err(_) => return std::future::pending().await,
                },
                () = shared.confirmed.notified() => {}
            }
            self.request(client, shared).await?;
        }
    }

    /// Sends what is to be sent now for the subscriptions.
    async fn request(&self, client: &AsyncClient, shared: &Shared) -> Result<(), ClientError> {
        loop {
            let next = lock(&shared.subscriptions).request();
            self.quiet.send_replace(lock(&shared.subscriptions).is_quiet());
            match next {
                Some(Request::Subscribe(filters)) => client.subscribe_many(filters.into_iter().map(asked)).await?,
                Some(Request::Unsubscribe(filter)) => client.unsubscribe(filter.text()).await?,
                None => return Ok(()),
            }
        }
    }

    fn client(&self) -> Result<(AsyncClient, EventLoop), Lost> {
        let identity = tls::load(&self.config)?;
        let mut options = MqttOptions::new(identity.cn.as_str(), &self.config.host, self.config.port);
        options
            .set_transport(Transport::tls_with_config(TlsConfiguration::Rustls(identity.tls)))
            .set_clean_session(true)
            .set_manual_acks(true)
            .set_keep_alive(Duration::from_secs(u64::from(self.config.keep_alive_seconds)))
            .set_max_packet_size(PACKET_BYTES_MAX, PACKET_BYTES_MAX);
        let (client, mut events) = AsyncClient::new(options, REQUESTS_MAX);
        let mut network = NetworkOptions::new();
        network.set_tcp_nodelay(true);
        network.set_connection_timeout(CONNECT_TIMEOUT.as_secs());
        events.set_network_options(network);
        Ok((client, events))
    }

    /// Reads the socket, always.
    async fn receive(&self, mut events: EventLoop, shared: &Shared) -> Result<(), Lost> {
        loop {
            match events.poll().await.map_err(Box::new)? {
                Event::Incoming(Incoming::Publish(publish)) => self.deliver(publish, &shared.window)?,
                Event::Incoming(Incoming::SubAck(ack)) => {
                    let refused: Vec<bool> =
                        ack.return_codes.iter().map(|code| matches!(code, SubscribeReasonCode::Failure)).collect();
                    self.subscribed(shared, &refused)?;
                }
                Event::Incoming(Incoming::UnsubAck(_)) => {
                    lock(&shared.subscriptions).unsubscribed();
                    shared.confirmed.notify_one();
                }
                Event::Outgoing(Outgoing::Disconnect) => return Ok(()),
                _ => {}
            }
        }
    }

    fn subscribed(&self, shared: &Shared, refused: &[bool]) -> Result<(), Lost> {
        let new = lock(&shared.subscriptions).subscribed(refused).map_err(|filter| Lost::Refused(filter.text()))?;
        if !std::mem::replace(&mut *lock(&shared.subscribed), true) {
            self.health.set("broker", Ok(()));
            tracing::info!(broker = self.config.host, port = self.config.port, "subscribed");
        }
        for (filter, came) in new {
            self.notice(Notice::Heard { partitions: filter.partitions(), came });
        }
        shared.confirmed.notify_one();
        Ok(())
    }

    fn deliver(&self, publish: Publish, window: &Mutex<Window>) -> Result<(), Lost> {
        let token = lock(window).push(publish.pkid);
        if let Ok(Topic::Status { cn }) = publish.topic.parse() {
            // Presence comes with QoS 0: nobody waits for an ack.
            lock(window).release(&[token]);
            if let Ok(status) = decode_status(&publish.payload) {
                self.notice(Notice::Agent { cn, online: status.online, retained: publish.retain });
            }
            return Ok(());
        }
        let delivery = Delivery {
            token,
            topic: publish.topic,
            payload: publish.payload,
            received: self.clock.wall(),
            arrived: Instant::now(),
        };
        match self.deliveries.try_send(delivery) {
            Ok(()) => Ok(()),
            // Stopping: nothing new is taken, the agents keep it.
            Err(mpsc::error::TrySendError::Closed(_)) => Ok(()),
            Err(mpsc::error::TrySendError::Full(_)) => Err(Lost::Flooded),
        }
    }

    /// Lost when there are too many, and after the end: whoever is not told sends again by its timeout.
    fn notice(&self, notice: Notice) {
        let _ = self.notices.try_send(notice);
    }
}

fn asked(filter: Filter) -> SubscribeFilter {
    let qos = match filter {
        Filter::Presence => QoS::AtMostOnce,
        Filter::Everything | Filter::One(_) => QoS::AtLeastOnce,
    };
    SubscribeFilter::new(filter.text(), qos)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Brings out what was decided, in that order. Ends with a DISCONNECT when nothing more can come.
async fn send(
    client: &AsyncClient,
    window: &Mutex<Window>,
    commands: &mut mpsc::Receiver<Command>,
) -> Result<(), ClientError> {
    while let Some(command) = commands.recv().await {
        match command {
            Command::Tell(message) => {
                client.publish(message.topic, QoS::AtLeastOnce, false, message.payload).await?;
            }
            Command::Release(tokens) => {
                let ready = lock(window).release(&tokens);
                for pkid in ready {
                    let delivered = Publish {
                        dup: false,
                        qos: QoS::AtLeastOnce,
                        retain: false,
                        topic: String::new(),
                        pkid,
                        payload: Bytes::new(),
                    };
                    client.ack(&delivered).await?;
                }
            }
        }
    }
    client.disconnect().await?;
    // The receiving side sees the packet leave and ends both, unless it is still connecting.
    tokio::time::sleep(DISCONNECT_TIMEOUT).await;
    Ok(())
}
