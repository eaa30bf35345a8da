//! Sends frozen payloads and hears what is settled.
//!
//! [`talk`] with [`window`] and [`greeting`], and [`flow`], decide and are pure; [`link`] does what they say; `client` is
//! the only user of the MQTT client; [`tls`] reads the certificates anew at each attempt; [`fault`] says why a connection
//! failed in words that help.

mod client;
pub mod fault;
pub mod flow;
pub mod greeting;
pub mod link;
pub mod mode;
pub mod talk;
pub mod tls;
pub mod window;
