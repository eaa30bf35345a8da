//! The rules read a second time. Slow and plain on purpose: numbers as `i128`, lists searched from the front.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use serde_json::{Value, json};

const DAY: i128 = 86_400;

pub(crate) struct Run<'a> {
    pub(crate) case: &'a Value,
    pub(crate) as_of: i128,
    zone: TimeZone,
    pub(crate) flags: BTreeSet<String>,
}

pub(crate) fn of(case: &Value) -> Value {
    if case["action"] == "correct" {
        let mut issued = once(case, at(&case["issued_as_of"]));
        for line in issued["lines"].as_array_mut().unwrap() {
            line["amount"] = negated(&line["amount"]);
        }
        let note = json!({"lines": issued["lines"], "total": negated(&issued["total"])});
        return json!({"credit_note": note, "replacement": once(case, at(&case["as_of"]))});
    }
    once(case, at(&case["as_of"]))
}

fn negated(amount: &Value) -> Value {
    let text = amount.as_str().unwrap();
    let zero = text.bytes().all(|byte| byte == b'0' || byte == b'.');
    match text.strip_prefix('-') {
        _ if zero => json!(text),
        Some(positive) => json!(positive),
        None => json!(format!("-{text}")),
    }
}

pub(crate) fn at(of: &Value) -> i128 {
    i128::from(of.as_str().unwrap().parse::<Timestamp>().unwrap().as_second())
}

pub(crate) fn int(of: &Value, absent: i128) -> i128 {
    of.as_i64().map_or(absent, i128::from)
}

pub(crate) fn list(of: &Value) -> &[Value] {
    of.as_array().map_or(&[], Vec::as_slice)
}

pub(crate) fn text(of: &Value) -> &str {
    of.as_str().unwrap()
}

fn once(case: &Value, as_of: i128) -> Value {
    let zone = TimeZoneDatabase::bundled().get(text(&case["contract"]["timezone"])).unwrap();
    Run { case, as_of, zone, flags: BTreeSet::new() }.invoice()
}

