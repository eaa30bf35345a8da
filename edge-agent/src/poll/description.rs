//! What the description of a supply gives away: part number, serial number, color, and a guess at its kind. Pure.
//!
//! Makers put them into prtMarkerSuppliesDescription in their own ways: `Black Toner, PN 006R01509;SN48178080E0000481`,
//! `Cyan Cartridge HP CF331A`, `Black Toner Cartridge S/N:CRUM-13021812345`, `TK-5140C`. What does not look like a number
//! of its kind is left out; a color that occurs beside another one is none.

/// What a description says. `None` and empty = it does not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    pub part: Option<String>,
    pub serial: Option<String>,
    /// In lower case, English, `black`, `light cyan`.
    pub color: Option<&'static str>,
    /// RFC 3805 PrtMarkerSuppliesTypeTC, guessed from words.
    pub kind: Option<i32>,
}

pub fn read(description: &str) -> Told {
    let lower = description.to_lowercase();
    let part = part(description);
    let by_part = part.as_deref().and_then(color_of_part);
    Told { serial: serial(description), color: color(&lower).or(by_part), kind: kind(&lower, part.as_deref()), part }
}

/// Beginnings after which a serial or part number follows.
const SERIAL_MARKS: [&str; 5] = ["s/n", "serial number", "serial no", "serial", ";sn"];
const PART_MARKS: [&str; 5] = ["p/n", "part number", "part no", ", pn", " pn"];

fn serial(text: &str) -> Option<String> {
    SERIAL_MARKS.iter().find_map(|mark| after(text, mark)).filter(|number| number.len() >= 5)
}

fn part(text: &str) -> Option<String> {
    let marked = PART_MARKS.iter().find_map(|mark| after(text, mark)).filter(|number| number.len() >= 4);
    marked.or_else(|| hp(text)).or_else(|| {
        words(text).map(|word| word.trim_matches(['(', ')', '[', ']'])).find(|word| is_part(word)).map(str::to_owned)
    })
}

/// The number after a mark, up to what no number has in it. Placeholders are none.
fn after(text: &str, mark: &str) -> Option<String> {
    // Positions of the lower-case text are those of the text only where both have the same length.
    let lower = text.to_ascii_lowercase();
    let rest = text.get(lower.find(mark)? + mark.len()..)?.trim_start_matches([' ', ':', '.', '#', '=']);
    let number = rest.split([';', ',', ' ', ')', '(', '|']).next()?.trim();
    let placeholder = ["unknown", "none", "n/a", "null"].contains(&number.to_lowercase().as_str());
    let plain = number.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '/' | '.' | '_'));
    let telling = number.chars().any(|c| c.is_ascii_digit()) && !number.ends_with('-');
    (plain && telling && !placeholder && number.len() <= 64).then(|| number.to_owned())
}

/// `HP CF331A`, `Transfer Kit HP D7H14A`, `Fuser Kit HP 110V-C1N54A, 220V-C1N58A` (the first).
fn hp(text: &str) -> Option<String> {
    let rest = text.get(text.rfind("HP")? + 2..)?;
    let mut numbers = rest.split([' ', ',', '-', '(', ')', ';', '\0']);
    numbers
        .find(|word| {
            let digits = word.chars().filter(char::is_ascii_digit).count();
            (5..=8).contains(&word.len())
                && word.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit())
                && digits >= 2
                && digits < word.len()
        })
        .map(str::to_owned)
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split([' ', ',', ';', '\0']).filter(|word| !word.is_empty())
}

/// Beginnings of part numbers that are followed by digits: Kyocera and its sisters, Brother, Canon, Epson, Ricoh, Lexmark.
const FAMILIES: [&str; 24] = [
    "TK-", "DK-", "DV-", "FK-", "MK-", "WT-", "PK-", "CK-", "TN-", "TN", "DR-", "DR", "BU-", "LC-", "LC", "NPG-",
    "GPR-", "C-EXV", "PFI-", "T", "MLT-", "CLT-", "AR-", "MX-",
];

/// A word that is a part number by itself; several joined by `/` too (`T9441/T9451/T9461`).
fn is_part(word: &str) -> bool {
    if word.contains('/') {
        return word.len() <= 40 && word.split('/').all(|one| is_part(one) && one.starts_with('T'));
    }
    let xerox = word.len() == 9
        && word.as_bytes()[3] == b'R'
        && word.bytes().enumerate().all(|(place, byte)| place == 3 || byte.is_ascii_digit());
    xerox
        || FAMILIES.iter().any(|family| {
            let Some(rest) = word.strip_prefix(family) else { return false };
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let letter_first = rest.bytes().take_while(u8::is_ascii_uppercase).count();
            let enough = if family.len() == 1 {
                digits >= 4
            } else {
                digits >= 2
                    || (family.ends_with('-')
                        && letter_first <= 1
                        && rest.len() >= 4
                        && rest.bytes().any(|byte| byte.is_ascii_digit()))
            };
            enough && rest.len() <= 10 && rest.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
        })
}

