//! The acceptance cases of `../shared/billing`: every one must come out exactly as written there.
//!
//! Needs the folder `shared` beside the checkout, or where `PLATEN_SHARED` says.
#![cfg(feature = "recordings")]

use std::path::{Path, PathBuf};

use serde_json::Value;

#[test]
fn every_shared_billing_case_gives_exactly_what_it_expects() {
    let path = shared().join("billing/cases.json");
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("read {}: {error}; set PLATEN_SHARED to the shared folder", path.display()));
    let cases = analytics::simulate::cases_of(&text).unwrap();
    assert!(!cases.is_empty(), "{} holds no case", path.display());

    let mut wrong = Vec::new();
    for (case, place) in cases.iter().zip(1..) {
        let answer = analytics::simulate::answer(case, place).line;
        if answer["expected"] != case["expected"] || case["expected"] == Value::Null {
            wrong.push(format!(
                "case {} {}:\n  got      {answer}\n  expected {}",
                case["id"], case["name"], case["expected"]
            ));
        }
    }
    assert!(wrong.is_empty(), "{} of {} cases differ:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

fn shared() -> PathBuf {
    #[expect(clippy::disallowed_methods, reason = "a test finds its material here; it has no configuration")]
    let told = std::env::var("PLATEN_SHARED");
    told.map_or_else(|_| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"), PathBuf::from)
}
