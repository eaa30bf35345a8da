//! The reason of a forecast in words: level, rate, since when, what is assumed, how far off such forecasts were.

use crate::toner::calendar::{Calendar, civil};
use crate::toner::level::Left;
use crate::toner::meter::Total;
use crate::toner::segment::Segment;
use crate::toner::series::{Day, Eats};
use crate::toner::step::Display;
use crate::toner::usage::Pace;

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
    pub origin: Day,
    pub total: &'a Total,
    pub eats: Eats,
    /// Chance that the cartridge was replaced since the last read because it ran empty.
    pub renewed: f64,
}

pub fn reason(g: &Ground<'_>, days: [f64; 3], expected_error: f64, calendar: &Calendar) -> String {
    let mut text = format!(
        "about {:.0} % left (+-{:.0}) at the last read on {}",
        g.left.level.mean,
        g.left.level.sd.max(0.5),
        date(g.since)
    );
    let begin = g.segment.seen.first().map_or(g.since, |seen| seen.at);
    let pages_left = (g.left.level.mean / g.left.log_rate.mean.exp()).max(0.0);
    if g.counted {
        let what = if g.eats == Eats::ColorPages { "color pages" } else { "pages" };
        let week = calendar.work(f64::from(g.origin), f64::from(g.origin) + 28.0) / 4.0 * g.pace.median();
        text.push_str(&format!("; one percent lasts {:.0} {what}, so about {pages_left:.0} {what} remain; {week:.0} {what} a week are expected over the next four weeks", 1.0 / g.left.log_rate.mean.exp()));
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
    let gap = f64::from(g.origin) - g.since;
    if gap > 3.0 {
        text.push_str(&format!("; silent for {gap:.0} days, usage since then assumed"));
    }
    text.push_str(&format!("; such forecasts were off by {expected_error:.1} days on average; empty in {:.0} to {:.0} days in 8 of 10 cases", days[0], days[2]));
    text
}

fn date(moment: f64) -> String {
    let (year, month, day) = civil(moment.floor() as Day);
    format!("{year:04}-{month:02}-{day:02}")
}
