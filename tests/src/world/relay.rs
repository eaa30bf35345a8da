//! A TCP relay between an agent and the broker: it counts what passes, and can cut the line.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Result;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Bytes of one read; a TLS record is at most 16 KiB.
const CHUNK: usize = 16 * 1024;

/// Counts on the TCP stream, both directions; TLS included, IP and TCP headers not.
#[derive(Debug, Default)]
pub struct Counts {
    pub up: AtomicU64,
    pub down: AtomicU64,
    pub connections: AtomicU64,
}

/// A line that can be cut.
#[derive(Debug)]
pub struct Relay {
    address: SocketAddr,
    counts: Arc<Counts>,
    open: watch::Sender<bool>,
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
        let (open, state) = watch::channel(true);
        let counts = Arc::new(Counts::default());
        let token = CancellationToken::new();
        tokio::spawn(accept(listener, target, Arc::clone(&counts), state, token.clone()));
        Ok(Self { address, counts, open, token })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Ends all connections and refuses new ones until [`Relay::mend`].
    pub fn cut(&self) {
        self.open.send_replace(false);
    }

    pub fn mend(&self) {
        self.open.send_replace(true);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.token.cancel();
    }
}

async fn accept(
    listener: TcpListener,
    target: SocketAddr,
    counts: Arc<Counts>,
    open: watch::Receiver<bool>,
    token: CancellationToken,
) {
    loop {
        let stream = tokio::select! {
            () = token.cancelled() => return,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(_) => continue,
            },
        };
        if !*open.borrow() {
            continue;
        }
        counts.connections.fetch_add(1, Ordering::Relaxed);
        let (counts, mut open, token) = (Arc::clone(&counts), open.clone(), token.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = token.cancelled() => {}
                _ = open.wait_for(|open| !open) => {}
                () = pass(stream, target, &counts) => {}
            }
        });
    }
}

/// Until one side ends.
async fn pass(near: TcpStream, target: SocketAddr, counts: &Counts) {
    let Ok(far) = TcpStream::connect(target).await else { return };
    let _ = near.set_nodelay(true);
    let _ = far.set_nodelay(true);
    let (near_read, near_write) = near.into_split();
    let (far_read, far_write) = far.into_split();
    tokio::select! {
        () = copy(near_read, far_write, &counts.up) => {}
        () = copy(far_read, near_write, &counts.down) => {}
    }
}

async fn copy(mut from: impl AsyncReadExt + Unpin, mut to: impl AsyncWriteExt + Unpin, count: &AtomicU64) {
    let mut chunk = vec![0; CHUNK];
    while let Ok(bytes) = from.read(&mut chunk).await {
        if bytes == 0 || to.write_all(&chunk[..bytes]).await.is_err() {
            return;
        }
        count.fetch_add(u64::try_from(bytes).unwrap_or(0), Ordering::Relaxed);
    }
}
