//! The agent polling many printers with 64 in flight: devices a second, CPU and memory, beside bare UDP exchanges of as
//! many packets with the same simulated printers, which share the two cores with it.

use std::net::Ipv4Addr;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use tokio::net::UdpSocket;
use tokio::time::Instant;

use super::payloads::{agent_plan, fleet, pass};
use super::usage::{cpu_seconds, memory};
use super::{Figure, Rule, Setting, approx, whole};
use crate::printer::agent::Unit;
use crate::printer::fleet::Fleet;
use crate::printer::message::{Kind, Message, Version};
use crate::printer::oid::Oid;
use crate::world::{Plan, World};

const DEVICES: usize = 1_000;
/// The agent's own default.
const IN_FLIGHT: usize = 64;
/// Values that a bare request asks for: about what a refresh poll does.
const VALUES: usize = 20;
const BEGINNING: &str = "2026-03-01T00:00:00Z";
const ANSWER_BYTES_MAX: usize = 4_096;

pub(super) async fn run(setting: Setting) -> Result<Vec<Figure>> {
    let printers = setting.size(DEVICES, DEVICES / 2);
    let start: Timestamp = BEGINNING.parse()?;
    let base = Ipv4Addr::new(127, 52, 0, 1);
    let fleet = fleet(base, printers, start.as_second()).await?;
    let agents = vec![agent_plan("acme.one", base, printers, fleet.port())?];
    let plan = Plan { dir: setting.dir.join("world"), agents, drill: Some(start), fsync: false };
    let mut world = World::start(plan).await?;
    pass(&world, &fleet, 0).await?;
    pass(&world, &fleet, 1).await?;
    let pid = world.agents[0].process.pid().context("the agent runs")?;
    // A busy machine may answer a sweep too late; what was not found is not polled either.
    let polled = async || world.metric(&world.agents[0].http, "edge_agent_polls_total").await.unwrap_or(0.0);
    let before = polled().await;
    pass(&world, &fleet, 2).await?;
    let devices = whole(polled().await - before);
    ensure!(devices * 2 > printers, "the agent polls {devices} of {printers} printers");
    let (mut ours, mut bare, mut cpu, mut packets, mut bytes) = (vec![], vec![], vec![], vec![], vec![]);
    for (hour, _) in (3..).zip(0..setting.runs) {
        let (traffic, before) = (fleet.traffic(), cpu_seconds(pid)?);
        let began = Instant::now();
        pass(&world, &fleet, hour).await?;
        ours.push(approx(devices) / began.elapsed().as_secs_f64());
        cpu.push((cpu_seconds(pid)? - before) / approx(devices) * 1_000.0);
        let now = fleet.traffic();
        let exchanged = now.packets_in - traffic.packets_in;
        packets.push(approx(usize::try_from(exchanged)?) * 2.0 / approx(devices));
        bytes.push(approx(usize::try_from(now.ip_bytes() - traffic.ip_bytes())?) / approx(devices));
        let each = usize::try_from(exchanged)?.div_ceil(devices).max(1);
        bare.push(approx(devices) / bare_exchanges(&fleet, each).await?);
    }
    let memory = memory(pid)?;
    world.stop().await?;
    fleet.stop().await;
    let none = "no run";
    let mebibytes = |bytes: u64| approx(usize::try_from(bytes).unwrap_or(usize::MAX)) / (1024.0 * 1024.0);
    Ok(vec![
        Figure::alone(format!("refresh of {devices} devices, {IN_FLIGHT} in flight"), "devices/s", &ours)
            .context(none)?
            .beside("bare exchanges of as many packets", &bare, Rule::Share),
        Figure::alone("CPU of the agent", "s per 1,000 polls", &cpu).context(none)?.noting("goal: 0.2"),
        Figure::alone("packets of a refresh on the LAN, both ways", "packets", &packets).context(none)?,
        Figure::alone("bytes of a refresh on the LAN, IP level", "B", &bytes).context(none)?,
        Figure::alone("memory of the agent after it, resident", "MiB", &[mebibytes(memory.now)]).context(none)?,
        Figure::alone("memory of the agent at its peak", "MiB", &[mebibytes(memory.peak)]).context(none)?.noting(
            format!("goal: 34 at 1,000 devices; here {devices} of {printers} found, the first full read included"),
        ),
    ])
}

/// Seconds for `each` requests to every device and their answers, `IN_FLIGHT` devices at a time; nothing is decoded.
async fn bare_exchanges(fleet: &Fleet, each: usize) -> Result<f64> {
    let requests: Vec<(&Arc<Unit>, Vec<u8>)> = fleet.units().iter().map(|unit| (unit, request(unit))).collect();
    let port = fleet.port();
    let began = Instant::now();
    stream::iter(requests)
        .map(|(unit, request)| async move {
            let socket = UdpSocket::bind("127.0.0.1:0").await?;
            socket.connect((unit.address(), port)).await?;
            let mut answer = vec![0; ANSWER_BYTES_MAX];
            for _ in 0..each {
                socket.send(&request).await?;
                socket.recv(&mut answer).await?;
            }
            Ok::<(), anyhow::Error>(())
        })
        .buffer_unordered(IN_FLIGHT)
        .try_collect::<()>()
        .await?;
    Ok(began.elapsed().as_secs_f64())
}

/// One GET for some values that the device has.
fn request(unit: &Unit) -> Vec<u8> {
    let mib = unit.mib();
    let oids: Vec<Oid> = mib.iter().map(|(oid, _)| oid.clone()).take(VALUES).collect();
    Message::request(Version::V1, "public", Kind::Get, 1, &oids).encode()
}
