//! The life of one printer: it prints, runs out of toner and paper, jams, is refilled and restarted.
//! Deterministic: everything follows from (model, seed, start, offset). However often it is advanced or read, the
//! counters at a moment are the same, and `counter_at` answers for every moment lived so far.

use std::collections::BTreeMap;

use super::alert::{AlertBook, Cause};
use super::chance::{below, mix};
use super::limits::SLOT_S;
use super::model::{Model, SerialPlace};
use super::schedule::{self, Job, Source};
use super::supply::{self, SupplyState};

/// Lifetime counters, all in pages (A4 or not) except `scan` (pages scanned) and `duplex` (pages on two-sided sheets).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Counts {
    pub total: u64,
    pub color: u64,
    pub copy: u64,
    pub copy_color: u64,
    pub fax: u64,
    pub scan: u64,
    pub duplex: u64,
    pub a3: u64,
}

impl Counts {
    #[must_use]
    pub fn mono(&self) -> u64 {
        self.total - self.color
    }

    #[must_use]
    pub fn print(&self) -> u64 {
        self.total - self.copy - self.fax
    }

    #[must_use]
    pub fn print_color(&self) -> u64 {
        self.color - self.copy_color
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    Swap(usize),
    Refill(usize),
    ClearJam,
    Restart,
}

/// A simulated printer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Printer {
    model: &'static Model,
    seed: u64,
    start: i64,
    offset: i64,
    now: i64,
    next_slot: i64,
    counts: Counts,
    /// Moment and (total, colour) after each job; the first entry is the start.
    log: Vec<(i64, u32, u32)>,
    /// Total at the last restart (for the count since power-on).
    total_at_boot: u64,
    boot: i64,
    busy_until: i64,
    config_changes: u32,
    supplies: Vec<SupplyState>,
    sheets: Vec<u32>,
    alerts: AlertBook,
    timers: BTreeMap<(i64, Timer), ()>,
}

impl Printer {
    /// A printer that has been in use for a while at `start` (Unix seconds), in a site at UTC.
    #[must_use]
    pub fn new(model: &'static Model, seed: u64, start: i64) -> Self {
        Self::at_offset(model, seed, start, 0)
    }

    /// Likewise; `offset` is the site's distance from UTC in seconds (working hours follow it; no daylight saving).
    #[must_use]
    pub fn at_offset(model: &'static Model, seed: u64, start: i64, offset: i64) -> Self {
        let draw = |key: u64, n: u64| below(seed, &[key], n);
        let total = 500 + draw(1, u64::from(model.work.pages) * 700);
        let share = |permille: u32| total * u64::from(permille) / 1000;
        let copy = share(model.work.copy);
        let counts = Counts {
            total,
            color: share(model.work.color),
            copy,
            copy_color: copy * u64::from(model.work.color) / 1000,
            fax: share(model.work.fax),
            scan: share(model.work.scan),
            duplex: share(model.work.duplex),
            a3: share(model.work.a3),
        };
        let boot = start - below(seed, &[2], 20 * 86_400).cast_signed();
        let mut printer = Self {
            model,
            seed,
            start,
            offset,
            now: start,
            next_slot: start.div_euclid(SLOT_S),
            counts,
            log: vec![(start, low32(counts.total), low32(counts.color))],
            total_at_boot: total - draw(3, total / 20 + 1),
            boot,
            busy_until: start,
            config_changes: u32::try_from(draw(4, 30)).unwrap_or(0),
            supplies: model.supplies.iter().enumerate().map(|(i, s)| supply::first(seed, i, s)).collect(),
            sheets: model.trays.iter().enumerate().map(|(i, t)| supply::part(seed, 5, i, t.sheets, 20)).collect(),
            alerts: AlertBook::default(),
            timers: BTreeMap::new(),
        };
        printer.set_timer(start + 5 * 86_400 + draw(6, 30 * 86_400).cast_signed(), Timer::Restart);
        for place in 0..printer.supplies.len() {
            printer.check_supply(place, start);
        }
        printer
    }

    /// Lives up to and including this second; a moment already lived changes nothing.
    pub fn advance_to(&mut self, unix_seconds: i64) {
        while self.next_slot * SLOT_S <= unix_seconds {
            let job = schedule::job(self.model, self.seed, self.next_slot, self.offset);
            if let Some(job) = job.filter(|job| job.at > self.start) {
                if job.at > unix_seconds {
                    break;
                }
                self.run_timers(job.at);
                self.now = job.at;
                self.print(&job);
            }
            self.next_slot += 1;
        }
        self.run_timers(unix_seconds);
        self.now = self.now.max(unix_seconds);
    }

