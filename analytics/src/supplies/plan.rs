//! What to ship by when. Pure: forecasts, orders, stock and terms in, one verdict a supply out.
//!
//! A cartridge is asked for when P10 comes before the next review's order could arrive, unless one is under way, one lies at the
//! site, or nothing can be known because the device is silent. Promise: never two open orders for a slot.

use serde::Serialize;

use super::order::{Order, State};
use super::rules::Terms;

/// A supply as the plan sees it. Moments and days are in days; `now` since 1970.
#[derive(Debug, Clone)]
pub struct Situation<'a> {
    pub now: f64,
    /// P10, P50, P90, or why nothing can be said.
    pub days: Result<[f64; 3], &'a str>,
    /// Last read of the supply.
    pub last: Option<f64>,
    /// The open order of the slot.
    pub order: Option<&'a Order>,
    pub terms: Terms,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Verdict {
    /// Ship so that it leaves by this day; `late`: the day has passed.
    Ship {
        #[serde(skip)]
        by: f64,
        late: bool,
    },
    /// An order is under way.
    UnderWay {
        state: State,
    },
    /// One lies at the site.
    AtSite,
    /// Not yet.
    Wait,
    /// Somebody else provides it.
    NotOurs,
    /// Not read for so many days.
    Silent {
        days: f64,
    },
    CannotSay,
}

/// Silent for longer than this: a forecast would be about what nobody sees. It is reported instead.
pub const SILENT_DAYS: f64 = 7.0;

/// A proposal is withdrawn only when the need has moved away by this much, so that it does not come and go.
const WITHDRAW_DAYS: f64 = 7.0;

/// `at_site`: a cartridge that nobody else needs more lies there.
pub fn verdict(s: &Situation<'_>, at_site: bool) -> Verdict {
    let silent = s.last.map_or(f64::INFINITY, |last| s.now - last);
    if let Some(order) = s.order.filter(|order| order.state > State::Proposed) {
        return Verdict::UnderWay { state: order.state };
    }
    if silent > SILENT_DAYS && silent.is_finite() {
        return Verdict::Silent { days: silent };
    }
    let Ok([p10, _, _]) = s.days else {
        return Verdict::CannotSay;
    };
    let horizon = s.terms.lead_days + s.terms.review_days;
    let kept = s.order.is_some() && p10 <= horizon + WITHDRAW_DAYS;
    if p10 > horizon && !kept {
        return Verdict::Wait;
    }
    if !s.terms.ship {
        return Verdict::NotOurs;
    }
    if at_site {
        return Verdict::AtSite;
    }
    let by = s.now + p10 - s.terms.lead_days;
    Verdict::Ship { by: by.max(s.now), late: by < s.now - 1.0 }
}

/// Whether a proposal that nobody acted on is to be withdrawn.
pub fn withdrawn(verdict: &Verdict, order: &Order) -> bool {
    let moved_away = match verdict {
        Verdict::Wait | Verdict::AtSite | Verdict::NotOurs => true,
        Verdict::Ship { .. } | Verdict::UnderWay { .. } | Verdict::Silent { .. } | Verdict::CannotSay => false,
    };
    order.state == State::Proposed && moved_away
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forecast::swap::Swap;
    use schemas::store::supplies::SupplyOrderRow;

    fn order(state: &str, ms: i64) -> Order {
        let row = SupplyOrderRow { order_id: "o".into(), state: state.into(), ts: ms, ..SupplyOrderRow::default() };
        super::super::order::orders(&[row]).0.remove(0)
    }

    fn situation(p10: f64, order: Option<&Order>) -> Situation<'_> {
        Situation {
            now: 20_000.0,
            days: Ok([p10, p10 + 4.0, p10 + 9.0]),
            last: Some(19_999.5),
            order,
            terms: Terms::default(),
        }
    }

    #[test]
    fn a_cartridge_leaves_so_that_it_arrives_before_the_early_end() {
        assert_eq!(verdict(&situation(12.1, None), false), Verdict::Wait);
        assert_eq!(verdict(&situation(11.0, None), false), Verdict::Ship { by: 20_006.0, late: false });
        assert_eq!(verdict(&situation(1.0, None), false), Verdict::Ship { by: 20_000.0, late: true });
    }

    #[test]
    fn what_is_under_way_or_at_the_site_is_not_shipped_again() {
        let shipped = order("shipped", 0);
        assert!(matches!(verdict(&situation(1.0, Some(&shipped)), false), Verdict::UnderWay { .. }));
        assert_eq!(verdict(&situation(1.0, None), true), Verdict::AtSite);
    }

    #[test]
    fn a_proposal_does_not_come_and_go_with_every_read() {
        let proposed = order("proposed", 0);
        let near = verdict(&situation(15.0, Some(&proposed)), false);
        assert!(matches!(near, Verdict::Ship { .. }) && !withdrawn(&near, &proposed));
        let far = verdict(&situation(25.0, Some(&proposed)), false);
        assert!(withdrawn(&far, &proposed));
    }

    #[test]
    fn silence_and_not_knowing_are_said_and_never_an_order() {
        let silent = Situation { last: Some(19_990.0), ..situation(1.0, None) };
        assert_eq!(verdict(&silent, false), Verdict::Silent { days: 10.0 });
        let unsure = Situation { days: Err("no page was counted"), ..situation(1.0, None) };
        assert_eq!(verdict(&unsure, false), Verdict::CannotSay);
    }

    #[test]
    fn an_order_ends_with_a_new_cartridge_and_not_with_a_shaken_one() {
        let swap = |at: f64, begins: f64, certain: bool| Swap {
            after: at - 1.0,
            at,
            left: Some(2.0),
            begins: Some(begins),
            yielded: None,
            starter: false,
            certain,
        };
        let order = order("shipped", 20_000 * 86_400_000);
        assert!(order.closed_by(&[swap(19_990.0, 100.0, false)]).is_none(), "a swap before the order");
        assert!(order.closed_by(&[swap(20_005.0, 20.0, false)]).is_none(), "shaken");
        assert!(order.closed_by(&[swap(20_005.0, 20.0, true)]).is_some(), "another serial, half full");
        assert!(order.closed_by(&[swap(20_005.0, 99.0, false)]).is_some());
    }
}
