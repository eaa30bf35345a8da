use proptest::prelude::*;

use super::*;

fn cn(text: &str) -> AgentCn {
    text.parse().unwrap()
}

fn up(text: &str) -> String {
    Topic::up(&cn(text)).to_string()
}

#[test]
fn the_matrix_of_publishing() {
    let (one_up, two_up) = (up("acme.one"), up("acme.two"));
    let wrong = format!("platen/v1/up/{}/acme.one", (cn("acme.one").partition().number() + 1) % 64);
    let cases: [(&str, &str, Result<(), Refusal>); 24] = [
        ("acme.one", &one_up, Ok(())),
        ("acme.one", &two_up, Err(Refusal::Foreign)),
        ("acme.one", &wrong, Err(Refusal::NotATopic)),
        ("acme.one", "platen/v1/status/acme.one", Ok(())),
        ("acme.one", "platen/v1/status/globex.hq", Err(Refusal::Foreign)),
        ("acme.one", "platen/v1/status/acme.one/", Err(Refusal::NotATopic)),
        ("acme.one", "platen/v1/down/acme.one/ack", Err(Refusal::ServicesOnly)),
        ("acme.one", "platen/v1/down/acme.two/command", Err(Refusal::ServicesOnly)),
        ("acme.one", "platen/v1/up/+/acme.one", Err(Refusal::NotATopic)),
        ("acme.one", "platen/v1/up/#", Err(Refusal::NotATopic)),
        ("acme.one", "", Err(Refusal::NotATopic)),
        ("acme.one", "\u{e9}/x", Err(Refusal::NotATopic)),
        ("acme.one", "platen/v1/status/acme.one\0", Err(Refusal::NotATopic)),
        ("acme.one", "$SYS/x", Err(Refusal::NotATopic)),
        ("acme.one", "platen/canary", Err(Refusal::NotATopic)),
        ("service.ingest1", "platen/v1/down/acme.one/ack", Ok(())),
        ("service.ingest1", "platen/v1/down/acme.one/config", Ok(())),
        ("service.ingest1", &one_up, Err(Refusal::AgentsOnly)),
        ("service.ingest1", "platen/v1/status/service.ingest1", Err(Refusal::AgentsOnly)),
        ("service.portal", "platen/v1/down/acme.one/command", Ok(())),
        ("service.portal", "platen/v1/down/acme.one/ack", Err(Refusal::AcksByIngestOnly)),
        ("service.canary", "platen/v1/status/service.canary", Ok(())),
        ("service.canary", "platen/v1/down/acme.one/ack", Err(Refusal::ServicesOnly)),
        ("service.canary", &one_up, Err(Refusal::AgentsOnly)),
    ];
    for (who, topic, expected) in cases {
        assert_eq!(may_publish(&cn(who), topic).map(drop), expected, "{who} publishes to {topic:?}");
    }
}

#[test]
fn the_matrix_of_subscribing() {
    let seven = Partition::new(7).unwrap();
    let cases: [(&str, &str, Result<Filter, Refusal>); 25] = [
        ("acme.one", "platen/v1/down/acme.one/#", Ok(Filter::Down)),
        ("acme.one", "platen/v1/down/acme.one/ack", Ok(Filter::Down)),
        ("acme.one", "platen/v1/down/acme.one/config", Ok(Filter::Down)),
        ("acme.one", "platen/v1/down/acme.one/+", Err(Refusal::Foreign)),
        ("acme.one", "platen/v1/down/acme.two/#", Err(Refusal::Foreign)),
        ("acme.one", "platen/v1/down/acme.two/ack", Err(Refusal::Foreign)),
        ("acme.one", "platen/v1/down/+/ack", Err(Refusal::Foreign)),
        ("acme.one", "platen/v1/down/#", Err(Refusal::Foreign)),
        ("acme.one", "platen/v1/up/#", Err(Refusal::ServicesOnly)),
        ("acme.one", "platen/v1/status/#", Err(Refusal::ServicesOnly)),
        ("acme.one", "platen/v1/status/acme.one", Err(Refusal::ServicesOnly)),
        ("acme.one", "#", Err(Refusal::NotAFilter)),
        ("acme.one", "+/+/+/+/+", Err(Refusal::NotAFilter)),
        ("acme.one", "$share/g/platen/v1/down/acme.one/#", Err(Refusal::Shared)),
        ("acme.one", "$SYS/#", Err(Refusal::NotAFilter)),
        ("service.ingest1", "platen/v1/up/#", Ok(Filter::UpAll)),
        ("service.ingest1", "platen/v1/up/7/+", Ok(Filter::Up(seven))),
        ("service.ingest1", "platen/v1/up/7/#", Ok(Filter::Up(seven))),
        ("service.ingest1", "platen/v1/up/07/#", Err(Refusal::NotAFilter)),
        ("service.ingest1", "platen/v1/up/64/#", Err(Refusal::NotAFilter)),
        ("service.portal", "platen/v1/status/+", Ok(Filter::Status)),
        ("service.portal", "platen/v1/down/acme.one/#", Err(Refusal::NotAFilter)),
        ("service.portal", "#", Err(Refusal::NotAFilter)),
        ("service.canary", "platen/v1/status/service.canary", Ok(Filter::Status)),
        ("service.canary", "platen/v1/up/#", Err(Refusal::NotAFilter)),
    ];
    for (who, filter, expected) in cases {
        assert_eq!(may_subscribe(&cn(who), filter), expected, "{who} subscribes to {filter:?}");
    }
}

