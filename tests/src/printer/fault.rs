//! What goes wrong on the way: late, lost, doubled, cut, garbled and stale answers, silence between two moments, and
//! devices that report zero while they start. Which packet meets which fate follows from the seed and its number.

use std::ops::Range;

use super::chance::{below, mix, permille};

/// Faults of one device. Shares are per mille of the answers; the default is a perfect device.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Faults {
    pub seed: u64,
    /// Every answer takes at least the first and at most the second (milliseconds of real time); a device answers one
    /// request after the other, as printers do.
    pub delay_ms: (u32, u32),
    pub drop: u32,
    /// The answer comes twice.
    pub duplicate: u32,
    /// The answer ends early.
    pub truncate: u32,
    /// Some bytes of the answer are wrong.
    pub garble: u32,
    /// The answer is held back and comes just before the next one, to the one who asked for it.
    pub stale: u32,
    /// Spans of simulated Unix seconds in which nothing is answered.
    pub silent: Vec<Range<i64>>,
    /// For so many simulated seconds after a start all page counters read 0.
    pub zero_after_start_s: i64,
}

/// What happens to one answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fate {
    pub delay_ms: u32,
    pub delivery: Delivery,
    pub damage: Damage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    Once,
    Twice,
    Never,
    /// With the next answer.
    Stale,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damage {
    None,
    Truncate,
    Garble,
}

impl Faults {
    /// The fate of the answer to this packet (counted per device from 0).
    #[must_use]
    pub fn fate(&self, packet: u64) -> Fate {
        let is = |key: u64, share: u32| permille(self.seed, &[key, packet], share);
        let (least, most) = (self.delay_ms.0, self.delay_ms.1.max(self.delay_ms.0));
        let extra = below(self.seed, &[1, packet], u64::from(most - least) + 1);
        let delivery = if is(2, self.drop) {
            Delivery::Never
        } else if is(3, self.stale) {
            Delivery::Stale
        } else if is(4, self.duplicate) {
            Delivery::Twice
        } else {
            Delivery::Once
        };
        let damage = if is(5, self.truncate) {
            Damage::Truncate
        } else if is(6, self.garble) {
            Damage::Garble
        } else {
            Damage::None
        };
        Fate { delay_ms: least + u32::try_from(extra).unwrap_or(0), delivery, damage }
    }

    /// Damages an answer as its fate says.
    #[must_use]
    pub fn damaged(&self, mut bytes: Vec<u8>, damage: Damage, packet: u64) -> Vec<u8> {
        let length = bytes.len() as u64;
        let place = |key: u64, n: u64| usize::try_from(below(self.seed, &[key, packet], n)).unwrap_or(0);
        match damage {
            Damage::None => {}
            Damage::Truncate => bytes.truncate(place(7, length)),
            Damage::Garble => {
                for flip in 0..=place(8, 4) as u64 {
                    let noise = mix(self.seed, &[9, packet, flip]).to_be_bytes()[0] | 1;
                    if let Some(byte) = bytes.get_mut(place(10 + flip, length)) {
                        *byte ^= noise;
                    }
                }
            }
        }
        bytes
    }

    #[must_use]
    pub fn is_silent_at(&self, unix_seconds: i64) -> bool {
        self.silent.iter().any(|span| span.contains(&unix_seconds))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_perfect_device_delivers_everything_at_once_and_whole() {
        let faults = Faults::default();
        let fine = Fate { delay_ms: 0, delivery: Delivery::Once, damage: Damage::None };
        assert!((0..1000).all(|n| faults.fate(n) == fine));
        assert!(!faults.is_silent_at(5));
    }

    #[test]
    fn shares_are_met_and_fates_follow_from_the_seed() {
        let faults = Faults { seed: 4, drop: 100, stale: 50, garble: 200, delay_ms: (5, 20), ..Faults::default() };
        let fates: Vec<Fate> = (0..10_000).map(|n| faults.fate(n)).collect();
        assert_eq!(fates, (0..10_000).map(|n| faults.fate(n)).collect::<Vec<_>>());
        let count = |test: fn(&Fate) -> bool| fates.iter().filter(|f| test(f)).count();
        assert!((800..1200).contains(&count(|f| f.delivery == Delivery::Never)));
        assert!((300..600).contains(&count(|f| f.delivery == Delivery::Stale)));
        assert!((1700..2300).contains(&count(|f| f.damage == Damage::Garble)));
        assert!(fates.iter().all(|f| (5..=20).contains(&f.delay_ms)));
    }

    #[test]
    fn damage_always_changes_the_answer_and_silence_has_an_end() {
        let faults = Faults { seed: 1, silent: std::iter::once(10..20).collect(), ..Faults::default() };
        for packet in 0..500 {
            let whole = vec![0x30; 60];
            assert!(faults.damaged(whole.clone(), Damage::Truncate, packet).len() < 60);
            assert_eq!(faults.damaged(whole.clone(), Damage::Garble, packet).len(), 60);
            assert_eq!(faults.damaged(whole.clone(), Damage::None, packet), whole);
        }
        assert!(!faults.is_silent_at(9) && faults.is_silent_at(10) && !faults.is_silent_at(20));
    }
}
