//! Names of what prtAlertTable says in numbers (RFC 3805, IANA printer MIB), and which rows are alerts at all.

/// PrtAlertSeverityLevelTC.
pub fn severity(code: i64) -> Option<&'static str> {
    Some(match code {
        1 => "other",
        3 => "critical",
        4 => "warning",
        5 => "warningBinaryChangeEvent",
        _ => return None,
    })
}

/// PrtAlertTrainingLevelTC.
pub fn training(code: i64) -> Option<&'static str> {
    const NAMES: [&str; 7] =
        ["other", "unknown", "untrained", "trained", "fieldService", "management", "noInterventionRequired"];
    usize::try_from(code - 1).ok().and_then(|place| NAMES.get(place).copied())
}

/// PrtAlertGroupTC.
pub fn group(code: i64) -> Option<&'static str> {
    find(
        &[
            (1, "other"),
            (2, "unknown"),
            (3, "hostResourcesMIBStorageTable"),
            (4, "hostResourcesMIBDeviceTable"),
            (5, "generalPrinter"),
            (6, "cover"),
            (7, "localization"),
            (8, "input"),
            (9, "output"),
            (10, "marker"),
            (11, "markerSupplies"),
            (12, "markerColorant"),
            (13, "mediaPath"),
            (14, "channel"),
            (15, "interpreter"),
            (16, "consoleDisplayBuffer"),
            (17, "consoleLights"),
            (18, "alert"),
            (30, "finDevice"),
            (31, "finSupply"),
            (32, "finSupplyMediaInput"),
            (33, "finAttribute"),
        ],
        code,
    )
}

/// PrtAlertCodeTC.
pub fn code(code: i64) -> Option<&'static str> {
    find(CODES, code)
}

