//! Bytes of a device become text, whatever they are.
//!
//! The character set is decided in [`super::charset`]. Control characters at the ends are padding and go; inside they become
//! blanks. At most 1,024 bytes. Never fails.

use schemas::limits::TEXT_BYTES_MAX;

use super::charset::{self, Charset};

/// The text in an octet string without padding, and without blanks at its ends: for all that leaves the agent.
pub fn label(bytes: &[u8]) -> String {
    text(bytes).trim().to_owned()
}

/// The text in an octet string as the device has it, without NUL padding.
pub fn text(bytes: &[u8]) -> String {
    text_in(bytes, None)
}

/// The same of a string for which the device declares a character set.
pub fn text_in(bytes: &[u8], declared: Option<Charset>) -> String {
    let decoded = charset::decode(until_nul(bytes, declared), declared).text;
    let inner = decoded.trim_matches(char::is_control);
    let clean: String = inner.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    cut(&clean).to_owned()
}

/// The bytes in hexadecimal, if it is in doubt which text they are.
pub fn doubtful(bytes: &[u8], declared: Option<Charset>) -> Option<String> {
    let bytes = until_nul(bytes, declared);
    (!charset::decode(bytes, declared).sure).then(|| hex::encode(bytes.get(..256).unwrap_or(bytes)))
}

/// The part before the first NUL, as the C string that it was; strings that begin with NUL lose those first. In UTF-16
/// every other byte is NUL.
fn until_nul(bytes: &[u8], declared: Option<Charset>) -> &[u8] {
    if declared.is_some_and(Charset::is_wide) && bytes.len().is_multiple_of(2) && bytes.contains(&0) {
        return bytes;
    }
    let start = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len());
    bytes[start..].split(|byte| *byte == 0).next().unwrap_or_default()
}

/// The text in an object of HP's PML: a type of two bytes before it (01 15 is a string), which other devices leave out.
pub fn pml(bytes: &[u8]) -> String {
    label(bytes.strip_prefix(&[0x01, 0x15]).unwrap_or(bytes))
}

/// A field that may be absent, as it travels.
pub fn trimmed(text: Option<&str>) -> String {
    text.unwrap_or_default().trim().to_owned()
}

/// The longest beginning that fits into a wire text.
fn cut(text: &str) -> &str {
    let end = (0..=text.len().min(TEXT_BYTES_MAX)).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    &text[..end]
}

/// A hardware address of six bytes that is not a placeholder, `00:11:22:33:44:55`.
pub fn mac(bytes: &[u8]) -> Option<String> {
    let text = bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":");
    (bytes.len() == 6 && schemas::device::normal_mac(&text).is_some()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_goes_and_the_bytes_decide_the_character_set() {
        for (bytes, expected) in [
            (b"Black Cartridge HP CF217A\0\0".as_slice(), "Black Cartridge HP CF217A"),
            (b"\0\0Tray 2", "Tray 2"),
            (b" a  b \r\n", " a  b "),
            ("Résumé".as_bytes(), "Résumé"),
            (b"R\xe9sum\xe9", "Résumé"),
            (b"one\ntwo", "one two"),
            (b"", ""),
            (b"\0\0", ""),
        ] {
            assert_eq!(text(bytes), expected, "{bytes:?}");
            assert_eq!(label(bytes), expected.trim(), "{bytes:?}");
        }
    }

    #[test]
    fn a_text_of_pml_loses_its_type_and_a_doubtful_one_keeps_its_bytes() {
        assert_eq!(
            (pml(b"\x01\x15VNCRC48198"), pml(b"U64641E7J134163")),
            ("VNCRC48198".into(), "U64641E7J134163".into())
        );
        assert_eq!(doubtful(b"R\xe9sum\xe9\0", None).as_deref(), Some("52e973756de9"));
        assert_eq!(doubtful(b"R\xe9sum\xe9", Charset::of(4)), None);
        assert_eq!(text_in(b"\0T\0n", Charset::of(1013)), "Tn");
    }

    #[test]
    fn a_mac_has_six_telling_bytes() {
        assert_eq!(mac(&[0, 0x17, 0xc8, 1, 2, 3]).as_deref(), Some("00:17:c8:01:02:03"));
        assert_eq!(mac(&[0; 6]), None);
        assert_eq!(mac(&[0xff; 6]), None);
        assert_eq!(mac(&[1, 2, 3]), None);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_become_a_text_that_fits(
            bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..3000), declared in 0i64..2300,
        ) {
            let text = text_in(&bytes, Charset::of(declared));
            assert!(text.len() <= TEXT_BYTES_MAX && !text.chars().any(char::is_control));
        }
    }
}
