//! What a dealer should look at beside shipping: cartridges changed too early with the share thrown away, cartridges that held less
//! than usual (starter, third-party, refilled), a wrong or unknown cartridge in a slot, a shaken one, a silent device.
//! Promise: only what was seen lately is told, each thing once.

use serde::Serialize;

use crate::forecast::supply::Judged;
use crate::forecast::swap::Swap;
use crate::read::levels::SupplyRow;

/// Older changes were told before.
const RECENT_DAYS: f64 = 90.0;
/// Held less than this share of the usual.
const SHORT_BELOW: f64 = 0.78;
/// Unknown levels for this long after known ones: the device does not know the cartridge.
const UNKNOWN_DAYS: f64 = 3.0;

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Finding {
    /// `left`: percent thrown away.
    ChangedEarly {
        on: String,
        left: f64,
    },
    /// `share`: what it gave of the usual, in percent.
    HeldLess {
        on: String,
        share: f64,
        starter: bool,
    },
    Shaken {
        on: String,
        from: Option<f64>,
        to: Option<f64>,
    },
    /// The slot is for one colour, what is in it says another.
    WrongCartridge {
        color: String,
        says: String,
    },
    /// The device told levels and does not any more.
    NotRecognised {
        since: String,
    },
    Silent {
        days: f64,
    },
    /// Under way for longer than it takes, and nearly empty.
    Overdue {
        order: String,
        since: String,
    },
}

impl Finding {
    /// In words.
    pub fn words(&self) -> String {
        match self {
            Finding::ChangedEarly { on, left } => {
                format!("changed on {on} with about {left:.0} % left, which is thrown away")
            }
            Finding::HeldLess { on, share, starter: true } => {
                format!("the starter cartridge changed on {on} gave {share:.0} % of a usual one")
            }
            Finding::HeldLess { on, share, starter: false } => {
                format!(
                    "the cartridge changed on {on} gave {share:.0} % of the usual: third-party, refilled or changed early?"
                )
            }
            Finding::Shaken { on, from, to } => {
                let percent = |level: &Option<f64>| level.map_or_else(|| "?".to_owned(), |level| format!("{level:.0}"));
                let (from, to) = (percent(from), percent(to));
                format!("rose from {from} to {to} % on {on}: shaken, refilled or a used one; not taken for a delivery")
            }
            Finding::WrongCartridge { color, says } => {
                format!("the slot is for {color}, what is in it calls itself {says:?}")
            }
            Finding::NotRecognised { since } => {
                format!("no level since {since}: wrong, third-party or badly seated cartridge?")
            }
            Finding::Overdue { order, since } => {
                format!(
                    "order {order} is under way since {since}, no new cartridge was seen and it is nearly empty: is it lost?"
                )
            }
            Finding::Silent { days } => {
                format!("not read for {days:.0} days: nothing is proposed, see why the device is silent")
            }
        }
    }
}

/// What is to be told of one supply; `now` in days since 1970.
pub fn findings(supply: &SupplyRow, judged: &Judged, now: f64) -> Vec<Finding> {
    let recent = judged.swaps.iter().filter(|swap| swap.at > now - RECENT_DAYS);
    let mut found: Vec<Finding> = recent.flat_map(of_swap).collect();
    if let Some(says) = wrong_color(&supply.color, &supply.description) {
        found.push(Finding::WrongCartridge { color: supply.color.clone(), says });
    }
    if let Some(since) = judged.unknown_since.filter(|since| now - since > UNKNOWN_DAYS) {
        found.push(Finding::NotRecognised { since: date(since) });
    }
    match judged.last {
        Some(last) if now - last > super::plan::SILENT_DAYS && judged.unknown_since.is_none() => {
            found.push(Finding::Silent { days: (now - last).floor() });
        }
        _ => {}
    }
    found
}

fn of_swap(swap: &Swap) -> Vec<Finding> {
    let on = date(swap.at);
    if swap.doubtful() {
        return vec![Finding::Shaken { on, from: swap.left, to: swap.begins }];
    }
    let early = swap.wasted().map(|left| Finding::ChangedEarly { on: on.clone(), left: left.round() });
    let held = swap.yielded.filter(|share| *share < SHORT_BELOW);
    let less = held.map(|share| Finding::HeldLess { on, share: (100.0 * share).round(), starter: swap.starter });
    early.into_iter().chain(less).collect()
}

const COLORS: [&str; 4] = ["black", "cyan", "magenta", "yellow"];

/// The colour that the description names, if it is not the one of the slot.
fn wrong_color(slot: &str, description: &str) -> Option<String> {
    let (slot, words) = (slot.to_lowercase(), description.to_lowercase());
    let named: Vec<&str> = COLORS.into_iter().filter(|color| words.contains(color)).collect();
    let known = COLORS.contains(&slot.as_str());
    (known && named.len() == 1 && named.first() != Some(&slot.as_str())).then(|| description.to_owned())
}

/// `YYYY-MM-DD` of a moment in days since 1970.
pub fn date(moment: f64) -> String {
    #[expect(clippy::cast_possible_truncation, reason = "moments of reads and forecasts are days since 1970")]
    let (year, month, day) = crate::forecast::calendar::civil(moment.clamp(0.0, 100_000.0).floor() as i32);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cartridge_of_another_colour_is_named_and_a_plain_description_is_not() {
        assert_eq!(wrong_color("cyan", "Black Toner").as_deref(), Some("Black Toner"));
        for (slot, words) in [("cyan", "Cyan Toner"), ("cyan", "CF400X"), ("", "Black Toner"), ("black", "black, cyan")]
        {
            assert_eq!(wrong_color(slot, words), None);
        }
    }

    #[test]
    fn a_change_tells_what_was_thrown_away_and_what_the_old_one_held() {
        let swap = Swap {
            after: 20_000.0,
            at: 20_001.0,
            left: Some(23.4),
            begins: Some(100.0),
            yielded: Some(0.62),
            starter: false,
            certain: false,
        };
        let words: Vec<String> = of_swap(&swap).iter().map(Finding::words).collect();
        assert_eq!(words.len(), 2);
        assert!(words[0].contains("2024-10-05") && words[0].contains("23 %"), "{words:?}");
        assert!(words[1].contains("62 % of the usual"), "{words:?}");
        let shaken = Swap { begins: Some(30.0), ..swap };
        assert!(matches!(of_swap(&shaken)[..], [Finding::Shaken { .. }]));
    }
}
