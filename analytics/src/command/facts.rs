//! Finds the devices of a run whose meters only grew, and for these the few polls that their invoice rests on. Every other
//! device is looked at read by read.
//!
//! Promise: measured from what is found here, a device gives the same volumes, flags and reads as from all its polls. A day
//! on which it cannot be proved, a boundary without a fresh poll, a noted read, an exchange, a changed key: each is a reason to
//! leave a device to the long way.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use super::devices::Fleet;
use super::stored_second;
use crate::billing::calendar::Instant;
use crate::billing::contract::ContractDevice;
use crate::billing::invoice::{Exchanges, closing_key, device_window};
use crate::billing::{Previous, Terms};
use crate::evidence::DevicePolls;
use crate::evidence::track::Tracks;
use crate::limits::{DAYS_AT_ONCE, DEVICES_LISTED_MAX};
use crate::read::facts::{Span, Steadiness, SteadyDay, SteadyExtra};
use crate::read::{PollMeters, ReadError, TenantStore, values};
use crate::usage::DAY_SECS;

/// How far around a boundary the first look goes; most devices are read every hour, and a poll may fail.
const NEAR_SECS: i64 = 2 * 3_600;
/// How far after a boundary the second look goes.
const AFTER_SECS: i64 = 3 * DAY_SECS;
/// One device in so many may have begun long before the rest and goes the long way, instead of all being followed from there.
const FEW: usize = 20;

/// What a proof is about.
pub(super) struct Run<'a> {
    pub(super) store: &'a TenantStore,
    pub(super) terms: &'a Terms<'a>,
    pub(super) fleet: &'a Fleet,
    pub(super) exchanges: &'a Exchanges,
    pub(super) previous: &'a Previous,
    pub(super) as_of: Instant,
}

/// A device, and from when on its reads matter.
struct Candidate<'a> {
    device: &'a ContractDevice,
    since: Option<i64>,
    begins: i64,
}

/// The polls around one end of the period; several agents may have read a device in the same second.
#[derive(Debug, Default)]
struct Around {
    before: Vec<PollMeters>,
    after: Vec<PollMeters>,
}

/// The devices that are proved steady, with the polls that they are measured from.
///
/// # Errors
/// [`ReadError`].
pub(super) async fn steady_devices(run: &Run<'_>) -> Result<BTreeMap<String, DevicePolls>, ReadError> {
    let mut candidates = candidates(run).await?;
    if candidates.is_empty() {
        return Ok(BTreeMap::new());
    }
    let window = run.terms.window;
    let oldest = floor_day(window.from - fresh_secs(run.terms));
    let mut begins: Vec<i64> = candidates.iter().map(|candidate| candidate.begins).collect();
    begins.sort_unstable();
    let from = floor_day(begins.get(begins.len() / FEW).copied().unwrap_or(oldest).min(oldest));
    candidates.retain(|candidate| candidate.begins >= from);
    let listed: Vec<String> = candidates.iter().map(|candidate| candidate.device.device.clone()).collect();
    let listed = Arc::new(if listed.len() <= DEVICES_LISTED_MAX { listed } else { Vec::new() });
    let tracks = followed(run, from, &listed).await?;
    let steady = |candidate: &Candidate<'_>| tracks.get(&candidate.device.device).is_some_and(|track| track.steady);
    candidates.retain(steady);
    let names: Vec<&str> = candidates.iter().map(|candidate| candidate.device.device.as_str()).collect();
    let mut opening = around(run, window.from, &names).await?;
    let mut closing = around(run, window.to, &names).await?;
    let mut found = BTreeMap::new();
    for candidate in &candidates {
        let id = candidate.device.device.as_str();
        let (opening, closing) = (opening.remove(id).unwrap_or_default(), closing.remove(id).unwrap_or_default());
        if suffices(run, candidate, &tracks, &opening, &closing) {
            let mut polls: BTreeMap<(u32, String), PollMeters> = BTreeMap::new();
            let ends = [opening.before, opening.after, closing.before, closing.after];
            polls.extend(ends.into_iter().flatten().map(|poll| ((poll.ts, poll.cn.clone()), poll)));
            let mut kept = DevicePolls::default();
            polls.values().for_each(|poll| kept.push(poll));
            found.insert(id.to_owned(), kept);
        }
    }
    Ok(found)
}

