//! The finisher MIB (RFC 3806): staples, binding and other supplies of finishing devices, apart from those of the marker.

use schemas::wire;

use super::charset::{self, Charset};
use super::supplies::SupplyRow;
use super::text::text_in;
use crate::snmp::Table;

/// finSupplyEntry, 1.3.6.1.2.1.43.31.1.1.
const ENTRY: [u32; 10] = [1, 3, 6, 1, 2, 1, 43, 31, 1, 1];
/// finSupplyClass, Type, Description, Unit, MaxCapacity, CurrentLevel, ColorName.
const COLUMNS: [u32; 7] = [3, 4, 5, 6, 7, 8, 9];

pub fn columns() -> Vec<Vec<u32>> {
    COLUMNS.iter().map(|column| [&ENTRY[..], &[*column]].concat()).collect()
}

/// Rows of finSupplyTable; its fields mean what those of prtMarkerSuppliesTable mean.
pub fn supplies(table: &Table) -> Vec<SupplyRow> {
    supplies_in(table, charset::declared(table))
}

fn supplies_in(table: &Table, charset: Option<Charset>) -> Vec<SupplyRow> {
    let columns = columns();
    let [class, kind, description, unit, max, level, color] = columns.as_slice() else { return Vec::new() };
    let borrowed: Vec<&[u32]> = columns.iter().map(Vec::as_slice).collect();
    let text = |object: &[u32], index: &[u32]| table.bytes(object, index).map(|bytes| text_in(bytes, charset));
    table
        .rows(&borrowed)
        .into_iter()
        .map(|index| SupplyRow {
            class: table.number(class, &index),
            kind: table.number(kind, &index),
            description: text(description, &index),
            unit: table.number(unit, &index),
            max: table.number(max, &index),
            level: table.number(level, &index),
            colorant: text(color, &index),
            index,
            ..SupplyRow::default()
        })
        .collect()
}

pub fn wire(table: &Table) -> Vec<wire::Supply> {
    supplies(table).iter().map(|row| row.wire((None, None))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snmp::{Oid, Value};

    #[test]
    fn staples_are_read_as_supplies_of_the_finisher() {
        let mut table = Table::default();
        let mut put = |column: u32, value: Value| {
            table.insert(Oid::of(&ENTRY, &[column, 1, 1]), value);
        };
        put(3, Value::Integer(3));
        put(4, Value::Integer(32));
        put(5, Value::Bytes(b"Stapler 1".to_vec()));
        put(7, Value::Integer(5000));
        put(8, Value::Integer(-3));
        let supplies = wire(&table);
        assert_eq!(supplies.len(), 1);
        let staples = &supplies[0];
        assert_eq!((staples.index.as_str(), staples.kind, staples.level), ("1.1", Some(32), Some(-3)));
        assert_eq!((staples.max, staples.description.as_str()), (Some(5000), "Stapler 1"));
    }
}
