//! Finds the few polls that a large fleet's invoice rests on: those around both ends of the period, and all of the days on
//! which a device's meters did not only grow.
//!
//! Promise: of every time that is not among the polls found here, it was proved that the device's meters only grew; whether
//! that settles its invoice is decided where it is measured. A noted read, an exchange, a changed key, a window of its own, too
//! many doubtful days: each is a reason to leave a device to the long way.

mod days;
mod ends;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use self::ends::Around;
use super::devices::Fleet;
use crate::billing::calendar::Instant;
use crate::billing::invoice::{Exchanges, device_window};
use crate::billing::{Previous, Terms};
use crate::evidence::DevicePolls;
use crate::evidence::track::{Track, Tracks};
use crate::limits::{DOUBTFUL_DAYS_MAX, DOUBTFUL_DEVICE_DAYS_MAX};
use crate::read::{PollMeters, ReadError, TenantStore};
use crate::usage::DAY_SECS;
use crate::usage::parts::{BEGINNING, Known};

/// One device in so many may have begun long before the rest and goes the long way, instead of all being followed from there.
const FEW: usize = 20;

/// What facts are about.
pub(super) struct Run<'a> {
    pub(super) store: &'a TenantStore,
    pub(super) terms: &'a Terms<'a>,
    pub(super) fleet: &'a Fleet,
    pub(super) exchanges: &'a Exchanges,
    pub(super) previous: &'a Previous,
    pub(super) as_of: Instant,
}

impl Run<'_> {
    /// The instant up to which a device was billed by reads; see [`Previous::since`].
    pub(super) fn since(&self, device: &str) -> Option<i64> {
        self.previous.since(device, self.terms.billed_meters.iter().copied())
    }
}

/// Some polls of a device, and of which times they are all.
pub(super) struct Parts {
    pub(super) polls: DevicePolls,
    pub(super) known: Known,
}

/// What is known of the devices of a run.
#[derive(Debug, Default)]
pub(super) struct Facts {
    candidates: BTreeMap<String, Candidate>,
    tracks: Tracks,
    opening: HashMap<String, Around>,
    closing: HashMap<String, Around>,
    doubtful: HashMap<String, Vec<PollMeters>>,
}

/// From when on a device's reads matter.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    since: i64,
    begins: i64,
}

impl Facts {
    /// Asks for them.
    ///
    /// # Errors
    /// [`ReadError`].
    pub(super) async fn gathered(run: &Run<'_>) -> Result<Facts, ReadError> {
        let mut candidates = candidates(run).await?;
        if candidates.is_empty() {
            return Ok(Facts::default());
        }
        let window = run.terms.window;
        let oldest = floor_day(window.from - fresh_secs(run.terms));
        let mut begins: Vec<i64> = candidates.values().map(|candidate| candidate.begins).collect();
        begins.sort_unstable();
        let from = floor_day(begins.get(begins.len() / FEW).copied().unwrap_or(oldest).min(oldest));
        candidates.retain(|_, candidate| candidate.begins >= from);
        let tracks = days::followed(run, from, candidates.keys()).await?;
        let mut days: BTreeMap<i64, Vec<String>> = BTreeMap::new();
        let mut device_days = 0;
        candidates.retain(|device, candidate| {
            let Some(track) = tracks.get(device) else { return false };
            let doubtful = doubtful_days(track, candidate.since);
            if doubtful.len() > DOUBTFUL_DAYS_MAX || device_days + doubtful.len() > DOUBTFUL_DEVICE_DAYS_MAX {
                return false;
            }
            device_days += doubtful.len();
            doubtful.into_iter().for_each(|day| days.entry(day).or_default().push(device.clone()));
            true
        });
        let names: Vec<&str> = candidates.keys().map(String::as_str).collect();
        let opening = ends::around(run, window.from, &names).await?;
        let closing = ends::around(run, window.to, &names).await?;
        let doubtful = days::polls_of(run, days).await?;
        Ok(Facts { candidates, tracks, opening, closing, doubtful })
    }

    /// The polls of a device, once. `None`: it must be looked at read by read.
    pub(super) fn take(&mut self, terms: &Terms<'_>, device: &str) -> Option<Parts> {
        let candidate = self.candidates.remove(device)?;
        let track = self.tracks.get(device)?;
        let opening = self.opening.remove(device).unwrap_or_default();
        let closing = self.closing.remove(device).unwrap_or_default();
        let window = terms.window;
        let ends = [opening.known(window.from, track), closing.known(window.to, track)];
        let known = Known::of(ends.into_iter().flatten().chain(track.doubtful(candidate.since)));
        let polls = [opening.before, opening.after, closing.before, closing.after].into_iter().flatten();
        let polls = polls.chain(self.doubtful.remove(device).unwrap_or_default());
        let polls: BTreeMap<(u32, String), PollMeters> = polls.map(|poll| ((poll.ts, poll.cn.clone()), poll)).collect();
        let mut kept = DevicePolls::default();
        polls.values().for_each(|poll| kept.push(poll));
        // A meter that only some polls have may be missing from all of these.
        let whole = terms.billed_meters.iter().all(|meter| kept.has(meter) || !self.tracks.was_read(device, meter));
        whole.then_some(Parts { polls: kept, known })
    }
}

/// Devices about which nothing speaks against a proof before any reading is looked at.
async fn candidates(run: &Run<'_>) -> Result<BTreeMap<String, Candidate>, ReadError> {
    let noted: BTreeSet<String> = run.store.noted_devices().await?.into_iter().collect();
    let first_seen = run.fleet.first_seen();
    if run.terms.window.is_empty() {
        return Ok(BTreeMap::new());
    }
    let candidates = run.terms.devices.iter().filter_map(|device| {
        let id = device.device.as_str();
        let first_seen = first_seen.get(id).copied()?;
        let plain = device_window(run.terms, device) == run.terms.window && device.end_reads.is_empty();
        let apart = noted.contains(id) || run.exchanges.concern(id) || run.fleet.aliases.concern(id);
        let since = run.since(id);
        let candidate = Candidate { since: since.unwrap_or(BEGINNING), begins: since.unwrap_or(first_seen) };
        (plain && !apart).then(|| (id.to_owned(), candidate))
    });
    Ok(candidates.collect())
}

/// The beginnings of the UTC days that must be read poll by poll.
fn doubtful_days(track: &Track, since: i64) -> Vec<i64> {
    let last = i64::from(track.last_ts);
    track
        .doubtful(since)
        .flat_map(|span| days_from(*span.start()).take_while(move |day| day <= span.end().min(&last)))
        .collect()
}

/// A day after the other, by their beginnings.
fn days_from(day: i64) -> impl Iterator<Item = i64> {
    (day..).step_by(usize::try_from(DAY_SECS).unwrap_or(usize::MAX))
}

/// How old a read at a boundary may be; beyond a century it does not matter.
fn fresh_secs(terms: &Terms<'_>) -> i64 {
    terms.contract.settings.max_read_age_hours.min(876_000) * 3_600
}

fn floor_day(at: i64) -> i64 {
    at.max(0).div_euclid(DAY_SECS) * DAY_SECS
}

#[cfg(test)]
mod tests;
