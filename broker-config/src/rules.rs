//! The rules of [`crate::acl`] as a table for people. A test holds the table against the functions.

use serde::Serialize;

/// One line of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Rule {
    /// Whose certificate: `{cn}` stands for its own CN.
    pub who: &'static str,
    pub may: &'static str,
    pub topic: &'static str,
    pub note: &'static str,
}

/// Every right that exists.
pub const RULES: [Rule; 9] = [
    Rule {
        who: "TENANT.AGENT",
        may: "publish",
        topic: "platen/v1/up/{partition}/{cn}",
        note: "partition = CRC-32 of the CN modulo 64",
    },
    Rule {
        who: "TENANT.AGENT",
        may: "publish",
        topic: "platen/v1/status/{cn}",
        note: "may be retained, may be the last will",
    },
    Rule {
        who: "TENANT.AGENT",
        may: "subscribe",
        topic: "platen/v1/down/{cn}/#",
        note: "or one of ack, config, command",
    },
    Rule { who: "service.*", may: "subscribe", topic: "platen/v1/up/#", note: "or platen/v1/up/{partition}/+ and /#" },
    Rule { who: "service.*", may: "subscribe", topic: "platen/v1/status/#", note: "or platen/v1/status/+" },
    Rule { who: "service.*", may: "publish", topic: "platen/v1/down/{any}/config", note: "and command" },
    Rule {
        who: "service.ingest*",
        may: "publish",
        topic: "platen/v1/down/{any}/ack",
        note: "an ack frees disk on the edge",
    },
    Rule { who: "service.canary", may: "publish", topic: "platen/v1/status/service.canary", note: "and nothing else" },
    Rule {
        who: "service.canary",
        may: "subscribe",
        topic: "platen/v1/status/service.canary",
        note: "and nothing else",
    },
];

/// The table as text.
pub fn table() -> String {
    let width = |field: fn(&Rule) -> &'static str| RULES.iter().map(|rule| field(rule).len()).max().unwrap_or(0);
    let (who, may, topic) = (width(|rule| rule.who), width(|rule| rule.may), width(|rule| rule.topic));
    let mut text = String::new();
    for rule in &RULES {
        text.push_str(&format!("{:who$}  {:may$}  {:topic$}  {}\n", rule.who, rule.may, rule.topic, rule.note));
    }
    text.push_str(
        "\nEverything else is refused: other topics, other spellings, $share, retained messages that are no status.\n",
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::acl::{may_publish, may_subscribe};
    use schemas::id::AgentCn;

    #[test]
    fn every_line_of_the_table_is_what_the_functions_allow() {
        for rule in &RULES {
            let cn: AgentCn = match rule.who {
                "TENANT.AGENT" => "acme.one",
                "service.*" => "service.portal",
                "service.ingest*" => "service.ingest2",
                own => own,
            }
            .parse()
            .unwrap();
            let topic = rule
                .topic
                .replace("{partition}", &cn.partition().to_string())
                .replace("{cn}", cn.as_str())
                .replace("{any}", "acme.two");
            let allowed = match rule.may {
                "publish" => may_publish(&cn, &topic).is_ok(),
                _ => may_subscribe(&cn, &topic).is_ok(),
            };
            assert!(allowed, "{rule:?}");
        }
        assert_eq!(table().lines().count(), RULES.len() + 2);
    }
}
