//! The identity of a device: (maker slug, serial), never its address. Derived by ingest from the raw strings of a batch.

use crate::maker;
use crate::wire::Device;

/// What the key of a device rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Basis {
    Serial = 0,
    /// No usable serial number: the key is the hardware address and must be looked at before billing.
    Mac = 1,
    /// Neither: the device cannot be told apart from others and is never billed by itself.
    None = 2,
}

/// The key under which everything about a device is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceKey {
    /// `slug:SERIAL` or `slug:mac-001122334455`.
    pub text: String,
    pub maker: &'static str,
    pub basis: Basis,
}

/// Derives the key. Serials are compared without surrounding blanks and in upper case.
pub fn key(device: &Device) -> DeviceKey {
    let name = if device.maker.is_empty() { &device.model } else { &device.maker };
    let maker = maker::slug(device.enterprise, name);
    let serial = normal_serial(&device.serial);
    if let Some(serial) = serial {
        return DeviceKey { text: format!("{maker}:{serial}"), maker, basis: Basis::Serial };
    }
    match normal_mac(&device.mac) {
        Some(mac) => DeviceKey { text: format!("{maker}:mac-{mac}"), maker, basis: Basis::Mac },
        None => DeviceKey { text: format!("{maker}:unidentified"), maker, basis: Basis::None },
    }
}

/// The serial number as it is compared, or `None` for an empty one or a placeholder.
pub fn normal_serial(text: &str) -> Option<String> {
    let serial: String = text.trim().chars().filter(|c| !c.is_control()).collect::<String>().to_uppercase();
    let telling: Vec<char> = serial.chars().filter(|c| c.is_alphanumeric()).collect();
    let same = telling.windows(2).all(|pair| pair[0] == pair[1]);
    let counted = serial == "123456789" || serial == "1234567890" || serial == "0123456789" || serial == "12345678";
    let words = [
        "UNKNOWN",
        "NONE",
        "N/A",
        "NULL",
        "SERIAL_NUMBER",
        "SERIAL NUMBER",
        "SERIALNUMBER",
        "NOT SET",
        "<PRIVATE>",
        "DEFAULT",
        "UNDEFINED",
    ];
    if telling.len() < 4 || same || counted || words.contains(&serial.as_str()) { None } else { Some(serial) }
}

/// Twelve lower-case hexadecimal digits, or `None` for addresses that many devices share.
pub fn normal_mac(text: &str) -> Option<String> {
    let mac: String = text.chars().filter(char::is_ascii_hexdigit).collect::<String>().to_lowercase();
    let separators = text.chars().all(|c| c.is_ascii_hexdigit() || matches!(c, ':' | '-' | '.' | ' '));
    let telling = mac.bytes().any(|byte| byte != b'0') && mac.bytes().any(|byte| byte != b'f');
    (mac.len() == 12 && separators && telling).then_some(mac)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(serial: &str, mac: &str) -> Device {
        Device { enterprise: Some(1347), serial: serial.into(), mac: mac.into(), ..Device::default() }
    }

    #[test]
    fn the_key_is_maker_and_serial() {
        let key = key(&device(" vcf1234567\n", "00:17:c8:11:22:33"));
        assert_eq!((key.text.as_str(), key.basis), ("kyocera:VCF1234567", Basis::Serial));
    }

    #[test]
    fn a_placeholder_falls_back_to_the_mac_and_is_marked() {
        for placeholder in
            ["", "   ", "0000000000", "XXXXXXXX", "----", "unknown", "N/A", "serial_number", "1234567890", "ff", "0"]
        {
            let key = key(&device(placeholder, "00:17:C8:11:22:33"));
            assert_eq!((key.text.as_str(), key.basis), ("kyocera:mac-0017c8112233", Basis::Mac), "{placeholder:?}");
        }
    }

    #[test]
    fn without_serial_and_mac_a_device_is_unidentified() {
        for mac in ["", "00:00:00:00:00:00", "ff-ff-ff-ff-ff-ff", "00:11", "not a mac at all"] {
            assert_eq!(key(&device("0000", mac)).basis, Basis::None, "{mac:?}");
        }
    }
}
