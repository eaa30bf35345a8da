//! Who gets supplies how early: lead time and review interval by contract, site, model, device or supply, from TOML.
//! Promise: the last rule that fits decides each number, so general rules stand first and exceptions below.

use std::path::{Path, PathBuf};

use serde::Deserialize;

/// The rules as they are written.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    #[serde(default)]
    rule: Vec<Rule>,
}

/// What is named must fit; what is not named fits everything.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    tenant: Option<String>,
    contract: Option<String>,
    site: Option<String>,
    model: Option<String>,
    device: Option<String>,
    supply: Option<String>,
    lead_days: Option<f64>,
    review_days: Option<f64>,
    ship: Option<bool>,
}

/// What a rule is asked about.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    pub tenant: &'a str,
    pub contract: &'a str,
    pub site: &'a str,
    pub model: &'a str,
    pub device: &'a str,
    pub supply: &'a str,
}

/// What holds for one supply.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Terms {
    /// Days from an order until the cartridge is there.
    pub lead_days: f64,
    /// Days until somebody looks at the list again.
    pub review_days: f64,
    /// False: somebody else provides it; it is listed, never proposed.
    pub ship: bool,
}

impl Default for Terms {
    fn default() -> Terms {
        Terms { lead_days: 5.0, review_days: 7.0, ship: true }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum RulesError {
    #[error("read the rules of supplies {path}: {source}", path = path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("the rules of supplies {path} cannot be read: {why}", path = path.display())]
    Parse { path: PathBuf, why: String },
}

/// Longer waits are a typing error.
const DAYS_MAX: f64 = 120.0;

impl Rules {
    /// # Errors
    /// [`RulesError`].
    pub fn parse(path: &Path, text: &str) -> Result<Rules, RulesError> {
        let failed = |why: String| RulesError::Parse { path: path.to_owned(), why };
        let rules: Rules = toml::from_str(text).map_err(|error| failed(error.to_string()))?;
        for (number, rule) in (1..).zip(&rules.rule) {
            for (key, days) in [("lead_days", rule.lead_days), ("review_days", rule.review_days)] {
                if days.is_some_and(|days| !(0.0..=DAYS_MAX).contains(&days)) {
                    return Err(failed(format!("rule {number}: {key} must be 0 to {DAYS_MAX} days")));
                }
            }
        }
        Ok(rules)
    }

    pub fn terms(&self, asked: &Asked<'_>) -> Terms {
        let fits = |named: &Option<String>, is: &str| named.as_deref().is_none_or(|named| named == is);
        let mut terms = Terms::default();
        for rule in &self.rule {
            let all = fits(&rule.tenant, asked.tenant)
                && fits(&rule.contract, asked.contract)
                && fits(&rule.site, asked.site)
                && fits(&rule.model, asked.model)
                && fits(&rule.device, asked.device)
                && fits(&rule.supply, asked.supply);
            if all {
                terms.lead_days = rule.lead_days.unwrap_or(terms.lead_days);
                terms.review_days = rule.review_days.unwrap_or(terms.review_days);
                terms.ship = rule.ship.unwrap_or(terms.ship);
            }
        }
        terms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASKED: Asked<'_> =
        Asked { tenant: "acme", contract: "C-1", site: "berlin", model: "m", device: "d", supply: "K" };

    fn rules(text: &str) -> Result<Rules, RulesError> {
        Rules::parse(Path::new("supplies.toml"), text)
    }

    #[test]
    fn the_last_rule_that_fits_decides_each_number() {
        let text = "[[rule]]\ncontract = \"C-1\"\nlead_days = 3\nreview_days = 14\n\
                    [[rule]]\nsite = \"berlin\"\nlead_days = 2\n[[rule]]\nsite = \"paris\"\nlead_days = 9\n";
        let terms = rules(text).unwrap().terms(&ASKED);
        assert_eq!(terms, Terms { lead_days: 2.0, review_days: 14.0, ship: true });
        assert_eq!(rules("").unwrap().terms(&ASKED), Terms::default());
    }

    #[test]
    fn a_rule_that_cannot_be_meant_is_refused() {
        for bad in ["[[rule]]\nlead_days = -1\n", "[[rule]]\nlead = 3\n", "[[rule]]\nreview_days = 1000\n", "x = 1\n"] {
            assert!(rules(bad).is_err(), "{bad}");
        }
    }
}
