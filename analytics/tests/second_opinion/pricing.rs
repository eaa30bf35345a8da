//! The second reading goes on: from volumes to lines (§6).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::opinion::{Run, at, int, list, text};

impl Run<'_> {
    pub(crate) fn invoice(mut self) -> Value {
        let contract = self.contract().clone();
        let mut devices: Vec<Value> = list(&contract["devices"]).to_vec();
        devices.sort_by(|a, b| text(&a["device"]).chars().cmp(text(&b["device"]).chars()));
        let charges = list(&contract["charges"]);
        let mut volumes: BTreeMap<(String, String), i128> = BTreeMap::new();
        let mut closing = json!({});
        let meters: BTreeSet<&str> = list(&self.case["readings"]).iter().map(|of| text(&of["meter"])).collect();
        let billed: BTreeSet<&str> = charges
            .iter()
            .flat_map(|charge| charge["meters"].as_object().unwrap().keys().map(String::as_str))
            .collect();
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
                        closing[format!("{id}/{meter}")] =
                            json!({"u": i64::try_from(u).unwrap(), "estimated": estimated});
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
                lines.push(
                    json!({"type": "minimum_topup", "amount": money(rounded(missing, 10_i128.pow(scale)), minor)}),
                );
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
        _ => format!(
            "{sign}{}.{:0width$}",
            minor.abs() / unit,
            minor.abs() % unit,
            width = usize::try_from(digits).unwrap()
        ),
    }
}