    /// Total counter at a moment; `None` before the start and after the last advance.
    #[must_use]
    pub fn counter_at(&self, unix_seconds: i64) -> Option<u64> {
        self.entry_at(unix_seconds).map(|(_, total, _)| u64::from(total))
    }

    /// Colour counter at a moment, likewise.
    #[must_use]
    pub fn color_at(&self, unix_seconds: i64) -> Option<u64> {
        self.entry_at(unix_seconds).map(|(_, _, color)| u64::from(color))
    }

    /// All counters at a moment, found by living this life again; likewise.
    #[must_use]
    pub fn counters_at(&self, unix_seconds: i64) -> Option<Counts> {
        if !(self.start..=self.now).contains(&unix_seconds) {
            return None;
        }
        let mut again = Self::at_offset(self.model, self.seed, self.start, self.offset);
        again.advance_to(unix_seconds);
        Some(again.counts)
    }

    /// Every change of the total counter: (Unix seconds, total), the first being the start.
    pub fn changes(&self) -> impl Iterator<Item = (i64, u64)> {
        self.log.iter().map(|(at, total, _)| (*at, u64::from(*total)))
    }

    fn entry_at(&self, at: i64) -> Option<(i64, u32, u32)> {
        if at > self.now {
            return None;
        }
        let behind = self.log.partition_point(|(changed, _, _)| *changed <= at);
        self.log.get(behind.checked_sub(1)?).copied()
    }

    fn print(&mut self, job: &Job) {
        if self.alerts.is_stopped() {
            return;
        }
        let pages = u64::from(job.pages);
        let color = job.color && self.model.is_color();
        let counted = |yes: bool| if yes { pages } else { 0 };
        let counts = &mut self.counts;
        counts.total += pages;
        counts.color += counted(color);
        counts.copy += counted(job.source == Source::Copy);
        counts.copy_color += counted(color && job.source == Source::Copy);
        counts.fax += counted(job.source == Source::Fax);
        counts.duplex += counted(job.duplex);
        counts.a3 += counted(job.a3);
        counts.scan += u64::from(job.scans);
        self.log.push((job.at, low32(counts.total), low32(counts.color)));
        self.busy_until = job.at + i64::from(job.pages * 60 / self.model.pages_per_minute.max(1)) + 5;
        for place in 0..self.supplies.len() {
            self.draw_supply(place, pages, color);
            self.check_supply(place, job.at);
        }
        self.take_paper(if job.duplex { job.pages.div_ceil(2) } else { job.pages }, job.at);
        if schedule::jams(self.model, self.seed, job) {
            self.alerts.open(Cause::Jam, self.model, job.at);
            self.set_timer(job.at + 180 + self.draw(10, job.at, 2400), Timer::ClearJam);
        }
    }

    fn draw_supply(&mut self, place: usize, pages: u64, color: bool) {
        let (Some(spec), Some(state)) = (self.model.supplies.get(place), self.supplies.get_mut(place)) else { return };
        state.left = state.left.saturating_sub(supply::used(spec.kind, pages, color, self.seed, place));
    }

    /// Opens alerts at 10 % and at the end, and sends for a new cartridge.
    fn check_supply(&mut self, place: usize, now: i64) {
        let Some(state) = self.supplies.get_mut(place) else { return };
        let (low, out, swap) = (state.permille() < 100, state.left == 0, state.left <= state.swap_at);
        let call = swap && !state.swap_due;
        state.swap_due |= swap;
        let cartridge = u64::from(state.cartridge);
        if out {
            self.alerts.close(Cause::SupplyLow(place));
            self.alerts.open(Cause::SupplyOut(place), self.model, now);
        } else if low {
            self.alerts.open(Cause::SupplyLow(place), self.model, now);
        }
        if call {
            // an attended device is served within hours, an empty one waits up to three days for a delivery
            let delay = below(self.seed, &[11, place as u64, cartridge], if out { 72 } else { 5 } * 3600) + 900;
            self.set_timer(now + delay.cast_signed(), Timer::Swap(place));
        }
    }

    fn take_paper(&mut self, sheets: u32, now: i64) {
        let mut needed = sheets;
        for place in 0..self.sheets.len() {
            let Some(tray) = self.sheets.get_mut(place) else { return };
            let taken = needed.min(*tray);
            *tray -= taken;
            needed -= taken;
            if *tray == 0 && !self.alerts.has(Cause::TrayEmpty(place)) {
                self.alerts.open(Cause::TrayEmpty(place), self.model, now);
                self.set_timer(now + 300 + self.draw(12, now + i64::from(needed), 5400), Timer::Refill(place));
            }
            if needed == 0 {
                return;
            }
        }
    }

