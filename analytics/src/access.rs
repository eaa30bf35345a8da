//! Who may see what on a ClickHouse server: statements for users, grants and row policies, as text for its administrator. A
//! second line of defence behind the predicate that every question carries. Pure.

use std::fmt::Write as _;

use schemas::store::{MIGRATIONS, statements};

/// Tables that billing and forecasts add rows to.
const BILLING_WRITES: [&str; 10] = [
    "contracts",
    "manual_reads",
    "meter_exchanges",
    "invoices",
    "invoice_lines",
    "invoice_reads",
    "invoice_holds",
    "forecasts",
    "supply_orders",
    "supply_stock",
];

/// All tables with a tenant, as the migrations make them.
pub fn tables() -> Vec<&'static str> {
    let of_tenants = MIGRATIONS.iter().flat_map(|migration| {
        migration.sql.split("CREATE TABLE IF NOT EXISTS ").skip(1).filter_map(|rest| {
            let (name, columns) = rest.split_once(" (")?;
            columns.trim_start().starts_with("tenant ").then_some(name)
        })
    });
    of_tenants.collect()
}

/// The statements for a database and some tenants, one a line but for comments, each ended by a semicolon.
pub fn render(database: &str, tenants: &[&str]) -> String {
    let mut text = String::from(
        "-- Run as an administrator, again after each migration. Nobody can log in before a password and a host are given:\n\
         --   ALTER USER platen_tenant_acme IDENTIFIED BY '…' HOST ANY;\n\
         -- In the server's configuration, under access_control_improvements:\n\
         --   users_without_row_policies_can_read_rows = false, throw_on_unmatched_row_policies = true,\n\
         --   settings_constraints_replace_previous = true\n\n\
         CREATE USER IF NOT EXISTS platen_ingest NOT IDENTIFIED HOST NONE;\n\
         CREATE USER IF NOT EXISTS platen_billing NOT IDENTIFIED HOST NONE;\n\
         -- Two settings say in which order a question works; all others stay closed to readers.\n\
         CREATE SETTINGS PROFILE IF NOT EXISTS platen_reader SETTINGS readonly = 1, max_threads CHANGEABLE_IN_READONLY, \
         optimize_aggregation_in_order CHANGEABLE_IN_READONLY;\n",
    );
    // Writing to a string cannot fail.
    let _ = writeln!(text, "GRANT SELECT, INSERT, CREATE TABLE, CREATE VIEW ON {database}.* TO platen_ingest;");
    let _ = writeln!(text, "GRANT SELECT ON {database}.* TO platen_billing;");
    for table in BILLING_WRITES {
        let _ = writeln!(text, "GRANT INSERT ON {database}.{table} TO platen_billing;");
    }
    for tenant in tenants {
        let user = format!("platen_tenant_{tenant}");
        let _ = writeln!(
            text,
            "\nCREATE USER IF NOT EXISTS {user} NOT IDENTIFIED HOST NONE SETTINGS PROFILE 'platen_reader';\n\
             GRANT SELECT ON {database}.* TO {user};"
        );
    }
    for table in tables() {
        let _ = writeln!(
            text,
            "\nCREATE ROW POLICY IF NOT EXISTS platen_all ON {database}.{table} USING 1 TO platen_ingest, platen_billing;"
        );
        for tenant in tenants {
            let _ = writeln!(
                text,
                "CREATE ROW POLICY IF NOT EXISTS platen_tenant_{tenant} ON {database}.{table} USING tenant = '{tenant}' TO platen_tenant_{tenant};"
            );
        }
    }
    text
}

/// The single statements of [`render`].
pub fn single(text: &str) -> Vec<String> {
    statements(text)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_table_of_the_schema_has_a_policy_for_every_tenant_and_one_for_the_services() {
        let text = render("platen", &["acme", "globex"]);
        let all = tables();
        assert!(all.contains(&"polls") && all.contains(&"counter_day") && all.contains(&"invoices"), "{all:?}");
        for migration in MIGRATIONS {
            for statement in statements(migration.sql).iter().filter(|text| text.starts_with("CREATE TABLE")) {
                let name = statement["CREATE TABLE IF NOT EXISTS ".len()..].split(' ').next().unwrap();
                assert!(all.contains(&name), "{name} has no tenant in front, so no policy can part it");
            }
        }
        for table in all {
            assert_eq!(text.matches(&format!(" ON platen.{table} USING ")).count(), 3, "{table}");
        }
        assert!(!text.contains("ALTER TABLE") && !text.contains("DELETE"));
    }

    #[test]
    fn every_table_that_this_part_adds_rows_to_is_granted_to_it_and_no_other() {
        let code = [include_str!("ledger/store.rs"), include_str!("supplies/store.rs")].concat();
        let written: BTreeSet<&str> =
            code.split("self.insert(\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        assert!(written.contains("invoices") && written.contains("forecasts"), "{written:?}");
        assert_eq!(written, BILLING_WRITES.into_iter().collect());
        let text = render("platen", &["acme"]);
        for table in written {
            assert!(text.contains(&format!("GRANT INSERT ON platen.{table} TO platen_billing;")), "{table}");
        }
    }
}
