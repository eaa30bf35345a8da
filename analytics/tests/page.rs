//! The page docs/from-reads-to-a-line.md: each of its examples is billed and must give what stands under it.

use std::collections::BTreeSet;

use serde_json::Value;

const PAGE: &str = include_str!("../../docs/from-reads-to-a-line.md");

#[test]
fn every_example_of_the_page_gives_what_the_page_says() {
    let mut sections = BTreeSet::new();
    for part in PAGE.split("\n## ").skip(1) {
        let title = part.lines().next().unwrap();
        let Some((_, rest)) = part.split_once("```json\n") else { continue };
        let (case, after) = rest.split_once("```").unwrap();
        let case: Value = serde_json::from_str(case).unwrap_or_else(|error| panic!("{title}: {error}"));
        let answer = analytics::simulate::answer(&case, 1);
        assert_eq!(answer.ignored, Vec::<String>::new(), "{title}");
        let mut found = Vec::new();
        facts("", &answer.line["expected"], &mut found);
        let gives = after.trim_start().strip_prefix("gives ").unwrap_or_else(|| panic!("{title}: no `gives`"));
        let said: Vec<&str> = gives.lines().next().unwrap().split('`').skip(1).step_by(2).collect();
        assert!(!said.is_empty(), "{title}");
        for fact in said {
            let at = found.iter().position(|of| of == fact);
            let at = at.unwrap_or_else(|| panic!("{title}: {fact} is not among {found:?}\n{}", answer.line));
            found.remove(at); // what stands there twice must come out twice
        }
        // Nothing odd may be kept back.
        let flags: Vec<&String> = found.iter().filter(|fact| fact.starts_with("flags ")).collect();
        assert!(flags.is_empty(), "{title}: {flags:?}");
        sections.extend(
            title
                .split(['§', ',', ')', ' '])
                .filter(|word| word.starts_with(|c: char| c.is_ascii_digit()))
                .map(|word| word[..1].to_owned()),
        );
    }
    assert_eq!(sections.into_iter().collect::<String>(), "1234567", "an example for each section of the rules");
}

/// `key value` for every leaf, with the key above it where that is a name: `closing hp:A/total 1500`, `qty 500`.
fn facts(key: &str, value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, of) in fields {
                match (key, name.as_str()) {
                    ("closing", name) => found.push(format!("closing {name} {}", of["u"])),
                    ("carry", name) => found.push(format!("carry {name} {of}")),
                    (_, name) => facts(name, of, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| facts(key, item, found)),
        Value::String(text) => found.push(format!("{key} {text}")),
        Value::Number(number) => found.push(format!("{key} {number}")),
        Value::Null | Value::Bool(_) => {}
    }
}
