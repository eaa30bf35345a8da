//! What `[[ranges]]` means: which addresses are asked, and which never.
//!
//! Addresses are counted, not collected: a /16 is iterated lazily. Wider than a /16 is refused unless forced. Excludes win
//! over includes, also for host names once they are resolved.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use ipnet::IpNet;

use crate::snmp::config::{RangeConfig, Version};
use crate::snmp::limits::{LIST_BYTES_MAX, LIST_LINES_MAX, RANGE_ADDRESSES_MAX};

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RangeError {
    #[error(
        "{0:?} is no range: write 192.168.1.0/24, 192.168.1.10-192.168.1.99, 192.168.1.10-99, an address or a host name"
    )]
    Form(String),
    #[error("{text:?} ends before it begins")]
    Backwards { text: String },
    #[error("{text:?} has {addresses} addresses, more than a /16; split it, or set force = true for this range")]
    TooWide { text: String, addresses: u128 },
    #[error("read the list of addresses {path}: {why}")]
    List { path: String, why: String },
    #[error("ranges: nothing is included; name a range, an address or a host")]
    Empty,
}

/// All `[[ranges]]` of a configuration, checked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ranges {
    ranges: Vec<Range>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Range {
    include: Vec<Item>,
    exclude: Vec<Item>,
    port: u16,
    versions: Vec<Version>,
    credentials: Vec<String>,
    packets_per_second: Option<u32>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Item {
    /// First and last address, both included, as numbers.
    Span {
        first: u128,
        last: u128,
        v4: bool,
    },
    Name(String),
}

/// One address or name to ask.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target {
    pub host: Host,
    pub port: u16,
    /// Place of the range in the configuration.
    pub range: usize,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Host {
    Address(IpAddr),
    Name(String),
}

impl Ranges {
    /// Parses and checks. A configuration without ranges is an agent that finds nothing: refused by [`Self::check_some`].
    pub fn new(configs: &[RangeConfig]) -> Result<Self, RangeError> {
        let ranges = configs.iter().map(Range::new).collect::<Result<_, _>>()?;
        Ok(Self { ranges })
    }

    /// One typed range, address or name with the defaults of a range.
    pub fn typed(text: &str, port: u16) -> Result<Self, RangeError> {
        Self::new(&[RangeConfig { include: vec![text.to_owned()], port, ..RangeConfig::default() }])
    }

    pub fn check_some(&self) -> Result<(), RangeError> {
        if self.is_empty() { Err(RangeError::Empty) } else { Ok(()) }
    }

    /// Everything to ask, in order, each address once per port even if ranges overlap.
    pub fn targets(&self) -> impl Iterator<Item = Target> + '_ {
        self.ranges.iter().enumerate().flat_map(move |(place, range)| {
            range
                .hosts()
                .filter(move |host| match host {
                    Host::Address(address) => {
                        !range.excludes(*address)
                            && !self.ranges[..place].iter().any(|earlier| earlier.covers(*address, range.port))
                    }
                    Host::Name(name) => !range.excludes_name(name),
                })
                .map(move |host| Target { host, port: range.port, range: place })
        })
    }

    /// How many addresses and names are included, excludes and overlaps not taken off.
    pub fn len(&self) -> u128 {
        self.ranges.iter().map(Range::len).fold(0, u128::saturating_add)
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn versions(&self, range: usize) -> &[Version] {
        self.ranges.get(range).map_or(&[], |range| range.versions.as_slice())
    }

    /// Names of the credentials of a range; empty = all.
    pub fn credentials(&self, range: usize) -> &[String] {
        self.ranges.get(range).map_or(&[], |range| range.credentials.as_slice())
    }

    pub fn packets_per_second(&self, range: usize) -> Option<u32> {
        self.ranges.get(range)?.packets_per_second
    }

    /// How many `[[ranges]]` there are.
    pub fn count(&self) -> usize {
        self.ranges.len()
    }

    /// The range that includes an address and does not exclude it.
    pub fn of(&self, address: IpAddr) -> Option<usize> {
        self.ranges
            .iter()
            .position(|range| range.include.iter().any(|item| item.contains(address)) && !range.excludes(address))
    }

    /// Whether an address is included somewhere and excluded there, and nowhere allowed.
    pub fn only_excludes(&self, address: IpAddr) -> bool {
        self.of(address).is_none() && self.ranges.iter().any(|range| range.excludes(address))
    }

    /// Whether any host name is included: what address it stands for is known only while it is asked.
    pub fn has_names(&self) -> bool {
        self.ranges.iter().any(|range| range.include.iter().any(|item| matches!(item, Item::Name(_))))
    }

    /// The range that includes a host name.
    pub fn of_name(&self, name: &str) -> Option<usize> {
        let named = |item: &Item| matches!(item, Item::Name(own) if own.eq_ignore_ascii_case(name));
        self.ranges.iter().position(|range| range.include.iter().any(named) && !range.excludes_name(name))
    }

    /// Whether an address is excluded from the range that named it, or from all that include it.
    pub fn excludes(&self, range: usize, address: IpAddr) -> bool {
        self.ranges.get(range).is_some_and(|range| range.excludes(address))
    }

    /// Whether an address may be asked at all: included by a range and not excluded from it. Host names do not count here.
    pub fn allows(&self, address: IpAddr) -> bool {
        self.of(address).is_some()
    }
}

impl Range {
    fn new(config: &RangeConfig) -> Result<Self, RangeError> {
        let mut versions = config.snmp_versions.clone();
        versions.sort_unstable();
        versions.dedup();
        if versions.is_empty() {
            versions.push(Version::V2c);
        }
        let listed = config.include_file.as_deref().map(read_list).transpose()?.unwrap_or_default();
        let texts = config.include.iter().chain(&listed);
        Ok(Self {
            include: texts.map(|text| Item::included(text, config.force)).collect::<Result<_, _>>()?,
            exclude: config.exclude.iter().map(|text| Item::parse(text)).collect::<Result<_, _>>()?,
            port: config.port,
            versions,
            credentials: config.credentials.clone(),
            packets_per_second: config.packets_per_second,
        })
    }

    fn hosts(&self) -> impl Iterator<Item = Host> + '_ {
        self.include.iter().flat_map(Item::hosts)
    }

    fn len(&self) -> u128 {
        self.include.iter().map(Item::len).fold(0, u128::saturating_add)
    }

    fn excludes(&self, address: IpAddr) -> bool {
        self.exclude.iter().any(|item| item.contains(address))
    }

    fn excludes_name(&self, name: &str) -> bool {
        self.exclude.iter().any(|item| matches!(item, Item::Name(excluded) if excluded.eq_ignore_ascii_case(name)))
    }

    fn covers(&self, address: IpAddr, port: u16) -> bool {
        self.port == port && !self.excludes(address) && self.include.iter().any(|item| item.contains(address))
    }
}

