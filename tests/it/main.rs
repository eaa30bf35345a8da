//! The one integration-test binary: the real parts as processes, the real engine, real TLS. Its tests are sentences of
//! the specification.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod compose;
mod corpora;
mod engine;
mod flow;
mod hostile;
mod outage;
mod payloads;
mod peers;
mod soak;
mod support;
mod tidy;
mod watched;
