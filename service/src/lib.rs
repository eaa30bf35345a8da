//! What every long-running part of Platen does around its work: configuration, secrets, logs, exit codes, clocks,
//! backoff, shutdown, `/health` and `/metrics`, a client's TLS identity.
//!
//! Knows no word of the domain: nothing here has heard of a printer, a batch or a page.
//!
//! Reading order: [`exit`] → [`config`] → [`secret`] → [`log`] → [`clock`] → [`backoff`] → [`shutdown`] → [`health`] →
//! [`metrics`] → [`http`] → [`tls`].

pub mod backoff;
pub mod clock;
pub mod config;
pub mod exit;
pub mod health;
pub mod http;
pub mod log;
pub mod metrics;
pub mod secret;
pub mod shutdown;
pub mod tls;
