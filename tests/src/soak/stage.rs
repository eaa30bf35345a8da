//! What the soak sets up: three sites of two tenants with a few printers each; the last site's spool is small.

use std::net::Ipv4Addr;

use anyhow::Result;
use jiff::Timestamp;

use crate::printer::fleet::{Fleet, FleetSpec, SiteSpec};
use crate::world::AgentPlan;

struct Place {
    cn: &'static str,
    site: &'static str,
    zone: &'static str,
    utc_offset_s: i32,
    printers: usize,
    /// Cap of the spool; `None` is the default.
    spool_bytes: Option<u64>,
}

const PLACES: [Place; 3] = [
    Place { cn: "acme.one", site: "berlin", zone: "Europe/Berlin", utc_offset_s: 3600, printers: 8, spool_bytes: None },
    Place {
        cn: "acme.two",
        site: "denver",
        zone: "America/Denver",
        utc_offset_s: -25_200,
        printers: 8,
        spool_bytes: None,
    },
    Place {
        cn: "globex.hq",
        site: "auckland",
        zone: "Pacific/Auckland",
        utc_offset_s: 43_200,
        printers: 12,
        spool_bytes: Some(SMALL_SPOOL_BYTES),
    },
];

/// Reached within about ten simulated days without network by twelve printers.
const SMALL_SPOOL_BYTES: u64 = 192 * 1024;
/// The agent with the small spool.
pub(super) const SMALL: usize = 2;
const COMMUNITY: &str = "public";

/// Simulated time begins here; the first weeks hold a change to summer time in each hemisphere.
pub(super) fn beginning() -> Result<Timestamp> {
    Ok("2026-03-02T00:00:00Z".parse()?)
}

/// How many agents there are.
pub(super) const AGENTS: usize = PLACES.len();

pub(super) fn printers_of(agent: usize) -> usize {
    PLACES[agent].printers
}

/// Loopback addresses of a site; soaks beside each other take others, and another port in any case.
fn base(seed: u64, agent: usize) -> Ipv4Addr {
    let second = u8::try_from(48 + seed % 192).unwrap_or(48);
    Ipv4Addr::new(127, second, u8::try_from(agent + 1).unwrap_or(1), 1)
}

/// The printers of all sites on one UDP port.
///
/// # Errors
/// When the addresses cannot be bound.
pub(super) async fn fleet(seed: u64) -> Result<Fleet> {
    let sites = PLACES
        .iter()
        .enumerate()
        .map(|(agent, place)| SiteSpec {
            utc_offset_s: place.utc_offset_s,
            ..SiteSpec::new(place.site, base(seed, agent), place.printers)
        })
        .collect();
    let start = beginning()?.as_second();
    Ok(Fleet::start(&FleetSpec { sites, port: 0, community: COMMUNITY.to_owned(), seed, start }).await?)
}

/// The agents; waiting times are shortened, because the drill passes an hour in a fraction of a second.
///
/// # Errors
/// When an agent's name is not valid.
pub(super) fn agents(seed: u64, port: u16) -> Result<Vec<AgentPlan>> {
    PLACES
        .iter()
        .enumerate()
        .map(|(agent, place)| {
            let [a, b, c, _] = base(seed, agent).octets();
            let cap = place.spool_bytes.map(|bytes| format!("[spool]\nbytes_max = {bytes}\n\n")).unwrap_or_default();
            Ok(AgentPlan {
                cn: place.cn.parse()?,
                site: place.site.to_owned(),
                zone: place.zone.to_owned(),
                ranges: format!(
                    "[[ranges]]\ninclude = [\"{a}.{b}.{c}.1-{a}.{b}.{c}.{}\"]\nport = {port}\n",
                    place.printers
                ),
                extra: format!(
                    "{cap}[snmp]\ncommunities = [\"{COMMUNITY}\"]\n\n\
                     [drill]\nresend_min_ms = 1000\nresend_max_ms = 5000\nbackoff_min_ms = 50\nbackoff_max_ms = 1000\n"
                ),
            })
        })
        .collect()
}
