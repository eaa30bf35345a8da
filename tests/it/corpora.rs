//! The fuzzer's seeds and all that it ever found, through the same functions as under `make fuzz`.

use std::path::{Path, PathBuf};

#[expect(unreachable_pub, reason = "the same files are a crate of their own under `make fuzz`")]
#[path = "../../fuzz/src/lib.rs"]
mod fuzz;

/// Seeds and regressions of all targets together: they are read by people, and cloned by everybody.
const BYTES_MAX: u64 = 128 * 1024;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz")
}

fn inputs(kind: &str, target: &str) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder().join(kind).join(target)) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

#[test]
fn every_seed_and_every_input_that_was_once_mishandled_keeps_the_promises_of_its_reader() {
    for (name, target) in fuzz::TARGETS {
        let seeds = inputs("seeds", name);
        assert!(!seeds.is_empty(), "fuzz/seeds/{name} is empty");
        for path in seeds.into_iter().chain(inputs("regressions", name)) {
            let bytes = std::fs::read(&path).unwrap();
            let held = std::panic::catch_unwind(|| target(&bytes));
            assert!(held.is_ok(), "{} breaks a promise (above)", path.display());
            // A reader meets whatever was cut off on the way.
            for end in 0..bytes.len().min(256) {
                target(&bytes[..end]);
            }
        }
    }
}

#[test]
fn every_target_has_its_binary_and_the_corpora_stay_small() {
    let manifest = std::fs::read_to_string(folder().join("Cargo.toml")).unwrap();
    let mut bytes = 0;
    for (name, _) in fuzz::TARGETS {
        assert!(manifest.contains(&format!("path = \"targets/{name}.rs\"")), "{name} is no binary of fuzz/Cargo.toml");
        let binary = std::fs::read_to_string(folder().join(format!("targets/{name}.rs"))).unwrap();
        assert!(binary.contains(&format!("platen_fuzz::{name}(data)")), "targets/{name}.rs calls another target");
        for path in inputs("seeds", name).into_iter().chain(inputs("regressions", name)) {
            bytes += path.metadata().unwrap().len();
        }
    }
    assert!(bytes <= BYTES_MAX, "{bytes} bytes of seeds and regressions, at most {BYTES_MAX}");
}