#[test]
fn only_a_status_may_be_retained() {
    let one = cn("acme.one");
    assert_eq!(may_retain(&Topic::status(&one)), Ok(()));
    assert_eq!(may_retain(&Topic::up(&one)), Err(Refusal::Retained));
    assert_eq!(may_retain(&Topic::ack(&one)), Err(Refusal::Retained));
}

/// MQTT 3.1.1 §4.7: whether a filter covers a topic.
fn covers(filter: &str, topic: &str) -> bool {
    let (mut filter, mut topic) = (filter.split('/'), topic.split('/'));
    loop {
        match (filter.next(), topic.next()) {
            (Some("#"), _) | (None, None) => return true,
            (Some("+"), Some(_)) => {}
            (Some(want), Some(have)) if want == have => {}
            _ => return false,
        }
    }
}

proptest! {
    #[test]
    fn no_agent_hears_or_speaks_for_another(a in "[a-z0-9]{1,31}", b in "[a-z0-9]{1,31}", c in "[a-z0-9]{1,31}", leaf in 0..3usize) {
        prop_assume!(a != "service" && b != c);
        let (me, other) = (cn(&format!("{a}.{b}")), cn(&format!("{a}.{c}")));
        let leaf = ["ack", "config", "command"][leaf];
        for topic in [Topic::up(&other).to_string(), Topic::status(&other).to_string(), format!("platen/v1/down/{other}/{leaf}")] {
            prop_assert!(may_publish(&me, &topic).is_err());
            prop_assert!(may_subscribe(&me, &topic).is_err());
        }
        prop_assert!(may_subscribe(&me, &filter::down_all(&other)).is_err());
    }

    #[test]
    fn whatever_filter_an_agent_gets_covers_nothing_of_another(text in "(\\$share/g/)?(platen|\\+|#)/(v1|\\+|#)?/?(down|up|status|\\+|#)?/?(acme\\.one|acme\\.two|\\+|#|7)?/?(#|\\+|ack|acme\\.two)?") {
        let (me, other) = (cn("acme.one"), cn("acme.two"));
        if may_subscribe(&me, &text).is_ok() {
            for topic in [Topic::up(&other).to_string(), Topic::status(&other).to_string(), Topic::ack(&other).to_string(), Topic::up(&me).to_string()] {
                prop_assert!(!covers(&text, &topic), "{text} covers {topic}");
            }
        }
    }

    #[test]
    fn any_text_at_all_is_refused_or_is_a_topic_without_surprises(text in any::<String>()) {
        for who in ["acme.one", "service.ingest1", "service.canary"] {
            if let Ok(topic) = may_publish(&cn(who), &text) {
                prop_assert_eq!(topic.to_string(), text.clone());
                prop_assert!(text.is_ascii() && !text.contains(['+', '#', '\0', '$']));
            }
            let _ = may_subscribe(&cn(who), &text);
        }
    }
}
