//! From usage to an invoice: contract and calendar → volumes → charges → lines → total; corrections of issued invoices.
//!
//! Pure: no IO, no clock, no floats. Counters are integers, money is decimal, and money is rounded in one function only
//! (`round`). Section numbers (§) are those of the billing rules in `analytics/billing-rules.md`.

pub mod calendar;
pub mod charge;
pub mod contract;
pub mod correct;
pub mod currency;
pub mod invoice;
pub mod line;
pub mod proration;
pub mod round;
pub mod spans;
pub mod terms;
pub mod tiers;

pub use calendar::{LocalDate, LocalMoment, Period, Zone};
pub use contract::{Contract, Event, Previous};
pub use correct::{Correction, correct};
pub use currency::Currency;
pub use invoice::{BillError, Invoice, MeterUse, bill};
pub use line::Line;
pub use terms::{ContractError, Terms};
