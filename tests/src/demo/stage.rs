//! What the demo sets up: three sites of two tenants, twenty printers each, and the contracts that are billed.

use std::net::Ipv4Addr;
use std::path::Path;

use anyhow::Result;
use jiff::Timestamp;

use crate::printer::fleet::{Fleet, FleetSpec, SiteSpec};
use crate::world::AgentPlan;

/// (agent, site, zone, offset from UTC that working hours follow, first printer)
const SITES: [(&str, &str, &str, i32, Ipv4Addr); 3] = [
    ("acme.one", "berlin", "Europe/Berlin", 3600, Ipv4Addr::new(127, 31, 1, 1)),
    ("acme.two", "paris", "Europe/Paris", 3600, Ipv4Addr::new(127, 31, 2, 1)),
    ("globex.hq", "london", "Europe/London", 0, Ipv4Addr::new(127, 31, 3, 1)),
];
pub(super) const PRINTERS_PER_SITE: usize = 20;
pub(super) const COMMUNITY: &str = "public";

/// (tenant, zone of its contract)
pub(super) const TENANTS: [(&str, &str); 2] = [("acme", "Europe/Berlin"), ("globex", "Europe/London")];

/// Simulated time begins here, so that the billed month lies inside with days around it, and with a change to summer
/// time.
pub(super) fn beginning() -> Result<Timestamp> {
    Ok("2026-02-26T00:00:00Z".parse()?)
}

/// The days that are billed: a whole month, or in a short demo the days after the first.
pub(super) fn period(hours: u64) -> Result<String> {
    if hours >= 35 * 24 {
        return Ok("2026-03".to_owned());
    }
    let day = |offset: u64| -> Result<String> {
        Ok((beginning()? + std::time::Duration::from_secs(offset * 86_400)).strftime("%Y-%m-%d").to_string())
    };
    Ok(format!("{}..{}", day(1)?, day((hours / 24).max(2))?))
}

/// The fleet of all sites on one UDP port.
///
/// # Errors
/// When the addresses cannot be bound.
pub(super) async fn fleet(seed: u64) -> Result<Fleet> {
    let sites = SITES
        .iter()
        .map(|(_, site, _, offset, base)| SiteSpec {
            utc_offset_s: *offset,
            ..SiteSpec::new(site, *base, PRINTERS_PER_SITE)
        })
        .collect();
    let start = beginning()?.as_second();
    Ok(Fleet::start(&FleetSpec { sites, port: 0, community: COMMUNITY.to_owned(), seed, start }).await?)
}

/// The agents; waiting times are shortened, because the drill passes an hour in a fraction of a second.
///
/// # Errors
/// When an agent's name is not valid.
pub(super) fn agents(port: u16) -> Result<Vec<AgentPlan>> {
    SITES
        .iter()
        .map(|(cn, site, zone, _, base)| {
            let [a, b, c, _] = base.octets();
            Ok(AgentPlan {
                cn: cn.parse()?,
                site: (*site).to_owned(),
                zone: (*zone).to_owned(),
                ranges: format!(
                    "[[ranges]]\ninclude = [\"{a}.{b}.{c}.1-{a}.{b}.{c}.{PRINTERS_PER_SITE}\"]\nport = {port}\n"
                ),
                extra: format!(
                    "[snmp]\ncommunities = [\"{COMMUNITY}\"]\n\n\
                     [drill]\nresend_min_ms = 1000\nresend_max_ms = 5000\nbackoff_min_ms = 50\nbackoff_max_ms = 1000\n"
                ),
            })
        })
        .collect()
}

/// Who sells and who buys, for the papers. Written into the configuration of whoever bills, once.
///
/// # Errors
/// When the file cannot be written.
pub(super) fn papers(config: &Path) -> Result<()> {
    let text = std::fs::read_to_string(config)?;
    if text.contains("[papers]") {
        return Ok(());
    }
    let mut papers = String::from(
        "\n[papers]\nnumber_prefix = \"2026-\"\n[papers.tax]\ncategory = \"S\"\npercent = \"19\"\n\
         [papers.seller]\nname = \"Druck & Partner GmbH\"\nstreet = \"Hauptstr. 1\"\npostcode = \"10115\"\ncity = \"Berlin\"\n\
         country = \"DE\"\nvat_id = \"DE123456789\"\niban = \"DE02120300000000202051\"\n",
    );
    for (tenant, _) in TENANTS {
        papers.push_str(&format!(
            "[papers.buyers.{tenant}]\nname = \"{tenant}\"\ncountry = \"DE\"\nreference = \"{tenant}-2026\"\n"
        ));
    }
    Ok(std::fs::write(config, text + &papers)?)
}

/// Where a paper of a tenant's invoice is written.
pub(super) fn paper(dir: &Path, tenant: &str, ending: &str) -> std::path::PathBuf {
    dir.join(format!("{tenant}.invoice.{ending}"))
}

/// The contract of a tenant as its dealer would write it: a base fee and a price per page.
///
/// # Errors
/// When the file cannot be written.
pub(super) fn contract(dir: &Path, tenant: &str, zone: &str) -> Result<std::path::PathBuf> {
    let path = dir.join(format!("{tenant}.contract.toml"));
    let text = format!(
        "# What {tenant} pays.\nid = \"{tenant}-2026\"\ntenant = \"{tenant}\"\ncurrency = \"EUR\"\ntimezone = \"{zone}\"\n\
         start = 2026-01-01\nall_devices = true\n\n[base_fee]\namount = \"49.00\"\n\n\
         [[charges]]\nid = \"pages\"\nmeters = {{ total = 1 }}\nprice = \"0.0090\"\n"
    );
    std::fs::write(&path, text)?;
    Ok(path)
}
