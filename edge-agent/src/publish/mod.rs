//! Sends frozen payloads and hears what is settled.
//!
//! [`window`] and [`greeting`] decide and are pure; [`link`] is the only user of the MQTT client; [`tls`] reads the
//! certificates anew at each attempt; [`fault`] says why a connection failed in words that help.

pub mod fault;
pub mod greeting;
pub mod link;
pub mod mode;
pub mod tls;
pub mod window;
