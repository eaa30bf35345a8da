//! Who may stand at the door: connections that have not said CONNECT yet, counted in all and per address, so that silent
//! ones from one place keep nobody else out.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use crate::reason::Refused;

#[derive(Debug)]
pub struct Door {
    all_max: usize,
    per_address_max: usize,
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

impl Door {
    pub fn new(all_max: usize, per_address_max: usize) -> Arc<Self> {
        Arc::new(Self { all_max, per_address_max, waiting: Mutex::default() })
    }

    /// # Errors
    /// When too many wait already, in all or from this address.
    pub fn knock(self: &Arc<Self>, address: IpAddr) -> Result<Pending, Refused> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.all >= self.all_max {
            return Err(Refused::HandshakesMax);
        }
        let same = waiting.by_address.entry(address).or_default();
        if *same >= self.per_address_max {
            return Err(Refused::AddressMax);
        }
        *same += 1;
        waiting.all += 1;
        Ok(Pending { door: Arc::clone(self), address })
    }
}

/// A place at the door, given back on drop.
#[derive(Debug)]
pub struct Pending {
    door: Arc<Door>,
    address: IpAddr,
}

impl Drop for Pending {
    fn drop(&mut self) {
        let mut waiting = self.door.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.all = waiting.all.saturating_sub(1);
        if let Some(same) = waiting.by_address.get_mut(&self.address) {
            *same -= 1;
            if *same == 0 {
                waiting.by_address.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_cannot_take_all_places_and_places_come_back() {
        let door = Door::new(3, 2);
        let (one, two) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        let first = door.knock(one).unwrap();
        let _second = door.knock(one).unwrap();
        assert_eq!(door.knock(one).unwrap_err(), Refused::AddressMax);
        let _third = door.knock(two).unwrap();
        assert_eq!(door.knock(two).unwrap_err(), Refused::HandshakesMax);
        drop(first);
        assert!(door.knock(one).is_ok());
    }
}
