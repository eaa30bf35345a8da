//! `analytics forecast backtest` and `plot` on a folder, as a stranger runs them: optional files may be missing, every row is
//! answered, a repeat gives the same bytes, and what lies after an origin changes nothing.
#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Output};

/// Two devices, 200 days from 2025-01-01, a cartridge for 5000 pages; `shift` is added to everything read from day 150 on.
fn write_fleet(dir: &Path, shift: i64) {
    let mut readings = String::from("device,supply,ts,level,max,pages,pages_color\n");
    for (device, per_day) in [("a", 100), ("b", 160)] {
        for day in 0..200_i64 {
            let pages = day * per_day;
            let later = if day >= 150 { shift } else { 0 };
            let level = (100 - pages % 5_000 * 100 / 5_000 + later).rem_euclid(101);
            let ts = jiff::Timestamp::from_second(1_735_689_600 + day * 86_400 + 36_000).unwrap();
            writeln!(readings, "{device},K,{ts},{level},100,{},", pages + 7 * later).unwrap();
        }
    }
    std::fs::write(dir.join("readings.csv"), readings).unwrap();
    std::fs::write(dir.join("devices.csv"), "device,site,model,first_seen\na,s,m,2025-01-01\nb,s,m,\n").unwrap();
    std::fs::write(dir.join("pairs.csv"), "device,supply,origin\na,K,2025-05-30\nb,K,2025-05-30\nb,K,2025-04-01\n")
        .unwrap();
}

fn analytics(dir: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_analytics")).current_dir(dir).args(arguments).output().unwrap()
}

fn backtest(dir: &Path) -> String {
    let run = analytics(dir, &["forecast", "backtest", "--data", ".", "--pairs", "pairs.csv", "--out", "out.csv"]);
    assert!(run.status.success(), "{run:?}");
    assert!(String::from_utf8_lossy(&run.stderr).contains("3 of 3 rows forecast"), "{run:?}");
    std::fs::read_to_string(dir.join("out.csv")).unwrap()
}

#[test]
fn a_folder_without_catalog_holidays_and_truth_is_forecast_and_the_future_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    write_fleet(dir.path(), 0);
    let first = backtest(dir.path());
    assert_eq!(first, backtest(dir.path()), "a repeat gives the same bytes");
    assert_eq!(first.lines().count(), 4);
    // 14 800 pages before 2025-05-30: the third cartridge has given 4800 of 5000 pages, about two days are left.
    let days: Vec<f64> = first.lines().nth(1).unwrap().split(',').skip(3).map(|cell| cell.parse().unwrap()).collect();
    assert!(days[0] <= days[1] && days[1] <= days[2] && days[1] < 4.0, "{days:?}");
    write_fleet(dir.path(), 41);
    assert_eq!(first, backtest(dir.path()), "reads from day 150 on lie after every origin");
}

#[test]
fn a_row_that_cannot_be_read_is_named_and_nothing_is_written() {
    let dir = tempfile::tempdir().unwrap();
    write_fleet(dir.path(), 0);
    std::fs::write(dir.path().join("holidays.csv"), "date\n2025-13-01\n").unwrap();
    let run =
        analytics(dir.path(), &["forecast", "backtest", "--data", ".", "--pairs", "pairs.csv", "--out", "out.csv"]);
    assert_eq!(run.status.code(), Some(64));
    let said = String::from_utf8_lossy(&run.stderr).into_owned();
    assert!(said.contains("holidays.csv") && said.contains("2025-13-01"), "{said}");
    assert!(!dir.path().join("out.csv").exists());
}

#[test]
fn a_plot_shows_the_levels_the_forecast_and_the_change() {
    let dir = tempfile::tempdir().unwrap();
    write_fleet(dir.path(), 0);
    let plot =
        ["forecast", "plot", "--data", ".", "--device", "a", "--supply", "K", "--origin", "2025-05-20", "-o", "a.svg"];
    let run = analytics(dir.path(), &plot);
    assert!(run.status.success(), "{run:?}");
    let svg = std::fs::read_to_string(dir.path().join("a.svg")).unwrap();
    for wanted in ["forecast of 2025-05-20", "P50 2025-05-", "new cartridge", "% left", "</svg>"] {
        assert!(svg.contains(wanted), "{wanted}");
    }
    let unknown =
        analytics(dir.path(), &["forecast", "plot", "--data", ".", "--device", "a", "--supply", "C", "-o", "-"]);
    assert_eq!(unknown.status.code(), Some(64));
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("it has K"));
}
