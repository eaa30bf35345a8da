//! Patterns for what devices write: `*` stands for any text, `?` for one character; capitals and blanks do not count.

use serde::{Deserialize, Deserializer};

/// A pattern, normalized.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(String);

impl Pattern {
    pub fn new(text: &str) -> Self {
        Self(normal(text))
    }

    /// Whether it fits the whole text.
    pub fn fits(&self, text: &str) -> bool {
        self.fits_normal(&normal(text))
    }

    /// Whether it fits a text that went through [`normal`] before.
    pub fn fits_normal(&self, text: &str) -> bool {
        let (pattern, text): (Vec<char>, Vec<char>) = (self.0.chars().collect(), text.chars().collect());
        let (mut at, mut from) = (0, 0);
        // Where to go on when what follows the last `*` turns out not to fit.
        let mut again: Option<(usize, usize)> = None;
        while from < text.len() {
            match pattern.get(at) {
                Some('*') => {
                    again = Some((at + 1, from));
                    at += 1;
                }
                Some(wanted) if *wanted == '?' || *wanted == text[from] => (at, from) = (at + 1, from + 1),
                _ => match &mut again {
                    Some((after, start)) => {
                        *start += 1;
                        (at, from) = (*after, *start);
                    }
                    None => return false,
                },
            }
        }
        pattern[at..].iter().all(|rest| *rest == '*')
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.trim().is_empty() || text.len() > 256 {
            return Err(serde::de::Error::custom("a pattern has 1 to 256 characters; * stands for any text"));
        }
        Ok(Self::new(&text))
    }
}

/// Lower case, single blanks, none around colons and slashes or at the ends.
pub fn normal(text: &str) -> String {
    let words = text.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ");
    words.replace(" :", ":").replace(": ", ":").replace(" /", "/").replace("/ ", "/")
}

/// A text as the end of a meter name: `Full Color Copy Count` becomes `full_color_copy_count`.
pub fn as_name(text: &str) -> String {
    let mut name = String::new();
    for c in normal(text).chars().take(48) {
        if c.is_ascii_alphanumeric() {
            name.push(c);
        } else if !name.ends_with('_') && !name.is_empty() {
            name.push('_');
        }
    }
    name.trim_end_matches('_').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_any_text_and_capitals_and_blanks_do_not_count() {
        for (pattern, text, fits) in [
            ("* color total count", "Full Color  Total Count", true),
            ("* color total count", "Color Total Count", false),
            ("counter:machine total", "Counter: Machine Total", true),
            ("*a3/dlt*", "A3 / DLT", true),
            ("hp *laserjet*", "HP Color LaserJet flow MFP", true),
            ("hp *laserjet*", "hpe laserjet", false),
            ("total (b*w*/large)", "Total (B&W/Large)", true),
            ("a*b*c", "aXbXbXc", true),
            ("a*b*c", "aXbXbX", false),
            ("copies", "copies left", false),
            ("?x", "ax", true),
            ("*", "", true),
        ] {
            assert_eq!(Pattern::new(pattern).fits(text), fits, "{pattern} {text}");
        }
    }

    #[test]
    fn a_label_becomes_the_end_of_a_meter_name() {
        assert_eq!(as_name("Scan to E-mail/FTP"), "scan_to_e_mail_ftp");
        assert_eq!(as_name("  (A4-R)  "), "a4_r");
        assert_eq!(as_name("原稿"), "");
    }

    proptest::proptest! {
        #[test]
        fn every_text_fits_itself_between_stars(text in "[a-z0-9()é]{0,60}", before in "[a-z]{0,20}", after in "[a-z]{0,20}") {
            let whole = format!("{before}{text}{after}");
            let (inside, around) = (format!("*{text}*"), format!("{before}*{after}"));
            proptest::prop_assert!(Pattern::new(&inside).fits(&whole));
            proptest::prop_assert!(Pattern::new(&around).fits(&whole));
        }

        #[test]
        fn any_pattern_meets_any_text_without_panic(pattern in ".{0,40}", text in ".{0,80}") {
            let _ = Pattern::new(&pattern).fits(&text);
        }
    }
}
