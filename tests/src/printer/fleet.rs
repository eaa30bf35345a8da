//! Many simulated devices at once: one socket and one task each, every device on its own loopback address and all on one
//! port, in one simulated time that the caller drives.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use thiserror::Error;
use tokio::net::UdpSocket;
use tokio::task::JoinSet;

use super::agent::{Traffic, Unit, serve};
use super::catalog;
use super::chance::mix;
use super::life::Printer;
use super::limits::{MAX_PRINTERS, PORT_TRIES};
use super::mib::Mib;
use super::model::Model;
use super::truth::{self, TRUTH_VERSION, Truth};

/// What to build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FleetSpec {
    pub sites: Vec<SiteSpec>,
    /// One UDP port for all addresses; 0 picks a free one.
    pub port: u16,
    pub community: String,
    pub seed: u64,
    /// Simulated Unix seconds at which all lives begin.
    pub start: i64,
}

/// Printers of one place, on consecutive addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteSpec {
    pub name: String,
    /// Address of the first printer; `.0` and `.255` are passed over.
    pub base: Ipv4Addr,
    pub count: usize,
    /// The site's distance from UTC in seconds: working hours follow it.
    pub utc_offset_s: i32,
    /// Names of the catalogue, dealt out in turn; empty for all.
    pub models: Vec<String>,
}

impl SiteSpec {
    /// All models, at UTC.
    #[must_use]
    pub fn new(name: &str, base: Ipv4Addr, count: usize) -> Self {
        Self { name: name.to_owned(), base, count, utc_offset_s: 0, models: Vec::new() }
    }
}

#[derive(Debug, Error)]
pub enum FleetError {
    #[error("no model is named `{0}`; `printer-sim run --list` shows all")]
    UnknownModel(String),
    #[error("{0} devices are more than {MAX_PRINTERS}")]
    TooMany(usize),
    #[error("no device to simulate")]
    Empty,
    #[error("{count} addresses from {base} leave 127.0.0.0/8")]
    NotLoopback { base: Ipv4Addr, count: usize },
    #[error("cannot listen on {address}: {source} (is another simulator running? ports below 1024 need root)")]
    Bind { address: SocketAddrV4, source: io::Error },
}

/// Running devices; they stop when this is dropped.
#[derive(Debug)]
pub struct Fleet {
    units: Vec<Arc<Unit>>,
    clock: Arc<AtomicI64>,
    port: u16,
    seed: u64,
    start: i64,
    /// One task for each unit, bounded by MAX_PRINTERS.
    tasks: JoinSet<()>,
}

impl Fleet {
    /// Builds and starts printers over sites; the simulated time is `spec.start`.
    pub async fn start(spec: &FleetSpec) -> Result<Self, FleetError> {
        let clock = Arc::new(AtomicI64::new(spec.start));
        let mut units = Vec::new();
        for site in &spec.sites {
            let models = chosen(site)?;
            let addresses = addresses(site.base, site.count)?;
            for (address, place) in addresses.into_iter().zip(0..) {
                let number = units.len() as u64;
                let model: &'static Model = models.get(place % models.len()).copied().ok_or(FleetError::Empty)?;
                let seed = mix(spec.seed, &[number]);
                let printer = Printer::at_offset(model, seed, spec.start, site.utc_offset_s.into());
                units.push(Unit::printer(printer, &site.name, address, &spec.community, Arc::clone(&clock)));
            }
        }
        Self::listen(units, clock, spec.port, spec.seed, spec.start).await
    }

    /// Serves recordings, each on its own address from `base` on.
    pub async fn replay(
        recordings: Vec<(String, Mib)>,
        base: Ipv4Addr,
        port: u16,
        community: &str,
    ) -> Result<Self, FleetError> {
        let clock = Arc::new(AtomicI64::new(0));
        let addresses = addresses(base, recordings.len())?;
        let unit = |((name, mib), address): ((String, Mib), Ipv4Addr)| {
            Unit::recording(&name, mib, address, community, Arc::clone(&clock))
        };
        let units = recordings.into_iter().zip(addresses).map(unit).collect();
        Self::listen(units, clock.clone(), port, 0, 0).await
    }

