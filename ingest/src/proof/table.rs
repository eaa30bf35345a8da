//! The books for people.

use comfy_table::presets::UTF8_BORDERS_ONLY;
use comfy_table::{CellAlignment, Table};

use super::{Epoch, Proof};
use crate::limits::NAMED_MAX;

impl Proof {
    /// As a table for people, with a verdict at the end.
    pub fn table(&self) -> String {
        let mut table = Table::new();
        table.load_style(UTF8_BORDERS_ONLY).set_header([
            "agent",
            "epoch",
            "taken",
            "oldest",
            "found",
            "held",
            "rejected",
            "dropped",
            "lost",
            "open",
            "two ids",
            "polls taken",
            "in batches",
            "stored",
            "missing",
            "closes",
        ]);
        let stated = |value: Option<u64>| value.map_or_else(|| "?".to_owned(), |value| value.to_string());
        for epoch in &self.epochs {
            let Epoch { polls, .. } = epoch;
            table.add_row([
                epoch.cn.clone(),
                format!("{}{}", epoch.epoch, if epoch.ended { " (ended)" } else { "" }),
                stated(epoch.taken),
                stated(epoch.oldest),
                epoch.found.to_string(),
                epoch.held.to_string(),
                epoch.rejected.to_string(),
                epoch.dropped.to_string(),
                epoch.lost.to_string(),
                epoch.open.to_string(),
                epoch.conflicts.to_string(),
                stated(polls.taken),
                polls.in_batches.to_string(),
                polls.stored.to_string(),
                (polls.missing + polls.short).to_string(),
                if epoch.closes { "yes" } else { "NO" }.to_owned(),
            ]);
        }
        for column in table.column_iter_mut().skip(2) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        let mut text = format!("{table}\n");
        for epoch in &self.epochs {
            text.push_str(&remarks(epoch));
        }
        if self.unreadable > 0 {
            text.push_str(&format!("{} payloads had no readable header; their bytes are kept\n", self.unreadable));
        }
        let verdict = if self.closes { "the books close" } else { "THE BOOKS DO NOT CLOSE" };
        text.push_str(&format!(
            "{verdict}: {} epochs, lost {}, dropped {}, polls in batches {}, polls stored {}\n",
            self.epochs.len(),
            self.lost,
            self.dropped,
            self.polls_in_batches,
            self.polls_stored
        ));
        text
    }
}

/// What a table row cannot say.
fn remarks(epoch: &Epoch) -> String {
    let mut text = String::new();
    let mut remark = |words: String| text.push_str(&format!("{} epoch {}: {words}\n", epoch.cn, epoch.epoch));
    for [first, last] in &epoch.lost_spans {
        remark(format!("LOST seqs {first} to {last}: not in batches, not dropped, not held by the agent"));
    }
    for drop in epoch.drops.iter().take(NAMED_MAX) {
        remark(format!("dropped seqs {} to {} with {} polls: {}", drop.from, drop.to, drop.polls, drop.cause));
    }
    if epoch.conflicts > 0 {
        remark(format!(
            "{} seqs have two payloads (a cloned or restored agent), such as {:?}; both count",
            epoch.conflicts, epoch.conflict_seqs
        ));
    }
    if epoch.polls.unledgered > 0 {
        remark(format!(
            "{} polls are stored, unledgered: their payload has no line in batches (yet)",
            epoch.polls.unledgered
        ));
    }
    if epoch.polls.missing > 0 {
        remark(format!("{} polls of committed payloads have no row of their own", epoch.polls.missing));
    }
    if epoch.polls.short > 0 {
        remark(format!("{} polls that the agent states are neither in batches nor dropped", epoch.polls.short));
    }
    if epoch.taken.is_none() {
        remark("the agent has stated nothing of it yet".to_owned());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_names_what_is_lost() {
        let epoch = Epoch { cn: "acme.one".into(), lost: 1, lost_spans: vec![[1, 1]], ..Epoch::default() };
        let proof = Proof {
            version: 1,
            closes: false,
            lost: 1,
            dropped: 0,
            polls_stored: 0,
            polls_in_batches: 50,
            unreadable: 0,
            epochs: vec![epoch],
        };
        let text = proof.table();
        assert!(text.contains("LOST seqs 1 to 1") && text.contains("DO NOT CLOSE"), "{text}");
    }
}
