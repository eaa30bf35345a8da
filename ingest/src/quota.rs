//! How many bytes of an agent are taken on one UTC day. Pure.
//!
//! Over quota nothing is taken and nothing acknowledged to the agent: its spool is the buffer, and an alarm says so.

use std::collections::BTreeMap;

use schemas::id::AgentCn;

const DAY_SECONDS: u32 = 86_400;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Quota {
    bytes_per_day: u64,
    day: u32,
    /// Bounded by the number of certificates.
    used: BTreeMap<AgentCn, Used>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
struct Used {
    bytes: u64,
    refused: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Taken,
    /// `first`: nothing of this agent was refused before on this day.
    Over {
        first: bool,
    },
}

impl Quota {
    pub fn new(bytes_per_day: u64) -> Self {
        Self { bytes_per_day, day: 0, used: BTreeMap::new() }
    }

    /// Whether `bytes` more are taken, `received` in Unix seconds; counts them if so. The first payload of a day is
    /// always taken.
    pub fn take(&mut self, cn: &AgentCn, bytes: usize, received: u32) -> Verdict {
        self.turn(received);
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let limit = self.bytes_per_day;
        let used = self.used.entry(cn.clone()).or_default();
        if used.bytes > 0 && used.bytes.saturating_add(bytes) > limit {
            let first = !std::mem::replace(&mut used.refused, true);
            return Verdict::Over { first };
        }
        used.bytes = used.bytes.saturating_add(bytes);
        Verdict::Taken
    }

    /// What was already taken on the day of `received` before this process started.
    pub fn warm(&mut self, cn: AgentCn, bytes: u64, received: u32) {
        self.turn(received);
        self.used.entry(cn).or_default().bytes = bytes;
    }

    fn turn(&mut self, received: u32) {
        let day = received / DAY_SECONDS;
        if day != self.day {
            self.day = day;
            self.used.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_over_its_quota_waits_for_the_next_day_and_disturbs_nobody() {
        let (one, two) = ("acme.one".parse().unwrap(), "acme.two".parse().unwrap());
        let mut quota = Quota::new(100);
        assert_eq!(quota.take(&one, 60, 86_400), Verdict::Taken);
        assert_eq!(quota.take(&one, 60, 86_401), Verdict::Over { first: true });
        assert_eq!(quota.take(&one, 60, 86_401), Verdict::Over { first: false });
        assert_eq!(quota.take(&one, 40, 86_402), Verdict::Taken, "what fits is taken");
        assert_eq!(quota.take(&two, 100, 86_402), Verdict::Taken);
        assert_eq!(quota.take(&one, 60, 2 * 86_400), Verdict::Taken);
    }

    #[test]
    fn a_restart_does_not_renew_the_quota() {
        let one: AgentCn = "acme.one".parse().unwrap();
        let mut quota = Quota::new(100);
        quota.warm(one.clone(), 90, 86_400);
        assert_eq!(quota.take(&one, 20, 86_500), Verdict::Over { first: true });
    }
}
