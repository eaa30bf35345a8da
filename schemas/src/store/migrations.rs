//! The numbered DDL, compiled in.

/// One file of DDL. Shipped files are never edited; a change is a new number.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    pub number: u32,
    pub name: &'static str,
    pub sql: &'static str,
}

macro_rules! migrations {
    ($($number:literal $name:literal),* $(,)?) => {
        &[$(Migration { number: $number, name: $name, sql: include_str!(concat!("../../sql/", $name, ".sql")) }),*]
    };
}

pub const MIGRATIONS: &[Migration] = migrations![
    1 "0001_polls",
    2 "0002_batches",
    3 "0003_books",
    4 "0004_events_plans",
    5 "0005_counter_day",
    6 "0006_counter_last",
    7 "0007_supplies",
    8 "0008_device_last",
    9 "0009_alerts",
    10 "0010_contracts",
    11 "0011_invoices",
    12 "0012_supply_day",
    13 "0013_forecasts",
];

/// The single statements of a file, without comment lines: ClickHouse takes one a request.
pub fn statements(sql: &str) -> Vec<String> {
    let code: String =
        sql.lines().filter(|line| !line.trim_start().starts_with("--")).map(|line| format!("{line}\n")).collect();
    code.split(";\n").map(str::trim).filter(|statement| !statement.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::billing::{
        ContractRow, HoldRow, InvoiceLineRow, InvoiceReadRow, InvoiceRow, ManualReadRow, MeterExchangeRow,
    };
    use crate::store::supplies::{ForecastRow, SupplyOrderRow, SupplyStockRow};
    use crate::store::{BatchRow, DropRow, EventRow, KeptRow, PlanRow, PollRow, RejectedRecordRow, StatsRow};
    use clickhouse::Row;

    #[test]
    fn every_statement_can_be_repeated_and_asks_no_clock() {
        for migration in MIGRATIONS {
            assert!(migration.name.starts_with(&format!("{:04}_", migration.number)));
            for statement in statements(migration.sql) {
                assert!(statement.contains("IF NOT EXISTS"), "{}: {statement}", migration.name);
                for clock in ["now(", "now64(", "today("] {
                    assert!(!statement.contains(clock), "{}: {statement}", migration.name);
                }
            }
        }
    }

    #[test]
    fn views_hold_only_aggregates_that_a_repeat_does_not_change() {
        for migration in MIGRATIONS {
            for statement in
                statements(migration.sql).iter().filter(|statement| statement.contains("MATERIALIZED VIEW"))
            {
                for forbidden in ["sum(", "count(", "avg(", "any(", "anyLast(", "groupArray("] {
                    assert!(!statement.contains(forbidden), "{}: {forbidden}", migration.name);
                }
            }
        }
    }

    /// Column names of a table in DDL order, Nested flattened.
    fn columns(table: &str) -> Vec<String> {
        let start = format!("CREATE TABLE IF NOT EXISTS {table} (");
        let statement = MIGRATIONS.iter().flat_map(|m| statements(m.sql)).find(|s| s.starts_with(&start)).unwrap();
        let mut names = Vec::new();
        let mut nested = None;
        for line in statement.lines().skip(1) {
            let line = line.trim();
            let word = line.split_whitespace().next().unwrap_or_default();
            if word.starts_with(')') {
                if nested.take().is_none() {
                    break;
                }
            } else if line.ends_with("Nested (") {
                nested = Some(word.to_owned());
            } else {
                names.push(nested.as_ref().map_or_else(|| word.to_owned(), |outer| format!("{outer}.{word}")));
            }
        }
        names
    }

    #[test]
    fn rows_have_the_columns_of_their_tables_in_order() {
        fn check<R: Row>(table: &str) {
            assert_eq!(R::COLUMN_NAMES, columns(table), "{table}");
        }
        check::<PollRow>("polls");
        check::<BatchRow>("batches");
        check::<KeptRow>("kept");
        check::<RejectedRecordRow>("rejected_records");
        check::<StatsRow>("stats");
        check::<DropRow>("drops");
        check::<EventRow>("events");
        check::<PlanRow>("plans");
        check::<ContractRow>("contracts");
        check::<ManualReadRow>("manual_reads");
        check::<MeterExchangeRow>("meter_exchanges");
        check::<InvoiceRow>("invoices");
        check::<InvoiceLineRow>("invoice_lines");
        check::<InvoiceReadRow>("invoice_reads");
        check::<HoldRow>("invoice_holds");
        check::<ForecastRow>("forecasts");
        check::<SupplyOrderRow>("supply_orders");
        check::<SupplyStockRow>("supply_stock");
    }
}