fn find(names: &[(i64, &'static str)], code: i64) -> Option<&'static str> {
    names.iter().find(|(number, _)| *number == code).map(|(_, name)| *name)
}

const CODES: &[(i64, &str)] = &[
    (1, "other"),
    (2, "unknown"),
    (3, "coverOpen"),
    (4, "coverClosed"),
    (5, "interlockOpen"),
    (6, "interlockClosed"),
    (7, "configurationChange"),
    (8, "jam"),
    (9, "subunitMissing"),
    (10, "subunitLifeAlmostOver"),
    (11, "subunitLifeOver"),
    (12, "subunitAlmostEmpty"),
    (13, "subunitEmpty"),
    (14, "subunitAlmostFull"),
    (15, "subunitFull"),
    (16, "subunitNearLimit"),
    (17, "subunitAtLimit"),
    (18, "subunitOpened"),
    (19, "subunitClosed"),
    (20, "subunitTurnedOn"),
    (21, "subunitTurnedOff"),
    (22, "subunitOffline"),
    (23, "subunitPowerSaver"),
    (24, "subunitWarmingUp"),
    (25, "subunitAdded"),
    (26, "subunitRemoved"),
    (27, "subunitResourceAdded"),
    (28, "subunitResourceRemoved"),
    (29, "subunitRecoverableFailure"),
    (30, "subunitUnrecoverableFailure"),
    (31, "subunitRecoverableStorageError"),
    (32, "subunitUnrecoverableStorageError"),
    (33, "subunitMotorFailure"),
    (34, "subunitMemoryExhausted"),
    (35, "subunitUnderTemperature"),
    (36, "subunitOverTemperature"),
    (37, "subunitTimingFailure"),
    (38, "subunitThermistorFailure"),
    (501, "doorOpen"),
    (502, "doorClosed"),
    (503, "powerUp"),
    (504, "powerDown"),
    (505, "printerNMSReset"),
    (506, "printerManualReset"),
    (507, "printerReadyToPrint"),
    (801, "inputMediaTrayMissing"),
    (802, "inputMediaSizeChange"),
    (803, "inputMediaWeightChange"),
    (804, "inputMediaTypeChange"),
    (805, "inputMediaColorChange"),
    (806, "inputMediaFormPartsChange"),
    (807, "inputMediaSupplyLow"),
    (808, "inputMediaSupplyEmpty"),
    (809, "inputMediaChangeRequest"),
    (810, "inputManualInputRequest"),
    (811, "inputTrayPositionFailure"),
    (812, "inputTrayElevationFailure"),
    (813, "inputCannotFeedSizeSelected"),
    (901, "outputMediaTrayMissing"),
    (902, "outputMediaTrayAlmostFull"),
    (903, "outputMediaTrayFull"),
    (904, "outputMailboxSelectFailure"),
    (1001, "markerFuserUnderTemperature"),
    (1002, "markerFuserOverTemperature"),
    (1003, "markerFuserTimingFailure"),
    (1004, "markerFuserThermistorFailure"),
    (1005, "markerAdjustingPrintQuality"),
    (1101, "markerTonerEmpty"),
    (1102, "markerInkEmpty"),
    (1103, "markerPrintRibbonEmpty"),
    (1104, "markerTonerAlmostEmpty"),
    (1105, "markerInkAlmostEmpty"),
    (1106, "markerPrintRibbonAlmostEmpty"),
    (1107, "markerWasteTonerReceptacleAlmostFull"),
    (1108, "markerWasteInkReceptacleAlmostFull"),
    (1109, "markerWasteTonerReceptacleFull"),
    (1110, "markerWasteInkReceptacleFull"),
    (1111, "markerOpcLifeAlmostOver"),
    (1112, "markerOpcLifeOver"),
    (1113, "markerDeveloperAlmostEmpty"),
    (1114, "markerDeveloperEmpty"),
    (1115, "markerTonerCartridgeMissing"),
    (1301, "mediaPathMediaTrayMissing"),
    (1302, "mediaPathMediaTrayAlmostFull"),
    (1303, "mediaPathMediaTrayFull"),
    (1304, "mediaPathCannotDuplexMediaSelected"),
    (1501, "interpreterMemoryIncrease"),
    (1502, "interpreterMemoryDecrease"),
    (1503, "interpreterCartridgeAdded"),
    (1504, "interpreterCartridgeDeleted"),
    (1505, "interpreterResourceAdded"),
    (1506, "interpreterResourceDeleted"),
    (1507, "interpreterResourceUnavailable"),
    (1509, "interpreterComplexPageEncountered"),
    (1801, "alertRemovalOfBinaryChangeEntry"),
];

/// What a row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nature {
    /// The device cannot go on, or says that it is critical.
    Fault,
    Warning,
    /// Something happened that needs nobody: a cover was closed, the power came back.
    Note,
    /// The device says that it is well: ready, asleep, warming up.
    Idle,
}

impl Nature {
    pub fn is_alert(self) -> bool {
        matches!(self, Self::Fault | Self::Warning)
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Fault => "fault",
            Self::Warning => "warning",
            Self::Note => "note",
            Self::Idle => "idle",
        }
    }
}

/// Codes by which a device says that it is well.
const IDLE_CODES: [i64; 4] = [23, 24, 507, 1005];
/// Codes of what happened and is over.
const NOTE_CODES: [i64; 22] =
    [4, 6, 7, 19, 20, 25, 26, 27, 28, 502, 503, 505, 506, 802, 803, 804, 805, 1501, 1502, 1503, 1505, 1801];

/// What devices write when nothing is the matter, in several languages; the whole text but for dots and blanks.
const IDLE_TEXTS: [&str; 60] = [
    "sleep",
    "sleeping",
    "sleep mode",
    "sleep mode on",
    "deep sleep",
    "auto sleep",
    "ready",
    "ready to print",
    "ready to copy",
    "ready to scan",
    "standby",
    "energy saver",
    "energy save",
    "energy save mode",
    "energy saving mode",
    "power save",
    "power save mode",
    "power saver",
    "powersave on",
    "low power mode",
    "idle",
    "warming up",
    "please wait",
    "printing",
    "copying",
    "scanning",
    "processing",
    "initializing",
    "cooling down",
    "self test",
    "ruhezustand",
    "schlafmodus",
    "bereit",
    "energiesparmodus",
    "aufwärmen",
    "aufwärmphase",
    "druckt",
    "prêt",
    "pret",
    "en veille",
    "veille",
    "mode veille",
    "économie énergie",
    "préchauffage",
    "listo",
    "en espera",
    "reposo",
    "ahorro de energía",
    "preparada",
    "lista",
    "pronto",
    "pronta",
    "risparmio energia",
    "pronto per stampare",
    "gereed",
    "slaapstand",
    "klar",
    "gotowa",
    "ожидание",
    "待機中",
];

/// A row's nature by its severity, its code and what it says.
pub fn nature(severity: Option<i64>, code: Option<i64>, text: &str) -> Nature {
    let said = text.to_lowercase();
    let said = said.trim_matches(|c: char| !c.is_alphanumeric());
    let well = IDLE_TEXTS.contains(&said);
    // 1 is other and 2 unknown; some devices write 0 for "none".
    let says_nothing = code.is_none_or(|code| code <= 2);
    match (severity, code) {
        (_, Some(code)) if IDLE_CODES.contains(&code) => Nature::Idle,
        // Some devices call everything critical, even that they sleep.
        _ if says_nothing && well => Nature::Idle,
        (Some(3), _) => Nature::Fault,
        (_, Some(code)) if NOTE_CODES.contains(&code) => Nature::Note,
        _ if well => Nature::Idle,
        (severity, _) if says_nothing && said.is_empty() && severity.is_none_or(|severity| severity <= 1) => {
            Nature::Note
        }
        _ => Nature::Warning,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_lines_are_told_from_faults() {
        for (severity, code, text, expected) in [
            (Some(1), Some(1), "Sleep", Nature::Idle),
            (Some(0), Some(0), "Sleep", Nature::Idle),
            (Some(3), Some(1), "Sleep mode on", Nature::Idle),
            (Some(4), Some(507), "Ready", Nature::Idle),
            (Some(4), Some(23), "", Nature::Idle),
            (Some(4), Some(503), "", Nature::Note),
            (Some(5), Some(1001), "", Nature::Warning),
            (Some(3), Some(8), "Jam in tray 1", Nature::Fault),
            (Some(4), Some(1104), "Toner low", Nature::Warning),
            (Some(3), Some(4), "Cover closed", Nature::Fault),
            (Some(1), Some(2), "", Nature::Note),
            (None, None, "Replace toner", Nature::Warning),
        ] {
            assert_eq!(nature(severity, code, text), expected, "{severity:?} {code:?} {text}");
        }
    }

    #[test]
    fn every_code_has_one_name_and_names_are_those_of_the_rfc() {
        assert_eq!(code(8), Some("jam"));
        assert_eq!(code(1115), Some("markerTonerCartridgeMissing"));
        assert_eq!(
            (group(11), severity(3), training(5)),
            (Some("markerSupplies"), Some("critical"), Some("fieldService"))
        );
        assert_eq!((code(999), group(0), severity(2), training(0), training(-9)), (None, None, None, None, None));
        assert!(CODES.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }
}
