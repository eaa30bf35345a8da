//! One refresh poll of the same simulated devices by the agent's code, by Debian's prometheus-snmp-exporter and by net-snmp's
//! snmpbulkwalk, one after another: packets, bytes and CPU.
//!
//! Debian's exporter comes with an empty configuration (the MIBs' licence); `peers.yml` is a module of the same columns as
//! upstream's printer_mib, with the page count and the alert rows that it leaves out, so that the duty is nearly equal. Neither
//! peer reads a maker's meter. Without the exporter (`apt-get install prometheus-snmp-exporter`) its figures are left out.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use edge_agent::poll::{self, At};
use edge_agent::snmp::{SnmpConfig, Version};
use tokio::process::{Child, Command};

use super::usage::{cpu_seconds, thread_seconds, ticks};
use super::{Figure, Rule, Setting, approx};
use crate::printer::agent::{Traffic, Unit};
use crate::printer::fleet::{Fleet, FleetSpec, SiteSpec};
use crate::world::http;

/// Monday 2026-01-05 00:00 UTC.
const MONDAY: i64 = 1_767_571_200;
const MODELS: [&str; 4] =
    ["sharp-mx-3071", "hp-color-laserjet-mfp-m480", "kyocera-taskalfa-3253ci", "brother-hl-l2350dw"];
const POLLS: usize = 200;
const EXPORTER: &str = "prometheus-snmp-exporter";
const MODULE: &str = include_str!("peers.yml");
/// prtMIB of RFC 3805.
const PRINTER_MIB: &str = "1.3.6.1.2.1.43";

/// What one poll cost.
#[derive(Debug, Clone, Copy, Default)]
struct Cost {
    packets: f64,
    bytes: f64,
    cpu_s_per_1000: f64,
}

/// Costs of each reader for one device, run by run.
#[derive(Debug, Default)]
struct Costs {
    ours: Vec<Cost>,
    exporter: Vec<Cost>,
    walk: Vec<Cost>,
}

pub(super) async fn run(setting: Setting) -> Result<Vec<Figure>> {
    let models = MODELS.iter().map(|name| (*name).to_owned()).collect();
    let site = SiteSpec { models, ..SiteSpec::new("lab", Ipv4Addr::new(127, 53, 0, 1), MODELS.len()) };
    let spec = FleetSpec { sites: vec![site], port: 0, community: "public".into(), seed: 5, start: MONDAY };
    let fleet = Fleet::start(&spec).await?;
    fleet.set_time(MONDAY + 7 * 86_400 + 11 * 3_600);
    let polls = setting.size(POLLS, POLLS / 4);
    let exporter = Exporter::start(&setting).await?;
    let mut figures = Vec::new();
    let mut cpu = Costs::default();
    for (unit, model) in fleet.units().iter().zip(MODELS) {
        let mut costs = Costs::default();
        for _ in 0..setting.runs {
            costs.ours.push(ours(unit, fleet.port(), polls).await?);
            costs.walk.push(walk(unit, fleet.port(), polls / 4).await?);
            if let Some(exporter) = &exporter {
                costs.exporter.push(exporter.scrape(unit, fleet.port(), polls).await?);
            }
        }
        figures.extend(of_device(model, &costs)?);
        cpu.ours.append(&mut costs.ours);
        cpu.exporter.append(&mut costs.exporter);
        cpu.walk.append(&mut costs.walk);
    }
    figures.extend(of_cpu(&cpu)?);
    fleet.stop().await;
    Ok(figures)
}

fn pick(costs: &[Cost], field: fn(&Cost) -> f64) -> Vec<f64> {
    costs.iter().map(field).collect()
}

/// One figure of a cost.
type Part = fn(&Cost) -> f64;

