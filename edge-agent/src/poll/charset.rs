//! Texts of devices by their character set: the declared one, checked against the bytes, then what fits. Pure.
//!
//! Devices declare one character set and send another, so the bytes decide first: what is UTF-8 is UTF-8. Then the declared
//! set (prtLocalizationCharacterSet, IANA MIBenum), if the bytes are possible in it; then Shift JIS, if every byte pair is
//! one of Japanese text; then Latin-1. Never fails.

use encoding_rs::Encoding;

use super::charset_tables::{PC437, PC850, ROMAN8};
use super::profile::Profile;
use crate::snmp::{Table, mib};

/// A declared character set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Charset {
    Known(&'static Encoding),
    /// One character a byte; those of the upper half.
    Bytes(&'static str),
}

impl Charset {
    /// By IANA MIBenum. `None`: not stated, unknown, or UTF-8 and ASCII, which are tried anyway.
    pub fn of(mib_enum: i64) -> Option<Self> {
        let label = match mib_enum {
            4 => "windows-1252", // ISO 8859-1 and what is really sent for it
            5 => "iso-8859-2",
            6 => "iso-8859-3",
            7 => "iso-8859-4",
            8 => "iso-8859-5",
            9 => "iso-8859-6",
            10 => "iso-8859-7",
            11 => "iso-8859-8",
            12 => "windows-1254", // ISO 8859-9, Turkish
            13 => "iso-8859-10",
            17 | 2024 => "shift_jis",
            18 => "euc-jp",
            38 => "euc-kr",
            39 => "iso-2022-jp",
            109 => "iso-8859-13",
            110 => "iso-8859-14",
            111 => "iso-8859-15",
            112 => "iso-8859-16",
            113 | 2025 => "gbk",
            114 => "gb18030",
            1000 | 1013 | 1015 => "utf-16be",
            1014 => "utf-16le",
            2026 => "big5",
            2027 => "macintosh",
            2084 => "koi8-r",
            2088 => "koi8-u",
            2086 => "ibm866",
            2250 => "windows-1250",
            2251 => "windows-1251",
            2252 => "windows-1252",
            2253 => "windows-1253",
            2254 => "windows-1254",
            2255 => "windows-1255",
            2256 => "windows-1256",
            2257 => "windows-1257",
            2258 => "windows-1258",
            2259 => "windows-874",
            2004 => return Some(Self::Bytes(ROMAN8)),
            2009 => return Some(Self::Bytes(PC850)),
            2011 => return Some(Self::Bytes(PC437)),
            _ => return None,
        };
        Encoding::for_label(label.as_bytes()).map(Self::Known)
    }

    /// Two bytes a character, so that NUL is no end.
    pub fn is_wide(self) -> bool {
        matches!(self, Self::Known(encoding) if encoding == encoding_rs::UTF_16BE || encoding == encoding_rs::UTF_16LE)
    }

    fn decode(self, bytes: &[u8]) -> Option<String> {
        match self {
            Self::Known(encoding) => {
                encoding.decode_without_bom_handling_and_without_replacement(bytes).map(std::borrow::Cow::into_owned)
            }
            Self::Bytes(upper) => Some(
                bytes
                    .iter()
                    .map(|byte| match byte.checked_sub(0x80) {
                        None => char::from(*byte),
                        Some(place) => upper.chars().nth(usize::from(place)).unwrap_or('\u{fffd}'),
                    })
                    .collect(),
            ),
        }
    }
}

/// What prtLocalizationCharacterSet says for the localization of the panel (prtGeneralCurrentLocalization), else the first.
pub fn declared(table: &Table) -> Option<Charset> {
    Charset::of(stated(table)?)
}

/// The MIBenum of the declared set; a profile that knows better comes first.
pub fn declared_enum(table: &Table, profile: &Profile) -> Option<i64> {
    profile.quirks().charset.map(i64::from).or_else(|| stated(table))
}

fn stated(table: &Table) -> Option<i64> {
    let current = table.column(mib::PRT_GENERAL_CURRENT_LOCALIZATION).next().and_then(|(device, value)| {
        let index = u32::try_from(value.number()?).ok()?;
        table.number(mib::PRT_LOCALIZATION_CHARACTER_SET, &[device, &[index]].concat())
    });
    let first = || table.column(mib::PRT_LOCALIZATION_CHARACTER_SET).find_map(|(_, value)| value.number());
    current.or_else(first)
}

/// A text, and whether its character set is beyond doubt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    pub text: String,
    /// `false`: the bytes are not UTF-8, and what was declared does not fit or nothing was.
    pub sure: bool,
}

