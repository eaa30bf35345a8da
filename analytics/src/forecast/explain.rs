//! The reason of a forecast in words: level, rate, since when, what is assumed, how far off such forecasts were.

use crate::forecast::arithmetic::exp;
use crate::forecast::calendar::{Calendar, civil};
use crate::forecast::depletion::DAYS_MAX;
use crate::forecast::level::Left;
use crate::forecast::meter::Total;
use crate::forecast::segment::Segment;
use crate::forecast::series::{Day, Eats};
use crate::forecast::step::Display;
use crate::forecast::usage::Pace;

/// What the forecast stands on.
#[derive(Debug)]
pub struct Ground<'a> {
    pub left: &'a Left,
    pub pace: &'a Pace,
    pub segment: &'a Segment,
    pub past: usize,
    pub display: &'a Display,
    pub counted: bool,
    pub starter: bool,
    pub since: f64,
    pub now: f64,
    pub total: &'a Total,
    pub eats: Eats,
    /// Chance that the cartridge was replaced since the last read because it ran empty.
    pub renewed: f64,
}

pub fn reason(g: &Ground<'_>, days: [f64; 3], expected_error: f64, calendar: &Calendar) -> String {
    let mut text = format!(
        "about {:.0} % left (±{:.0}) at the last read on {}",
        g.left.level.mean,
        g.left.level.sd.max(1.0),
        date(g.since)
    );
    let begin = g.segment.seen.first().map_or(g.since, |seen| seen.at);
    let per_page = exp(g.left.log_rate.mean);
    let pages_left = (g.left.level.mean / per_page).max(0.0);
    if g.counted {
        let what = if g.eats == Eats::ColorPages { "color pages" } else { "pages" };
        let week = calendar.work(g.now, g.now + 28.0) / 4.0 * g.pace.median();
        text.push_str(&format!("; one percent lasts {:.0} {what}, so about {pages_left:.0} {what} remain; {week:.0} {what} a week are expected over the next four weeks", 1.0 / per_page));
    } else {
        text.push_str("; the device counts no pages, so working days stand for them");
    }
    match g.segment.swapped_after {
        Some(_) => text.push_str(&format!("; cartridge in use since {}", date(begin))),
        None => text.push_str(&format!("; its installation was not seen (records begin {})", date(begin))),
    }
    match g.past {
        _ if g.starter => text.push_str("; assumed to be a starter cartridge that holds about half"),
        0 => text.push_str("; yield assumed from other devices of the model"),
        past => text.push_str(&format!(
            "; yield from {past} earlier cartridge{} of this device",
            if past == 1 { "" } else { "s" }
        )),
    }
    if g.display.step >= 4.0 {
        text.push_str(&format!("; the display moves in steps of {:.0} %", g.display.step));
    }
    if g.display.rests {
        text.push_str("; the level is computed by the device and may be a few points off");
    }
    if g.pace.shape < 1.5 {
        text.push_str("; prints in bursts, so the date is loose");
    }
    if g.renewed > 0.5 {
        text.push_str("; it was shown or must have run empty, so the forecast is for the cartridge put in since");
    }
    let gap = g.now - g.since;
    if gap > 3.0 {
        text.push_str(&format!("; silent for {gap:.0} days, usage since then assumed"));
    }
    text.push_str(&match days {
        [early, _, _] if early >= DAYS_MAX => format!("; it lasts longer than {DAYS_MAX:.0} days"),
        [early, _, late] if late >= DAYS_MAX => {
            format!("; empty in {early:.0} days at the earliest in 9 of 10 cases, beyond {DAYS_MAX:.0} days nothing is said")
        }
        [early, _, late] => format!(
            "; such forecasts were off by {expected_error:.1} days on average; empty in {early:.0} to {late:.0} days in 8 of 10 cases"
        ),
    });
    text
}

fn date(moment: f64) -> String {
    let (year, month, day) = civil(moment.floor() as Day);
    format!("{year:04}-{month:02}-{day:02}")
}