fn of_device(model: &str, costs: &Costs) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    let fields: [(&str, &'static str, Part); 2] =
        [("packets both ways", "packets", |cost| cost.packets), ("IP level", "B", |cost| cost.bytes)];
    for (what, unit, field) in fields {
        let ours =
            || Figure::alone(format!("{model}: a refresh, {what}"), unit, &pick(&costs.ours, field)).context("no run");
        if !costs.exporter.is_empty() {
            figures.push(ours()?.beside(EXPORTER, &pick(&costs.exporter, field), Rule::Times));
        }
        figures.push(ours()?.beside("snmpbulkwalk of the Printer MIB", &pick(&costs.walk, field), Rule::Times));
    }
    Ok(figures)
}

fn of_cpu(costs: &Costs) -> Result<Vec<Figure>> {
    let (name, unit, field) = ("CPU of a poll, all models", "s per 1,000", |cost: &Cost| cost.cpu_s_per_1000);
    let ours = || Figure::alone(name, unit, &pick(&costs.ours, field)).context("no run");
    let walked = ours()?.beside("snmpbulkwalk", &pick(&costs.walk, field), Rule::Times);
    let mut figures = vec![walked.noting("a process for each poll; goal: 0.2")];
    if !costs.exporter.is_empty() {
        figures.insert(0, ours()?.beside(EXPORTER, &pick(&costs.exporter, field), Rule::Times).noting("goal: a fifth"));
    }
    Ok(figures)
}

fn cost(before: Traffic, after: Traffic, cpu: f64, polls: usize) -> Cost {
    let count = |number: u64| approx(usize::try_from(number).unwrap_or(usize::MAX)) / approx(polls);
    Cost {
        packets: count(after.packets_in + after.packets_out - before.packets_in - before.packets_out),
        bytes: count(after.ip_bytes() - before.ip_bytes()),
        cpu_s_per_1000: cpu / approx(polls) * 1_000.0,
    }
}

/// Refreshes by the agent's own code, on a thread of its own, whose CPU time is counted.
async fn ours(unit: &Arc<Unit>, port: u16, polls: usize) -> Result<Cost> {
    let (unit, at) = (
        Arc::clone(unit),
        At { address: unit.address().into(), port, version: Version::V2c, credential: String::new() },
    );
    let work = move || -> Result<Cost> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let (config, hour) = (SnmpConfig::default(), Duration::from_secs(3_600));
            let (mut known, _) = poll::first_read(&config, &at, hour).await?;
            let (before, began) = (unit.traffic(), thread_seconds()?);
            for _ in 0..polls {
                let polled = poll::refresh(&config, &mut known, hour).await;
                ensure!(polled.poll.outcome == 0, "a refresh of {} failed: {}", at.address, polled.poll.outcome);
            }
            Ok(cost(before, unit.traffic(), thread_seconds()? - began, polls))
        })
    };
    tokio::task::spawn_blocking(work).await?
}

/// Walks of the printer MIB, a process each; their CPU is that of this process's children.
async fn walk(unit: &Arc<Unit>, port: u16, polls: usize) -> Result<Cost> {
    let address = format!("{}:{port}", unit.address());
    let (before, began) = (unit.traffic(), children_seconds()?);
    for _ in 0..polls {
        let mut command = Command::new("snmpbulkwalk");
        command.args(["-v2c", "-c", "public", "-m", "", "-On", "-Cr25", &address, PRINTER_MIB]);
        let output = command.output().await.context("snmpbulkwalk cannot be run: apt-get install snmp")?;
        ensure!(output.status.success(), "snmpbulkwalk of {address} failed");
    }
    Ok(cost(before, unit.traffic(), children_seconds()? - began, polls))
}

/// CPU seconds of children that were waited for.
fn children_seconds() -> Result<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    Ok((ticks(&stat, 4)? - ticks(&stat, 2)?) / 100.0)
}

/// The running exporter; it ends with the value.
struct Exporter {
    process: Child,
    address: String,
}

impl Exporter {
    /// `None` if it is not installed.
    async fn start(setting: &Setting) -> Result<Option<Self>> {
        let file = setting.dir.join("peers.yml");
        std::fs::write(&file, MODULE)?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let address = format!("127.0.0.1:{port}");
        let started = Command::new(EXPORTER)
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--web.listen-address={address}"))
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .kill_on_drop(true)
            .spawn();
        let Ok(process) = started else { return Ok(None) };
        for _ in 0..100 {
            if http::get(&address, "/").await.is_ok() {
                return Ok(Some(Self { process, address }));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        anyhow::bail!(
            "{EXPORTER} does not answer on {address}; run it with the configuration in tests/src/bench/peers.yml"
        )
    }

    async fn scrape(&self, unit: &Arc<Unit>, port: u16, polls: usize) -> Result<Cost> {
        let path = format!("/snmp?target={}:{port}&module=platen", unit.address());
        let pid = self.process.id().context("the exporter has ended")?;
        let (before, began) = (unit.traffic(), cpu_seconds(pid)?);
        for _ in 0..polls {
            let answer = http::get(&self.address, &path).await?;
            ensure!(answer.status == 200 && answer.body.contains("prtMarkerSuppliesLevel"), "{}", answer.body);
        }
        Ok(cost(before, unit.traffic(), cpu_seconds(pid)? - began, polls))
    }
}