/// `TK-5140C`, `TK-8345CS`, `CK-8511Y`: the letter after the number.
fn color_of_part(part: &str) -> Option<&'static str> {
    let kyocera = ["TK-", "PK-", "CK-", "DV-"].iter().any(|family| part.starts_with(family));
    let tail = part
        .trim_start_matches(|c: char| c.is_ascii_uppercase() || c == '-')
        .trim_start_matches(|c: char| c.is_ascii_digit());
    match (kyocera, tail.as_bytes()) {
        (true, [b'K', ..]) => Some("black"),
        (true, [b'C', ..]) => Some("cyan"),
        (true, [b'M', ..]) => Some("magenta"),
        (true, [b'Y', ..]) => Some("yellow"),
        _ => None,
    }
}

/// (color, words for it). Longer names stand before those that they contain.
const COLORS: &[(&str, &[&str])] = &[
    ("matte black", &["matte black", "mattschwarz", "noir mat", "matt black"]),
    ("photo black", &["photo black", "fotoschwarz", "noir photo"]),
    ("light black", &["light black"]),
    ("light gray", &["light gray", "light grey", "hellgrau"]),
    ("light cyan", &["light cyan", "hellcyan", "cyan clair"]),
    ("light magenta", &["light magenta", "hellmagenta", "magenta clair"]),
    (
        "black",
        &[
            "black",
            "schwarz",
            "noir",
            "noire",
            "negro",
            "negra",
            "nero",
            "preto",
            "zwart",
            "svart",
            "sort",
            "musta",
            "czarn",
            "čern",
            "fekete",
            "siyah",
            "чёрн",
            "черн",
            "ブラック",
            "黒",
            "黑",
            "블랙",
            "검정",
        ],
    ),
    ("cyan", &["cyan", "zyan", "cian", "cyaan", "syaani", "azurov", "голуб", "シアン", "青", "시안"]),
    ("magenta", &["magenta", "purpur", "пурпур", "マゼンタ", "品红", "品紅", "洋红", "마젠타"]),
    (
        "yellow",
        &[
            "yellow",
            "gelb",
            "jaune",
            "amarillo",
            "amarelo",
            "giallo",
            "geel",
            "gul",
            "keltainen",
            "żółt",
            "zolt",
            "žlut",
            "sárga",
            "sarı",
            "жёлт",
            "желт",
            "イエロー",
            "黄",
            "黃",
            "옐로우",
            "노랑",
        ],
    ),
    ("gray", &["gray", "grey", "grau", "gris", "grigio"]),
    ("red", &["red", "rot", "rouge", "rojo"]),
    ("green", &["green", "grün", "vert", "verde"]),
    ("blue", &["blue", "blau", "bleu", "azul"]),
    ("orange", &["orange"]),
    ("violet", &["violet"]),
    ("white", &["white", "weiß"]),
];

fn color(lower: &str) -> Option<&'static str> {
    let mut rest = lower.to_owned();
    let mut found = Vec::new();
    for (name, words) in COLORS {
        for word in *words {
            if contains_word(&rest, word) {
                rest = rest.replace(word, " ");
                if !found.contains(name) {
                    found.push(name);
                }
            }
        }
    }
    match found.as_slice() {
        [only] => Some(only),
        _ => None,
    }
}

/// A word at its beginning: `rot` is in `Toner rot`, not in `Rotor`. Scripts without blanks are searched anywhere.
fn contains_word(text: &str, word: &str) -> bool {
    let free = word.chars().next().is_some_and(|c| c >= '\u{1100}');
    let short = word.chars().count() <= 4;
    text.match_indices(word).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        free || !(before.is_some_and(char::is_alphabetic) || (short && after.is_some_and(char::is_alphabetic)))
    })
}

/// (PrtMarkerSuppliesTypeTC, words of which one must occur). The first that fits counts.
const KINDS: &[(i32, &[&str])] = &[
    (
        4,
        &["waste toner", "resttoner", "toner waste", "residual toner", "récupération", "vaschetta", "廃トナー", "废粉"],
    ),
    (8, &["waste ink", "ink waste", "maintenance box", "maintenance cartridge", "encre usagée", "resttinte"]),
    (10, &["developer", "entwickler", "développ", "revelador", "現像"]),
    (
        9,
        &[
            "drum",
            "opc",
            "photoconduct",
            "imaging unit",
            "bildtrommel",
            "trommel",
            "tambour",
            "tamburo",
            "tambor",
            "ドラム",
            "硒鼓",
        ],
    ),
    (15, &["fuser", "fusing", "fixier", "fuseur", "fusore", "fusor", "定着"]),
    (18, &["belt cleaner", "cleaner", "cleaning"]),
    (20, &["transfer", "belt", "転写"]),
    (32, &["staple", "heftklammer", "agrafe", "grapa", "ステープル"]),
    (3, &["toner", "тонер", "トナー", "碳粉", "墨粉"]),
    (5, &["ink", "tinte", "encre", "tinta", "inchiostro", "インク", "墨水"]),
    (7, &["ribbon", "farbband"]),
];