    fn run_timers(&mut self, until: i64) {
        while let Some((&(at, timer), ())) = self.timers.first_key_value() {
            if at > until {
                return;
            }
            self.timers.remove(&(at, timer));
            match timer {
                Timer::Swap(place) => self.swap(place, at),
                Timer::Refill(place) => {
                    if let (Some(sheets), Some(tray)) = (self.sheets.get_mut(place), self.model.trays.get(place)) {
                        *sheets = tray.sheets;
                    }
                    self.alerts.close(Cause::TrayEmpty(place));
                }
                Timer::ClearJam => self.alerts.close(Cause::Jam),
                Timer::Restart => {
                    self.boot = at;
                    self.total_at_boot = self.counts.total;
                    self.alerts.restart(self.model, at);
                    self.set_timer(at + 3 * 86_400 + self.draw(13, at, 40 * 86_400), Timer::Restart);
                }
            }
        }
    }

    fn swap(&mut self, place: usize, now: i64) {
        let (Some(spec), Some(state)) = (self.model.supplies.get(place), self.supplies.get_mut(place)) else { return };
        let swaps = [std::mem::take(&mut state.swaps), vec![now]].concat();
        let changed = state.pages != spec.pages;
        *state = supply::cartridge(self.seed, place, state.cartridge + 1, spec.pages);
        state.swaps = swaps;
        // a cartridge of another size changes the supply table's lasting columns (prtGeneralConfigChanges)
        self.config_changes += u32::from(changed || spec.name.contains("{cartridge}"));
        self.alerts.close(Cause::SupplyLow(place));
        self.alerts.close(Cause::SupplyOut(place));
    }

    fn set_timer(&mut self, at: i64, timer: Timer) {
        self.timers.insert((at, timer), ());
    }

    fn draw(&self, key: u64, at: i64, n: u64) -> i64 {
        below(self.seed, &[key, at.cast_unsigned()], n).cast_signed()
    }
}

/// What a device is and shows now; read by `render`.
impl Printer {
    #[must_use]
    pub fn model(&self) -> &'static Model {
        self.model
    }

    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Simulated Unix seconds lived so far.
    #[must_use]
    pub fn now(&self) -> i64 {
        self.now
    }

    /// When it was switched on last.
    #[must_use]
    pub fn boot(&self) -> i64 {
        self.boot
    }

    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    #[must_use]
    pub fn pages_since_boot(&self) -> u64 {
        self.counts.total - self.total_at_boot
    }

    #[must_use]
    pub fn supplies(&self) -> &[SupplyState] {
        &self.supplies
    }

    /// Sheets left in each tray.
    #[must_use]
    pub fn sheets(&self) -> &[u32] {
        &self.sheets
    }

    #[must_use]
    pub fn alerts(&self) -> &AlertBook {
        &self.alerts
    }

    #[must_use]
    pub fn config_changes(&self) -> u32 {
        self.config_changes
    }

    #[must_use]
    pub fn is_printing(&self) -> bool {
        self.now < self.busy_until
    }

    /// The serial number a right reader finds; `None` where the device does not tell one.
    #[must_use]
    pub fn serial(&self) -> Option<String> {
        match self.model.serial {
            SerialPlace::Standard => Some(format!("{}{}", self.model.serial_prefix, letters(self.seed, 20, 8))),
            SerialPlace::Missing | SerialPlace::Placeholder(_) => None,
        }
    }

    #[must_use]
    pub fn mac(&self) -> [u8; 6] {
        let [a, b, c] = self.model.mac_prefix;
        let [d, e, f, ..] = mix(self.seed, &[21]).to_be_bytes();
        [a, b, c, d, e, f]
    }

    /// The serial number of the cartridge in a place.
    #[must_use]
    pub fn cartridge_serial(&self, place: usize) -> String {
        let number = self.supplies.get(place).map_or(0, |s| s.cartridge);
        letters(mix(self.seed, &[place as u64, u64::from(number)]), 22, 10)
    }
}

fn low32(count: u64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// Capital letters without I, O and digits from 1.
fn letters(seed: u64, key: u64, length: u64) -> String {
    const ALPHABET: &[u8; 33] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZ";
    let one = |place| usize::try_from(below(seed, &[key, place], 33)).unwrap_or(0);
    (0..length).map(|place| char::from(ALPHABET[one(place) % 33])).collect()
}

#[cfg(test)]
mod tests;
