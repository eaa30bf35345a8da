//! The rules read a second time. Slow and plain on purpose: numbers as `i128`, lists searched from the front.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use serde_json::{Value, json};

const DAY: i128 = 86_400;

struct Run<'a> {
    case: &'a Value,
    as_of: i128,
    zone: TimeZone,
    flags: BTreeSet<String>,
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

fn at(of: &Value) -> i128 {
    i128::from(of.as_str().unwrap().parse::<Timestamp>().unwrap().as_second())
}

fn int(of: &Value, absent: i128) -> i128 {
    of.as_i64().map_or(absent, i128::from)
}

fn list(of: &Value) -> &[Value] {
    of.as_array().map_or(&[], Vec::as_slice)
}

fn text(of: &Value) -> &str {
    of.as_str().unwrap()
}

fn once(case: &Value, as_of: i128) -> Value {
    let zone = TimeZoneDatabase::bundled().get(text(&case["contract"]["timezone"])).unwrap();
    Run { case, as_of, zone, flags: BTreeSet::new() }.invoice()
}

impl Run<'_> {
    fn contract(&self) -> &Value {
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
    fn visible(&mut self, device: &str, meter: &str) -> Vec<(i128, i128)> {
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
                if skew > 300 || skew < -300 {
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
    fn points(&mut self, device: &str, meter: &str, reads: &[(i128, i128)]) -> Vec<(i128, i128)> {
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
                        v <= n1.1 && n1.1 <= n2.1 && plausible(n1.1 - v, n1.0 - t) && plausible(n2.1 - n1.1, n2.0 - n1.0)
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
    fn volume(&mut self, device: &Value, meter: &str, points: &[(i128, i128)]) -> (i128, Option<(i128, bool)>) {
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

    fn days(&self, device: Option<&Value>) -> i128 {
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

    fn invoice(mut self) -> Value {
        let contract = self.contract().clone();
        let mut devices: Vec<Value> = list(&contract["devices"]).to_vec();
        devices.sort_by(|a, b| text(&a["device"]).chars().cmp(text(&b["device"]).chars()));
        let charges = list(&contract["charges"]);
        let mut volumes: BTreeMap<(String, String), i128> = BTreeMap::new();
        let mut closing = json!({});
        let meters: BTreeSet<&str> = list(&self.case["readings"]).iter().map(|of| text(&of["meter"])).collect();
        let billed: BTreeSet<&str> =
            charges.iter().flat_map(|charge| charge["meters"].as_object().unwrap().keys().map(String::as_str)).collect();
        for reading in list(&self.case["readings"]) {
            let known = devices.iter().any(|device| device["device"] == reading["device"]);
            let received = if reading["received"].is_string() { at(&reading["received"]) } else { at(&reading["ts"]) };
            if !known && received <= self.as_of {
                self.flags.insert(format!("UNASSIGNED_DEVICE:{}", text(&reading["device"])));
            }
        }
        for device in &devices {
            let id = text(&device["device"]);
            for meter in meters.union(&billed) {
                let reads = self.visible(id, meter);
                let points = self.points(id, meter, &reads);
                if billed.contains(meter) {
                    let (pages, closes) = self.volume(device, meter, &points);
                    volumes.insert((id.to_owned(), (*meter).to_owned()), pages);
                    if let Some((u, estimated)) = closes {
                        closing[format!("{id}/{meter}")] = json!({"u": u64::try_from(u).unwrap(), "estimated": estimated});
                    }
                }
            }
        }
        let mut lines = self.base_lines(&contract["base_fee"], &devices);
        let (mut carry, mut carries) = (json!({}), false);
        for charge in charges {
            carries |= charge["carry_cap"].is_i64();
            self.charge_lines(charge, &devices, &volumes, &mut lines, &mut carry);
        }
        let minor = self.minor();
        let cents = |text: &str| decimal(text).0 * 10_i128.pow(minor) / 10_i128.pow(decimal(text).1);
        let sum = |lines: &[Value]| lines.iter().map(|line| cents(text(&line["amount"]))).sum::<i128>();
        if contract["min_amount"].is_string() && self.days(None) > 0 {
            let (amount, scale) = decimal(text(&contract["min_amount"]));
            let missing = amount * 10_i128.pow(minor) - sum(&lines) * 10_i128.pow(scale);
            if missing > 0 {
                lines.push(json!({"type": "minimum_topup", "amount": money(rounded(missing, 10_i128.pow(scale)), minor)}));
            }
        }
        let total = money(sum(&lines), minor);
        let mut result = json!({"lines": lines, "total": total, "closing": closing, "flags": self.flags});
        if carries {
            result["carry"] = carry;
        }
        result
    }

    fn minor(&self) -> u32 {
        match text(&self.contract()["currency"]) {
            "JPY" => 0,
            "KWD" | "BHD" => 3,
            _ => 2,
        }
    }

    fn amount(&self, price: &str, times: i128, per: i128) -> Value {
        let (value, scale) = decimal(price);
        json!(money(rounded(value * times * 10_i128.pow(self.minor()), 10_i128.pow(scale) * per), self.minor()))
    }

    fn base_lines(&self, fee: &Value, devices: &[Value]) -> Vec<Value> {
        let Some(price) = fee["amount"].as_str() else { return Vec::new() };
        let whole = self.days_of_period();
        let spans: Vec<(Value, i128)> = if fee["per"] == "device" {
            devices.iter().map(|device| (device["device"].clone(), self.days(Some(device)))).collect()
        } else {
            vec![(Value::Null, self.days(None))]
        };
        let line = |(device, days): &(Value, i128)| {
            json!({"type": "base", "device": device, "days": i64::try_from(*days).unwrap(), "of_days": i64::try_from(whole).unwrap(),
                "amount": self.amount(price, *days, whole)})
        };
        spans.iter().filter(|(_, days)| *days > 0).map(line).collect()
    }

    fn days_of_period(&self) -> i128 {
        let day = |key: &str| text(&self.case["period"][key]).parse::<jiff::civil::Date>().unwrap();
        i128::from(day("end").since((jiff::Unit::Day, day("start"))).unwrap().get_days())
    }

    fn charge_lines(
        &mut self,
        charge: &Value,
        devices: &[Value],
        volumes: &BTreeMap<(String, String), i128>,
        lines: &mut Vec<Value>,
        carry: &mut Value,
    ) {
        let id = text(&charge["id"]);
        let pool = charge["scope"] == "pool";
        let whole = self.days_of_period();
        let weighted = |device: &Value| -> i128 {
            let meters = charge["meters"].as_object().unwrap();
            let pages = |meter: &String| volumes[&(text(&device["device"]).to_owned(), meter.clone())];
            meters.iter().map(|(meter, weight)| int(weight, 0) * pages(meter)).sum()
        };
        let shares: Vec<(Value, i128, i128)> = if pool {
            vec![(Value::Null, self.days(None), devices.iter().map(weighted).sum())]
        } else {
            devices.iter().map(|of| (of["device"].clone(), self.days(Some(of)), weighted(of))).collect()
        };
        for (device, days, weighted) in shares {
            let v = weighted.max(0);
            if weighted < 0 {
                self.flags.insert(format!("NEGATIVE_DERIVED:{id}"));
            }
            let mut inc = int(&charge["included"], 0);
            if days < whole && charge["prorate_included"] != false {
                inc = rounded(inc * days, whole);
            }
            if charge["carry_cap"].is_i64() {
                inc += int(&self.case["previous"]["carry"][id], 0);
                carry[id] = json!(u64::try_from(int(&charge["carry_cap"], 0).min((inc - v).max(0))).unwrap());
            }
            let q = (v.max(int(&charge["min_volume"], 0)) - inc).max(0);
            if q == 0 || days == 0 {
                continue;
            }
            for (qty, price) in self.priced(charge, q) {
                let per = int(&charge["price_per"], 1);
                lines.push(json!({"type": "usage", "charge": id, "device": device, "qty": i64::try_from(qty).unwrap(),
                    "price": price, "price_per": i64::try_from(per).unwrap(), "amount": self.amount(&price, qty, per)}));
            }
        }
    }

    fn priced(&self, charge: &Value, q: i128) -> Vec<(i128, String)> {
        if let Some(price) = charge["price"].as_str() {
            return vec![(q, price.to_owned())];
        }
        if charge["prices"].is_array() {
            let start = text(&self.case["period"]["start"]);
            let last = list(&charge["prices"]).iter().rfind(|price| text(&price["from"]) <= start).unwrap();
            return vec![(q, text(&last["price"]).to_owned())];
        }
        let tiers = list(&charge["tiers"]);
        if charge["tier_mode"] == "slab" {
            let band = tiers.iter().find(|tier| q <= int(&tier["up_to"], i128::MAX)).unwrap();
            return vec![(q, text(&band["price"]).to_owned())];
        }
        let (mut bands, mut below) = (Vec::new(), 0);
        for tier in tiers {
            let up_to = int(&tier["up_to"], i128::MAX).min(q);
            if up_to > below {
                bands.push((up_to - below, text(&tier["price"]).to_owned()));
                below = up_to;
            }
        }
        bands
    }
}

/// Digits and scale.
fn decimal(text: &str) -> (i128, u32) {
    let scale = text.split_once('.').map_or(0, |(_, digits)| digits.len());
    (text.replace('.', "").parse().unwrap(), u32::try_from(scale).unwrap())
}

/// Half away from zero.
fn rounded(dividend: i128, divisor: i128) -> i128 {
    let twice = 2 * dividend.abs() + divisor;
    twice / (2 * divisor) * dividend.signum()
}

fn money(minor: i128, digits: u32) -> String {
    let unit = 10_i128.pow(digits);
    let sign = if minor < 0 { "-" } else { "" };
    match digits {
        0 => minor.to_string(),
        _ => format!("{sign}{}.{:0width$}", minor.abs() / unit, minor.abs() % unit, width = usize::try_from(digits).unwrap()),
    }
}
