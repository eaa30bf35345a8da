//! A TCP relay between an agent and the broker: it counts what passes, and can cut the line, slow it down, hold up
//! what is on it, or lose its connections without telling either side.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Result;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::accept::accept;

/// Bytes of one read; a TLS record is at most 16 KiB.
const CHUNK: usize = 16 * 1024;
/// Reads that are under way in one direction; more than a window of payloads.
const UNDER_WAY: usize = 256;

/// Counts on the TCP stream, both directions; TLS included, IP and TCP headers not.
#[derive(Debug, Default)]
pub struct Counts {
    pub up: AtomicU64,
    pub down: AtomicU64,
    pub connections: AtomicU64,
}

/// How both sides find the line. Connections are numbered from 1.
#[derive(Debug, Clone, Copy)]
struct State {
    open: bool,
    /// Nothing passes now; what is on its way waits.
    frozen: bool,
    /// Connections up to this number never pass anything again, and neither side hears of it.
    lost_to: u64,
    /// How long each byte is under way, in each direction.
    delay: Duration,
}

/// A line that can be cut.
#[derive(Debug)]
pub struct Relay {
    address: SocketAddr,
    counts: Arc<Counts>,
    state: watch::Sender<State>,
    token: CancellationToken,
}

impl Relay {
    /// Listens on a free port and passes everything on to `target`.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start(target: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (state, line) = watch::channel(State { open: true, frozen: false, lost_to: 0, delay: Duration::ZERO });
        let counts = Arc::new(Counts::default());
        let token = CancellationToken::new();
        let counted = Arc::clone(&counts);
        tokio::spawn(accept(listener, token.clone(), move |stream| {
            let (counts, line, mut cut) = (Arc::clone(&counted), line.clone(), line.clone());
            let open = line.borrow().open;
            open.then(|| {
                let number = counts.connections.fetch_add(1, Ordering::Relaxed) + 1;
                async move {
                    tokio::select! {
                        _ = cut.wait_for(|state| !state.open) => {}
                        () = pass(stream, target, &counts, Gate { line, number }) => {}
                    }
                }
            })
        }));
        Ok(Self { address, counts, state, token })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Ends all connections and refuses new ones until [`Relay::mend`].
    pub fn cut(&self) {
        self.state.send_modify(|state| state.open = false);
    }

    /// Half open: connections stay, new ones are taken, and nothing passes until [`Relay::mend`].
    pub fn freeze(&self) {
        self.state.send_modify(|state| state.frozen = true);
    }

    /// What a NAT does that forgets: the connections of now swallow everything for ever; new ones work.
    pub fn lose(&self) {
        let so_far = self.counts.connections.load(Ordering::Relaxed);
        self.state.send_modify(|state| state.lost_to = so_far);
    }

    /// From now on each byte is under way for that long, in each direction.
    pub fn delay(&self, one_way: Duration) {
        self.state.send_modify(|state| state.delay = one_way);
    }

    /// The line is whole again; connections that were lost stay lost.
    pub fn mend(&self) {
        self.state.send_modify(|state| (state.open, state.frozen) = (true, false));
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.token.cancel();
    }
}

/// What one connection may pass.
#[derive(Clone)]
struct Gate {
    line: watch::Receiver<State>,
    number: u64,
}

impl Gate {
    fn is_lost(&self) -> bool {
        self.line.borrow().lost_to >= self.number
    }

    /// Waits while the line is frozen.
    async fn pass(&mut self) {
        let number = self.number;
        // The sender lives as long as the relay, which ends this task.
        let _ = self.line.wait_for(|state| !state.frozen || state.lost_to >= number).await;
    }
}

/// Until one side ends; if the connection was lost, until both do.
async fn pass(near: TcpStream, target: SocketAddr, counts: &Counts, gate: Gate) {
    let Ok(far) = TcpStream::connect(target).await else { return };
    let _ = near.set_nodelay(true);
    let _ = far.set_nodelay(true);
    let (mut near_read, mut near_write) = near.into_split();
    let (mut far_read, mut far_write) = far.into_split();
    tokio::select! {
        () = copy(&mut near_read, &mut far_write, &counts.up, gate.clone()) => {}
        () = copy(&mut far_read, &mut near_write, &counts.down, gate.clone()) => {}
    }
    if gate.is_lost() {
        let (mut near_sink, mut far_sink) = (tokio::io::sink(), tokio::io::sink());
        let _ = tokio::join!(
            tokio::io::copy(&mut near_read, &mut near_sink),
            tokio::io::copy(&mut far_read, &mut far_sink)
        );
    }
}

async fn copy(
    from: &mut (impl AsyncReadExt + Unpin),
    to: &mut (impl AsyncWriteExt + Unpin),
    count: &AtomicU64,
    mut gate: Gate,
) {
    let (sender, mut under_way) = mpsc::channel::<(Instant, Vec<u8>)>(UNDER_WAY);
    let line = gate.line.clone();
    let take = async move {
        let mut chunk = vec![0; CHUNK];
        while let Ok(bytes @ 1..) = from.read(&mut chunk).await {
            let due = Instant::now() + line.borrow().delay;
            if sender.send((due, chunk[..bytes].to_vec())).await.is_err() {
                return;
            }
        }
    };
    let give = async {
        while let Some((due, bytes)) = under_way.recv().await {
            tokio::time::sleep_until(due).await;
            gate.pass().await;
            if gate.is_lost() {
                continue;
            }
            if to.write_all(&bytes).await.is_err() {
                return;
            }
            count.fetch_add(u64::try_from(bytes.len()).unwrap_or(0), Ordering::Relaxed);
        }
    };
    // What was under way when one side ended still arrives; when the other side is gone, nothing more is taken.
    tokio::pin!(take, give);
    tokio::select! {
        () = &mut take => give.await,
        () = &mut give => {}
    }
}
