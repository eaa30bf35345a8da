//! IEEE 1284 device ids: `KEY:value;` pairs, with the short keys (MFG, MDL, SN) or the long ones (MANUFACTURER, MODEL). Pure.

/// Pairs of one id that are looked at; real ones have about ten.
const FIELDS_MAX: usize = 64;

/// A device id, taken apart. Keys are in upper case; empty values are left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeviceId<'a>(Vec<(String, &'a str)>);

impl<'a> DeviceId<'a> {
    /// Never fails: what is no pair is passed over.
    pub fn parse(text: &'a str) -> Self {
        let pairs = text.split(';').take(FIELDS_MAX).filter_map(|field| {
            let (key, value) = field.split_once(':')?;
            let (key, value) = (key.trim(), value.trim());
            (!key.is_empty() && !value.is_empty()).then(|| (key.to_ascii_uppercase(), value))
        });
        Self(pairs.collect())
    }

    pub fn get(&self, key: &str) -> Option<&'a str> {
        self.0.iter().find(|(own, _)| own == key).map(|(_, value)| *value)
    }

    fn first(&self, keys: &[&str]) -> Option<&'a str> {
        keys.iter().find_map(|key| self.get(key))
    }

    /// Some write MANUFACTURE without the last letter.
    pub fn maker(&self) -> Option<&'a str> {
        self.first(&["MFG", "MANUFACTURER", "MANUFACTURE", "MFR"])
    }

    pub fn model(&self) -> Option<&'a str> {
        self.first(&["MDL", "MODEL"])
    }

    /// What it is called in full; on some lines the only place that names the very model.
    pub fn description(&self) -> Option<&'a str> {
        self.first(&["DES", "DESCRIPTION"])
    }

    pub fn serial(&self) -> Option<&'a str> {
        self.first(&["SN", "SER", "SERN", "SERIALNUMBER", "SERIAL NUMBER"])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_long_keys_are_read_in_any_case_and_with_blanks() {
        for (text, maker, model) in [
            ("MFG:Brother;CMD:PJL;MDL:HL-L8260CDW series;CLS:PRINTER;", "Brother", "HL-L8260CDW series"),
            ("MANUFACTURE:OKI UK LTD;COMMAND SET:PCL;MODEL:MC873;", "OKI UK LTD", "MC873"),
            ("mfg:Xerox; CMD:PCL; mdl:AltaLink C8045; CLS:Printer", "Xerox", "AltaLink C8045"),
            ("MANUFACTURER:Lexmark;MODEL:CX725", "Lexmark", "CX725"),
        ] {
            let id = DeviceId::parse(text);
            assert_eq!((id.maker(), id.model()), (Some(maker), Some(model)), "{text}");
        }
        let id = DeviceId::parse("COMMAND SET:;MODEL:Dell S5830dn;MFG: ;nonsense;:x;SER:VD21457943;DES:Kyocera X");
        assert_eq!((id.maker(), id.get("COMMAND SET")), (None, None));
        assert_eq!(
            (id.model(), id.serial(), id.description()),
            (Some("Dell S5830dn"), Some("VD21457943"), Some("Kyocera X"))
        );
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_taken_apart_without_panic(text in ".{0,400}") {
            let id = DeviceId::parse(&text);
            proptest::prop_assert!(id.0.iter().all(|(key, value)| !key.is_empty() && !value.is_empty()));
        }
    }
}
