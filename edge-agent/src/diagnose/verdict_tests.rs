use super::*;
use crate::diagnose::evidence::Ping;
use crate::discover::ping::Port;

fn asked(version: Version, said: Said, ms: u64) -> Try {
    Try { version, credential: "community-1".into(), configured: true, said, ms }
}

fn printer() -> Seen {
    Seen { printer: true, counters: 1, supplies: 4, ..Seen::default() }
}

/// A device that is found and read.
fn healthy() -> Evidence {
    Evidence {
        address: Some([192, 0, 2, 7].into()),
        range: RangeSays::Inside,
        ping: Ping::Answered,
        tries: vec![asked(Version::V2c, Said::Answered, 3)],
        seen: Some(printer()),
        ..Evidence::default()
    }
}

/// A host that is up and says only this to SNMP.
fn says(said: Said) -> Evidence {
    Evidence { tries: vec![asked(Version::V2c, said, 5_000)], seen: None, ..healthy() }
}

#[test]
fn each_cause_is_named() {
    let with = |change: fn(&mut Evidence)| {
        let mut evidence = healthy();
        change(&mut evidence);
        of_address(&evidence)
    };
    assert_eq!(of_address(&healthy()), Verdict::Healthy);
    assert_eq!(with(|it| it.address = None), Verdict::NoSuchName);
    assert_eq!(with(|it| it.range = RangeSays::Outside), Verdict::OutsideRanges);
    assert_eq!(with(|it| it.range = RangeSays::Excluded), Verdict::Excluded);
    assert_eq!(with(|it| it.routed = false), Verdict::NotRouted);
    assert_eq!(with(|it| it.tries[0].ms = 1_001), Verdict::TooSlow { ms: 1_001 });
    assert_eq!(with(|it| it.tries[0].configured = false), Verdict::OtherVersion(Version::V2c));
    assert_eq!(with(|it| it.known_at = Some("192.0.2.6".into())), Verdict::Duplicate { of: "192.0.2.6".into() });
    assert_eq!(with(|it| it.seen = Some(Seen { printer: true, ..Seen::default() })), Verdict::GivesTooLittle);
    assert_eq!(with(|it| it.seen = Some(Seen::default())), Verdict::NotAPrinter);
    assert_eq!(of_address(&says(Said::Refused)), Verdict::SnmpRefused);
    assert_eq!(of_address(&says(Said::Silent)), Verdict::SnmpSilent);
    assert_eq!(of_address(&says(Said::Usm(UsmError::UnknownUser))), Verdict::WrongUser);
    assert_eq!(of_address(&says(Said::Usm(UsmError::WrongKey))), Verdict::WrongKey(UsmError::WrongKey));
    assert_eq!(of_address(&says(Said::Unusable("cut".into()))), Verdict::Unusable("cut".into()));
    let dead = Evidence { ping: Ping::Silent, ..says(Said::Silent) };
    assert_eq!(of_address(&dead), Verdict::HostDown);
    let barred = Evidence { ping: Ping::NotAllowed, ..says(Said::Local("no".into())) };
    assert_eq!(of_address(&barred), Verdict::CannotSend("no".into()));
    let factory = Evidence { factory_community: true, ..says(Said::Silent) };
    assert_eq!(of_address(&factory), Verdict::WrongCommunity);
    let v3 = Evidence { engine: true, ..says(Said::Silent) };
    assert_eq!(of_address(&v3), Verdict::OtherVersion(Version::V3));
}

#[test]
fn a_print_server_is_told_from_a_computer_that_is_none() {
    let seen = |seen: Seen, ports: Vec<(u16, Port)>| of_address(&Evidence { seen: Some(seen), ports, ..healthy() });
    let computer = Seen { computer: true, ..Seen::default() };
    assert_eq!(seen(Seen::default(), vec![(9100, Port::Open)]), Verdict::PrintServer);
    assert_eq!(
        seen(computer.clone(), vec![(9100, Port::Open)]),
        Verdict::NotAPrinter,
        "anything may listen on a computer"
    );
    assert_eq!(seen(Seen { queues: true, ..computer }, vec![]), Verdict::PrintServer);
    let named = Seen { description: "Acme Print Server PS-1".into(), ..Seen::default() };
    assert_eq!(seen(named, vec![]), Verdict::PrintServer);
}

#[test]
fn an_answer_in_time_outweighs_what_other_ways_did_not_bring() {
    let mut evidence = healthy();
    evidence.tries.insert(0, asked(Version::V1, Said::Silent, 5_000));
    evidence.tries.push(asked(Version::V3, Said::Usm(UsmError::UnknownUser), 4));
    assert_eq!(of_address(&evidence), Verdict::Healthy);
    evidence.tries.retain(|asked| asked.version != Version::V2c);
    assert_eq!(of_address(&evidence), Verdict::WrongUser);
}

#[test]
fn names_and_codes_are_different_and_each_says_what_to_do() {
    let all = [
        Verdict::Healthy,
        Verdict::NoSuchName,
        Verdict::OutsideRanges,
        Verdict::Excluded,
        Verdict::NotRouted,
        Verdict::HostDown,
        Verdict::SnmpRefused,
        Verdict::SnmpSilent,
        Verdict::WrongCommunity,
        Verdict::OtherVersion(Version::V1),
        Verdict::WrongUser,
        Verdict::WrongKey(UsmError::WrongKey),
        Verdict::NotAPrinter,
        Verdict::PrintServer,
        Verdict::GivesTooLittle,
        Verdict::TooSlow { ms: 3_000 },
        Verdict::Duplicate { of: "192.0.2.6".into() },
        Verdict::Unusable("cut".into()),
        Verdict::CannotSend("no".into()),
        Verdict::WrongRange,
        Verdict::Firewall,
        Verdict::AllSilent,
        Verdict::NoPrinters,
    ];
    let names: std::collections::BTreeSet<_> = all.iter().map(|verdict| verdict.name_and_code().0).collect();
    let codes: std::collections::BTreeSet<_> = all.iter().map(|verdict| verdict.name_and_code().1).collect();
    assert_eq!((names.len(), codes.len()), (all.len(), all.len()));
    let page = include_str!("../../../docs/finding.md");
    for verdict in &all {
        let (name, code) = verdict.name_and_code();
        assert!(page.contains(&format!("| `{name}` | {code} |")), "docs/finding.md lacks {name} with {code}");
        assert!(!verdict.says().is_empty() && !verdict.next().is_empty());
    }
}