impl Item {
    /// Without the network and broadcast address of an IPv4 network, which are no devices.
    fn included(text: &str, force: bool) -> Result<Self, RangeError> {
        let mut item = Self::parse(text)?;
        if let (Self::Span { first, last, v4: true }, Ok(net)) = (&mut item, text.trim().parse::<IpNet>())
            && net.prefix_len() < 31
        {
            (*first, *last) = (*first + 1, *last - 1);
        }
        let addresses = item.len();
        if addresses > RANGE_ADDRESSES_MAX && !force {
            return Err(RangeError::TooWide { text: text.trim().to_owned(), addresses });
        }
        Ok(item)
    }

    fn parse(text: &str) -> Result<Self, RangeError> {
        let text = text.trim();
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self::span(address, address));
        }
        if let Ok(net) = text.parse::<IpNet>() {
            return Ok(Self::span(net.network(), net.broadcast()));
        }
        if let Some((first, last)) = text.split_once('-')
            && let Ok(first) = first.trim().parse::<IpAddr>()
        {
            let last = end(first, last.trim()).ok_or_else(|| RangeError::Form(text.to_owned()))?;
            if last < first {
                return Err(RangeError::Backwards { text: text.to_owned() });
            }
            return Ok(Self::span(first, last));
        }
        if is_host_name(text) { Ok(Self::Name(text.to_owned())) } else { Err(RangeError::Form(text.to_owned())) }
    }

    fn span(first: IpAddr, last: IpAddr) -> Self {
        Self::Span { first: number(first), last: number(last), v4: first.is_ipv4() }
    }

    fn len(&self) -> u128 {
        match self {
            Self::Span { first, last, .. } => (last - first).saturating_add(1),
            Self::Name(_) => 1,
        }
    }

    fn contains(&self, address: IpAddr) -> bool {
        match self {
            Self::Span { first, last, v4 } => *v4 == address.is_ipv4() && (*first..=*last).contains(&number(address)),
            Self::Name(_) => false,
        }
    }

    fn hosts(&self) -> Box<dyn Iterator<Item = Host> + Send + '_> {
        match self {
            Self::Span { first, last, v4 } => Box::new((*first..=*last).map(move |n| Host::Address(address(n, *v4)))),
            Self::Name(name) => Box::new(std::iter::once(Host::Name(name.clone()))),
        }
    }
}

/// The lines of a file of ranges; what follows `#` is a comment. Of a table (CSV), the first field counts.
fn read_list(path: &Path) -> Result<Vec<String>, RangeError> {
    let failed = |why: String| RangeError::List { path: path.display().to_string(), why };
    let bytes = std::fs::metadata(path).map_err(|error| failed(error.to_string()))?.len();
    if bytes > LIST_BYTES_MAX {
        return Err(failed(format!("{bytes} bytes; at most {LIST_BYTES_MAX} are read")));
    }
    let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
    let fields = text.lines().map(|line| line.split('#').next().unwrap_or_default());
    let first = fields.map(|line| line.split([',', ';', '\t']).next().unwrap_or_default().trim());
    let entries: Vec<String> = first.filter(|entry| !entry.is_empty()).map(str::to_owned).collect();
    if entries.len() > LIST_LINES_MAX {
        return Err(failed(format!(
            "{} entries; at most {LIST_LINES_MAX} are read: write networks as ranges",
            entries.len()
        )));
    }
    Ok(entries)
}

/// `192.168.1.99`, or `99` for the last number of an IPv4 address.
fn end(first: IpAddr, text: &str) -> Option<IpAddr> {
    if let Ok(last) = text.parse::<IpAddr>() {
        return (last.is_ipv4() == first.is_ipv4()).then_some(last);
    }
    match (first, text.parse::<u8>()) {
        (IpAddr::V4(first), Ok(last)) => {
            let [a, b, c, _] = first.octets();
            Some(Ipv4Addr::new(a, b, c, last).into())
        }
        _ => None,
    }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(u32::from(v4)),
        IpAddr::V6(v6) => u128::from(v6),
    }
}

fn address(number: u128, v4: bool) -> IpAddr {
    match u32::try_from(number) {
        Ok(number) if v4 => Ipv4Addr::from(number).into(),
        _ => std::net::Ipv6Addr::from(number).into(),
    }
}

/// RFC 1123: labels of letters, digits and hyphens. Only digits and dots is a mistyped address, not a name.
fn is_host_name(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let name = text.strip_suffix('.').unwrap_or(text);
    name.len() <= 253 && name.split('.').all(label) && name.bytes().any(|byte| byte.is_ascii_alphabetic())
}

#[cfg(test)]
#[path = "ranges_tests.rs"]
mod tests;
