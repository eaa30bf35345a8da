//! `validate`: everything that can be checked without the network, each finding with the next step.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use service::clock::Clock;
use service::exit::{Exit, Failure};

use super::{load, print};
use crate::config::{AgentConfig, Mode};
use crate::discover::Ranges;
use crate::publish::tls;

/// Exits with 1 if anything must be done before the agent can work.
pub(super) fn validate(file: &Path) -> Result<Exit, Failure> {
    let config = load(file)?;
    let checks = [
        ("configuration", Ok(file.display().to_string())),
        ("certificates", certificates(&config)),
        ("data directory", data_dir(&config)),
        ("ranges", ranges(&config)),
    ];
    let mut text = String::new();
    for (what, outcome) in &checks {
        let (word, line) = match outcome {
            Ok(line) => ("ok", line),
            Err(line) => ("WRONG", line),
        };
        text.push_str(&format!("{word:<6} {what}: {line}\n"));
    }
    print(&text)?;
    Ok(if checks.iter().all(|(_, outcome)| outcome.is_ok()) { Exit::Done } else { Exit::Failed })
}

fn certificates(config: &AgentConfig) -> Result<String, String> {
    let identity = tls::load(&config.files()).map_err(|error| error.to_string())?;
    let left = identity.expires - Clock::system().wall().as_second();
    if left < 0 {
        return Err(format!("the certificate of {} expired {} days ago; issue a new one", identity.cn, -left / 86_400));
    }
    Ok(format!("{} is valid for {} more days", identity.cn, left / 86_400))
}

fn data_dir(config: &AgentConfig) -> Result<String, String> {
    let dir = &config.agent.data_dir;
    crate::pipeline::prepare_dir(dir).map_err(|error| format!("{error}; create it, owned by the agent's user"))?;
    let mode = std::fs::metadata(dir).map_err(|error| error.to_string())?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(format!("{} is open to others (mode {mode:o}); run chmod 700 on it", dir.display()));
    }
    let probe = dir.join("validate.probe");
    let written =
        std::fs::File::create(&probe).and_then(|mut file| file.write_all(b"probe").and_then(|()| file.sync_all()));
    let removed = std::fs::remove_file(&probe);
    written
        .and(removed)
        .map_err(|error| format!("{} cannot be written: {error}; give it to the agent's user", dir.display()))?;
    if config.spool.mode == Mode::Disk
        && let Ok(stat) = rustix::fs::statvfs(dir)
    {
        let free = stat.f_bavail.saturating_mul(stat.f_frsize);
        let needed = config.spool.disk_free_min_bytes;
        if free < needed {
            return Err(format!("{free} bytes are free, spool.disk_free_min_bytes wants {needed}; make room"));
        }
    }
    Ok(dir.display().to_string())
}

fn ranges(config: &AgentConfig) -> Result<String, String> {
    let ranges = Ranges::new(&config.ranges).map_err(|error| error.to_string())?;
    ranges.check_some().map_err(|error| error.to_string())?;
    Ok(format!("{} addresses and names", ranges.len()))
}
