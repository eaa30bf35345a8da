//! The only MQTT client: takes payloads from the broker, and brings acks to the agents.
//!
//! Every connection starts from nothing: a new client and event loop, a clean session, a new subscription. Broker acks are
//! flow control only, in order, and never cross connections. The socket is read on while the store is busy.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use rumqttc::{
    AsyncClient, ClientError, ConnectionError, Event, EventLoop, Incoming, MqttOptions, NetworkOptions, Outgoing,
    Publish, QoS, SubscribeFilter, SubscribeReasonCode, TlsConfiguration, Transport,
};
use service::backoff::Backoff;
use service::clock::Clock;
use service::health::Health;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::config::BrokerConfig;
use crate::intake::{Command, Delivery};
use crate::limits::{
    CONNECT_TIMEOUT, DISCONNECT_TIMEOUT, PACKET_BYTES_MAX, RECONNECT_MAX, RECONNECT_MIN, REQUESTS_MAX,
};
use crate::metrics::Counters;
use crate::tls;
use crate::window::Window;

pub(crate) struct Subscriber {
    pub(crate) config: BrokerConfig,
    /// One filter for all payloads, or one for each partition of this worker.
    pub(crate) filters: Vec<String>,
    pub(crate) clock: Clock,
    pub(crate) health: Health,
    pub(crate) counters: Counters,
    pub(crate) token: CancellationToken,
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
    pub(crate) async fn run(self, deliveries: mpsc::Sender<Delivery>, mut commands: mpsc::Receiver<Command>) {
        let mut backoff = Backoff::new(RECONNECT_MIN, RECONNECT_MAX);
        let mut connection = 0;
        loop {
            connection += 1;
            let subscribed = Mutex::new(false);
            let ended = self.connection(connection, &deliveries, &mut commands, &subscribed).await;
            let Err(lost) = ended else { return };
            let reason = lost.to_string();
            tracing::warn!(reason, "broker connection lost");
            self.health.set("broker", Err(reason));
            if *subscribed.lock().unwrap_or_else(PoisonError::into_inner) {
                backoff.reset();
            }
            tokio::select! {
                () = self.token.cancelled() => return,
                () = tokio::time::sleep(backoff.next_wait()) => self.counters.broker_reconnects.inc(),
            };
        }
    }

    /// One connection from start to end; `Ok` when all is done.
    async fn connection(
        &self,
        number: u64,
        deliveries: &mpsc::Sender<Delivery>,
        commands: &mut mpsc::Receiver<Command>,
        subscribed: &Mutex<bool>,
    ) -> Result<(), Lost> {
        let (client, events) = self.client()?;
        let filters = self.filters.iter().map(|path| SubscribeFilter::new(path.clone(), QoS::AtLeastOnce));
        // The first request of a new client: it goes out before anything else.
        client.try_subscribe_many(filters)?;
        let window = Mutex::new(Window::new(number));
        tokio::select! {
            ended = self.receive(events, &window, deliveries, subscribed) => ended,
            ended = send(&client, &window, commands) => match ended {
                Ok(()) => Ok(()),
                Err(error) => Err(error.into()),
            },
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
    async fn receive(
        &self,
        mut events: EventLoop,
        window: &Mutex<Window>,
        deliveries: &mpsc::Sender<Delivery>,
        subscribed: &Mutex<bool>,
    ) -> Result<(), Lost> {
        loop {
            match events.poll().await.map_err(Box::new)? {
                Event::Incoming(Incoming::Publish(publish)) => self.deliver(publish, window, deliveries)?,
                Event::Incoming(Incoming::SubAck(ack)) => {
                    let refused = |code: &&SubscribeReasonCode| matches!(code, SubscribeReasonCode::Failure);
                    if ack.return_codes.iter().any(|code| refused(&code)) {
                        return Err(Lost::Refused(self.filters.join(", ")));
                    }
                    *subscribed.lock().unwrap_or_else(PoisonError::into_inner) = true;
                    self.health.set("broker", Ok(()));
                    tracing::info!(broker = self.config.host, port = self.config.port, "subscribed");
                }
                Event::Outgoing(Outgoing::Disconnect) => return Ok(()),
                _ => {}
            }
        }
    }

    fn deliver(
        &self,
        publish: Publish,
        window: &Mutex<Window>,
        deliveries: &mpsc::Sender<Delivery>,
    ) -> Result<(), Lost> {
        let token = window.lock().unwrap_or_else(PoisonError::into_inner).push(publish.pkid);
        let delivery = Delivery {
            token,
            topic: publish.topic,
            payload: publish.payload,
            received: self.clock.wall(),
            arrived: Instant::now(),
        };
        match deliveries.try_send(delivery) {
            Ok(()) => Ok(()),
            // Stopping: nothing new is taken, the agents keep it.
            Err(mpsc::error::TrySendError::Closed(_)) => Ok(()),
            Err(mpsc::error::TrySendError::Full(_)) => Err(Lost::Flooded),
        }
    }
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
                let ready = window.lock().unwrap_or_else(PoisonError::into_inner).release(&tokens);
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