pub fn decode(bytes: &[u8], declared: Option<Charset>) -> Decoded {
    // UTF-16 looks like ASCII with NULs, so the declaration comes first there.
    if let Some(charset) = declared.filter(|charset| charset.is_wide())
        && bytes.len().is_multiple_of(2)
        && bytes.contains(&0)
        && let Some(text) = charset.decode(bytes)
    {
        return Decoded { text, sure: true };
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Decoded { text: text.to_owned(), sure: true };
    }
    if let Some(text) = declared.and_then(|charset| charset.decode(bytes)).filter(|text| is_text(text)) {
        return Decoded { text, sure: true };
    }
    let japanese = Charset::Known(encoding_rs::SHIFT_JIS).decode(bytes).filter(|text| is_japanese(text));
    let text = japanese.unwrap_or_else(|| bytes.iter().map(|byte| char::from(*byte)).collect());
    Decoded { text, sure: false }
}

/// Whether bytes are a text only in some character set.
pub fn is_doubtful(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_err()
}

/// No character that texts do not have.
fn is_text(text: &str) -> bool {
    !text.chars().any(|c| c == '\u{fffd}' || ('\u{80}'..='\u{9f}').contains(&c))
}

/// At least two characters of Japanese scripts, half of the text at least, and none beyond them and ASCII: chance pairs of
/// Latin-1 letters fail this.
fn is_japanese(text: &str) -> bool {
    let of_japanese =
        |c: char| matches!(c, '\u{3000}'..='\u{30ff}' | '\u{4e00}'..='\u{9fff}' | '\u{ff00}'..='\u{ffef}');
    let (all, japanese) = text
        .chars()
        .filter(|c| !c.is_whitespace())
        .fold((0, 0), |(all, japanese), c| (all + 1, japanese + usize::from(of_japanese(c))));
    japanese >= 2 && japanese * 2 >= all && text.chars().all(|c| c.is_ascii() || of_japanese(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: &[u8], mib_enum: i64) -> (String, bool) {
        let decoded = decode(bytes, Charset::of(mib_enum));
        (decoded.text, decoded.sure)
    }

    #[test]
    fn what_is_utf_8_is_utf_8_whatever_is_declared() {
        assert_eq!(text("Tóner".as_bytes(), 4), ("Tóner".to_owned(), true));
        assert_eq!(text("请等待".as_bytes(), 2004), ("请等待".to_owned(), true));
    }

    #[test]
    fn the_declared_set_is_taken_if_the_bytes_are_possible_in_it() {
        for (bytes, declared, expected) in [
            (&b"stap. kopie\xcdn"[..], 2004, "stap. kopieën"),
            (b"TRYB U\xa6PIENIA", 5, "TRYB UŚPIENIA"),
            (b"R\xe9sum\xe9", 4, "Résumé"),
            (b"\xcf\xf0\xe8\xed\xf2\xe5\xf0", 2251, "Принтер"),
            (b"\x83g\x83i\x81[", 17, "トナー"),
            (b"\xce\xf8\xb9\xc4", 113, "硒鼓"),
            (b"caf\x82", 2009, "café"),
        ] {
            assert_eq!(text(bytes, declared), (expected.to_owned(), true), "{declared}");
        }
    }

    #[test]
    fn without_a_declaration_japanese_is_recognized_and_all_else_is_latin_1_in_doubt() {
        assert_eq!(text(b"\x83g\x83i\x81[", 0), ("トナー".to_owned(), false));
        assert_eq!(text(b"Tr\xe4ger f\xfcr \xd6l", 0), ("Träger für Öl".to_owned(), false));
        assert!(!text(b"\xff\xfe\xfd", 106).1);
    }

    #[test]
    fn tables_of_single_bytes_have_128_places() {
        for (name, upper) in [("roman8", ROMAN8), ("pc850", PC850), ("pc437", PC437)] {
            assert_eq!(upper.chars().count(), 128, "{name}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_decoded_in_any_declared_set(
            bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300), declared in 0i64..2300,
        ) {
            let decoded = decode(&bytes, Charset::of(declared));
            proptest::prop_assert!(bytes.is_empty() || !decoded.text.is_empty() || bytes.len() < 8);
        }
    }
}
