//! Which traps lead to a poll. Pure: the steady clock is an argument.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use super::message::Trap;
use service::secret::Secret;

/// Between two polls that traps of one device cause.
const DEBOUNCE: Duration = Duration::from_secs(60);
/// Polls a second that traps cause at most, and how many may come at once.
const PER_SECOND: u32 = 5;

/// What a trap leads to; the words of the metric `traps`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passed {
    Poll(IpAddr),
    Debounced,
    OverRate,
    UnknownSource,
    WrongCommunity,
    Unreadable,
}

impl Passed {
    /// Every word, so that each series begins at 0.
    pub const WORDS: [&'static str; 6] =
        ["poll", "debounced", "over-rate", "unknown-source", "wrong-community", "unreadable"];

    pub fn word(self) -> &'static str {
        match self {
            Self::Poll(_) => "poll",
            Self::Debounced => "debounced",
            Self::OverRate => "over-rate",
            Self::UnknownSource => "unknown-source",
            Self::WrongCommunity => "wrong-community",
            Self::Unreadable => "unreadable",
        }
    }

    /// Whether it came from a device that is known: only such informs are acknowledged.
    pub fn is_known(self) -> bool {
        matches!(self, Self::Poll(_) | Self::Debounced | Self::OverRate)
    }
}

/// Lets hints through.
#[derive(Debug)]
pub struct Gate {
    communities: Vec<Secret>,
    /// When each device last caused a poll; only known devices are in it.
    last: BTreeMap<IpAddr, Duration>,
    tokens: f64,
    filled: Duration,
}

impl Gate {
    pub fn new(communities: Vec<Secret>, now: Duration) -> Self {
        Self { communities, last: BTreeMap::new(), tokens: PER_SECOND.into(), filled: now }
    }

    /// Decides about a trap that came from `source`.
    pub fn pass(&mut self, trap: Option<&Trap>, source: IpAddr, known: &BTreeSet<IpAddr>, now: Duration) -> Passed {
        let Some(trap) = trap else { return Passed::Unreadable };
        // The source is harder to forge than the field; the field is right where a router translates addresses.
        let Some(device) = [Some(source), trap.agent].into_iter().flatten().find(|address| known.contains(address))
        else {
            return Passed::UnknownSource;
        };
        let community = String::from_utf8_lossy(&trap.community);
        if !self.communities.is_empty() && !self.communities.iter().any(|own| own.matches(&community)) {
            return Passed::WrongCommunity;
        }
        self.last.retain(|_, last| now.saturating_sub(*last) < DEBOUNCE);
        if self.last.contains_key(&device) {
            return Passed::Debounced;
        }
        let gained = now.saturating_sub(self.filled).as_secs_f64() * f64::from(PER_SECOND);
        self.tokens = (self.tokens + gained).min(PER_SECOND.into());
        self.filled = now;
        if self.tokens < 1.0 {
            return Passed::OverRate;
        }
        self.tokens -= 1.0;
        self.last.insert(device, now);
        Passed::Poll(device)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trap() -> Trap {
        Trap { community: b"public".to_vec(), agent: None, ack: None }
    }

    fn device(last: u8) -> IpAddr {
        [192, 0, 2, last].into()
    }

    fn known() -> BTreeSet<IpAddr> {
        (1..=20).map(device).collect()
    }

    #[test]
    fn a_device_causes_one_poll_a_minute_and_all_together_five_a_second() {
        let mut gate = Gate::new(Vec::new(), Duration::ZERO);
        let second = Duration::from_secs(1);
        assert_eq!(gate.pass(Some(&trap()), device(1), &known(), Duration::ZERO), Passed::Poll(device(1)));
        assert_eq!(gate.pass(Some(&trap()), device(1), &known(), second * 59), Passed::Debounced);
        assert_eq!(gate.pass(Some(&trap()), device(1), &known(), second * 60), Passed::Poll(device(1)));
        let storm: Vec<Passed> =
            (2..=11).map(|last| gate.pass(Some(&trap()), device(last), &known(), second * 61)).collect();
        assert_eq!(storm.iter().filter(|passed| matches!(passed, Passed::Poll(_))).count(), 5);
        assert_eq!(storm.last(), Some(&Passed::OverRate));
        assert_eq!(gate.pass(Some(&trap()), device(11), &known(), second * 62), Passed::Poll(device(11)));
    }

    #[test]
    fn a_device_behind_address_translation_is_known_by_the_address_in_the_trap() {
        let mut gate = Gate::new(Vec::new(), Duration::ZERO);
        let translated = Trap { agent: Some(device(3)), ..trap() };
        let router = [198, 51, 100, 1].into();
        assert_eq!(gate.pass(Some(&translated), router, &known(), Duration::ZERO), Passed::Poll(device(3)));
        assert_eq!(gate.pass(Some(&trap()), router, &known(), Duration::ZERO), Passed::UnknownSource);
        assert!(!Passed::UnknownSource.is_known());
    }

    #[test]
    fn a_trap_with_another_community_or_none_that_can_be_read_does_nothing() {
        let mut gate = Gate::new(vec![Secret::new("traps")], Duration::ZERO);
        assert_eq!(gate.pass(Some(&trap()), device(1), &known(), Duration::ZERO), Passed::WrongCommunity);
        assert_eq!(gate.pass(None, device(1), &known(), Duration::ZERO), Passed::Unreadable);
    }
}
