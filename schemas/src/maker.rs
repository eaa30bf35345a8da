//! The closed table of makers: an enterprise number or a name on the device becomes a slug that never changes.
//!
//! The slug is part of a device's key, so a row is never renamed. Numbers: IANA private enterprise numbers.

/// (slug, name for people, enterprise numbers, beginnings of names in lower case)
type Row = (&'static str, &'static str, &'static [u32], &'static [&'static str]);

const TABLE: &[Row] = &[
    ("apple", "Apple", &[63], &["apple"]),
    ("avision", "Avision", &[], &["avision"]),
    ("brother", "Brother", &[2435], &["brother"]),
    ("canon", "Canon", &[1602], &["canon"]),
    ("citizen", "Citizen", &[], &["citizen"]),
    ("datamax", "Datamax", &[], &["datamax"]),
    ("dell", "Dell", &[674], &["dell"]),
    ("develop", "Develop", &[], &["develop"]),
    ("dymo", "DYMO", &[], &["dymo"]),
    ("epson", "Epson", &[1248], &["epson", "seiko epson"]),
    ("fujifilm", "FUJIFILM", &[297], &["fujifilm", "fuji xerox", "fujixerox", "fx ", "fuji film"]),
    ("gestetner", "Gestetner", &[], &["gestetner"]),
    ("godex", "GoDEX", &[], &["godex"]),
    ("hp", "HP", &[11], &["hp", "hewlett-packard", "hewlett packard"]),
    ("intermec", "Intermec", &[1963], &["intermec"]),
    ("kodak", "Kodak", &[], &["kodak", "eastman kodak"]),
    ("konicaminolta", "Konica Minolta", &[18334, 2590], &["konica", "minolta", "km "]),
    ("kyocera", "Kyocera", &[1347], &["kyocera"]),
    ("lanier", "Lanier", &[], &["lanier"]),
    ("lexmark", "Lexmark", &[641], &["lexmark"]),
    ("mimaki", "Mimaki", &[], &["mimaki"]),
    ("nashuatec", "Nashuatec", &[], &["nashuatec", "nrg", "rex-rotary"]),
    ("oce", "Oce", &[1552], &["oce", "océ"]),
    ("oki", "OKI", &[2001], &["oki"]),
    ("olivetti", "Olivetti", &[], &["olivetti"]),
    ("panasonic", "Panasonic", &[258], &["panasonic"]),
    ("pantum", "Pantum", &[40093], &["pantum"]),
    ("ricoh", "Ricoh", &[367], &["ricoh", "aficio", "infotec"]),
    ("riso", "Riso", &[24807], &["riso"]),
    ("roland", "Roland", &[], &["roland"]),
    ("samsung", "Samsung", &[236], &["samsung"]),
    ("sato", "SATO", &[], &["sato"]),
    ("savin", "Savin", &[], &["savin"]),
    ("sharp", "Sharp", &[2385], &["sharp"]),
    ("sindoh", "Sindoh", &[], &["sindoh"]),
    ("tallygenicom", "TallyGenicom", &[], &["tally", "tallygenicom", "printronix"]),
    ("toshiba", "Toshiba", &[1129], &["toshiba"]),
    ("tsc", "TSC", &[], &["tsc"]),
    ("utax", "UTAX", &[], &["utax", "ta triumph", "triumph-adler", "triumph adler", "ta_utax", "ta utax"]),
    ("xerox", "Xerox", &[253], &["xerox"]),
    ("zebra", "Zebra", &[10642], &["zebra", "ztc"]),
];

/// A maker that is in no row.
pub const UNKNOWN: &str = "other";

/// Enterprise numbers whose agents sit in devices of other makers too, so that a name that is known decides instead:
/// JetDirect cards and their imitations (11), PEER networks (1229 and 683), net-snmp (2021, 8072), and makers whose
/// engines are sold under other names (Kyocera 1347, Ricoh 367, Konica Minolta 18334, Samsung 236, Fuji Xerox 297, Lexmark
/// 641, OKI 2001, Toshiba 1129).
const SHARED: &[u32] = &[11, 683, 1229, 2021, 8072, 1347, 367, 18334, 236, 297, 641, 2001, 1129];

/// The slug of a device's maker.
///
/// `enterprise` is the number after 1.3.6.1.4.1 in sysObjectID; `name` is what the device calls its maker or model
/// (IEEE 1284 MFG, hrDeviceDescr or sysDescr). The number decides, except where it is shared and the name is known.
pub fn slug(enterprise: Option<u32>, name: &str) -> &'static str {
    let by_number = enterprise.and_then(|number| TABLE.iter().find(|row| row.2.contains(&number)).map(|row| row.0));
    let shared = enterprise.is_none_or(|number| SHARED.contains(&number));
    match by_number {
        Some(slug) if !shared => slug,
        _ => by_name(name).or(by_number).unwrap_or(UNKNOWN),
    }
}

/// The slug of a device that calls itself several things, the surest first: the first of them that is known decides as in
/// [`slug`], and without one the number.
pub fn slug_of<'a>(enterprise: Option<u32>, names: impl IntoIterator<Item = &'a str>) -> &'static str {
    let known = names.into_iter().find(|name| by_name(name).is_some());
    slug(enterprise, known.unwrap_or_default())
}

