//! What conversations taught about engines, and keys that are costly to make. Lives as long as the process and is bounded;
//! nothing of it is stored.

use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use service::secret::Secret;
use tokio::time::Instant;

use super::{Auth, Key, keys};

/// Engines that are remembered: as many as an agent polls devices.
const ENGINES_MAX: usize = 10_000;
/// Keys of passwords: two for each credential, and room for some configurations.
const MASTERS_MAX: usize = 64;

/// Cheap to clone; all clones share what is known. Any two compare as equal: this is memory, not configuration.
#[derive(Clone, Default)]
pub struct Engines(Arc<Mutex<Known>>);

#[derive(Default)]
struct Known {
    engines: HashMap<SocketAddr, Engine>,
    masters: HashMap<[u8; 32], Arc<Key>>,
}

/// An SNMP engine as it was last heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::snmp) struct Engine {
    pub(super) id: Vec<u8>,
    pub(super) boots: u32,
    time_s: u32,
    pub(super) heard: Instant,
    /// Whether boots and time come from an authentic message.
    pub(super) proven: bool,
}

impl Engine {
    pub(super) fn new(id: &[u8], boots: u32, time_s: u32, proven: bool) -> Self {
        Self { id: id.to_vec(), boots, time_s, heard: Instant::now(), proven }
    }

    pub(in crate::snmp) fn is_proven(&self) -> bool {
        self.proven
    }

    /// snmpEngineTime now, seconds since its last boot.
    pub(super) fn time_s(&self) -> u32 {
        let passed = u32::try_from(self.heard.elapsed().as_secs()).unwrap_or(u32::MAX);
        self.time_s.saturating_add(passed).min(i32::MAX.unsigned_abs())
    }

    /// RFC 3414 section 3.2 step 7b: whether an authentic message may be of now.
    pub(super) fn accepts(&self, boots: u32, time_s: u32) -> bool {
        const WINDOW_S: u32 = 150;
        !self.proven || boots > self.boots || (boots == self.boots && time_s.saturating_add(WINDOW_S) >= self.time_s())
    }
}

impl Engines {
    pub(in crate::snmp) fn get(&self, address: SocketAddr) -> Option<Engine> {
        self.lock().engines.get(&address).cloned()
    }

    pub(in crate::snmp) fn set(&self, address: SocketAddr, engine: Engine) {
        let mut known = self.lock();
        if known.engines.len() >= ENGINES_MAX && !known.engines.contains_key(&address) {
            let oldest = known.engines.iter().min_by_key(|(_, engine)| engine.heard).map(|(address, _)| *address);
            if let Some(oldest) = oldest {
                known.engines.remove(&oldest);
            }
        }
        known.engines.insert(address, engine);
    }

    pub(in crate::snmp) fn forget(&self, address: SocketAddr) {
        self.lock().engines.remove(&address);
    }

    /// The key of a password, made once.
    pub(in crate::snmp) fn master(&self, auth: Auth, password: &Secret) -> Arc<Key> {
        let name =
            *blake3::Hasher::new().update(&[auth as u8]).update(password.expose().as_bytes()).finalize().as_bytes();
        if let Some(key) = self.lock().masters.get(&name) {
            return Arc::clone(key);
        }
        // Made without holding the lock: two conversations may do it twice, none waits for it.
        let key = Arc::new(keys::master(auth, password.expose().as_bytes()));
        let mut known = self.lock();
        if known.masters.len() >= MASTERS_MAX {
            known.masters.clear();
        }
        known.masters.insert(name, Arc::clone(&key));
        key
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Engines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} engines", self.lock().engines.len())
    }
}

impl PartialEq for Engines {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Engines {}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_is_remembered_does_not_grow_without_end() {
        let engines = Engines::default();
        for port in 0..u16::try_from(ENGINES_MAX + 50).unwrap() {
            engines.set(([127, 0, 0, 1], port).into(), Engine::new(b"engine", 1, 1, true));
        }
        assert_eq!(engines.lock().engines.len(), ENGINES_MAX);
        for number in 0..3 * MASTERS_MAX {
            engines.lock().masters.insert(*blake3::hash(&number.to_be_bytes()).as_bytes(), Arc::new(Key(Vec::new())));
        }
        let _ = engines.master(Auth::Md5, &Secret::new("maplesyrup"));
        assert_eq!(engines.lock().masters.len(), 1);
    }

    #[test]
    fn an_engine_s_time_runs_on_and_old_messages_are_refused() {
        let mut engine = Engine::new(b"engine", 3, 1_000, true);
        engine.heard -= Duration::from_secs(200);
        let now = engine.time_s();
        assert!((1_200..1_260).contains(&now), "{now}");
        assert!(engine.accepts(3, now) && !engine.accepts(3, 1_049), "150 seconds are the window");
        assert!(!engine.accepts(2, 9_999) && engine.accepts(4, 0));
    }
}
