//! The one cause, from evidence, with what to do about it. Pure. Names and codes are a documented contract (docs/finding.md).

use super::evidence::{Evidence, RangeSays, Said, Seen, Try};
use crate::snmp::{UsmError, Version};

/// Why an address, or a range, does or does not yield a printer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Healthy,
    NoSuchName,
    OutsideRanges,
    Excluded,
    NotRouted,
    HostDown,
    SnmpRefused,
    SnmpSilent,
    WrongCommunity,
    OtherVersion(Version),
    WrongUser,
    WrongKey(UsmError),
    NotAPrinter,
    PrintServer,
    GivesTooLittle,
    TooSlow {
        ms: u64,
    },
    Duplicate {
        of: String,
    },
    Unusable(String),
    CannotSend(String),
    /// Of a range: it does not lead to a network that this host reaches.
    WrongRange,
    /// Of a range: hosts are up, and none answers SNMP.
    Firewall,
    /// Of a range: it is this host's own network, and nobody answers anything.
    AllSilent,
    /// Of a range: devices answer, none of them a printer.
    NoPrinters,
}

impl Verdict {
    /// Stable name, and the exit code.
    pub fn name_and_code(&self) -> (&'static str, u8) {
        match self {
            Self::Healthy => ("healthy", 0),
            Self::NoSuchName => ("no-such-name", 10),
            Self::OutsideRanges => ("outside-ranges", 11),
            Self::Excluded => ("excluded", 12),
            Self::NotRouted => ("not-routed", 13),
            Self::HostDown => ("host-down", 14),
            Self::SnmpRefused => ("snmp-refused", 15),
            Self::SnmpSilent => ("snmp-silent", 16),
            Self::WrongCommunity => ("wrong-community", 17),
            Self::OtherVersion(_) => ("other-version", 18),
            Self::WrongUser => ("wrong-user", 19),
            Self::WrongKey(_) => ("wrong-key", 20),
            Self::NotAPrinter => ("not-a-printer", 21),
            Self::PrintServer => ("print-server", 22),
            Self::GivesTooLittle => ("gives-too-little", 23),
            Self::TooSlow { .. } => ("too-slow", 24),
            Self::Duplicate { .. } => ("duplicate", 25),
            Self::Unusable(_) => ("unusable-answers", 26),
            Self::CannotSend(_) => ("cannot-send", 27),
            Self::WrongRange => ("wrong-range", 40),
            Self::Firewall => ("firewall", 41),
            Self::AllSilent => ("all-silent", 42),
            Self::NoPrinters => ("no-printers", 43),
        }
    }

    /// What was found, in a sentence.
    pub fn says(&self) -> String {
        match self {
            Self::Healthy => "the agent finds and reads this".into(),
            Self::NoSuchName => "the name has no address".into(),
            Self::OutsideRanges => "the address is in none of the [[ranges]], so the agent never asks it".into(),
            Self::Excluded => "the address is excluded in [[ranges]], so nothing was sent to it".into(),
            Self::NotRouted => "this host has no route to the address".into(),
            Self::HostDown => "nothing answers at the address: neither ping, nor TCP, nor SNMP".into(),
            Self::SnmpRefused => "the host is up and refuses SNMP".into(),
            Self::SnmpSilent => {
                "the host is up and silent to SNMP: it is filtered, off, or the credentials are wrong".into()
            }
            Self::WrongCommunity => "it answers to the community \"public\" and to none of the configured".into(),
            Self::OtherVersion(version) => {
                format!("it speaks SNMP v{version}, and the agent does not ask it in that version")
            }
            Self::WrongUser => "it speaks SNMP v3 and does not know the user".into(),
            Self::WrongKey(error) => format!("it speaks SNMP v3 and knows the user, but {error}"),
            Self::NotAPrinter => "it answers SNMP and is no printer".into(),
            Self::PrintServer => "a print server answers; the printer behind it does not speak SNMP through it".into(),
            Self::GivesTooLittle => "it is a printer's controller that gives neither counters nor supplies".into(),
            Self::TooSlow { ms } => format!("it answers after {ms} ms, later than discovery waits"),
            Self::Duplicate { of } => format!("it is a device that the agent polls already at {of}"),
            Self::Unusable(why) => format!("what it answers cannot be used: {why}"),
            Self::CannotSend(why) => format!("this host cannot send to it: {why}"),
            Self::WrongRange => "nothing is there: the range does not lead to a network that this host reaches".into(),
            Self::Firewall => "hosts are up in the range, and none of them answers SNMP".into(),
            Self::AllSilent => "it is this host's own network, and nobody in the range answers anything".into(),
            Self::NoPrinters => "devices answer SNMP in the range, and none of them is a printer".into(),
        }
    }

