//! Files of the spool that are damaged in every way a disk knows, one after the other, while nothing can be sent.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::support::Site;

const STOP: Duration = Duration::from_secs(30);

/// What happens to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Harm {
    Flipped,
    Zeroed,
    Truncated,
    Emptied,
    Missing,
}

/// What it may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cost {
    Nothing,
    /// Counted and named, in the same epoch or a new one.
    Counted,
}

const HARMS: &[(&str, Harm, Cost)] = &[
    ("spool/snap.", Harm::Flipped, Cost::Nothing),
    ("spool/snap.", Harm::Emptied, Cost::Nothing),
    ("spool/snap.", Harm::Truncated, Cost::Nothing),
    ("spool/snap.", Harm::Missing, Cost::Nothing),
    ("spool.counters", Harm::Flipped, Cost::Nothing),
    ("spool.counters", Harm::Emptied, Cost::Nothing),
    ("spool.counters", Harm::Missing, Cost::Nothing),
    ("spool/db", Harm::Flipped, Cost::Counted),
    ("spool/db", Harm::Zeroed, Cost::Counted),
    ("spool/db", Harm::Truncated, Cost::Counted),
    ("spool/db", Harm::Emptied, Cost::Counted),
    ("spool/db", Harm::Missing, Cost::Counted),
    ("spool/conf", Harm::Flipped, Cost::Nothing),
    ("spool/conf", Harm::Emptied, Cost::Nothing),
    ("spool/conf", Harm::Missing, Cost::Nothing),
    ("spool.key", Harm::Truncated, Cost::Counted),
    ("spool.key", Harm::Missing, Cost::Counted),
    ("spool", Harm::Missing, Cost::Counted),
];

#[tokio::test(flavor = "multi_thread")]
async fn whatever_of_the_spool_is_damaged_the_agent_goes_on_counts_it_and_the_books_close() -> Result<()> {
    let mut site = Site::start(1, 3).await?;
    site.hours(1).await?;
    site.world.agents[0].relay.cut();
    // A snapshot is written when a spool that was used before is opened.
    site.world.agents[0].process.stop(STOP).await?;
    site.world.agents[0].process.start()?;
    let mut counted = 0;
    for (file, harm, cost) in HARMS {
        let what = format!("{file} {harm:?}");
        // A lost spool has lost the time as well; without it polls would wait unfrozen, and nobody could count them.
        site.world.agents[0].relay.mend();
        site.shows(0, "clock_learned", |learned| learned == 1).await.context(what.clone())?;
        site.world.agents[0].relay.cut();
        site.hours(2).await?;
        site.shows(0, "queue_payloads", |held| held >= 1).await.context(what.clone())?;
        let held = site.agent_metric(0, "queue_payloads").await?;
        site.world.agents[0].process.stop(STOP).await?;
        harm_file(&site.world.agents[0].data, file, *harm).context(what.clone())?;
        // A host takes its time to come back: without its inventory the agent would poll again in the same second of the drill.
        site.begin_hour();
        site.world.agents[0].process.start()?;
        site.barrier().await.context(what.clone())?;
        site.well(0, "spool").await.context(what.clone())?;
        if *cost == Cost::Nothing {
            site.shows(0, "queue_payloads", |now| now > held).await.context(what.clone())?;
        }
        let dropped = site.agent_metric(0, "payloads_dropped_total").await?;
        let now = site.agent_metric(0, "queue_payloads").await?;
        println!("{what}: {held} payloads held before, {dropped} counted as given up, {now} held an hour later");
        match cost {
            Cost::Nothing => ensure!(dropped == 0 && now > held, "{what} cost {dropped} payloads; {now} are held"),
            Cost::Counted => ensure!(dropped > 0 || now > held, "{what}: {held} payloads vanished uncounted"),
        }
        counted += u32::from(dropped > 0);
    }
    ensure!(counted >= 5, "a missing log costs what was in it");
    site.world.agents[0].relay.mend();
    // What the last loss left to say waits for the time.
    site.shows(0, "clock_learned", |learned| learned == 1).await?;
    site.settle().await?;
    site.assert_whole().await?;
    let lost =
        site.world.count("SELECT count() FROM events FINAL WHERE kind IN ('spool-lost', 'spool-damaged')").await?;
    ensure!(lost > 0, "what was lost is said in an event");
    let epochs = site.assert_books_close().await?["epochs"].as_array().map_or(0, Vec::len);
    ensure!(epochs > 1, "a lost spool begins a new epoch");
    Ok(())
}

fn harm_file(data: &Path, file: &str, harm: Harm) -> Result<()> {
    let path = find(data, file)?;
    if path.is_dir() {
        return Ok(std::fs::remove_dir_all(path)?);
    }
    let mut bytes = std::fs::read(&path)?;
    let middle = bytes.len() / 2;
    match harm {
        // In the part that is in use: a log is mostly empty towards its end.
        Harm::Flipped => bytes.iter_mut().skip(middle / 8).take(16).for_each(|byte| *byte ^= 0xa5),
        Harm::Zeroed => bytes.fill(0),
        Harm::Truncated => bytes.truncate(middle / 8),
        Harm::Emptied => bytes.clear(),
        Harm::Missing => return Ok(std::fs::remove_file(path)?),
    }
    // Written in place: a key keeps its mode.
    Ok(std::fs::write(path, bytes)?)
}

/// The file with that name, or the first whose name begins so.
fn find(data: &Path, file: &str) -> Result<PathBuf> {
    let exact = data.join(file);
    if exact.exists() {
        return Ok(exact);
    }
    let folder = exact.parent().context("a folder")?;
    let start = exact.file_name().context("a name")?.to_string_lossy().into_owned();
    let mut names: Vec<PathBuf> = std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    names.sort();
    let found =
        names.iter().find(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&start)));
    found.cloned().with_context(|| format!("no {file} among {names:?}"))
}
