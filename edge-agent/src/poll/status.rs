//! hrDeviceStatus, hrPrinterStatus and hrPrinterDetectedErrorState (RFC 2790), and which device of the host is the printer.

use schemas::wire::StatusCodes;

use crate::snmp::{Table, mib};

/// hrDeviceIndex of everything that is a printer: hrDeviceType says so, or a row of the printer tables exists.
pub fn printer_devices(table: &Table) -> Vec<u32> {
    table
        .column(mib::HR_DEVICE_TYPE)
        .filter(|(_, value)| value.oid().is_some_and(|kind| kind.arcs() == mib::HR_DEVICE_PRINTER))
        .filter_map(|(index, _)| index.first().copied())
        .collect()
}

/// The device whose status counts: the first printer; without hrDeviceType the first that has a printer status.
pub fn main_device(table: &Table) -> Option<u32> {
    let with_state = || {
        table
            .rows(&[mib::HR_PRINTER_STATUS, mib::HR_PRINTER_DETECTED_ERROR_STATE, mib::PRT_GENERAL_SERIAL_NUMBER])
            .first()
            .and_then(|index| index.first().copied())
    };
    printer_devices(table).first().copied().or_else(with_state)
}

/// Bits of hrPrinterDetectedErrorState, bit 0 (lowPaper) first. Devices send 0, 1, 2 or more bytes; four are kept.
///
/// The RFC counts from the most significant bit of the first byte.
pub fn error_bits(bytes: &[u8]) -> u32 {
    let bits = bytes.iter().take(4).enumerate().flat_map(|(place, byte)| {
        (0..8u32)
            .filter(move |bit| byte & (0x80 >> bit) != 0)
            .map(move |bit| bit + 8 * u32::try_from(place).unwrap_or(0))
    });
    bits.fold(0, |word, bit| word | (1 << bit))
}

pub fn codes(table: &Table, device: Option<u32>) -> Option<StatusCodes> {
    let device = device?;
    let small = |object: &[u32]| table.number(object, &[device]).and_then(|value| i32::try_from(value).ok());
    let codes = StatusCodes {
        device: small(mib::HR_DEVICE_STATUS),
        printer: small(mib::HR_PRINTER_STATUS),
        errors: table.bytes(mib::HR_PRINTER_DETECTED_ERROR_STATE, &[device]).map(error_bits),
    };
    (codes != StatusCodes::default()).then_some(codes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bit_0_is_the_first_bit_of_the_first_byte_whatever_the_number_of_bytes() {
        for (bytes, bits) in [
            (&[][..], 0),
            (&[0x80], 1 << 0),
            (&[0x80, 0x00], 1 << 0),
            (&[0x01, 0x00], 1 << 7),
            (&[0x20], 1 << 2),
            (&[0x00, 0x02], 1 << 14),
            (&[0x00, 0x80], 1 << 8),
            (&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff], u32::MAX),
        ] {
            assert_eq!(error_bits(bytes), bits, "{bytes:?}");
        }
    }
}
