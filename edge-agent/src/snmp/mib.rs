//! Every object that is read, by its name in the RFC. Columns are without index, scalars without `.0`. Arcs are parted by
//! blanks, because the compiler takes `2.1` for a fraction.

/// 1.3.6.1.4.1
pub const ENTERPRISES: &[u32] = &[1, 3, 6, 1, 4, 1];
/// Instance of a scalar.
pub const SCALAR: &[u32] = &[0];

macro_rules! objects {
    ($prefix:expr; $($(#[$doc:meta])* $name:ident = $($arc:literal)+;)*) => {
        $($(#[$doc])* pub const $name: &[u32] = &[1, 3, 6, 1, 2, 1, $prefix, $($arc),+];)*
    };
}

// RFC 1213 system group.
objects! { 1;
    SYS_DESCR = 1;
    SYS_OBJECT_ID = 2;
    SYS_UP_TIME = 3;
    SYS_CONTACT = 4;
    SYS_NAME = 5;
    SYS_LOCATION = 6;
}

// RFC 1213 interfaces and addresses.
objects! { 2;
    IF_TYPE = 2 1 3;
    IF_PHYS_ADDRESS = 2 1 6;
}
objects! { 4;
    IP_AD_ENT_ADDR = 20 1 1;
}

// RFC 2790 host resources.
objects! { 25;
    HR_DEVICE_TYPE = 3 2 1 2;
    HR_DEVICE_DESCR = 3 2 1 3;
    HR_DEVICE_STATUS = 3 2 1 5;
    HR_PRINTER_STATUS = 3 5 1 1;
    HR_PRINTER_DETECTED_ERROR_STATE = 3 5 1 2;
    /// hrDevicePrinter, a value of hrDeviceType.
    HR_DEVICE_PRINTER = 3 1 5;
}

// RFC 3805 Printer MIB v2.
objects! { 43;
    PRT_GENERAL_CONFIG_CHANGES = 5 1 1 1;
    PRT_GENERAL_CURRENT_LOCALIZATION = 5 1 1 2;
    PRT_GENERAL_PRINTER_NAME = 5 1 1 16;
    PRT_GENERAL_SERIAL_NUMBER = 5 1 1 17;
    PRT_GENERAL_ENTRY = 5 1 1;
    PRT_LOCALIZATION_CHARACTER_SET = 7 1 1 4;
    PRT_INPUT_CAPACITY_UNIT = 8 2 1 8;
    PRT_INPUT_MAX_CAPACITY = 8 2 1 9;
    PRT_INPUT_CURRENT_LEVEL = 8 2 1 10;
    PRT_INPUT_STATUS = 8 2 1 11;
    PRT_INPUT_MEDIA_NAME = 8 2 1 12;
    PRT_INPUT_NAME = 8 2 1 13;
    PRT_INPUT_DESCRIPTION = 8 2 1 18;
    PRT_MARKER_MARK_TECH = 10 2 1 2;
    PRT_MARKER_COUNTER_UNIT = 10 2 1 3;
    PRT_MARKER_LIFE_COUNT = 10 2 1 4;
    PRT_MARKER_POWER_ON_COUNT = 10 2 1 5;
    PRT_MARKER_PROCESS_COLORANTS = 10 2 1 6;
    PRT_MARKER_STATUS = 10 2 1 15;
    PRT_MARKER_ENTRY = 10 2 1;
    PRT_SUPPLIES_MARKER_INDEX = 11 1 1 2;
    PRT_SUPPLIES_COLORANT_INDEX = 11 1 1 3;
    PRT_SUPPLIES_CLASS = 11 1 1 4;
    PRT_SUPPLIES_TYPE = 11 1 1 5;
    PRT_SUPPLIES_DESCRIPTION = 11 1 1 6;
    PRT_SUPPLIES_SUPPLY_UNIT = 11 1 1 7;
    PRT_SUPPLIES_MAX_CAPACITY = 11 1 1 8;
    PRT_SUPPLIES_LEVEL = 11 1 1 9;
    PRT_SUPPLIES_ENTRY = 11 1 1;
    PRT_COLORANT_VALUE = 12 1 1 4;
    PRT_CONSOLE_DISPLAY_BUFFER_TEXT = 16 5 1 2;
    PRT_ALERT_SEVERITY_LEVEL = 18 1 1 2;
    PRT_ALERT_TRAINING_LEVEL = 18 1 1 3;
    PRT_ALERT_GROUP = 18 1 1 4;
    PRT_ALERT_GROUP_INDEX = 18 1 1 5;
    PRT_ALERT_LOCATION = 18 1 1 6;
    PRT_ALERT_CODE = 18 1 1 7;
    PRT_ALERT_DESCRIPTION = 18 1 1 8;
    PRT_ALERT_TIME = 18 1 1 9;
}

// RFC 2737 entity MIB.
objects! { 47;
    ENT_PHYSICAL_SERIAL_NUM = 1 1 1 1 11;
}

/// ppmPortIEEE1284DeviceId, PWG 5107.1 port monitor MIB.
pub const PPM_PORT_IEEE1284_DEVICE_ID: &[u32] = &[1, 3, 6, 1, 4, 1, 2699, 1, 2, 1, 2, 1, 1, 3];

/// Names of PrtMarkerSuppliesClassTC (RFC 3805).
pub fn supply_class(code: i64) -> Option<&'static str> {
    Some(match code {
        1 => "other",
        3 => "supplyThatIsConsumed",
        4 => "receptacleThatIsFilled",
        _ => return None,
    })
}

/// Names of PrtMarkerSuppliesTypeTC (IANA printer MIB).
pub fn supply_type(code: i64) -> Option<&'static str> {
    const NAMES: [&str; 34] = [
        "other",
        "unknown",
        "toner",
        "wasteToner",
        "ink",
        "inkCartridge",
        "inkRibbon",
        "wasteInk",
        "opc",
        "developer",
        "fuserOil",
        "solidWax",
        "ribbonWax",
        "wasteWax",
        "fuser",
        "coronaWire",
        "fuserOilWick",
        "cleanerUnit",
        "fuserCleaningPad",
        "transferUnit",
        "tonerCartridge",
        "fuserOiler",
        "water",
        "wasteWater",
        "glueWaterAdditive",
        "wastePaper",
        "bindingSupply",
        "bandingSupply",
        "stitchingWire",
        "shrinkWrap",
        "paperWrap",
        "staples",
        "inserts",
        "covers",
    ];
    name(&NAMES, 1, code)
}

/// Names of PrtMarkerSuppliesSupplyUnitTC (RFC 3805).
pub fn supply_unit(code: i64) -> Option<&'static str> {
    Some(match code {
        1 => "other",
        2 => "unknown",
        3 => "tenThousandthsOfInches",
        4 => "micrometers",
        7 => "impressions",
        8 => "sheets",
        11 => "hours",
        12 => "thousandthsOfOunces",
        13 => "tenthsOfGrams",
        14 => "hundrethsOfFluidOunces",
        15 => "tenthsOfMilliliters",
        16 => "feet",
        17 => "meters",
        18 => "items",
        19 => "percent",
        _ => return None,
    })
}

/// Names of PrtMarkerCounterUnitTC (RFC 3805).
pub fn counter_unit(code: i64) -> Option<&'static str> {
    Some(match code {
        3 => "tenThousandthsOfInches",
        4 => "micrometers",
        5 => "characters",
        6 => "lines",
        7 => "impressions",
        8 => "sheets",
        9 => "dotRow",
        11 => "hours",
        16 => "feet",
        17 => "meters",
        _ => return None,
    })
}

/// Names of the bits of hrPrinterDetectedErrorState (RFC 2790); bit 0 is the first bit of the first byte.
pub fn error_bit(bit: u32) -> Option<&'static str> {
    const NAMES: [&str; 15] = [
        "lowPaper",
        "noPaper",
        "lowToner",
        "noToner",
        "doorOpen",
        "jammed",
        "offline",
        "serviceRequested",
        "inputTrayMissing",
        "outputTrayMissing",
        "markerSupplyMissing",
        "outputNearFull",
        "outputFull",
        "inputTrayEmpty",
        "overduePreventMaint",
    ];
    name(&NAMES, 0, i64::from(bit))
}

fn name(names: &[&'static str], first: i64, code: i64) -> Option<&'static str> {
    names.get(usize::try_from(code.checked_sub(first)?).ok()?).copied()
}
