//! Readiness: a process is ready only while everything that it depends on is.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

/// What `/health` answers from. Cheap to clone; all clones share one state.
#[derive(Debug, Clone)]
pub struct Health {
    part: &'static str,
    version: &'static str,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    components: BTreeMap<&'static str, Result<(), String>>,
    facts: BTreeMap<&'static str, String>,
}

/// The body of `/health`.
#[derive(Debug, Serialize)]
pub struct Report {
    pub part: &'static str,
    pub version: &'static str,
    pub ready: bool,
    /// `ok`, or why not.
    pub components: BTreeMap<&'static str, String>,
    /// Things worth knowing that do not decide readiness, `drill_clock` for example.
    pub facts: BTreeMap<&'static str, String>,
}

impl Health {
    pub fn new(part: &'static str, version: &'static str) -> Self {
        Self { part, version, state: Arc::default() }
    }

    /// States that a component works, or why it does not. A component that was never set does not count.
    pub fn set(&self, component: &'static str, state: Result<(), String>) {
        self.lock().components.insert(component, state);
    }

    pub fn fact(&self, name: &'static str, value: impl Into<String>) {
        self.lock().facts.insert(name, value.into());
    }

    pub fn ready(&self) -> bool {
        let state = self.lock();
        !state.components.is_empty() && state.components.values().all(Result::is_ok)
    }

    pub fn report(&self) -> Report {
        let ready = self.ready();
        let state = self.lock();
        let words = |state: &Result<(), String>| state.as_ref().err().cloned().unwrap_or_else(|| "ok".to_owned());
        Report {
            part: self.part,
            version: self.version,
            ready,
            components: state.components.iter().map(|(name, state)| (*name, words(state))).collect(),
            facts: state.facts.clone(),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_ready_only_while_all_it_depends_on_is() {
        let health = Health::new("ingest", "0.0.0");
        assert!(!health.ready(), "nothing is known yet");
        health.set("broker", Ok(()));
        assert!(health.ready());
        health.set("clickhouse", Err("connection refused".to_owned()));
        assert!(!health.ready());
        assert_eq!(health.report().components["clickhouse"], "connection refused");
    }
}
