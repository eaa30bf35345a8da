//! The one integration-test binary: the real parts as processes, the real engine, real TLS. Its tests are sentences of
//! the specification.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod adaptive;
mod billing;
mod cluster;
mod compose;
mod conformance;
mod corpora;
mod engine;
mod fairness;
mod flow;
mod gateway;
mod hardship;
mod hostile;
mod outage;
mod payloads;
mod peers;
mod sender;
mod soak;
mod supplies;
mod support;
mod tidy;
mod watched;
mod workers;
