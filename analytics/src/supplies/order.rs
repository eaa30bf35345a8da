//! An order of a supply and the states it passes: proposed, ordered, shipped, installed; cancelled from any of the first three.
//! Every change is a row; the order is what its rows add up to. Promise: a row that no state allows changes nothing and is named.

use std::fmt;
use std::str::FromStr;

use schemas::store::supplies::SupplyOrderRow;
use serde::{Deserialize, Serialize};

use crate::forecast::swap::Swap;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// The forecast asks for it; nobody has done anything.
    Proposed,
    Ordered,
    Shipped,
    /// The change of the cartridge was seen.
    Installed,
    Cancelled,
}

impl State {
    /// Something is still to come.
    pub fn open(self) -> bool {
        match self {
            State::Proposed | State::Ordered | State::Shipped => true,
            State::Installed | State::Cancelled => false,
        }
    }

    /// Steps may be skipped, never taken back.
    pub fn may_become(self, next: State) -> bool {
        self.open() && next > self
    }

    pub fn name(self) -> &'static str {
        match self {
            State::Proposed => "proposed",
            State::Ordered => "ordered",
            State::Shipped => "shipped",
            State::Installed => "installed",
            State::Cancelled => "cancelled",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for State {
    type Err = String;

    fn from_str(text: &str) -> Result<State, String> {
        let all = [State::Proposed, State::Ordered, State::Shipped, State::Installed, State::Cancelled];
        let found = all.into_iter().find(|state| state.name() == text);
        found.ok_or_else(|| format!("{text:?} is no state; proposed, ordered, shipped, installed or cancelled"))
    }
}

/// One order. Moments are Unix milliseconds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Order {
    pub id: String,
    pub device: String,
    pub slot: String,
    pub supply: String,
    pub site: String,
    pub state: State,
    /// Days since 1970.
    pub ship_by: u16,
    pub opened_ms: i64,
    pub changed_ms: i64,
    pub changes: Vec<Change>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    pub ms: i64,
    pub state: State,
    pub source: String,
    pub note: String,
}

/// Orders from their rows (by order and time), and what was wrong with rows that do not fit.
pub fn orders(rows: &[SupplyOrderRow]) -> (Vec<Order>, Vec<String>) {
    let (mut found, mut wrong): (Vec<Order>, Vec<String>) = (Vec::new(), Vec::new());
    for row in rows {
        let state = match row.state.parse::<State>() {
            Ok(state) => state,
            Err(error) => {
                wrong.push(format!("order {}: {error}", row.order_id));
                continue;
            }
        };
        let change = Change { ms: row.ts, state, source: row.source.clone(), note: row.note.clone() };
        match found.last_mut().filter(|order| order.id == row.order_id) {
            Some(order) if order.state.may_become(state) => {
                order.state = state;
                order.changed_ms = row.ts;
                order.changes.push(change);
            }
            Some(order) if order.state == state => order.changes.push(change),
            Some(order) => wrong.push(format!("order {} is {} and cannot become {state}", order.id, order.state)),
            None => found.push(Order {
                id: row.order_id.clone(),
                device: row.device.clone(),
                slot: row.slot.clone(),
                supply: row.supply.clone(),
                site: row.site.clone(),
                state,
                ship_by: row.ship_by,
                opened_ms: row.ts,
                changed_ms: row.ts,
                changes: vec![change],
            }),
        }
    }
    (found, wrong)
}

impl Order {
    /// The change of the cartridge that ends this order: one that was seen after it was opened and that is no shaken cartridge.
    pub fn closed_by<'a>(&self, swaps: &'a [Swap]) -> Option<&'a Swap> {
        let opened = self.opened_ms as f64 / 86_400_000.0;
        swaps.iter().find(|swap| swap.at > opened && !swap.doubtful())
    }

    /// The row that changes it.
    pub fn row(&self, tenant: &str, ms: i64, state: State, source: &str, note: &str) -> SupplyOrderRow {
        SupplyOrderRow {
            tenant: tenant.to_owned(),
            order_id: self.id.clone(),
            device: self.device.clone(),
            slot: self.slot.clone(),
            // Two changes of one order never share a moment, so that their order stays.
            ts: ms.max(self.changed_ms + 1),
            state: state.name().to_owned(),
            supply: self.supply.clone(),
            site: self.site.clone(),
            ship_by: self.ship_by,
            source: source.to_owned(),
            note: note.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: &str, ts: i64, state: &str) -> SupplyOrderRow {
        SupplyOrderRow { order_id: id.to_owned(), ts, state: state.to_owned(), ..SupplyOrderRow::default() }
    }

    #[test]
    fn an_order_is_what_its_rows_add_up_to() {
        let rows = [row("a", 1, "proposed"), row("a", 2, "shipped"), row("b", 1, "proposed"), row("b", 5, "cancelled")];
        let (orders, wrong) = orders(&rows);
        assert_eq!(orders.iter().map(|order| order.state).collect::<Vec<_>>(), [State::Shipped, State::Cancelled]);
        assert_eq!(orders[0].changes.len(), 2);
        assert!(wrong.is_empty());
    }

    #[test]
    fn nothing_becomes_of_what_is_over_and_no_step_is_taken_back() {
        let rows = [row("a", 1, "shipped"), row("a", 2, "ordered"), row("a", 3, "installed"), row("a", 4, "shipped")];
        let (orders, wrong) = orders(&rows);
        assert_eq!(orders[0].state, State::Installed);
        assert_eq!(wrong.len(), 2, "{wrong:?}");
        assert!(!State::Cancelled.may_become(State::Ordered) && !State::Installed.may_become(State::Cancelled));
    }
}