/// The maker's name for people; empty for a slug that is in no row.
pub fn name(slug: &str) -> &'static str {
    TABLE.iter().find(|row| row.0 == slug).map_or("", |row| row.1)
}

/// Names of product lines that tell the maker and belong to the model.
const LINES: &[&str] = &["aficio"];

/// A model without the maker's name before it.
pub fn without<'a>(model: &'a str, slug: &str) -> &'a str {
    let Some(row) = TABLE.iter().find(|row| row.0 == slug) else { return model.trim() };
    let mut rest = model.trim();
    // `Hewlett-Packard HP LaserJet`, `KONICA MINOLTA bizhub`.
    let makers = || row.3.iter().filter(|name| !LINES.contains(name));
    while let Some(shorter) = makers().find_map(|beginning| stripped(rest, beginning)) {
        rest = shorter;
    }
    rest
}

fn stripped<'a>(text: &'a str, beginning: &str) -> Option<&'a str> {
    let (head, rest) = text.split_at_checked(beginning.trim_end().len())?;
    let whole = rest.chars().next().is_some_and(|c| !c.is_alphanumeric());
    (whole && head.eq_ignore_ascii_case(beginning.trim_end())).then(|| rest.trim_start_matches([' ', '_', '-']))
}

fn by_name(name: &str) -> Option<&'static str> {
    let name = name.trim().to_lowercase();
    TABLE.iter().find(|row| row.3.iter().any(|beginning| begins(&name, beginning))).map(|row| row.0)
}

/// `hp` begins `hp laserjet` but not `hpe chassis`.
fn begins(name: &str, beginning: &str) -> bool {
    name.strip_prefix(beginning)
        .is_some_and(|rest| beginning.ends_with(' ') || !rest.chars().next().is_some_and(char::is_alphanumeric))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Golden: a slug is part of a billing key, so these answers never change.
    #[test]
    fn slugs_never_change() {
        for (enterprise, name, slug_expected) in [
            (Some(11), "HP Color LaserJet flow MFP M880", "hp"),
            (Some(11), "Hewlett-Packard", "hp"),
            (Some(11), "Kyocera FS-1020D", "kyocera"),
            (Some(11), "", "hp"),
            (Some(1347), "ECOSYS P2040dw", "kyocera"),
            (Some(1347), "UTAX P-4532DN", "utax"),
            (Some(367), "RICOH Aficio MP C3002", "ricoh"),
            (Some(367), "LANIER MP C3002", "lanier"),
            (Some(2435), "", "brother"),
            (Some(1602), "HP imitation", "canon"),
            (Some(641), "Lexmark CX725", "lexmark"),
            (Some(674), "Dell S5830dn", "dell"),
            (Some(297), "FUJIFILM Apeos C7580", "fujifilm"),
            (Some(18334), "KONICA MINOLTA bizhub C250i", "konicaminolta"),
            (Some(18334), "Develop ineo+ 250i", "develop"),
            (Some(10642), "ZTC ZT410", "zebra"),
            (Some(99_999), "Samsung M4080FX", "samsung"),
            (None, "Xerox AltaLink C8045", "xerox"),
            (None, "hpe chassis", "other"),
            (Some(99_999), "Acme Printomatic", "other"),
        ] {
            assert_eq!(slug(enterprise, name), slug_expected, "{enterprise:?} {name:?}");
        }
    }

    #[test]
    fn the_name_for_people_leads_back_to_its_slug() {
        for row in TABLE {
            assert_eq!(by_name(row.1), Some(row.0), "{}", row.1);
        }
        assert_eq!(name("other"), "");
    }

    #[test]
    fn the_first_name_that_is_known_decides_where_the_number_is_shared() {
        assert_eq!(slug_of(Some(1347), ["ECOSYS", "TA_UTAX Printing System"]), "utax");
        assert_eq!(slug_of(Some(641), ["TOSHIBA e-STUDIO 525P"]), "toshiba");
        assert_eq!(slug_of(Some(2435), ["Kyocera"]), "brother");
        assert_eq!(slug_of(Some(11), ["", "Acme"]), "hp");
    }

    #[test]
    fn a_model_is_told_without_its_maker() {
        for (model, slug, rest) in [
            ("HP Color LaserJet flow MFP M880", "hp", "Color LaserJet flow MFP M880"),
            ("Hewlett-Packard HP LaserJet 4250", "hp", "LaserJet 4250"),
            ("KONICA MINOLTA bizhub C250i", "konicaminolta", "bizhub C250i"),
            ("FUJI XEROX ApeosPort", "fujifilm", "ApeosPort"),
            ("Dell S5830dn", "dell", "S5830dn"),
            ("HPE thing", "hp", "HPE thing"),
            ("HP", "hp", "HP"),
            ("Größe", "hp", "Größe"),
            ("P-4532DN", "utax", "P-4532DN"),
        ] {
            assert_eq!(without(model, slug), rest);
        }
    }

    #[test]
    fn no_number_stands_in_two_rows() {
        let mut numbers: Vec<u32> = TABLE.iter().flat_map(|row| row.2).copied().collect();
        numbers.sort_unstable();
        let count = numbers.len();
        numbers.dedup();
        assert_eq!(numbers.len(), count);
    }
}