impl Run<'_> {
    pub(crate) fn contract(&self) -> &Value {
        &self.case["contract"]
    }

    fn setting(&self, key: &str, absent: i128) -> i128 {
        int(&self.contract()["settings"][key], absent)
    }

    fn local_date(&self, at: i128) -> String {
        let at = Timestamp::from_second(i64::try_from(at).unwrap()).unwrap();
        at.to_zoned(self.zone.clone()).date().to_string()
    }

    /// The first second that belongs to the date or a later one.
    fn midnight(&self, date: &str) -> i128 {
        let noon: Timestamp = format!("{date}T12:00:00Z").parse().unwrap();
        let (mut before, mut after) = (i128::from(noon.as_second()) - 3 * DAY, i128::from(noon.as_second()) + 2 * DAY);
        // Local dates never go back by a day within these days: halving finds the first second.
        while after - before > 1 {
            let middle = i128::midpoint(before, after);
            if self.local_date(middle).as_str() >= date { after = middle } else { before = middle }
        }
        after
    }

    fn moment(&self, of: &Value) -> i128 {
        if text(of).len() == 10 { self.midnight(text(of)) } else { at(of) }
    }

    fn moment_date(&self, of: &Value) -> String {
        if text(of).len() == 10 { text(of).to_owned() } else { self.local_date(at(of)) }
    }

    /// §2 for one device and meter: (ts, value), ascending.
    pub(crate) fn visible(&mut self, device: &str, meter: &str) -> Vec<(i128, i128)> {
        let key = format!("{device}/{meter}");
        let mut found: Vec<(i128, i128, i128)> = Vec::new();
        for reading in list(&self.case["readings"]) {
            if reading["device"] != device || reading["meter"] != meter {
                continue;
            }
            let mut ts = at(&reading["ts"]);
            let received = reading["received"].as_str().map(|_| at(&reading["received"]));
            if received.unwrap_or(ts) > self.as_of {
                continue;
            }
            let Some(value) = reading["value"].as_i64().filter(|value| *value >= 0) else {
                self.flags.insert(format!("INVALID:{key}"));
                continue;
            };
            let original = ts;
            if let (Some(received), true) = (received, reading["sent"].is_string()) {
                let skew = received - at(&reading["sent"]);
                if skew.abs() > 300 {
                    ts += skew;
                    self.flags.insert(format!("CLOCK_SKEW:{key}"));
                }
            }
            if received.is_some_and(|received| ts > received + 300) {
                self.flags.insert(format!("FUTURE_READING:{key}"));
                continue;
            }
            found.push((ts, received.unwrap_or(original), i128::from(value)));
        }
        found.sort_unstable();
        let mut reads: Vec<(i128, i128)> = Vec::new();
        for (ts, _, value) in found {
            match reads.last_mut() {
                Some(last) if last.0 == ts => {
                    if last.1 != value {
                        self.flags.insert(format!("CONFLICT:{key}"));
                    }
                    last.1 = value;
                }
                _ => reads.push((ts, value)),
            }
        }
        reads
    }

    /// §3: accepted (t, u).
    pub(crate) fn points(&mut self, device: &str, meter: &str, reads: &[(i128, i128)]) -> Vec<(i128, i128)> {
        let key = format!("{device}/{meter}");
        let (most, small) = (self.setting("max_pages_per_day", 20_000), self.setting("small_drop", 100));
        let modulus = self.contract()["settings"]["modulus"][meter].as_i64().map(i128::from);
        let plausible = |d: i128, dt: i128| d * DAY <= most * dt.max(DAY);
        let mut events: Vec<(i128, i128, i128)> = list(&self.case["events"])
            .iter()
            .filter(|event| event["device"] == device && event["meter"] == meter)
            .map(|event| (at(&event["ts"]), int(&event["out"], 0), int(&event["in"], 0)))
            .collect();
        events.sort_by_key(|event| event.0);
        let Some(&(mut pt, first)) = reads.first() else { return Vec::new() };
        let (mut pv, mut u) = (first, first);
        let mut points = vec![(pt, u)];
        for (index, &(t, v)) in reads.iter().enumerate().skip(1) {
            let mut flag = |name: &str| self.flags.insert(format!("{name}:{key}"));
            while let Some(place) = events.iter().position(|event| event.0 >= pt && event.0 < t) {
                let (ts, out, begins) = events.remove(place);
                u += (out - pv).max(0);
                (pt, pv) = (ts, begins);
                points.push((pt, u));
                flag("EXCHANGE");
            }
            let (n1, n2) = (reads.get(index + 1).copied(), reads.get(index + 2).copied());
            let (d, dt) = (v - pv, t - pt);
            if d >= 0 {
                if plausible(d, dt) {
                    u += d;
                } else {
                    let steady = n1.zip(n2).is_some_and(|(n1, n2)| {
                        v <= n1.1
                            && n1.1 <= n2.1
                            && plausible(n1.1 - v, n1.0 - t)
                            && plausible(n2.1 - n1.1, n2.0 - n1.0)
                    });
                    if !steady {
                        flag("SPIKE");
                        continue;
                    }
                    flag("REBASE");
                }
                (pt, pv) = (t, v);
            } else if -d <= small {
                flag("SMALL_DROP");
                pt = t;
            } else if [n1, n2].into_iter().flatten().any(|n| n.1 >= pv && plausible(n.1 - pv, n.0 - pt)) {
                flag("GLITCH");
                continue;
            } else if n1.is_none() {
                flag("PENDING_RESET");
                continue;
            } else {
                let around = modulus.map(|m| (m, v + m - pv));
                match around.filter(|(m, pages)| 10 * pv >= 9 * m && 10 * v < *m && plausible(*pages, dt)) {
                    Some((_, pages)) => {
                        u += pages;
                        flag("ROLLOVER");
                    }
                    None if plausible(v, dt) => {
                        u += v;
                        flag("RESET");
                    }
                    None => {
                        flag("REBASE");
                    }
                }
                (pt, pv) = (t, v);
            }
            points.push((t, u));
        }
        points
    }

    /// §4: u, and the flag that it raises.
    fn value_at(&self, points: &[(i128, i128)], b: i128) -> Option<(i128, Option<&'static str>)> {
        let l = *points.iter().rfind(|point| point.0 <= b)?;
        let age = b - l.0;
        if age <= self.setting("max_read_age_hours", 72) * 3_600 {
            return Some((l.1, None));
        }
        if self.contract()["settings"]["estimation"] != "none" {
            if let Some(r) = points.iter().find(|point| point.0 > b) {
                return Some((l.1 + ((r.1 - l.1) * age).div_euclid(r.0 - l.0), Some("ESTIMATED")));
            }
            let f = points.iter().find(|point| point.0 >= l.0 - 30 * DAY)?;
            if l.0 - f.0 >= 7 * DAY {
                return Some((l.1 + ((l.1 - f.1) * age).div_euclid(l.0 - f.0), Some("ESTIMATED")));
            }
        }
        Some((l.1, Some("STALE_READ")))
    }

    /// §5: pages and closing.
    pub(crate) fn volume(
        &mut self,
        device: &Value,
        meter: &str,
        points: &[(i128, i128)],
    ) -> (i128, Option<(i128, bool)>) {
        let key = format!("{}/{meter}", text(&device["device"]));
        let (contract, period) = (self.contract().clone(), &self.case["period"]);
        let (mut w0, mut w1) = (self.midnight(text(&period["start"])), self.midnight(text(&period["end"])));
        for (key, of) in [("start", &contract), ("from", device)] {
            if of[key].is_string() {
                w0 = w0.max(self.moment(&of[key]));
            }
        }
        for (key, of) in [("end", &contract), ("to", device)] {
            if of[key].is_string() {
                w1 = w1.min(self.moment(&of[key]));
            }
        }
        if w0 >= w1 {
            return (0, None);
        }
        let mut raised = Vec::new();
        let given = |of: &Value| of.as_i64().map(i128::from);
        let opening = given(&self.case["previous"]["closing"][&key]["u"]).or(given(&device["start_reads"][meter]));
        let opening = opening.or_else(|| match self.value_at(points, w0) {
            Some((u, flag)) => {
                raised.extend(flag);
                Some(u)
            }
            None => points.iter().find(|point| point.0 > w0 && point.0 <= w1).map(|point| {
                raised.push("NO_OPENING_READ");
                point.1
            }),
        });
        let leaves = device["to"].is_string() && self.moment(&device["to"]) == w1;
        let closing = match given(&device["end_reads"][meter]).filter(|_| leaves) {
            Some(u) => Some((u, false)),
            None => self.value_at(points, w1).map(|(u, flag)| {
                raised.extend(flag);
                (u, flag == Some("ESTIMATED"))
            }),
        };
        let result = match (opening, closing) {
            (Some(opening), Some((u, estimated))) if u < opening => {
                raised.push("NEGATIVE_TRUE_UP");
                (0, Some((opening, estimated)))
            }
            (Some(opening), Some((u, estimated))) => (u - opening, Some((u, estimated))),
            (opening, _) => {
                raised.push("NO_READ");
                (0, opening.map(|u| (u, false)))
            }
        };
        self.flags.extend(raised.into_iter().map(|flag| format!("{flag}:{key}")));
        result
    }

    pub(crate) fn days(&self, device: Option<&Value>) -> i128 {
        let period = &self.case["period"];
        let (mut first, mut end) = (text(&period["start"]).to_owned(), text(&period["end"]).to_owned());
        for (key, of) in [("start", Some(self.contract())), ("from", device)] {
            if let Some(of) = of.filter(|of| of[key].is_string()) {
                first = first.max(self.moment_date(&of[key]));
            }
        }
        for (key, of) in [("end", Some(self.contract())), ("to", device)] {
            if let Some(of) = of.filter(|of| of[key].is_string()) {
                end = end.min(self.moment_date(&of[key]));
            }
        }
        let day = |text: &str| text.parse::<jiff::civil::Date>().unwrap();
        let days = day(&end).since((jiff::Unit::Day, day(&first))).unwrap().get_days();
        i128::from(days.max(0))
    }
}
