//! The polls around one end of the period.

use std::collections::HashMap;
use std::ops::RangeInclusive;

use super::days::few;
use super::{Run, floor_day, fresh_secs};
use crate::command::stored_second;
use crate::evidence::track::Track;
use crate::read::facts::Span;
use crate::read::{PollMeters, ReadError};
use crate::usage::DAY_SECS;
use crate::usage::parts::{BEGINNING, END};

/// How far around a boundary the first look goes; most devices are read every hour, and a poll may fail.
const NEAR_SECS: i64 = 2 * 3_600;
/// How far after a boundary the last look goes.
const AFTER_SECS: i64 = 3 * DAY_SECS;

/// The last poll at or before a boundary and the first one after it; several agents may have read a device in the same second.
#[derive(Debug, Default)]
pub(super) struct Around {
    pub(super) before: Vec<PollMeters>,
    pub(super) after: Vec<PollMeters>,
}

impl Around {
    /// The time of which these are all the polls.
    pub(super) fn known(&self, boundary: i64, track: &Track) -> Option<RangeInclusive<i64>> {
        let second = |polls: &[PollMeters]| polls.first().map(|poll| i64::from(poll.ts));
        match (second(&self.before), second(&self.after)) {
            (Some(before), Some(after)) => Some(before..=after),
            (Some(before), None) if i64::from(track.last_ts) <= boundary => Some(before..=END),
            (None, Some(after)) if i64::from(track.first_ts) > boundary => Some(BEGINNING..=after),
            (Some(one), None) | (None, Some(one)) => Some(one..=one),
            (None, None) => None,
        }
    }
}

/// The polls around a boundary: near it for all, then further away for those that have none there.
pub(super) async fn around(run: &Run<'_>, boundary: i64, names: &[&str]) -> Result<HashMap<String, Around>, ReadError> {
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
