//! A contract as it is written: the same fields in JSON cases and in TOML files. Reading checks shapes only;
//! `Terms::of` checks the meaning and is the only way to bill.

use std::collections::BTreeMap;
use std::fmt;

use rust_decimal::Decimal;
use serde::de::{Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use super::calendar::{Instant, LocalDate, LocalMoment};
use super::invoice::closing_key;
use crate::usage::Anchor;

/// Who pays what for which devices.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub struct Contract {
    #[serde(default)]
    pub id: String,
    pub currency: String,
    /// IANA name; all local dates are dates there.
    pub timezone: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<LocalDate>,
    /// Exclusive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<LocalDate>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_fee: Option<BaseFee>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_amount: Option<Price>,
    #[serde(default)]
    pub charges: Vec<Charge>,
    #[serde(default)]
    pub devices: Vec<ContractDevice>,
    #[serde(default)]
    pub settings: Settings,
}

#[derive(Debug, Clone, Deserialize, Serialize)]
pub struct BaseFee {
    pub amount: Price,
    #[serde(default)]
    pub per: BaseFeePer,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BaseFeePer {
    #[default]
    Contract,
    Device,
}

/// A price for a weighted sum of meters. Exactly one of `price`, `prices` and `tiers` is given.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub struct Charge {
    pub id: String,
    /// Raw meter → weight.
    pub meters: BTreeMap<String, i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Price>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prices: Vec<DatedPrice>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tiers: Vec<Tier>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier_mode: Option<TierMode>,
    /// The price is for so many pages.
    #[serde(default = "one")]
    pub price_per: i64,
    /// Pages free of charge.
    #[serde(default)]
    pub included: i64,
    #[serde(default = "yes")]
    pub prorate_included: bool,
    #[serde(default)]
    pub scope: Scope,
    /// Pages that are due at least.
    #[serde(default)]
    pub min_volume: i64,
    /// Pools only: how many unused included pages the next period gets at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carry_cap: Option<i64>,
}

#[derive(Debug, Clone, Deserialize, Serialize)]
pub struct DatedPrice {
    pub from: LocalDate,
    pub price: Price,
}

#[derive(Debug, Clone, Deserialize, Serialize)]
pub struct Tier {
    /// Inclusive; `None` = no limit, for the last band only.
    #[serde(default)]
    pub up_to: Option<i64>,
    pub price: Price,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TierMode {
    /// Each band at its own price.
    Graduated,
    /// Everything at the price of the band that is reached.
    Slab,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    #[default]
    Device,
    Pool,
}

/// A device under the contract; its identity never is an address.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub struct ContractDevice {
    pub device: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<LocalMoment>,
    /// Exclusive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<LocalMoment>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub start_reads: BTreeMap<String, i64>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub end_reads: BTreeMap<String, i64>,
}

#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default)]
pub struct Settings {
    pub max_read_age_hours: i64,
    pub max_pages_per_day: i64,
    /// In pages.
    pub small_drop: i64,
    pub estimation: Estimation,
    /// Meter → number of values that its counter can show.
    pub modulus: BTreeMap<String, i64>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            max_read_age_hours: 72,
            max_pages_per_day: 20_000,
            small_drop: 100,
            estimation: Estimation::Auto,
            modulus: BTreeMap::new(),
        }
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Estimation {
    #[default]
    Auto,
    None,
}

/// What a technician noted.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    MeterExchange {
        device: String,
        meter: String,
        ts: Instant,
        /// Last value of the old counter.
        out: i64,
        /// First value of the new one.
        #[serde(rename = "in")]
        begins: i64,
    },
}

/// What the preceding issued invoice left behind.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
pub struct Previous {
    /// `device/meter` → closing value.
    #[serde(default)]
    pub closing: BTreeMap<String, PreviousClosing>,
    /// Charge → pages carried over.
    #[serde(default)]
    pub carry: BTreeMap<String, i64>,
}

