//! Whole UTC days of many devices: first whether their meters only grew, then, of the few where they did not, every poll.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::future::Future;
use std::sync::Arc;

use super::{Run, days_from};
use crate::billing::calendar::Instant;
use crate::command::stored_second;
use crate::evidence::track::Tracks;
use crate::limits::{DAYS_AT_ONCE, DEVICES_LISTED_MAX};
use crate::read::facts::{Span, Steadiness, SteadyDay, SteadyExtra};
use crate::read::{PollMeters, ReadError, TenantStore};
use crate::usage::DAY_SECS;

/// Follows all meters of some devices day by day.
pub(super) async fn followed(
    run: &Run<'_>,
    from: i64,
    devices: impl ExactSizeIterator<Item = &String>,
) -> Result<Tracks, ReadError> {
    let listed = if devices.len() <= DEVICES_LISTED_MAX { devices.cloned().collect() } else { Vec::new() };
    let listed: Arc<Vec<String>> = Arc::new(listed);
    let pages_max = run.terms.contract.settings.max_pages_per_day;
    let meters = Arc::new(run.store.read_meters().await?);
    let mut tracks = Tracks::of(meters.to_vec(), pages_max);
    // Nothing is stamped more than a day after it arrived.
    let end = run.as_of.0 + 2 * DAY_SECS;
    let questions = days_from(from).take_while(|day| *day < end).map(|day| {
        let (store, meters, listed, as_of) = (run.store.clone(), Arc::clone(&meters), Arc::clone(&listed), run.as_of);
        async move {
            let about = Steadiness { meters: &meters, pages_max };
            Ok((day, steadiness(&store, day, as_of, &listed, about).await?))
        }
    });
    in_turn(questions, |(day, (devices, extras))| tracks.add_day(day, devices, extras)).await?;
    Ok(tracks)
}

/// All polls of some devices on some days (their beginnings, in Unix seconds).
pub(super) async fn polls_of(
    run: &Run<'_>,
    days: BTreeMap<i64, Vec<String>>,
) -> Result<HashMap<String, Vec<PollMeters>>, ReadError> {
    let some = |(day, devices): (i64, Vec<String>)| {
        let some: Vec<Vec<String>> = devices.chunks(DEVICES_LISTED_MAX).map(<[String]>::to_vec).collect();
        some.into_iter().map(move |devices| (day, devices))
    };
    let questions = days.into_iter().flat_map(some).map(|(day, devices)| {
        let (store, as_of) = (run.store.clone(), run.as_of);
        async move {
            let devices = borrowed(&devices);
            store.device_polls(span(day, as_of, Some(&devices)))?.rest().await
        }
    });
    let mut found: HashMap<String, Vec<PollMeters>> = HashMap::new();
    let take = |polls: Vec<PollMeters>| {
        polls.into_iter().for_each(|poll| found.entry(poll.device.clone()).or_default().push(poll));
    };
    in_turn(questions, take).await?;
    Ok(found)
}

/// Asks some questions at once and takes their answers in turn.
async fn in_turn<T, F>(mut questions: impl Iterator<Item = F>, mut take: impl FnMut(T)) -> Result<(), ReadError>
where
    T: Send + 'static,
    F: Future<Output = Result<T, ReadError>> + Send + 'static,
{
    let mut asked = VecDeque::new();
    loop {
        while asked.len() < DAYS_AT_ONCE {
            let Some(question) = questions.next() else { break };
            asked.push_back(tokio::spawn(question));
        }
        let Some(next) = asked.pop_front() else { return Ok(()) };
        // Nobody cancels these tasks; should one panic, so does the run: a day that is left out proves nothing.
        take(next.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))?);
    }
}

async fn steadiness(
    store: &TenantStore,
    day: i64,
    as_of: Instant,
    listed: &[String],
    about: Steadiness<'_>,
) -> Result<(Vec<SteadyDay>, Vec<SteadyExtra>), ReadError> {
    let listed = borrowed(listed);
    let all = span(day, as_of, (!listed.is_empty()).then_some(listed.as_slice()));
    let mut days = store.steady_day(all, about).await?;
    let doubtful = names(&days, |day| day.steady == 0);
    if !doubtful.is_empty() {
        days.retain(|day| day.steady == 1);
        let listed = borrowed(&doubtful);
        let sorted = store.unordered_day(Span { devices: few(&listed).or(all.devices), ..all }, about).await?;
        days.extend(sorted.into_iter().filter(|day| doubtful.contains(&day.device)));
    }
    let with_extras = names(&days, |day| day.extras == 1);
    if with_extras.is_empty() {
        return Ok((days, Vec::new()));
    }
    let listed = borrowed(&with_extras);
    let rows = store.steady_extras(Span { devices: few(&listed).or(all.devices), ..all }, about.pages_max)?;
    Ok((days, rows.rest().await?))
}

fn span<'a>(day: i64, as_of: Instant, devices: Option<&'a [&'a str]>) -> Span<'a> {
    Span { from: stored_second(day), to: stored_second(day + DAY_SECS), as_of: stored_second(as_of.0), devices }
}

fn names(days: &[SteadyDay], of: impl Fn(&SteadyDay) -> bool) -> BTreeSet<String> {
    days.iter().filter(|day| of(day)).map(|day| day.device.clone()).collect()
}

fn borrowed<'a>(names: impl IntoIterator<Item = &'a String>) -> Vec<&'a str> {
    names.into_iter().map(String::as_str).collect()
}

/// Devices that a question can name; for more, all are asked for.
pub(super) fn few<'a>(devices: &'a [&'a str]) -> Option<&'a [&'a str]> {
    (devices.len() <= DEVICES_LISTED_MAX).then_some(devices)
}
