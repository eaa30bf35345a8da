//! Free ports below the range that the system gives to outgoing connections, so that a part which is killed and started
//! again finds its port free.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};

use anyhow::{Result, bail};

const FIRST: u16 = 12_000;
const LAST: u16 = 32_000;
/// Where this process begins to look; processes that run side by side begin elsewhere.
static NEXT: AtomicU16 = AtomicU16::new(0);

/// A TCP port on 127.0.0.1 that nothing listens on now.
///
/// # Errors
/// When all are taken.
pub fn free() -> Result<u16> {
    let span = LAST - FIRST;
    let own = u16::try_from(std::process::id() % u32::from(span)).unwrap_or(0);
    for _ in 0..span {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = FIRST + (own.wrapping_mul(37).wrapping_add(step)) % span;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no free port from {FIRST} to {LAST}")
}