impl Previous {
    /// The instant up to which a device was billed by reads: the earliest anchor among its meters. What was read before is
    /// not judged again (§5). `None` if it was not billed before, or only by a value that somebody gave.
    pub fn since<'a>(&self, device: &str, meters: impl IntoIterator<Item = &'a str>) -> Option<i64> {
        let closings = meters.into_iter().filter_map(|meter| self.closing.get(&closing_key(device, meter)));
        let anchors: Option<Vec<i64>> = closings.map(|closing| Some(closing.anchor?.ts)).collect();
        anchors?.into_iter().min()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
pub struct PreviousClosing {
    pub u: i64,
    /// The point that it rests on; with it the scale goes on from there (§5).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub anchor: Option<Anchor>,
}

/// A decimal number that keeps the text in which it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Price {
    text: String,
    value: Decimal,
}

impl Price {
    pub fn parse(text: &str) -> Result<Price, NotAPrice> {
        let error = || NotAPrice(text.to_owned());
        let digits = text.strip_prefix('-').unwrap_or(text);
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
        let plain = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !(plain(whole) && plain(fraction)) {
            return Err(error());
        }
        let value = Decimal::from_str_exact(text).map_err(|_| error())?;
        Ok(Price { text: text.to_owned(), value })
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn value(&self) -> Decimal {
        self.value
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a price; write it as a decimal string of at most 28 digits, like \"0.0125\"")]
pub struct NotAPrice(String);

impl Serialize for Price {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Price {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Price, D::Error> {
        struct PriceText;
        impl Visitor<'_> for PriceText {
            type Value = Price;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a decimal string in quotes like \"0.0125\" (a bare number could lose digits)")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Price, E> {
                Price::parse(text).map_err(E::custom)
            }
        }
        from.deserialize_any(PriceText)
    }
}

fn one() -> i64 {
    1
}

fn yes() -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_is_plain_decimal_text_and_keeps_its_zeros() {
        assert_eq!(Price::parse("0.0100").unwrap().text(), "0.0100");
        assert_eq!(Price::parse("-1").unwrap().value(), Decimal::from(-1));
        for bad in [
            "",
            ".",
            "1.",
            ".5",
            "1e28",
            "1_000",
            "+1",
            "--1",
            "1,5",
            "0x1",
            " 1",
            "NaN",
            "99999999999999999999999999999",
        ] {
            assert!(Price::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_same_contract_reads_from_toml_and_from_json() {
        let toml: Contract = toml::from_str(
            r#"
            currency = "EUR"
            timezone = "Europe/Paris"
            start = 2026-01-01
            end = "2027-01-01"
            base_fee = { amount = "10.00", per = "device" }
            [[charges]]
            id = "all"
            meters = { total = 1 }
            tier_mode = "slab"
            tiers = [{ up_to = 10, price = "1" }, { price = "0.5" }]
            [[devices]]
            device = "S1"
            from = 2026-01-05T10:00:00Z
            to = 2026-02-01
            start_reads = { total = 5 }
            "#,
        )
        .unwrap();
        let json: Contract = serde_json::from_str(
            r#"{"currency": "EUR", "timezone": "Europe/Paris", "start": "2026-01-01", "end": "2027-01-01",
            "base_fee": {"amount": "10.00", "per": "device"},
            "charges": [{"id": "all", "meters": {"total": 1}, "tier_mode": "slab",
                "tiers": [{"up_to": 10, "price": "1"}, {"up_to": null, "price": "0.5"}]}],
            "devices": [{"device": "S1", "from": "2026-01-05T10:00:00Z", "to": "2026-02-01", "start_reads": {"total": 5}}]}"#,
        )
        .unwrap();
        assert_eq!(format!("{toml:?}"), format!("{json:?}"));
    }

    #[test]
    fn a_bare_number_is_no_price_and_a_fraction_no_count() {
        let number = serde_json::from_str::<Tier>(r#"{"price": 0.1}"#).unwrap_err().to_string();
        assert!(number.contains("decimal string in quotes"), "{number}");
        assert!(serde_json::from_str::<Tier>(r#"{"price": "0.1", "up_to": 1.5}"#).is_err());
        assert!(serde_json::from_str::<Tier>(r#"{"price": "0.1", "up_to": 1e30}"#).is_err());
    }
}
