//! Who may do what on Platen's broker: topic rules, certificates with their revocation list, the same rules as
//! mosquitto files; and what operators look at.
//!
//! [`acl`] is pure and serves the broker, the tests and the printed table alike, so there is one set of rules.
//! [`pki`] writes files; it never overwrites one unless told, and never leaves half of one behind.
//!
//! Reading order: [`acl`] → [`rules`] → [`pki`] → [`check`] → [`mosquitto`] → [`metric_names`] →
//! [`operations`] (metrics of all parts, alert rules, the dashboard).

pub mod acl;
pub mod check;
pub mod limits;
pub mod metric_names;
pub mod mosquitto;
pub mod operations;
pub mod pki;
pub mod rules;
