//! Which supply a slot is, in the words of the forecaster, from what the Printer MIB says about it.
//! Promise: supplies of one device get different names; the same slot gets the same name on every device of a model.

use std::collections::BTreeSet;

use crate::forecast::series::{Eats, Supply};
use crate::read::levels::SupplyRow;

/// prtMarkerSuppliesClass (RFC 3805): a receptacle is filled, everything else is consumed.
const CLASS_RECEPTACLE: i64 = 4;
/// prtMarkerSuppliesType.
const TYPE_WASTE: [i64; 5] = [4, 8, 14, 24, 26];
const TYPE_DRUM: i64 = 9;
const TYPE_DEVELOPER: i64 = 10;
/// Fuser, its oil and cleaners, corona wire, transfer unit.
const TYPE_KIT: [i64; 8] = [11, 15, 16, 17, 18, 19, 20, 22];
const TYPE_TONER: [i64; 4] = [3, 5, 6, 21];

/// The supplies of one device, without reads, in the order of `rows`.
pub fn supplies(rows: &[&SupplyRow]) -> Vec<Supply> {
    let mut taken = BTreeSet::new();
    rows.iter()
        .map(|row| {
            let mut supply = supply(row);
            if !taken.insert(supply.name.clone()) {
                supply.name = format!("{} in {}", supply.name, row.slot);
                taken.insert(supply.name.clone());
            }
            supply
        })
        .collect()
}

fn supply(row: &SupplyRow) -> Supply {
    let words = format!("{} {}", row.color, row.description).to_lowercase();
    let says = |parts: &[&str]| parts.iter().any(|part| words.contains(part));
    let receptacle = row.class == CLASS_RECEPTACLE || TYPE_WASTE.contains(&row.kind) || says(&["waste"]);
    let color = COLORS.iter().find(|(name, _)| words.contains(name)).map(|(_, short)| *short);
    // A lasting part of one colour still turns with every page of the engine.
    let lasting = if receptacle {
        Some("waste")
    } else if row.kind == TYPE_DRUM || says(&["drum", "opc", "imaging", "photoconductor"]) {
        Some("drum")
    } else if row.kind == TYPE_DEVELOPER || says(&["developer"]) {
        Some("developer")
    } else if TYPE_KIT.contains(&row.kind) || says(&["fuser", "transfer", "belt", "maintenance", "kit", "roller"]) {
        Some("kit")
    } else {
        None
    };
    let name = match (lasting, color) {
        (Some(part), Some(color)) if part != "waste" => format!("{part} {color}"),
        (Some("kit"), None) => format!("kit {}", row.slot),
        (Some(part), _) => part.to_owned(),
        (None, Some(color)) => color.to_owned(),
        (None, None) if says(&["toner", "ink", "cartridge"]) || TYPE_TONER.contains(&row.kind) => "K".to_owned(),
        (None, None) => format!("slot {}", row.slot),
    };
    let eats =
        if lasting.is_none() && color.is_some_and(|color| color != "K") { Eats::ColorPages } else { Eats::AllPages };
    Supply { name, eats, receptacle, reads: Vec::new() }
}

/// The first that is found in the words counts: "light cyan" stands before "cyan".
const COLORS: [(&str, &str); 7] = [
    ("light cyan", "LC"),
    ("light magenta", "LM"),
    ("black", "K"),
    ("cyan", "C"),
    ("magenta", "M"),
    ("yellow", "Y"),
    ("photo", "PK"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn row(slot: &str, class: i64, kind: i64, color: &str, description: &str) -> SupplyRow {
        SupplyRow {
            device: "d".into(),
            slot: slot.into(),
            class,
            kind,
            color: color.into(),
            description: description.into(),
            part: String::new(),
        }
    }

    #[test]
    fn color_toner_is_eaten_by_color_pages_and_drums_by_all() {
        let cases = [
            (row("1.1", 3, 3, "cyan", "Toner"), "C", Eats::ColorPages, false),
            (row("1.1", 3, 3, "", "Yellow Toner Cartridge"), "Y", Eats::ColorPages, false),
            (row("1.1", 3, 3, "black", "Black Toner"), "K", Eats::AllPages, false),
            (row("1.1", 3, 9, "cyan", "Cyan Drum Unit"), "drum C", Eats::AllPages, false),
            (row("1.1", 4, 4, "", "Waste Toner Box"), "waste", Eats::AllPages, true),
            (row("1.1", 0, 0, "", "Cartridge HP CF258A"), "K", Eats::AllPages, false),
        ];
        for (row, name, eats, receptacle) in cases {
            let supply = supply(&row);
            assert_eq!((supply.name.as_str(), supply.eats, supply.receptacle), (name, eats, receptacle), "{row:?}");
        }
    }

    #[test]
    fn two_of_a_kind_in_one_device_have_two_names() {
        let (a, b) = (row("1.1", 3, 3, "black", "Toner"), row("1.2", 3, 3, "black", "Toner"));
        let names: Vec<String> = supplies(&[&a, &b]).into_iter().map(|supply| supply.name).collect();
        assert_eq!(names, ["K", "K in 1.2"]);
    }
}
