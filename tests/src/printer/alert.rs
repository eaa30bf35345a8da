//! The alert table of one device (RFC 3805 section 2.2.13): opened and closed with their cause, numbered without reuse.

use super::model::Model;

/// Why an alert is open; at most one each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// Place in the model's supplies.
    SupplyLow(usize),
    SupplyOut(usize),
    /// Place in the model's trays.
    TrayEmpty(usize),
    Jam,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    pub cause: Cause,
    /// prtAlertIndex.
    pub index: u32,
    /// PrtAlertSeverityLevelTC: critical(3) stops printing, warning(4) does not.
    pub severity: i32,
    /// PrtAlertTrainingLevelTC.
    pub training: i32,
    /// PrtAlertGroupTC: the table concerned.
    pub group: i32,
    pub group_index: u32,
    /// PrtAlertCodeTC.
    pub code: i32,
    pub text: String,
    /// Unix seconds.
    pub since: i64,
}

pub const CRITICAL: i32 = 3;
pub const WARNING: i32 = 4;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AlertBook {
    open: Vec<Alert>,
    last_index: u32,
    /// prtAlertCriticalEvents and prtAlertAllEvents since the last start.
    pub critical_events: u32,
    pub all_events: u32,
}

impl AlertBook {
    pub fn open(&mut self, cause: Cause, model: &Model, now: i64) {
        if self.has(cause) {
            return;
        }
        self.last_index += 1;
        let alert = describe(cause, self.last_index, model, now);
        self.all_events += 1;
        self.critical_events += u32::from(alert.severity == CRITICAL);
        self.open.push(alert);
    }

    pub fn close(&mut self, cause: Cause) {
        self.open.retain(|alert| alert.cause != cause);
    }

    #[must_use]
    pub fn has(&self, cause: Cause) -> bool {
        self.open.iter().any(|alert| alert.cause == cause)
    }

    /// The device prints nothing while a critical alert is open.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.open.iter().any(|alert| alert.severity == CRITICAL)
    }

    /// Open alerts in the order of their index.
    #[must_use]
    pub fn alerts(&self) -> &[Alert] {
        &self.open
    }

    /// After a start the table is numbered anew and open conditions are found again.
    pub fn restart(&mut self, model: &Model, now: i64) {
        let causes: Vec<Cause> = self.open.iter().map(|alert| alert.cause).collect();
        *self = Self::default();
        causes.into_iter().for_each(|cause| self.open(cause, model, now));
    }
}

fn describe(cause: Cause, index: u32, model: &Model, since: i64) -> Alert {
    use super::model::SupplyKind as Kind;
    let supply = |place: usize| model.supplies.get(place).map_or((0, Kind::Rollers), |s| (s.index, s.kind));
    let name = |place: usize| {
        let kind = supply(place).1;
        let what = match kind {
            Kind::Toner(_) => "toner",
            Kind::Ink(_) => "ink",
            Kind::WasteToner | Kind::WasteInk => "waste container",
            Kind::Drum(_) => "drum",
            Kind::Fuser => "fuser",
            Kind::Transfer => "transfer unit",
            Kind::Rollers => "rollers",
            Kind::Ribbon => "ribbon",
        };
        kind.color().map_or(what.to_owned(), |color| format!("{} {what}", color.name()))
    };
    let row = |severity, training, group, group_index, code, text| Alert {
        cause,
        index,
        severity,
        training,
        group,
        group_index,
        code,
        text,
        since,
    };
    match cause {
        Cause::SupplyLow(place) => {
            let (group_index, kind) = supply(place);
            let code = match kind {
                Kind::Toner(_) => 1104,
                Kind::Ink(_) => 1105,
                Kind::Ribbon => 1106,
                Kind::WasteToner => 1107,
                Kind::WasteInk => 1108,
                Kind::Drum(_) => 1111,
                Kind::Fuser | Kind::Transfer | Kind::Rollers => 10,
            };
            row(WARNING, 4, 11, group_index, code, format!("Low: {}", name(place)))
        }
        Cause::SupplyOut(place) => {
            let (group_index, kind) = supply(place);
            let code = match kind {
                Kind::Toner(_) => 1101,
                Kind::Ink(_) => 1102,
                Kind::Ribbon => 1103,
                Kind::WasteToner => 1109,
                Kind::WasteInk => 1110,
                Kind::Drum(_) => 1112,
                Kind::Fuser | Kind::Transfer | Kind::Rollers => 11,
            };
            let severity = if kind.stops_when_out() { CRITICAL } else { WARNING };
            row(severity, 4, 11, group_index, code, format!("Replace {}", name(place)))
        }
        Cause::TrayEmpty(place) => {
            let tray = model.trays.get(place);
            let (group_index, tray_name) = tray.map_or((0, ""), |t| (t.index, t.name));
            // the last tray stops the device
            let severity = if model.trays.len() == 1 { CRITICAL } else { WARNING };
            row(severity, 3, 8, group_index, 808, format!("Load paper: {tray_name}"))
        }
        Cause::Jam => row(CRITICAL, 3, 13, 1, 8, "Paper jam".to_owned()),
    }
}
