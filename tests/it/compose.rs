//! docker-compose.yml and the Dockerfile against the parts that they name. No container engine is needed, and none was at
//! hand: this holds names, files and settings, not that containers start.

use std::path::{Path, PathBuf};

use yaml_rust2::{Yaml, YamlLoader};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn compose() -> Yaml {
    let text = std::fs::read_to_string(root().join("docker-compose.yml")).unwrap();
    YamlLoader::load_from_str(&text).unwrap().remove(0)
}

/// The environment of a service.
fn environment(service: &str) -> Vec<(String, String)> {
    let compose = compose();
    let settings = compose["services"][service]["environment"].as_hash().unwrap().clone();
    settings.into_iter().map(|(name, value)| (name.into_string().unwrap(), value.into_string().unwrap())).collect()
}

#[test]
fn every_setting_in_the_compose_file_is_a_key_of_its_part() {
    // A secret is read from a file that exists only in the container.
    let local = |service: &str| {
        environment(service).into_iter().filter(|(name, _)| !name.ends_with("__PASSWORD")).collect::<Vec<_>>()
    };
    let check = |service: &str, result: Result<(), String>| assert_eq!(result, Ok(()), "{service}");
    check("broker", load::<broker::config::BrokerConfig>(local("broker")));
    check("ingest", load::<ingest::config::Config>(local("ingest")));
    check("analytics", load::<analytics::config::AnalyticsConfig>(local("analytics")));
    check("edge-agent", load::<edge_agent::config::AgentConfig>(local("edge-agent")));
}

fn load<T: service::config::Config>(environment: Vec<(String, String)>) -> Result<(), String> {
    service::config::load_with::<T>(None, environment).map(|_| ()).map_err(|error| error.to_string())
}

#[test]
fn every_image_is_built_from_a_package_that_exists() {
    let compose = compose();
    for (name, service) in compose["services"].as_hash().unwrap() {
        let Some(part) = service["build"]["args"]["PART"].as_str() else { continue };
        let folder = if part == "testbed" { "tests" } else { part };
        assert!(root().join(folder).join("Cargo.toml").exists(), "{name:?} builds {part}");
    }
    let dockerfile = std::fs::read_to_string(root().join("Dockerfile")).unwrap();
    assert!(dockerfile.contains("ARG PART") && dockerfile.contains("USER 10001"));
}

#[test]
fn no_container_may_gain_privileges_and_no_secret_stands_in_the_file() {
    let compose = compose();
    for name in ["broker", "ingest", "edge-agent", "analytics"] {
        let service = &compose["services"][name];
        let merged = &compose["x-part"];
        assert_eq!(merged["cap_drop"][0].as_str(), Some("ALL"), "{name}");
        assert!(service["privileged"].is_badvalue(), "{name}");
        for (key, value) in environment(name) {
            assert!(!key.ends_with("PASSWORD") || value.contains("file ="), "{name}: {key}");
        }
    }
}

#[test]
fn prometheus_scrapes_addresses_that_parts_listen_on_and_reads_rules_that_exist() {
    let folder = root().join("broker-config/dashboards");
    let text = std::fs::read_to_string(folder.join("prometheus.yml")).unwrap();
    let config = YamlLoader::load_from_str(&text).unwrap().remove(0);
    for file in config["rule_files"].as_vec().unwrap() {
        let rules = std::fs::read_to_string(folder.join(file.as_str().unwrap())).unwrap();
        let rules = YamlLoader::load_from_str(&rules).unwrap().remove(0);
        assert!(!rules["groups"][0]["rules"].as_vec().unwrap().is_empty());
    }
    for target in config["scrape_configs"][0]["static_configs"][0]["targets"].as_vec().unwrap() {
        let (part, port) = target.as_str().unwrap().split_once(':').unwrap();
        let listens = environment(part).into_iter().find(|(name, _)| name.ends_with("__HTTP__LISTEN")).unwrap().1;
        assert!(listens.ends_with(&format!(":{port}")), "{part} listens on {listens}, not on {port}");
    }
}