    async fn listen(
        units: Vec<Unit>,
        clock: Arc<AtomicI64>,
        port: u16,
        seed: u64,
        start: i64,
    ) -> Result<Self, FleetError> {
        if units.is_empty() {
            return Err(FleetError::Empty);
        }
        if units.len() > MAX_PRINTERS {
            return Err(FleetError::TooMany(units.len()));
        }
        let units: Vec<Arc<Unit>> = units.into_iter().map(Arc::new).collect();
        let addresses: Vec<Ipv4Addr> = units.iter().map(|unit| unit.address()).collect();
        let (port, sockets) = bind_all(&addresses, port).await?;
        let mut tasks = JoinSet::new();
        for (socket, unit) in sockets.into_iter().zip(&units) {
            tasks.spawn(serve(socket, Arc::clone(unit)));
        }
        Ok(Self { units, clock, port, seed, start, tasks })
    }

    /// The devices in the order of sites and addresses.
    #[must_use]
    pub fn units(&self) -> &[Arc<Unit>] {
        &self.units
    }

    /// The device on this address.
    #[must_use]
    pub fn unit(&self, address: Ipv4Addr) -> Option<&Arc<Unit>> {
        self.units.iter().find(|unit| unit.address() == address)
    }

    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The simulated time, to be read (or driven by `set_time`) elsewhere.
    #[must_use]
    pub fn clock(&self) -> Arc<AtomicI64> {
        Arc::clone(&self.clock)
    }

    #[must_use]
    pub fn now(&self) -> i64 {
        self.clock.load(Ordering::SeqCst)
    }

    /// Moves the simulated time forward; a moment in the past changes nothing.
    pub fn set_time(&self, unix_seconds: i64) {
        self.clock.fetch_max(unix_seconds, Ordering::SeqCst);
    }

    /// What every device has counted of its traffic, summed.
    #[must_use]
    pub fn traffic(&self) -> Traffic {
        self.units.iter().fold(Traffic::default(), |sum, unit| sum.plus(&unit.traffic()))
    }

    /// The truth about all printers now, with the total of each at these simulated moments.
    #[must_use]
    pub fn truth(&self, moments: &[i64]) -> Truth {
        Truth {
            version: TRUTH_VERSION,
            seed: self.seed,
            start: self.start,
            now: self.now(),
            printers: self.units.iter().filter_map(|unit| truth::of(unit, moments)).collect(),
            traffic: self.traffic(),
        }
    }

    /// Closes all sockets and waits until they are closed.
    pub async fn stop(mut self) {
        self.tasks.shutdown().await;
    }
}

fn chosen(site: &SiteSpec) -> Result<Vec<&'static Model>, FleetError> {
    if site.models.is_empty() {
        return Ok(catalog::models().iter().collect());
    }
    let one = |name: &String| catalog::find(name).ok_or_else(|| FleetError::UnknownModel(name.clone()));
    site.models.iter().map(one).collect()
}

/// `count` loopback addresses from `base` on, without those ending in 0 or 255.
fn addresses(base: Ipv4Addr, count: usize) -> Result<Vec<Ipv4Addr>, FleetError> {
    let usable = |address: &Ipv4Addr| !matches!(address.octets()[3], 0 | 255);
    let last = u32::from(Ipv4Addr::new(127, 255, 255, 255));
    let found: Vec<Ipv4Addr> =
        (u32::from(base)..=last).map(Ipv4Addr::from).filter(usable).take(count.min(MAX_PRINTERS + 1)).collect();
    if !base.is_loopback() || found.len() < count.min(MAX_PRINTERS + 1) {
        return Err(FleetError::NotLoopback { base, count });
    }
    Ok(found)
}

/// One socket for each address, all on one port.
async fn bind_all(addresses: &[Ipv4Addr], port: u16) -> Result<(u16, Vec<UdpSocket>), FleetError> {
    let mut tries = if port == 0 { PORT_TRIES } else { 1 };
    loop {
        tries -= 1;
        match bind_once(addresses, port).await {
            Err(FleetError::Bind { source, .. }) if source.kind() == io::ErrorKind::AddrInUse && tries > 0 => {}
            outcome => return outcome,
        }
    }
}

