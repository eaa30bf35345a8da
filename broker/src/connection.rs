//! One connection from TCP accept to its end: TLS, CONNECT, a seat, a link to the router, two halves, and the will.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use bytes::BytesMut;
use rumqttd::local::{LinkRx, LinkTx};
use rumqttd::protocol::{Disconnect, DisconnectReasonCode, LastWill, Packet, Publish};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;

use crate::certificates::Certificates;
use crate::config::BrokerConfig;
use crate::connect::{self, Accepted};
use crate::door::Pending;
use crate::identity::Peer;
use crate::limits::{PACKET_OVERHEAD_BYTES, REPLIES_QUEUE, WRITE_TIMEOUT};
use crate::metrics::BrokerMetrics;
use crate::reader::{self, Reader};
use crate::reason::{End, Refused};
use crate::router::Router;
use crate::seats::{Seats, Taken};
use crate::wire::{self, Incoming};
use crate::writer::{self, Halves, Source};

/// What all connections of one broker share.
#[derive(Debug)]
pub struct Shared {
    pub config: BrokerConfig,
    pub certificates: RwLock<Arc<Certificates>>,
    pub seats: Arc<Seats>,
    pub router: Router,
    pub metrics: BrokerMetrics,
    pub stop: CancellationToken,
}

impl Shared {
    /// The certificates in use now.
    pub fn certificates(&self) -> Arc<Certificates> {
        Arc::clone(&self.certificates.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Serves one TCP connection to its end. `pending` is its place among those that have not said CONNECT yet.
pub async fn serve(shared: Arc<Shared>, stream: TcpStream, remote: SocketAddr, pending: Pending) {
    // What a handshake needs is boxed, so that the connection does not carry it on.
    let greeting = Box::pin(tokio::time::timeout(shared.config.listen.handshake_timeout(), greet(&shared, stream)));
    let greeted = tokio::select! {
        () = shared.stop.cancelled() => Err((Refused::Stopping, None)),
        greeted = greeting => {
            greeted.unwrap_or(Err((Refused::Timeout, None)))
        }
    };
    drop(pending);
    let result = match greeted {
        Ok(greeted) => Box::pin(admit(&shared, greeted)).await,
        Err((reason, cn)) => Err((reason, cn.unwrap_or_default())),
    };
    match result {
        Ok(admitted) => {
            let cn = admitted.session.taken.seat.peer.cn.clone();
            let serial = admitted.session.taken.seat.peer.serial.clone();
            shared.metrics.accepted();
            shared.metrics.connections.inc();
            tracing::info!(%cn, serial, %remote, takeovers = admitted.takeovers, "client connected");
            let _counted = Counted(Arc::clone(&shared));
            let end = Box::pin(run(&shared, admitted)).await;
            shared.metrics.ended(end);
            tracing::info!(%cn, %remote, reason = end.word(), "client disconnected");
        }
        Err((reason, cn)) => {
            shared.metrics.refused(reason);
            tracing::info!(cn, %remote, reason = reason.word(), "client refused");
        }
    }
}

/// Who was refused, as far as it is known.
type Refusal = (Refused, Option<String>);

struct Greeted {
    tls: TlsStream<TcpStream>,
    buffer: BytesMut,
    peer: Peer,
    accepted: Accepted,
}

/// TLS and CONNECT.
async fn greet(shared: &Shared, stream: TcpStream) -> Result<Greeted, Refusal> {
    let begun = Instant::now();
    // Small packets must not wait for each other; a socket that refuses this is served all the same.
    let _ = stream.set_nodelay(true);
    let acceptor = TlsAcceptor::from(Arc::clone(&shared.certificates().server));
    let mut tls = acceptor.accept(stream).await.map_err(|error| (Refused::of_handshake(&error), None))?;
    shared.metrics.handshake_seconds.observe(begun.elapsed().as_secs_f64());
    let peer = Peer::of(tls.get_ref().1.peer_certificates().unwrap_or_default());
    let said = peer.as_ref().map(|peer| peer.cn.to_string()).ok();

    let packet_max = shared.config.limits.payload_bytes + PACKET_OVERHEAD_BYTES;
    let mut buffer = BytesMut::with_capacity(512);
    let (connect, will) = loop {
        match wire::next(&mut buffer, packet_max) {
            Ok(Some(Incoming::Connect(connect, will))) => break (connect, will),
            Ok(None) => {}
            Ok(Some(_)) | Err(_) => return Err((Refused::NotMqtt, said)),
        }
        if !matches!(tls.read_buf(&mut buffer).await, Ok(read) if read > 0) {
            return Err((Refused::Left, said));
        }
    };
    let decided = match &peer {
        Ok(peer) => connect::decide(&peer.cn, &connect, will, shared.config.listen.keep_alive_max_s),
        Err(_) => Err(Refused::CommonName),
    };
    match (decided, peer) {
        (Ok(accepted), Ok(peer)) => Ok(Greeted { tls, buffer, peer, accepted }),
        (Err(reason), peer) => {
            refuse(&mut tls, reason).await;
            Err((reason, Some(peer.map_or_else(|why| why, |peer| peer.cn.to_string()))))
        }
        (Ok(_), Err(why)) => Err((Refused::CommonName, Some(why))),
    }
}

struct Admitted {
    tls: TlsStream<TcpStream>,
    buffer: BytesMut,
    idle_max: Duration,
    /// A service's; agents have no link to the router.
    rx: Option<LinkRx>,
    session: Session,
    takeovers: u32,
}

/// A seat, a link, and the CONNACK.
async fn admit(shared: &Arc<Shared>, greeted: Greeted) -> Result<Admitted, (Refused, String)> {
    let Greeted { mut tls, buffer, peer, accepted } = greeted;
    let cn = peer.cn.to_string();
    let Ok((taken, takeovers)) = shared.seats.take(peer, &shared.stop).await else {
        refuse(&mut tls, Refused::Occupied).await;
        return Err((Refused::Occupied, cn));
    };
    if takeovers > 0 {
        shared.metrics.takeovers.inc_by(u64::from(takeovers));
        tracing::warn!(cn, takeovers, "connection taken over; two agents with one certificate do this to each other");
    }
    let (tx, rx) = if taken.seat.peer.cn.is_service() {
        let Ok((tx, rx)) = shared.router.open(&cn).await else {
            refuse(&mut tls, Refused::Router).await;
            return Err((Refused::Router, cn));
        };
        (Some(tx), Some(rx))
    } else {
        (None, None)
    };
    let mut session = Session::new(Arc::clone(shared), tx, taken);
    let written = async {
        tls.write_all(&wire::connack(0)).await?;
        tls.flush().await
    };
    if !matches!(tokio::time::timeout(WRITE_TIMEOUT, written).await, Ok(Ok(()))) {
        return Err((Refused::Left, cn));
    }
    session.will = accepted.will;
    Ok(Admitted { tls, buffer, idle_max: accepted.idle_max, rx, session, takeovers })
}

/// Both halves until one ends or the seat shall be left.
async fn run(shared: &Arc<Shared>, admitted: Admitted) -> End {
    let Admitted { tls, buffer, idle_max, rx, mut session, .. } = admitted;
    let (read, write) = tokio::io::split(tls);
    let (replies, queued) = mpsc::channel(REPLIES_QUEUE);
    let halves = Mutex::new(Halves::default());
    let seat = Arc::clone(&session.taken.seat);
    let end = {
        let reader = Reader::new(shared, &seat, session.link.as_mut(), &halves, replies);
        let source = rx.map_or(Source::Outbox(&seat.outbox), Source::Router);
        tokio::select! {
            biased;
            end = seat.closing() => end,
            end = reader::run(read, buffer, idle_max, reader) => end,
            end = writer::run(write, source, queued, &halves, &seat, &shared.metrics) => end,
        }
    };
    session.end = end;
    end
}

async fn refuse(tls: &mut TlsStream<TcpStream>, reason: Refused) {
    let Some(code) = reason.code() else { return };
    let told = async {
        tls.write_all(&wire::connack(code)).await?;
        tls.shutdown().await
    };
    // The client may be gone already; it is refused all the same.
    let _ = tokio::time::timeout(Duration::from_secs(1), told).await;
}

/// A registered client. However it ends, a panic included: the will is published if it is due, the link is closed, and only
/// then the seat is free for a successor.
struct Session {
    shared: Arc<Shared>,
    link: Option<LinkTx>,
    taken: Arc<Taken>,
    will: Option<LastWill>,
    end: End,
}

impl Session {
    fn new(shared: Arc<Shared>, link: Option<LinkTx>, taken: Taken) -> Self {
        Self { shared, link, taken: Arc::new(taken), will: None, end: End::Lost }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let will = self.will.take().filter(|_| self.end.fires_will());
        let link = self.link.take();
        if will.is_none() && link.is_none() {
            return;
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let (shared, taken) = (Arc::clone(&self.shared), Arc::clone(&self.taken));
        runtime.spawn(async move {
            if let Some(will) = will {
                shared.metrics.wills.inc();
                let publish = Publish::new(will.topic, will.message, will.retain);
                // Without a router nobody is left to hear it.
                let _ = shared.router.publish(publish).await;
            }
            if let Some(mut link) = link {
                let goodbye = Disconnect { reason_code: DisconnectReasonCode::NormalDisconnection };
                let _ = shared.router.send(&mut link, Packet::Disconnect(goodbye, None)).await;
            }
            drop(taken);
        });
    }
}

struct Counted(Arc<Shared>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.metrics.connections.dec();
    }
}
