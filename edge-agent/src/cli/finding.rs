//! `discover`, `diagnose`, `walk` and `ranges propose`: everything that looks for devices on behalf of a person.

use std::collections::BTreeSet;
use std::io::{ErrorKind, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use indicatif::ProgressBar;
use serde_json::json;
use service::exit::{Exit, Failure, OrExit};
use service::secret::Secret;

use super::{DEFAULT_CONFIG, load, print};
use crate::config::AgentConfig;
use crate::diagnose::report::Step;
use crate::diagnose::{self, Given, Report};
use crate::discover::{Depth, Found, Kind, Progress, Ranges, Swept, probe, propose, sweep};
use crate::roster::Roster;
use crate::snmp::SnmpConfig;
use crate::snmp::config::RangeConfig;
use crate::walk::{self, Ended};

/// What `diagnose` is asked.
#[derive(Debug, clap::Args)]
pub(super) struct Diagnose {
    /// Address, host name, or range.
    #[arg(required_unless_present = "walk", conflicts_with = "walk")]
    target: Option<String>,
    /// A recording in the .snmprec format, in place of a device.
    #[arg(long, value_name = "FILE")]
    walk: Option<PathBuf>,
    /// Takes ranges, credentials and timeouts from here. Without it, from /etc/platen/agent.toml if that is there.
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A file with the community, so that it does not appear in the list of processes.
    #[arg(long, value_name = "FILE")]
    community_file: Option<PathBuf>,
    #[arg(long, default_value_t = 161)]
    port: u16,
    /// Seconds for which a silent device is waited for, 1 to 60.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=60))]
    patience_s: u64,
    #[arg(long)]
    json: bool,
}

/// What `walk` is asked.
#[derive(Debug, clap::Args)]
pub(super) struct Walk {
    /// Address or host name.
    address: String,
    /// Where the recording is written; an existing file is not overwritten.
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
    /// Replaces addresses, names and serial numbers by stand-ins, each always by the same.
    #[arg(long)]
    mask: bool,
    /// Takes credentials and timeouts from here; without it, the defaults.
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A file with the community, so that it does not appear in the list of processes.
    #[arg(long, value_name = "FILE")]
    community_file: Option<PathBuf>,
    #[arg(long, default_value_t = 161)]
    port: u16,
    /// Minutes after which it ends with what came, 1 to 120.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=120))]
    minutes: u64,
}

/// The settings of SNMP in a configuration, or the defaults; a community from a file takes the place of all credentials.
pub(super) fn credentials(config: Option<&Path>, community_file: Option<&Path>) -> Result<SnmpConfig, Failure> {
    let mut snmp = match config {
        Some(file) => load(file)?.snmp,
        None => SnmpConfig::default(),
    };
    if let Some(file) = community_file {
        let text = std::fs::read_to_string(file).map_err(|error| format!("read {}: {error}", file.display()));
        snmp.communities = vec![Secret::new(text.or_exit(Exit::Config)?.trim_end())];
        snmp.credentials.clear();
    }
    Ok(snmp)
}

pub(super) async fn discover(file: &Path, thorough: bool, json: bool) -> Result<Exit, Failure> {
    let config = load(file)?;
    let ranges = Ranges::new(&config.ranges).or_exit(Exit::Config)?;
    ranges.check_some().or_exit(Exit::Config)?;
    let depth = if thorough { Depth::Thorough } else { Depth::Quick };
    let bar = bar(u64::try_from(ranges.len()).unwrap_or(u64::MAX));
    let swept = sweep(&config.snmp, &ranges, &BTreeSet::new(), depth, &mut |progress| advance(&bar, progress)).await;
    bar.finish_and_clear();
    if json { print(&format!("{:#}\n", as_json(&swept))) } else { print(&as_text(&swept, depth)) }
}

fn word(kind: Kind) -> &'static str {
    if kind == Kind::Printer { "printer" } else { "not-a-printer" }
}