async fn bind_once(addresses: &[Ipv4Addr], port: u16) -> Result<(u16, Vec<UdpSocket>), FleetError> {
    let mut port = port;
    let mut sockets = Vec::with_capacity(addresses.len());
    for address in addresses {
        let address = SocketAddrV4::new(*address, port);
        let fail = |source| FleetError::Bind { address, source };
        let socket = UdpSocket::bind(address).await.map_err(fail)?;
        port = socket.local_addr().map_err(fail)?.port();
        sockets.push(socket);
    }
    Ok((port, sockets))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Monday 2026-01-05 00:00 UTC.
    const MONDAY: i64 = 1_767_571_200;

    fn spec(seed: u64, base: Ipv4Addr) -> FleetSpec {
        let sites = vec![
            SiteSpec::new("nord", base, 34),
            SiteSpec { utc_offset_s: 7200, ..SiteSpec::new("ost", Ipv4Addr::from(u32::from(base) + 256), 26) },
        ];
        FleetSpec { sites, port: 0, community: "public".into(), seed, start: MONDAY }
    }

    #[tokio::test]
    async fn a_fleet_has_many_models_and_every_printer_its_own_serial_number_mac_and_address() {
        let fleet = Fleet::start(&spec(7, Ipv4Addr::new(127, 71, 0, 1))).await.unwrap();
        fleet.set_time(MONDAY + 35 * 86_400);
        let truth = fleet.truth(&[MONDAY, MONDAY + 86_400, MONDAY + 99 * 86_400]);
        assert_eq!(truth.printers.len(), 60);
        let distinct = |what: fn(&truth::PrinterTruth) -> String| {
            truth.printers.iter().map(what).collect::<BTreeSet<String>>().len()
        };
        assert!(distinct(|p| p.model.clone()) >= 12);
        assert_eq!(distinct(|p| p.mac.clone()), 60);
        assert_eq!(distinct(|p| p.address.clone()), 60);
        let with_serial = truth.printers.iter().filter(|p| p.serial.is_some()).count();
        assert!(with_serial < 60);
        assert_eq!(distinct(|p| p.serial.clone().unwrap_or_default()), with_serial + 1);
        for printer in &truth.printers {
            assert!(printer.samples[1].total >= printer.samples[0].total);
            assert_eq!(printer.samples[2].total, None);
            assert!(printer.counts.total > printer.samples[1].total.unwrap(), "{} stood still", printer.model);
        }
        let text = serde_json::to_string(&truth).unwrap();
        assert_eq!(serde_json::from_str::<Truth>(&text).unwrap(), truth);
        fleet.stop().await;
    }

    #[tokio::test]
    async fn the_same_seed_gives_the_same_fleet_and_another_seed_another() {
        let truth = async |seed: u64, step: i64| {
            let fleet = Fleet::start(&spec(seed, Ipv4Addr::new(127, 72, 0, 1))).await.unwrap();
            for now in (MONDAY..=MONDAY + 10 * 86_400).step_by(usize::try_from(step).unwrap()) {
                fleet.set_time(now);
                drop(fleet.truth(&[]));
            }
            fleet.truth(&[MONDAY + 5 * 86_400]).printers
        };
        assert_eq!(truth(7, 86_400).await, truth(7, 7200).await);
        assert_ne!(truth(7, 86_400).await, truth(8, 86_400).await);
    }

    #[tokio::test]
    async fn what_cannot_be_built_is_refused_with_its_reason() {
        let mut wrong = spec(1, Ipv4Addr::new(127, 73, 0, 1));
        wrong.sites[0].models = vec!["laserwriter".into()];
        assert!(matches!(Fleet::start(&wrong).await, Err(FleetError::UnknownModel(name)) if name == "laserwriter"));
        let outside = spec(1, Ipv4Addr::new(10, 0, 0, 1));
        assert!(matches!(Fleet::start(&outside).await, Err(FleetError::NotLoopback { .. })));
        let empty = FleetSpec { sites: Vec::new(), ..outside };
        assert!(matches!(Fleet::start(&empty).await, Err(FleetError::Empty)));
        let first = Fleet::start(&spec(1, Ipv4Addr::new(127, 73, 0, 1))).await.unwrap();
        let same = FleetSpec { port: first.port(), ..spec(1, Ipv4Addr::new(127, 73, 0, 1)) };
        let error = Fleet::start(&same).await.unwrap_err().to_string();
        assert!(error.contains("cannot listen on 127.73.0.1:"), "{error}");
    }

    #[test]
    fn addresses_run_on_over_the_ends_of_networks() {
        let found = addresses(Ipv4Addr::new(127, 9, 0, 253), 4).unwrap();
        let last: Vec<[u8; 2]> = found.iter().map(|a| [a.octets()[2], a.octets()[3]]).collect();
        assert_eq!(last, [[0, 253], [0, 254], [1, 1], [1, 2]]);
    }
}