/// Devices about which nothing speaks against a proof before any reading is looked at.
async fn candidates<'a>(run: &Run<'a>) -> Result<Vec<Candidate<'a>>, ReadError> {
    let noted: BTreeSet<String> = run.store.noted_devices().await?.into_iter().collect();
    let first_seen = run.fleet.first_seen();
    if run.terms.window.is_empty() {
        return Ok(Vec::new());
    }
    let candidates = run.terms.devices.iter().copied().filter_map(|device| {
        let id = device.device.as_str();
        let first_seen = first_seen.get(id).copied()?;
        let plain = device_window(run.terms, device) == run.terms.window && device.end_reads.is_empty();
        let apart = noted.contains(id) || run.exchanges.concern(id) || run.fleet.aliases.concern(id);
        let since = run.previous.since(id, run.terms.billed_meters.iter().copied());
        (plain && !apart).then_some(Candidate { device, since, begins: since.unwrap_or(first_seen) })
    });
    Ok(candidates.collect())
}

/// Follows all meters day by day, some days at once.
async fn followed(run: &Run<'_>, from: i64, listed: &Arc<Vec<String>>) -> Result<Tracks, ReadError> {
    let pages_max = run.terms.contract.settings.max_pages_per_day;
    let meters = Arc::new(run.store.read_meters().await?);
    let mut tracks = Tracks::of(meters.to_vec(), pages_max);
    // Nothing is stamped more than a day after it arrived.
    let end = run.as_of.0 + 2 * DAY_SECS;
    let mut days = (from..end).step_by(usize::try_from(DAY_SECS).unwrap_or(usize::MAX));
    let mut asked = VecDeque::new();
    loop {
        while asked.len() < DAYS_AT_ONCE {
            let Some(day) = days.next() else { break };
            let (store, meters, listed, as_of) =
                (run.store.clone(), Arc::clone(&meters), Arc::clone(listed), run.as_of);
            asked.push_back(tokio::spawn(async move {
                one_day(&store, day, as_of, &listed, Steadiness { meters: &meters, pages_max }).await
            }));
        }
        let Some(next) = asked.pop_front() else { return Ok(tracks) };
        // Nobody cancels these tasks; should one panic, so does the run: a day that is left out proves nothing.
        let (days, extras) = next.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))?;
        days.into_iter().for_each(|day| tracks.add_day(day));
        extras.into_iter().for_each(|day| tracks.add_extra(day));
    }
}

async fn one_day(
    store: &TenantStore,
    day: i64,
    as_of: Instant,
    listed: &[String],
    about: Steadiness<'_>,
) -> Result<(Vec<SteadyDay>, Vec<SteadyExtra>), ReadError> {
    let listed = borrowed(listed);
    let devices = (!listed.is_empty()).then_some(listed.as_slice());
    let (from, to) = (stored_second(day), stored_second(day + DAY_SECS));
    let span = Span { from, to, as_of: stored_second(as_of.0), devices };
    let mut days = store.steady_day(span, about).await?;
    let doubtful = names(&days, |day| day.steady == 0);
    if !doubtful.is_empty() {
        days.retain(|day| day.steady == 1);
        let listed = borrowed(&doubtful);
        let sorted = store.unordered_day(Span { devices: few(&listed).or(devices), ..span }, about).await?;
        days.extend(sorted.into_iter().filter(|day| doubtful.contains(&day.device)));
    }
    let with_extras = names(&days, |day| day.extras == 1);
    if with_extras.is_empty() {
        return Ok((days, Vec::new()));
    }
    let listed = borrowed(&with_extras);
    let mut rows = store.steady_extras(Span { devices: few(&listed).or(devices), ..span }, about.pages_max)?;
    let mut extras = Vec::new();
    while let Some(row) = rows.next().await? {
        extras.push(row);
    }
    Ok((days, extras))
}

fn names(days: &[SteadyDay], of: impl Fn(&SteadyDay) -> bool) -> BTreeSet<String> {
    days.iter().filter(|day| of(day)).map(|day| day.device.clone()).collect()
}

fn borrowed<'a>(names: impl IntoIterator<Item = &'a String>) -> Vec<&'a str> {
    names.into_iter().map(String::as_str).collect()
}