fn as_json(swept: &Swept) -> serde_json::Value {
    let found = |found: &Found| {
        json!({
            "address": found.at.address, "port": found.at.port, "version": found.at.version,
            "credential": found.at.credential, "name": found.name, "kind": word(found.kind),
            "object_id": found.object_id, "description": found.description,
        })
    };
    let locked = swept.locked.iter().map(|(address, why)| json!({ "address": address, "why": why.to_string() }));
    json!({
        "format": 1, "found": swept.found.iter().map(found).collect::<Vec<_>>(), "refused": swept.refused,
        "up_and_silent": swept.mute, "locked": locked.collect::<Vec<_>>(), "unresolved": swept.unresolved,
        "silent": swept.silent, "packets": swept.cost.packets, "bytes_ip": swept.cost.bytes,
    })
}

fn as_text(swept: &Swept, depth: Depth) -> String {
    let mut text = String::new();
    for found in &swept.found {
        let description = found.description.lines().next().unwrap_or_default();
        let (address, version, kind) = (found.at.address, found.at.version, word(found.kind));
        text.push_str(&format!("{address:<15} v{version:<3} {kind:<14} {description}\n"));
    }
    for address in &swept.refused {
        text.push_str(&format!("{address:<15} refuses SNMP; switch it on in the device\n"));
    }
    for (address, why) in &swept.locked {
        text.push_str(&format!("{address:<15} {why}\n"));
    }
    for address in &swept.mute {
        text.push_str(&format!("{address:<15} is up and silent to SNMP; run edge-agent diagnose {address}\n"));
    }
    for name in &swept.unresolved {
        text.push_str(&format!("{name}: no such name\n"));
    }
    let printers = swept.found.iter().filter(|found| found.kind == Kind::Printer).count();
    text.push_str(&format!(
        "{printers} printers, {} other devices, {} addresses silent, {} bytes in {} packets\n",
        swept.found.len() - printers,
        swept.silent,
        swept.cost.bytes,
        swept.cost.packets
    ));
    if depth == Depth::Quick && swept.silent > 0 {
        text.push_str(
            "Something missing? --thorough asks silent addresses in every version and with every credential.\n",
        );
    }
    text
}

/// A bar on a terminal, nothing elsewhere.
fn bar(length: u64) -> ProgressBar {
    if std::io::stderr().is_terminal() { ProgressBar::new(length) } else { ProgressBar::hidden() }
}

fn advance(bar: &ProgressBar, progress: Progress) {
    bar.set_position(progress.asked);
    bar.set_message(format!("{} printers", progress.printers));
}

pub(super) async fn diagnose(asked: Diagnose) -> Result<Exit, Failure> {
    let json = asked.json;
    let mut show = move |step: &Step| {
        if !json {
            let _ = std::io::stdout().write_all(step.line().as_bytes());
        }
    };
    let report = match (&asked.walk, &asked.target) {
        (Some(walk), _) => {
            let report = diagnose::recording(walk).await.or_exit(Exit::Config)?;
            report.steps.iter().for_each(&mut show);
            report
        }
        (None, Some(target)) => of_network(&asked, target, &mut show).await?,
        (None, None) => return Err(Failure::new(Exit::Config, "name an address, a range or a recording")),
    };
    if json {
        print(&format!("{}\n", serde_json::to_string_pretty(&report).or_exit(Exit::Bug)?))?;
    } else {
        print(&report.conclusion())?;
    }
    Ok(if report.exit_code == 0 { Exit::Done } else { Exit::Verdict(report.exit_code) })
}

async fn of_network(asked: &Diagnose, target: &str, show: &mut (dyn FnMut(&Step) + Send)) -> Result<Report, Failure> {
    let standard = Path::new(DEFAULT_CONFIG);
    let file = asked.config.as_deref().or_else(|| standard.exists().then_some(standard));
    let config: Option<AgentConfig> = file.map(load).transpose()?;
    let snmp = credentials(file, asked.community_file.as_deref())?;
    let typed = RangeConfig { include: vec![target.to_owned()], port: asked.port, ..RangeConfig::default() };
    let range = Ranges::new(std::slice::from_ref(&typed)).or_exit(Exit::Config)?;
    if range.len() > 1 {
        let bar = bar(u64::try_from(range.len()).unwrap_or(u64::MAX));
        let report = diagnose::over(&snmp, &range, target, show, &mut |progress| advance(&bar, progress)).await;
        bar.finish_and_clear();
        return Ok(report);
    }
    let ranges = config.as_ref().map(|config| Ranges::new(&config.ranges)).transpose().or_exit(Exit::Config)?;
    let known = config.map(|config| Roster::read(&config.agent.data_dir)).unwrap_or_default();
    let given = Given {
        snmp: &snmp,
        ranges: ranges.as_ref().filter(|ranges| !ranges.is_empty()),
        known: &known,
        port: asked.port,
        patience: Duration::from_secs(asked.patience_s),
    };
    Ok(diagnose::device(&given, target, show).await)
}