    /// What to do next.
    pub fn next(&self) -> String {
        match self {
            Self::Healthy => "nothing to do".into(),
            Self::NoSuchName => "check the spelling and the DNS server of this host, or use the address".into(),
            Self::OutsideRanges => "add it to include in [[ranges]], restart the agent, and run this again".into(),
            Self::Excluded => "take it out of exclude in [[ranges]] if it is to be read".into(),
            Self::NotRouted => "check the address, and this host's gateway and VPN".into(),
            Self::HostDown => {
                "check power and network cable; print the device's configuration page and compare its address, which DHCP may \
                 have changed; run edge-agent discover"
                    .into()
            }
            Self::SnmpRefused => "switch SNMP on in the device's own page, under Network or Security".into(),
            Self::SnmpSilent => {
                "compare the device's community or v3 user with [snmp]; look for a list of allowed hosts in the device; let \
                 UDP 161 pass in firewalls between"
                    .into()
            }
            Self::WrongCommunity => "add \"public\" to snmp.communities, or set the device to your community".into(),
            Self::OtherVersion(Version::V3) => {
                "add its user as [[snmp.credentials]] with version \"3\"; if it is to be read by v1 or v2c, switch these on in \
                 the device and check the community"
                    .into()
            }
            Self::OtherVersion(version) => format!("add \"{version}\" to snmp_versions of its [[ranges]]"),
            Self::WrongUser => "compare user in [[snmp.credentials]] with the device, in upper and lower case".into(),
            Self::WrongKey(UsmError::Level) => "set auth and priv in [[snmp.credentials]] as the device demands them".into(),
            Self::WrongKey(UsmError::Context) => "correct or empty context in [[snmp.credentials]]".into(),
            Self::WrongKey(UsmError::WrongPrivacyKey) => {
                "compare priv and priv_password with the device; for AES-192 and AES-256 try aes192c or aes256c".into()
            }
            Self::WrongKey(_) => "compare auth and auth_password in [[snmp.credentials]] with the device".into(),
            Self::NotAPrinter => "check the address; exclude it if it is to stay where it is".into(),
            Self::PrintServer => {
                "give the printer a network interface of its own, or read its meters by hand: a print server hides them".into()
            }
            Self::GivesTooLittle => {
                "switch on the Printer MIB in the controller (Fiery: Server, Network, SNMP), or read the engine's own address"
                    .into()
            }
            Self::TooSlow { ms } => {
                format!("set snmp_discovery_timeout_ms and snmp_request_timeout_ms in [snmp] to {} or more", ms.saturating_mul(2))
            }
            Self::Duplicate { .. } => "nothing to do: it is counted once; exclude one of the addresses to save packets".into(),
            Self::Unusable(_) => "update the device's firmware; send a recording: edge-agent walk ADDRESS --mask -o FILE".into(),
            Self::CannotSend(_) => "check this host's own firewall and the rights of the agent's user".into(),
            Self::WrongRange => "compare the range with the printers' addresses; edge-agent ranges propose shows this host's \
                                 networks"
                .into(),
            Self::Firewall => {
                "let UDP 161 pass between this host and the range, and its answers back; then compare the communities".into()
            }
            Self::AllSilent => "check that the devices are on, and that the network does not isolate its clients".into(),
            Self::NoPrinters => "compare the range with the printers' addresses".into(),
        }
    }
}

