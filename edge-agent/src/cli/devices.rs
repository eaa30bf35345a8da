//! `devices`: what the running agent wrote of its devices last.

use std::fmt::Write;
use std::path::Path;

use service::exit::{Exit, Failure, OrExit};

use super::{load, print};
use crate::traffic::{self, Traffic};

pub(super) fn devices(file: &Path, json: bool) -> Result<Exit, Failure> {
    let config = load(file)?;
    let dir = &config.agent.data_dir;
    let traffic = Traffic::read(dir)
        .map_err(|error| {
            let path = traffic::path(dir);
            format!(
                "read what the agent wrote in {}: {error}; has it polled yet, with spool.mode = \"disk\"?",
                path.display()
            )
        })
        .or_exit(Exit::Unavailable)?;
    if json {
        return print(&format!("{}\n", serde_json::to_string_pretty(&traffic).or_exit(Exit::Bug)?));
    }
    print(&table(&traffic))
}

fn table(traffic: &Traffic) -> String {
    let mut text = format!(
        "{:<24} {:>7} {:>9} {:>11} {:>14} {:>8}  {}\n",
        "device", "polls", "packets", "LAN bytes", "upstream bytes", "payloads", "pace"
    );
    for (address, line) in &traffic.devices {
        let _ = writeln!(
            text,
            "{:<24} {:>7} {:>9} {:>11} {:>14} {:>8}  {}",
            address.to_string(),
            line.polls,
            line.lan_packets,
            line.lan_bytes,
            line.upstream_bytes,
            line.upstream_payloads,
            line.pace
        );
    }
    let hours = traffic.written_at.saturating_sub(traffic.since).max(0) / 3_600;
    let _ = writeln!(text, "counted since the agent's start, {hours} hours before this was written");
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::taken::Cost;
    use crate::traffic::Spending;

    #[test]
    fn each_device_is_a_line_with_what_it_cost_in_both_directions() {
        let spending = Spending { polls: 3, lan: Cost { packets: 12, bytes: 2_900 }, plain_bytes: 10 };
        let traffic = Traffic::of(vec![(([192, 0, 2, 7], 161).into(), spending, "alert")], (410, 2));
        let text = table(&traffic);
        let cells: Vec<&str> = text.lines().nth(1).unwrap().split_whitespace().collect();
        assert_eq!(cells, ["192.0.2.7:161", "3", "12", "2900", "410", "2", "alert"]);
    }
}
