//! The text of a question: what stands in `sql/` for what is the same for every tenant, and how it is filled in. Pure.

use schemas::meter::CANONICAL;

/// A line with this stands once for each meter.
const EACH_MARK: &str = "$EACH";
/// What stands in a question where the canonical meters are meant.
const METERS_MARK: &str = "$METERS";
/// What stands in a question where the columns of a document are meant.
const HEADER_MARK: &str = "$HEADER";
const HEADER: &str = "toString(tenant) AS tenant, number, invoice, toString(kind) AS kind, contract, contract_version, \
    toInt32(period_start) AS period_start, toInt32(period_end) AS period_end, revision, toUInt32(as_of) AS as_of, \
    toUInt32(issued) AS issued, toString(currency) AS currency, total, lines, sha256, previous_sha256";

/// What stands in a question for the polls of a span that count (`from`, `to` and `as_of` are Unix seconds).
const SPAN_MARK: &str = "$SPAN";
const SPAN: &str =
    "polls.ts >= toDateTime({from:UInt32}, 'UTC') AND polls.ts < toDateTime({to:UInt32}, 'UTC') AND $COUNTED";
/// What stands in a question for polls that count: they had arrived, at a sure time, with values.
const COUNTED_MARK: &str = "$COUNTED";
const COUNTED: &str = "polls.received <= toDateTime({as_of:UInt32}, 'UTC') AND clock = 0 AND outcome <= 1";

/// A question with what is the same for every tenant filled in.
pub fn filled(sql: &str) -> String {
    let sql = sql.replace(METERS_MARK, &CANONICAL.join(", ")).replace(HEADER_MARK, HEADER);
    sql.replace(SPAN_MARK, SPAN).replace(COUNTED_MARK, COUNTED)
}

/// Repeats the lines that stand for a meter.
pub fn for_each(sql: &str, meters: &[&str]) -> String {
    let mut text = String::with_capacity(sql.len() * 2);
    for line in sql.lines().filter(|line| !line.starts_with("--")) {
        if line.contains(EACH_MARK) {
            for meter in meters {
                text.push_str(&line.replace(EACH_MARK, meter));
                text.push('\n');
            }
        } else {
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_with_the_mark_stands_once_for_each_meter() {
        assert_eq!(
            for_each("-- $EACH\nSELECT [\n  max($EACH),\n  0]", &["total", "a3"]),
            "SELECT [\n  max(total),\n  max(a3),\n  0]\n"
        );
        assert_eq!(for_each("SELECT [\n  max($EACH),\n  0]", &[]), "SELECT [\n  0]\n");
    }
}