pub(super) async fn walk(asked: Walk) -> Result<Exit, Failure> {
    let snmp = credentials(asked.config.as_deref(), asked.community_file.as_deref())?;
    let failed = |error: &dyn std::fmt::Display| format!("walk {}: {error}", asked.address);
    let found = probe(&snmp, &asked.address, asked.port).await.map_err(|error| failed(&error));
    let at = found.or_exit(Exit::Unavailable)?.at;
    // Opened before the device is asked: minutes of walking are not lost to a path that cannot be written.
    let mut file = std::fs::File::create_new(&asked.output)
        .map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => format!("{} exists already; name another file", asked.output.display()),
            _ => format!("write the recording {}: {error}", asked.output.display()),
        })
        .or_exit(Exit::Config)?;
    let mut client = at.client(&snmp, snmp.request_timeout(), snmp.snmp_retries);
    let spinner = if std::io::stderr().is_terminal() { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
    let time_max = Duration::from_secs(60 * asked.minutes);
    let mut progress = |values: usize| {
        spinner.set_message(format!("{values} values"));
        spinner.tick();
    };
    let walked = walk::record::record(&mut client, time_max, &mut progress).await;
    spinner.finish_and_clear();
    if walked.is_err() {
        let _ = std::fs::remove_file(&asked.output);
    }
    let (recording, ended) = walked.map_err(|error| failed(&error)).or_exit(Exit::Unavailable)?;
    let recording = if asked.mask { walk::masked(&recording, rand::random()) } else { recording };
    file.write_all(recording.text().as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(|error| format!("write the recording {}: {error}", asked.output.display()))
        .or_exit(Exit::Unavailable)?;
    let masked = if asked.mask {
        "masked; look it over before you send it"
    } else {
        "not masked: it holds addresses, names and serial numbers (--mask)"
    };
    let cost = client.cost();
    print(&format!(
        "{}: {} values by v{}, {ended}; {} strings cut; {} packets, {} bytes; {masked}\n",
        asked.output.display(),
        recording.values.len(),
        at.version,
        recording.cut,
        cost.packets,
        cost.bytes
    ))?;
    Ok(if ended == Ended::Complete { Exit::Done } else { Exit::Failed })
}

pub(super) fn propose_ranges(json: bool) -> Result<Exit, Failure> {
    let proposals =
        propose().map_err(|error| format!("ask the system for its interfaces: {error}")).or_exit(Exit::Unavailable)?;
    if json {
        let list = proposals.iter().map(|found| {
            json!({
                "interface": found.interface, "address": found.address, "include": found.network.to_string(),
                "part_of": found.part_of.map(|whole| whole.to_string()),
            })
        });
        return print(&format!("{:#}\n", json!({ "format": 1, "ranges": list.collect::<Vec<_>>() })));
    }
    if proposals.is_empty() {
        return print("# this host has no IPv4 network of its own; name the printers' network in [[ranges]]\n");
    }
    let text = proposals.iter().map(|found| {
        let wide = found
            .part_of
            .map(|whole| format!("; a part of {whole}, which is wide: extend it if printers are elsewhere"));
        let (interface, address) = (&found.interface, found.address);
        let note = wide.unwrap_or_default();
        format!("# {interface}, where this host is {address}{note}\n[[ranges]]\ninclude = [\"{}\"]\n\n", found.network)
    });
    print(&text.collect::<String>())
}