fn kind(lower: &str, part: Option<&str>) -> Option<i32> {
    let by_words =
        KINDS.iter().find(|(_, words)| words.iter().any(|word| contains_word(lower, word))).map(|(kind, _)| *kind);
    let by_part = || {
        let part = part?;
        [("TK-", 3), ("PK-", 3), ("CK-", 3), ("DK-", 9), ("DV-", 10), ("FK-", 15), ("WT-", 4), ("TN-", 3), ("DR-", 9)]
            .into_iter()
            .find_map(|(family, kind)| part.starts_with(family).then_some(kind))
    };
    by_words.or_else(by_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn part_and_serial_numbers_are_found_in_the_ways_of_the_makers() {
        for (text, part, serial) in [
            ("Black Toner, PN 006R01509;SN48178080E0000481", Some("006R01509"), Some("48178080E0000481")),
            ("Waste Toner Container, PN 008R13061;SNunknown", Some("008R13061"), None),
            ("Fuser, PN unknown;SNunknown", None, None),
            ("Cyan Cartridge HP CF331A", Some("CF331A"), None),
            ("Transfer Kit HP D7H14A\0", Some("D7H14A"), None),
            ("Fuser Kit HP 110V-C1N54A, 220V-C1N58A", Some("C1N54A"), None),
            ("Clean Rollers HP None", None, None),
            ("TK-1162", Some("TK-1162"), None),
            ("PK-3010S", Some("PK-3010S"), None),
            ("Black Ink Supply Unit T9441/T9451/T9461", Some("T9441/T9451/T9461"), None),
            ("Black Toner Cartridge S/N:CRUM-", None, None),
            ("Black Toner Cartridge S/N:CRUM-13021812345", None, Some("CRUM-13021812345")),
            ("Fuser S/N:", None, None),
            ("Toner Cartridge, Part Number: 62D1H0E, Serial Number CAH1712345", Some("62D1H0E"), Some("CAH1712345")),
            ("Black Toner Cartridge OKI DATA CORP", None, None),
            ("Drum Cartridge (R1), PN 013R00662;SN5238EF80E000048E", Some("013R00662"), Some("5238EF80E000048E")),
            ("Black Toner Cartridge TN-241BK", Some("TN-241BK"), None),
            ("Tray 1 Retard Roller Life", None, None),
            ("Maintenance Kit", None, None),
        ] {
            let told = read(text);
            assert_eq!((told.part.as_deref(), told.serial.as_deref()), (part, serial), "{text}");
        }
    }

    #[test]
    fn colors_are_read_in_several_languages_and_never_from_parts_of_other_words() {
        for (text, color) in [
            ("Black Toner Cartridge", Some("black")),
            ("CANON Matte Black Ink Tank", Some("matte black")),
            ("Toner gelb", Some("yellow")),
            ("Cartouche de toner jaune", Some("yellow")),
            ("Tóner magenta", Some("magenta")),
            ("Тонер голубой", Some("cyan")),
            ("ブラックトナー", Some("black")),
            ("Toner (Cyan)", Some("cyan")),
            ("TK-5140Y", Some("yellow")),
            ("TK-1162", None),
            ("Tri-color cartridge cyan magenta yellow", None),
            ("Rotor", None),
            ("Fusing Unit", None),
            ("Toner rot", Some("red")),
        ] {
            assert_eq!(read(text).color, color, "{text}");
        }
    }

    #[test]
    fn a_kind_is_guessed_from_words_and_part_numbers() {
        for (text, kind) in [
            ("Waste Toner Box", Some(4)),
            ("Cyan Photoconductive Drum", Some(9)),
            ("Fusing Unit", Some(15)),
            ("Black Toner 1", Some(3)),
            ("Maintenance Box", Some(8)),
            ("Transfer Belt Cleaner, PN 001R00613", Some(18)),
            ("Second Bias Transfer Roll", Some(20)),
            ("DK-3150", Some(9)),
            ("Stapler 1 HP C8091A", Some(32)),
            ("ADF Roller", None),
        ] {
            assert_eq!(read(text).kind, kind, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_description_is_read_without_panic(text in ".{0,200}") {
            let told = read(&text);
            for number in [told.part, told.serial].into_iter().flatten() {
                proptest::prop_assert!(number.len() <= 64 && !number.is_empty());
            }
        }
    }
}
