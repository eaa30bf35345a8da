//! Proposes ranges from the host's own networks. Nothing is asked and nothing is changed: a person takes them over.

use std::net::{IpAddr, Ipv4Addr};

use if_addrs::{IfAddr, Interface};
use ipnet::Ipv4Net;

/// Networks wider than this are not proposed whole.
const PREFIX_MIN: u8 = 22;

/// A range that a host could look through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// Name of the interface.
    pub interface: String,
    /// The host's own address there.
    pub address: IpAddr,
    pub network: Ipv4Net,
    /// The network itself, where it is wider than what is proposed.
    pub part_of: Option<Ipv4Net>,
}

/// What the interfaces of this host suggest.
///
/// # Errors
/// When the system does not say which interfaces there are.
pub fn propose() -> std::io::Result<Vec<Proposal>> {
    Ok(from(if_addrs::get_if_addrs()?))
}

/// Decides from a list of interfaces. IPv6 networks are too wide to be looked through: their printers are listed.
fn from(interfaces: Vec<Interface>) -> Vec<Proposal> {
    let mut proposals: Vec<Proposal> = Vec::new();
    for interface in interfaces {
        let IfAddr::V4(own) = &interface.addr else { continue };
        if own.ip.is_loopback() || own.ip.is_link_local() || own.ip.is_unspecified() {
            continue;
        }
        let Ok(whole) = Ipv4Net::with_netmask(own.ip, own.netmask) else { continue };
        let whole = whole.trunc();
        // A /32 is a tunnel: nobody else is in it.
        if whole.prefix_len() > 30 {
            continue;
        }
        let part = around(own.ip);
        let (network, part_of) = if whole.prefix_len() < PREFIX_MIN { (part, Some(whole)) } else { (whole, None) };
        if proposals.iter().all(|earlier| earlier.network != network) {
            proposals.push(Proposal { interface: interface.name.clone(), address: own.ip.into(), network, part_of });
        }
    }
    proposals
}

/// The 256 addresses around one.
fn around(address: Ipv4Addr) -> Ipv4Net {
    Ipv4Net::new_assert(address, 24).trunc()
}

#[cfg(test)]
mod tests {
    use if_addrs::Ifv4Addr;

    use super::*;

    fn interface(name: &str, ip: &str, netmask: &str) -> Interface {
        let addr = IfAddr::V4(Ifv4Addr {
            ip: ip.parse().unwrap(),
            netmask: netmask.parse().unwrap(),
            prefixlen: 0,
            broadcast: None,
        });
        Interface { name: name.into(), addr, index: None, oper_status: if_addrs::IfOperStatus::Up, is_p2p: false }
    }

    #[test]
    fn a_host_s_networks_are_proposed_and_wide_ones_in_part() {
        let proposals = from(vec![
            interface("lo", "127.0.0.1", "255.0.0.0"),
            interface("eth0", "192.168.1.20", "255.255.255.0"),
            interface("eth0:1", "192.168.1.21", "255.255.255.0"),
            interface("eth1", "10.3.7.20", "255.0.0.0"),
            interface("tun0", "10.8.0.2", "255.255.255.255"),
            interface("eth2", "169.254.3.4", "255.255.0.0"),
        ]);
        let shown: Vec<String> = proposals
            .iter()
            .map(|found| format!("{} {} {:?}", found.interface, found.network, found.part_of))
            .collect();
        assert_eq!(shown, ["eth0 192.168.1.0/24 None", "eth1 10.3.7.0/24 Some(10.0.0.0/8)"]);
    }
}
