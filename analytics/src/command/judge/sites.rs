//! The calendars of the sites, from the page counters of their devices.
//!
//! A calendar needs all devices of its site at once, and the store keeps devices by key: the counters of many sites are read in
//! the store's order and held in 8 bytes a day. Promise: not more than [`TEACHING_DEVICES`] devices are held, or one site.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::finished;
use super::levels::{Reach, known, last_of_days};
use crate::forecast::constants::Constants;
use crate::forecast::fleet::FleetTables;
use crate::forecast::meter::{Compact, Interval, intervals};
use crate::forecast::series::{Eats, Read};
use crate::forecast::site::{self, Habits};
use crate::limits::TEACHING_DEVICES;
use crate::read::{DeviceRow, ReadError};

/// What the devices of one site printed.
type Printed = (String, Vec<Compact>);

/// The habits of the sites of these devices.
///
/// # Errors
/// [`ReadError`].
pub(super) async fn learn(
    reach: &Reach,
    mut devices: Vec<Arc<DeviceRow>>,
    tables: &Arc<FleetTables>,
    constants: &Arc<Constants>,
    workers: usize,
) -> Result<BTreeMap<String, Habits>, ReadError> {
    devices.sort_by(|a, b| (&a.site, &a.device).cmp(&(&b.site, &b.device)));
    let mut learned = BTreeMap::new();
    for sites in whole_sites(&devices, TEACHING_DEVICES) {
        let printed = printed(reach, &sites).await?;
        let share = printed.len().div_ceil(workers).max(1);
        let mut printed = printed.into_iter().peekable();
        let mut working = Vec::new();
        while printed.peek().is_some() {
            let mine: Vec<Printed> = printed.by_ref().take(share).collect();
            let (tables, constants) = (tables.clone(), constants.clone());
            working.push(tokio::task::spawn_blocking(move || habits(mine, &tables, &constants)));
        }
        for working in working {
            learned.extend(finished(working.await));
        }
    }
    Ok(learned)
}

/// Parts of devices that are sorted by site: as many sites as fit into `most` devices, but always one.
fn whole_sites(devices: &[Arc<DeviceRow>], most: usize) -> Vec<Vec<&[Arc<DeviceRow>]>> {
    let mut parts: Vec<Vec<&[Arc<DeviceRow>]>> = Vec::new();
    let mut held = 0;
    for site in devices.chunk_by(|a, b| a.site == b.site) {
        match parts.last_mut() {
            Some(part) if held + site.len() <= most => part.push(site),
            _ => {
                held = 0;
                parts.push(vec![site]);
            }
        }
        held += site.len();
    }
    parts
}

/// Reads what these sites printed.
async fn printed(reach: &Reach, sites: &[&[Arc<DeviceRow>]]) -> Result<Vec<Printed>, ReadError> {
    let name = |site: &[Arc<DeviceRow>]| site.first().map_or_else(String::new, |row| row.site.clone());
    let mut printed: Vec<Printed> = sites.iter().map(|site| (name(site), Vec::with_capacity(site.len()))).collect();
    let of_site = sites.iter().enumerate();
    let home: BTreeMap<&str, usize> =
        of_site.flat_map(|(i, site)| site.iter().map(move |row| (row.device.as_str(), i))).collect();
    let keys: Vec<&str> = home.keys().copied().collect();
    // Two readers: while one takes its answer, the store works for the other.
    let (first, second) = keys.split_at(keys.len() / 2);
    let (first, second) = tokio::try_join!(counted(reach, first, &home), counted(reach, second, &home))?;
    for (site, intervals) in first.into_iter().chain(second) {
        if let Some(site) = printed.get_mut(site) {
            site.1.push(intervals);
        }
    }
    Ok(printed)
}

/// The site of each of these devices and its intervals, by key.
async fn counted(
    reach: &Reach,
    keys: &[&str],
    home: &BTreeMap<&str, usize>,
) -> Result<Vec<(usize, Compact)>, ReadError> {
    let (from, until) = reach.span();
    let mut counted = Vec::with_capacity(keys.len());
    for keys in keys.chunks(reach.devices_per_question()) {
        let mut rows = reach.store.page_days(reach.which(keys), from, until)?;
        while let Some(row) = rows.next().await? {
            // A span has devices of other sites in it.
            let Some(site) = home.get(row.device.as_str()) else { continue };
            let intervals = intervals(&polls(row.polls, reach.as_of.0), Eats::AllPages);
            counted.push((*site, Compact::of(&intervals)));
        }
    }
    Ok(counted)
}

fn habits(sites: Vec<Printed>, tables: &FleetTables, constants: &Constants) -> Vec<(String, Habits)> {
    let kinds = tables.kinds(constants);
    let learned = sites.into_iter().map(|(name, devices)| {
        let devices: Vec<Vec<Interval>> = devices.iter().map(Compact::intervals).collect();
        let devices: Vec<&[Interval]> = devices.iter().map(Vec::as_slice).collect();
        (name, site::habits(&devices, &kinds, &constants.calendar))
    });
    learned.collect()
}

/// One poll a day, the last one, as with levels.
fn polls(polls: Vec<(u32, u32, i64)>, until: i64) -> Vec<Read> {
    let polls = last_of_days(polls, |poll| i64::from(poll.0)).into_iter();
    let reads = polls.map(|(ts, _, total)| Read {
        at_s: i64::from(ts),
        level: -2,
        max: -2,
        pages: known(total),
        pages_color: None,
        serial: 0,
    });
    reads.filter(|read| read.at_s <= until).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u32 = 86_400;

    #[test]
    fn a_day_has_one_poll_however_far_the_store_has_merged_and_nothing_later_counts() {
        let merged = vec![(DAY + 5, 1, 10), (2 * DAY + 5, 1, 20)];
        let unmerged = vec![(2 * DAY + 5, 1, 20), (DAY + 1, 9, 8), (DAY + 5, 0, 9), (DAY + 5, 1, 10), (3 * DAY, 1, 99)];
        let until = i64::from(3 * DAY) - 1;
        assert_eq!(polls(unmerged, until), polls(merged, until));
    }

    #[test]
    fn sites_are_whole_however_many_devices_are_held() {
        let row = |device: usize, site: &str| {
            let device = format!("d{device:03}");
            Arc::new(DeviceRow {
                device,
                first_seen: 0,
                last_ok: 0,
                basis: 0,
                model: String::new(),
                site: site.to_owned(),
            })
        };
        let devices: Vec<_> = [("a", 3), ("b", 2), ("c", 9), ("d", 1)]
            .into_iter()
            .flat_map(|(site, count)| (0..count).map(move |i| (i, site)))
            .map(|(i, site)| row(i, site))
            .collect();
        let parts = whole_sites(&devices, 5);
        let sizes: Vec<Vec<usize>> = parts.iter().map(|part| part.iter().map(|site| site.len()).collect()).collect();
        assert_eq!(sizes, [vec![3, 2], vec![9], vec![1]]);
    }
}
