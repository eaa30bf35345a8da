//! The drill: drives the clocks of all parts and waits until each has done what was due.
//!
//! Protocol: see `service::clock`. Every part connects and names itself; a part that reconnects after a kill is told the
//! present time at once.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Result, bail};
use jiff::Timestamp;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::accept::accept;

/// The simulated moment: time since the drill's boot, and the true date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    pub steady: Duration,
    pub wall: Timestamp,
}

#[derive(Debug)]
struct State {
    /// Latest `reached` of every connected part.
    reached: BTreeMap<String, Duration>,
    /// Parts whose wall clock is wrong, and by how many seconds.
    wrong: BTreeMap<String, i64>,
}

/// The server that parts connect to.
#[derive(Debug)]
pub struct Drill {
    address: SocketAddr,
    start: Moment,
    now: watch::Sender<Moment>,
    state: Arc<Mutex<State>>,
    changed: Arc<tokio::sync::Notify>,
    token: CancellationToken,
}

impl Drill {
    /// A drill that begins at `wall`, one hour after boot.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn begin(wall: Timestamp) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let start = Moment { steady: Duration::from_secs(3600), wall };
        let (now, _) = watch::channel(start);
        let state = Arc::new(Mutex::new(State { reached: BTreeMap::new(), wrong: BTreeMap::new() }));
        let changed = Arc::new(tokio::sync::Notify::new());
        let token = CancellationToken::new();
        let (told, known, woken) = (now.clone(), Arc::clone(&state), Arc::clone(&changed));
        tokio::spawn(accept(listener, token.clone(), move |stream| {
            let served = serve(stream, told.subscribe(), Arc::clone(&known), Arc::clone(&woken));
            // A part that ends or says nonsense is found missing by whoever waits for it.
            Some(async move { drop(served.await) })
        }));
        Ok(Self { address, start, now, state, changed, token })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The moment at which the drill began.
    pub fn start(&self) -> Moment {
        self.start
    }

    pub fn now(&self) -> Moment {
        *self.now.borrow()
    }

    /// Moves both clocks of everybody to `seconds` after the drill's start.
    pub fn set(&self, seconds: u64) {
        let step = Duration::from_secs(seconds);
        self.now.send_replace(Moment { steady: self.start.steady + step, wall: self.start.wall + step });
    }

    /// From now on the wall clock of `part` is wrong by that many seconds. Steady goes on as it was.
    pub fn move_wall(&self, part: &str, seconds: i64) {
        self.lock().wrong.insert(part.to_owned(), seconds);
        self.now.send_modify(|_| {});
    }

    /// What this part has reached counts no more: its process was ended, and another goes on from older data.
    pub fn forget(&self, part: &str) {
        self.lock().reached.remove(part);
    }

    /// Waits until every part in `parts` has done what is due now.
    ///
    /// # Errors
    /// When one does not in time; it is named.
    pub async fn all_reached(&self, parts: &[String], deadline: Duration) -> Result<()> {
        let target = self.now().steady;
        let done = async {
            loop {
                let changed = self.changed.notified();
                if self.missing(parts, target).is_empty() {
                    return;
                }
                changed.await;
            }
        };
        if tokio::time::timeout(deadline, done).await.is_err() {
            bail!("not done with their work after {deadline:?}: {:?}", self.missing(parts, target));
        }
        Ok(())
    }

    fn missing(&self, parts: &[String], target: Duration) -> Vec<String> {
        let state = self.lock();
        parts.iter().filter(|part| state.reached.get(*part).is_none_or(|reached| *reached < target)).cloned().collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Drill {
    fn drop(&mut self) {
        self.token.cancel();
    }
}

async fn serve(
    stream: TcpStream,
    mut now: watch::Receiver<Moment>,
    state: Arc<Mutex<State>>,
    changed: Arc<tokio::sync::Notify>,
) -> Result<()> {
    stream.set_nodelay(true)?;
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    let Some(line) = lines.next_line().await? else { return Ok(()) };
    let Some(name) = line.strip_prefix("name ").map(str::to_owned) else { bail!("not a part: {line:?}") };
    state.lock().unwrap_or_else(PoisonError::into_inner).reached.remove(&name);
    let mut send = true;
    loop {
        if send {
            let moment = *now.borrow_and_update();
            let wrong = state.lock().unwrap_or_else(PoisonError::into_inner).wrong.get(&name).copied().unwrap_or(0);
            let wall = moment.wall.as_millisecond() + wrong * 1000;
            write.write_all(format!("set {} {wall}\n", moment.steady.as_millis()).as_bytes()).await?;
        }
        tokio::select! {
            moved = now.changed() => {
                moved?;
                send = true;
            }
            line = lines.next_line() => {
                let Some(line) = line? else { return Ok(()) };
                send = false;
                if let Some(millis) = line.strip_prefix("reached ").and_then(|text| text.parse().ok()) {
                    let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
                    state.reached.insert(name.clone(), Duration::from_millis(millis));
                    drop(state);
                    changed.notify_waiters();
                }
            }
        }
    }
}
