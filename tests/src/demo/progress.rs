//! The progress display: a bar where somebody watches, a line a simulated day where nobody does.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressStyle};
use jiff::Timestamp;

/// What the demo says while it runs, on stderr.
#[derive(Debug)]
pub(super) struct Progress {
    bar: Option<ProgressBar>,
    hours: u64,
}

impl Progress {
    pub(super) fn new(hours: u64) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(hours);
            let style = ProgressStyle::with_template("{bar:30} {pos}/{len} h  {elapsed} gone, {eta} to go  {msg}");
            if let Ok(style) = style {
                bar.set_style(style);
            }
            bar
        });
        Self { bar, hours }
    }

    /// A stage of the demo begins or something happened.
    pub(super) fn say(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.println(text),
            None => super::print_error(text),
        }
    }

    /// A simulated hour has passed.
    pub(super) fn hour(&self, hour: u64, at: Timestamp) {
        let day = at.strftime("%Y-%m-%d");
        match &self.bar {
            Some(bar) => {
                bar.set_position(hour);
                bar.set_message(day.to_string());
            }
            None if hour.is_multiple_of(24) => super::print_error(&format!("  {day}  hour {hour} of {}", self.hours)),
            None => {}
        }
    }

    pub(super) fn done(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