/// Decides for one address. What is certain comes first: what the configuration says, then what was answered, then what was
/// not.
pub fn of_address(evidence: &Evidence) -> Verdict {
    if evidence.address.is_none() {
        return Verdict::NoSuchName;
    }
    match evidence.range {
        RangeSays::Excluded => return Verdict::Excluded,
        RangeSays::Outside => return Verdict::OutsideRanges,
        RangeSays::NoRanges | RangeSays::Inside => {}
    }
    if !evidence.routed {
        return Verdict::NotRouted;
    }
    of_answers(evidence).unwrap_or_else(|| of_silence(evidence))
}

fn of_answers(evidence: &Evidence) -> Option<Verdict> {
    let answered = |asked: &&Try| asked.said == Said::Answered;
    let configured = evidence.tries.iter().filter(|asked| asked.configured);
    let fastest = configured.filter(answered).min_by_key(|asked| asked.ms);
    if let Some(asked) = fastest {
        if asked.ms > evidence.timeout_ms {
            return Some(Verdict::TooSlow { ms: asked.ms });
        }
        return Some(of_device(evidence, evidence.seen.as_ref()?));
    }
    if let Some(other) = evidence.tries.iter().find(answered) {
        return Some(Verdict::OtherVersion(other.version));
    }
    None
}

fn of_device(evidence: &Evidence, seen: &Seen) -> Verdict {
    if !seen.printer {
        return if is_print_server(evidence, seen) { Verdict::PrintServer } else { Verdict::NotAPrinter };
    }
    match &evidence.known_at {
        Some(of) => Verdict::Duplicate { of: of.clone() },
        None if seen.counters == 0 && seen.supplies == 0 => Verdict::GivesTooLittle,
        None => Verdict::Healthy,
    }
}

/// A computer that shares printers lists its queues. A box in front of a printer takes print jobs at 9100 or 515, or calls
/// itself one; on a computer, these ports may be anything's.
fn is_print_server(evidence: &Evidence, seen: &Seen) -> bool {
    const WORDS: [&str; 6] =
        ["PRINT SERVER", "PRINTSERVER", "PRINT-SERVER", "JETDIRECT EX", "HP JETDIRECT", "PRINTER SERVER"];
    let description = seen.description.to_uppercase();
    let calls_itself_one = WORDS.iter().any(|word| description.contains(word));
    seen.queues || calls_itself_one || (!seen.computer && evidence.is_open(&[9100, 515]))
}

fn of_silence(evidence: &Evidence) -> Verdict {
    let said =
        |wanted: &dyn Fn(&Said) -> bool| evidence.tries.iter().map(|asked| &asked.said).find(|said| wanted(said));
    if said(&|said| *said == Said::Refused).is_some() {
        return Verdict::SnmpRefused;
    }
    // A key that is wrong proves that the user is right; so it is looked for first.
    match said(&|said| matches!(said, Said::Usm(error) if *error != UsmError::UnknownUser)) {
        Some(Said::Usm(error)) => return Verdict::WrongKey(*error),
        _ => {
            if said(&|said| *said == Said::Usm(UsmError::UnknownUser)).is_some() {
                return Verdict::WrongUser;
            }
        }
    }
    if evidence.factory_community {
        return Verdict::WrongCommunity;
    }
    let asks_v3 = evidence.tries.iter().any(|asked| asked.configured && asked.version == Version::V3);
    if evidence.engine && !asks_v3 {
        return Verdict::OtherVersion(Version::V3);
    }
    if let Some(Said::Unusable(why)) = said(&|said| matches!(said, Said::Unusable(_))) {
        return Verdict::Unusable(why.clone());
    }
    if evidence.is_up() {
        return Verdict::SnmpSilent;
    }
    match said(&|said| matches!(said, Said::Local(_))) {
        Some(Said::Local(why)) => Verdict::CannotSend(why.clone()),
        _ => Verdict::HostDown,
    }
}

#[cfg(test)]
#[path = "verdict_tests.rs"]
mod tests;
