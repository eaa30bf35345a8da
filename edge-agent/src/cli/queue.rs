//! `queue` and `status`: from the spool itself if no agent holds it, else from what the running agent wrote last.

use std::path::Path;
use std::time::Duration;

use service::clock::Clock;
use service::exit::{Exit, Failure, OrExit};

use super::{load, print};
use crate::config::{AgentConfig, Mode};
use crate::pipeline::settings;
use crate::publish::tls;
use crate::scheduler::budget::BudgetConfig;
use crate::spool::recover::Paths;
use crate::spool::store::StoreError;
use crate::spool::{Spool, SpoolError};
use crate::status::{Queue, Status, StatusFile};
use crate::time::Moments;

pub(super) fn queue(file: &Path, json: bool) -> Result<Exit, Failure> {
    let config = load(file)?;
    let (queue, source) = match open(&config)? {
        Some(spool) => (of_spool(&spool), "the spool"),
        None => (read_status(&config)?.queue, "the running agent"),
    };
    if json {
        return print(&format!("{}\n", serde_json::to_string_pretty(&queue).or_exit(Exit::Bug)?));
    }
    print(&format!(
        "payloads held   {} ({} bytes of {}, {} on disk)\nin no payload   {} polls\noldest          {}\n\
         given up        {} payloads\ndays left       {}\nsource          {source}\n",
        queue.payloads,
        queue.bytes,
        queue.bytes_max,
        queue.disk_bytes,
        queue.unfrozen_polls,
        queue.oldest_at.and_then(date).unwrap_or_else(|| "-".to_owned()),
        queue.dropped,
        queue.days_left.map_or_else(|| "not known yet".to_owned(), |days| days.to_string()),
    ))
}

pub(super) fn status(file: &Path, json: bool) -> Result<Exit, Failure> {
    let config = load(file)?;
    let status = read_status(&config)?;
    if json {
        return print(&format!("{}\n", serde_json::to_string_pretty(&status).or_exit(Exit::Bug)?));
    }
    print(&format!(
        "agent           {} {} at site {}\nwritten         {} (process {})\nbroker          {}\nclock           {}\n\
         devices         {}\npayloads held   {} ({} bytes)\nLAN             {} packets, {} bytes\n\
         upstream        {} payloads, {} bytes\nbudget          {}\n",
        status.cn,
        status.version,
        status.site,
        date(status.written_at).unwrap_or_default(),
        status.pid,
        status.link.health().err().unwrap_or_else(|| "connected".to_owned()),
        if status.clock_learned { "learned from the server" } else { "not learned yet" },
        status.devices,
        status.queue.payloads,
        status.queue.bytes,
        status.spent.lan_packets,
        status.spent.lan_bytes,
        status.spent.upstream_payloads,
        status.spent.upstream_bytes,
        match status.spent.budget_stretch {
            stretch if stretch > 1 => format!("exceeded: intervals are {stretch} times as long"),
            _ if config.budget == BudgetConfig::default() => "none set".to_owned(),
            _ => "kept".to_owned(),
        },
    ))
}

/// The spool, or `None` if a running agent holds it or it lives in that agent's memory.
fn open(config: &AgentConfig) -> Result<Option<Spool>, Failure> {
    if config.spool.mode == Mode::Memory {
        return Ok(None);
    }
    let spool = Paths::in_dir(&config.agent.data_dir).spool;
    if !spool.exists() {
        let why = format!("there is no spool in {}; has the agent run yet?", spool.display());
        return Err(Failure::new(Exit::Unavailable, why));
    }
    let cn = tls::name(&config.broker.certificate).or_exit(Exit::Config)?;
    let now = Moments::new(Clock::system()).now();
    match Spool::open(settings(config, cn, false), now, rand::random()) {
        Ok(spool) => Ok(Some(spool)),
        Err(SpoolError::Store(StoreError::Locked { .. })) => Ok(None),
        Err(error) => Err(Failure::new(Exit::Unavailable, error)),
    }
}

fn of_spool(spool: &Spool) -> Queue {
    let now = Moments::new(Clock::system()).now();
    let held = spool.books().held();
    let gained: u64 = held.values().map(|held| held.bytes).sum();
    let first = held.first_key_value().map_or(0, |(_, held)| held.closed_ms);
    let last = held.last_key_value().map_or(0, |(_, held)| held.closed_ms);
    let over = Duration::from_millis(u64::try_from(last.saturating_sub(first)).unwrap_or(0));
    Queue::of(&spool.summary(now), gained, over)
}

fn read_status(config: &AgentConfig) -> Result<Status, Failure> {
    let file = StatusFile::in_dir(&config.agent.data_dir);
    file.read()
        .map_err(|error| format!("read what the agent wrote in {}: {error}; has it run yet?", file.path().display()))
        .or_exit(Exit::Unavailable)
}

fn date(seconds: i64) -> Option<String> {
    jiff::Timestamp::from_second(seconds).ok().map(|at| at.to_string())
}