/// Devices that a question can name; for more, all are asked for.
fn few<'a>(devices: &'a [&'a str]) -> Option<&'a [&'a str]> {
    (devices.len() <= DEVICES_LISTED_MAX).then_some(devices)
}

/// The polls around a boundary: near it for all, then further away for those that have none there.
async fn around(run: &Run<'_>, boundary: i64, names: &[&str]) -> Result<HashMap<String, Around>, ReadError> {
    let mut found: HashMap<String, Around> = HashMap::with_capacity(names.len());
    let near = (boundary - NEAR_SECS, boundary + NEAR_SECS);
    take_around(run, boundary, near, few(names), &mut found).await?;
    let mut lacking = without_both(names, &found);
    if few(&lacking).is_none() {
        let days = (floor_day(near.0), floor_day(near.1) + DAY_SECS);
        take_around(run, boundary, days, None, &mut found).await?;
        lacking = without_both(names, &found);
    }
    if let Some(lacking) = few(&lacking).filter(|lacking| !lacking.is_empty()) {
        let far = (boundary - fresh_secs(run.terms), boundary + AFTER_SECS);
        take_around(run, boundary, far, Some(lacking), &mut found).await?;
    }
    Ok(found)
}

/// Devices without a poll on either side.
fn without_both<'a>(names: &[&'a str], found: &HashMap<String, Around>) -> Vec<&'a str> {
    let lacks = |name: &&str| found.get(*name).is_none_or(|around| around.before.is_empty() || around.after.is_empty());
    names.iter().copied().filter(lacks).collect()
}

async fn take_around(
    run: &Run<'_>,
    boundary: i64,
    (from, to): (i64, i64),
    devices: Option<&[&str]>,
    found: &mut HashMap<String, Around>,
) -> Result<(), ReadError> {
    let span = Span { from: stored_second(from), to: stored_second(to), as_of: stored_second(run.as_of.0), devices };
    let mut rows = run.store.boundary_polls(span, stored_second(boundary))?;
    while let Some(poll) = rows.next().await? {
        let around = found.entry(poll.device.clone()).or_default();
        let side = if i64::from(poll.ts) <= boundary { &mut around.before } else { &mut around.after };
        // A second look may find again what the first one found.
        if !side.contains(&poll) {
            side.push(poll);
        }
    }
    Ok(())
}

/// Whether the polls at both ends say everything that all polls would say of a steady device.
fn suffices(run: &Run<'_>, candidate: &Candidate<'_>, tracks: &Tracks, opening: &Around, closing: &Around) -> bool {
    let (terms, id, window) = (run.terms, candidate.device.device.as_str(), run.terms.window);
    let Some(track) = tracks.get(id) else { return false };
    let (first_ts, last_ts) = (i64::from(track.first_ts), i64::from(track.last_ts));
    let fresh = |polls: &[PollMeters], boundary: i64| {
        polls.first().is_some_and(|poll| boundary - i64::from(poll.ts) <= fresh_secs(terms))
    };
    let closes = fresh(&closing.before, window.to) && (!closing.after.is_empty() || last_ts <= window.to);
    let begins = opening.before.is_empty() && first_ts > window.from;
    let opens = (begins || fresh(&opening.before, window.from)) && !opening.after.is_empty();
    let ends = [&opening.before, &opening.after, &closing.before, &closing.after];
    let whole = |meter: &str| ends.iter().all(|polls| polls.is_empty() || value(polls, meter).is_some());
    let goes_on = |meter: &str| match (candidate.since, run.previous.closing.get(&closing_key(id, meter))) {
        (None, _) => !tracks.was_read(id, meter) || whole(meter),
        (Some(_), None) => !tracks.was_read(id, meter),
        (Some(_), Some(closing)) => closing.anchor.is_some_and(|anchor| {
            let left_off = opening.before.first().is_some_and(|poll| i64::from(poll.ts) == anchor.ts);
            left_off && !anchor.exchanged && value(&opening.before, meter) == Some(anchor.mark) && whole(meter)
        }),
    };
    closes && opens && terms.billed_meters.iter().all(|meter| goes_on(meter))
}

/// What polls of one second say of a meter.
fn value(polls: &[PollMeters], meter: &str) -> Option<i64> {
    let mut said = polls.iter().flat_map(|poll| values(&poll.canonical, &poll.extra));
    said.find(|(of, _)| *of == meter).map(|(_, value)| value)
}

/// How old a read at a boundary may be; beyond a century it does not matter.
fn fresh_secs(terms: &Terms<'_>) -> i64 {
    terms.contract.settings.max_read_age_hours.min(876_000) * 3_600
}

fn floor_day(at: i64) -> i64 {
    at.max(0).div_euclid(DAY_SECS) * DAY_SECS
}
