//! What the fuzzer calls: one function for each way on which bytes from outside enter Platen. Each takes any bytes, goes as
//! far as they lead, and panics if a promise of the reader is broken.
//!
//! `fuzz/targets` gives each of them to libFuzzer; `tests/it/corpora.rs` gives them the seeds and all that was ever found,
//! with every `make test`.

mod contract;
mod http;
mod mqtt;
mod snmp;
mod wire;

pub use contract::contract;
pub use http::{http, streamed};
pub use mqtt::{packet, topic};
pub use snmp::{snmprec, trap, usm, varbinds};
pub use wire::{body, header};

/// A function that takes any bytes.
pub type Target = fn(&[u8]);

/// All of them, by the name that `make fuzz TARGET=` takes; seeds lie in `fuzz/seeds/NAME`.
pub const TARGETS: [(&str, Target); 11] = [
    ("header", header),
    ("body", body),
    ("topic", topic),
    ("packet", packet),
    ("varbinds", varbinds),
    ("usm", usm),
    ("trap", trap),
    ("snmprec", snmprec),
    ("contract", contract),
    ("http", http),
    ("streamed", streamed),
];

/// Runs a future that waits for nothing outside.
///
/// # Panics
/// When it waits all the same: whoever awaited it would hang.
fn done<F: Future>(future: F) -> F::Output {
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    for _ in 0..100_000 {
        if let std::task::Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
    }
    panic!("waits for something that never comes");
}
