//! What people and other programs say about orders of supplies: confirmations, from the command line or from CSV, and counts of
//! stock. A file is taken as a whole or not at all.

use std::collections::BTreeMap;
use std::io::Read;

use schemas::store::supplies::{SupplyOrderRow, SupplyStockRow};
use serde::Deserialize;

use super::supplies::millis;
use crate::billing::calendar::Instant;
use crate::ledger::store::WriteError;
use crate::limits::SUPPLY_ROWS_MAX;
use crate::read::{ReadError, TenantStore};
use crate::supplies::order::{Order, State, orders};

#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    #[error("{name}:{line}: {problem}")]
    Line { name: String, line: usize, problem: String },
    #[error("{name} has more than {SUPPLY_ROWS_MAX} rows; split it")]
    TooLong { name: String },
    #[error("there is no order {0}; `analytics supplies orders` lists them")]
    Unknown(String),
    #[error("order {id} is {is} and cannot become {next}")]
    State { id: String, is: State, next: State },
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// All orders of a tenant, and rows that no state allows.
///
/// # Errors
/// [`ReadError`].
pub async fn all(store: &TenantStore) -> Result<(Vec<Order>, Vec<String>), ReadError> {
    Ok(orders(&store.supply_orders().await?))
}

/// What is said of one order.
#[derive(Debug, Deserialize)]
pub struct Confirmation {
    pub order: String,
    pub state: State,
    #[serde(default)]
    pub source: String,
    #[serde(default)]
    pub note: String,
}

/// Takes confirmations in; how many. Saying again what is so already changes nothing.
///
/// # Errors
/// [`OrderError`]; nothing is written then.
pub async fn confirm(store: &TenantStore, said: Vec<Confirmation>, now: Instant) -> Result<usize, OrderError> {
    let known: BTreeMap<String, Order> =
        all(store).await?.0.into_iter().map(|order| (order.id.clone(), order)).collect();
    let rows = changes(store.tenant(), &known, said, now)?;
    store.add_supply_orders(&rows).await?;
    Ok(rows.len())
}

fn changes(
    tenant: &str,
    known: &BTreeMap<String, Order>,
    said: Vec<Confirmation>,
    now: Instant,
) -> Result<Vec<SupplyOrderRow>, OrderError> {
    let mut rows = Vec::new();
    for one in said {
        let order = known.get(&one.order).ok_or_else(|| OrderError::Unknown(one.order.clone()))?;
        if order.state == one.state {
            continue;
        }
        if !order.state.may_become(one.state) {
            return Err(OrderError::State { id: one.order, is: order.state, next: one.state });
        }
        let source = if one.source.is_empty() { "manual" } else { &one.source };
        rows.push(order.row(tenant, millis(now), one.state, source, &one.note));
    }
    Ok(rows)
}

/// Confirmations from CSV `order,state[,source][,note]`.
///
/// # Errors
/// [`OrderError`], naming file and line.
pub fn confirmations(name: &str, from: impl Read) -> Result<Vec<Confirmation>, OrderError> {
    rows(name, from)
}

/// A count of stock in CSV: `site,model,supply,count[,source][,note]`.
#[derive(Debug, Deserialize)]
struct Count {
    site: String,
    model: String,
    supply: String,
    count: u32,
    #[serde(default)]
    source: String,
    #[serde(default)]
    note: String,
}

/// Takes counts of stock in; how many.
///
/// # Errors
/// [`OrderError`]; nothing is written then.
pub async fn stock(store: &TenantStore, name: &str, from: impl Read, now: Instant) -> Result<usize, OrderError> {
    let counts = rows::<Count>(name, from)?.into_iter().map(|count| SupplyStockRow {
        tenant: store.tenant().to_owned(),
        site: count.site,
        model: count.model,
        supply: count.supply,
        ts: millis(now),
        count: count.count,
        source: if count.source.is_empty() { "import".to_owned() } else { count.source },
        note: count.note,
    });
    let counts: Vec<SupplyStockRow> = counts.collect();
    store.add_supply_stock(&counts).await?;
    Ok(counts.len())
}

fn rows<T: serde::de::DeserializeOwned>(name: &str, from: impl Read) -> Result<Vec<T>, OrderError> {
    let mut file = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(from);
    let mut rows = Vec::new();
    // The header is line 1.
    for (row, line) in file.deserialize::<T>().zip(2..) {
        if rows.len() == SUPPLY_ROWS_MAX {
            return Err(OrderError::TooLong { name: name.to_owned() });
        }
        let problem = |error: csv::Error| OrderError::Line { name: name.to_owned(), line, problem: error.to_string() };
        rows.push(row.map_err(problem)?);
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(state: &str) -> BTreeMap<String, Order> {
        let row = SupplyOrderRow { order_id: "a".into(), ts: 5, state: state.into(), ..SupplyOrderRow::default() };
        orders(&[row]).0.into_iter().map(|order| (order.id.clone(), order)).collect()
    }

    fn said(text: &str) -> Vec<Confirmation> {
        confirmations("c.csv", text.as_bytes()).unwrap()
    }

    #[test]
    fn a_confirmation_moves_an_order_on_and_saying_it_again_changes_nothing() {
        let rows =
            changes("acme", &known("proposed"), said("order,state,note\na,shipped,parcel 7\n"), Instant(1)).unwrap();
        assert_eq!(
            (rows[0].state.as_str(), rows[0].note.as_str(), rows[0].source.as_str()),
            ("shipped", "parcel 7", "manual")
        );
        assert!(changes("acme", &known("shipped"), said("order,state\na,shipped\n"), Instant(1)).unwrap().is_empty());
    }

    #[test]
    fn an_unknown_order_a_step_back_and_a_wrong_word_are_refused() {
        let back = changes("acme", &known("shipped"), said("order,state\na,ordered\n"), Instant(1));
        assert!(matches!(back, Err(OrderError::State { .. })));
        let unknown = changes("acme", &known("shipped"), said("order,state\nb,installed\n"), Instant(1));
        assert!(matches!(unknown, Err(OrderError::Unknown(_))));
        let wrong = confirmations("c.csv", "order,state\na,sent\n".as_bytes());
        assert!(matches!(wrong, Err(OrderError::Line { line: 2, .. })), "{wrong:?}");
    }
}
