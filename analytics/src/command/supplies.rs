//! `analytics supplies`: what to ship by when, over everything a tenant has; keeps proposals and closes orders by what was seen.

use std::collections::BTreeMap;
use std::path::Path;

use schemas::store::supplies::{SupplyOrderRow, SupplyStockRow};
use serde::Serialize;
use uuid::Uuid;

use super::forecast::ForecastRunError;
use super::judge::{Case, Ground, Judging};
use crate::billing::calendar::Instant;
use crate::contract_file::ContractFile;
use crate::read::TenantStore;
use crate::supplies::finding::{Finding, date, findings};
use crate::supplies::order::{Order, State, orders};
use crate::supplies::plan::{Situation, Verdict, verdict, withdrawn};
use crate::supplies::rules::{Asked, Rules, Terms};

/// Version of the JSON shape below.
pub const PLAN_VERSION: u32 = 1;

/// The answer of `analytics supplies`, as JSON: what leaves first stands first.
#[derive(Debug, Default, Serialize)]
pub struct Plan {
    pub version: u32,
    pub as_of: String,
    pub ship: Vec<Line>,
    /// Everything else, where all was asked for.
    pub others: Vec<Line>,
    pub findings: Vec<Found>,
    /// Rows of orders that no state allows, and contracts that cannot be read.
    pub problems: Vec<String>,
}

/// One supply and what is to be done.
#[derive(Debug, Clone, Serialize)]
pub struct Line {
    pub tenant: String,
    pub contract: String,
    pub site: String,
    pub device: String,
    pub model: String,
    pub slot: String,
    pub supply: String,
    pub description: String,
    /// What the maker calls it in orders, where the device tells.
    pub part: String,
    #[serde(flatten)]
    pub verdict: Verdict,
    /// Last day on which it may leave; days of P10 and P50.
    pub ship_by: Option<String>,
    pub early_end: Option<String>,
    pub empty_on: Option<String>,
    /// The order that is open or that is to be opened.
    pub order: String,
    pub reason: String,
}

/// Something to look at.
#[derive(Debug, Clone, Serialize)]
pub struct Found {
    pub tenant: String,
    pub site: String,
    pub device: String,
    pub slot: String,
    pub supply: String,
    #[serde(flatten)]
    pub finding: Finding,
    pub words: String,
}

impl Plan {
    /// Another tenant's.
    pub fn add(&mut self, other: Plan) {
        self.version = other.version;
        self.ship.extend(other.ship);
        self.others.extend(other.others);
        self.findings.extend(other.findings);
        self.problems.extend(other.problems);
        self.ship.sort_by(|a, b| (&a.ship_by, &a.tenant).cmp(&(&b.ship_by, &b.tenant)));
    }
}

/// How a plan is made.
#[derive(Debug)]
pub struct Wish<'a> {
    pub ground: &'a Ground,
    pub rules: &'a Rules,
    pub as_of: Instant,
    /// Lines of supplies that need nothing, too.
    pub all: bool,
    /// Write proposals, and close orders whose cartridge was seen.
    pub keep: bool,
}

/// A case with what the decision needs; kept only while something is to be said of it.
struct Open {
    line: Line,
    terms: Terms,
    days: Option<[f64; 3]>,
    last: Option<f64>,
    order: Option<Order>,
}

/// Plans a tenant's supplies.
///
/// # Errors
/// [`ForecastRunError`].
pub async fn plan(store: &TenantStore, wish: &Wish<'_>) -> Result<Plan, ForecastRunError> {
    let now = wish.as_of.0 as f64 / 86_400.0;
    let mut plan = Plan { version: PLAN_VERSION, as_of: wish.as_of.to_string(), ..Plan::default() };
    let (known, problems) = orders(&store.supply_orders().await?);
    plan.problems = problems;
    let mut slots: BTreeMap<(String, String), Vec<Order>> = BTreeMap::new();
    for order in known {
        slots.entry((order.device.clone(), order.slot.clone())).or_default().push(order);
    }
    let contracts = contracts(store, &mut plan.problems).await?;
    let mut stock = Stock::of(store.supply_stock().await?);
    let mut writes: Vec<SupplyOrderRow> = Vec::new();
    let mut open: Vec<Open> = Vec::new();
    let mut judging = Judging::begin(store, wish.ground.clone(), wish.as_of, None).await?;
    while let Some(cases) = judging.next().await? {
        for case in &cases {
            let told = findings(&case.supply, &case.judged, now)
                .into_iter()
                .map(|finding| found(store.tenant(), case, finding));
            plan.findings.extend(told);
            let mut own = slots.remove(&(case.device.device.clone(), case.supply.slot.clone())).unwrap_or_default();
            let closed = own.iter().filter(|order| !order.state.open()).count();
            let position = own.iter().position(|order| order.state.open());
            let mut order = position.map(|position| own.swap_remove(position));
            let (mut after, mut delivered) = (closed, None);
            if let Some(swap) = order.as_ref().and_then(|order| order.closed_by(&case.judged.swaps).cloned()) {
                delivered = Some(swap.at);
                let note = format!("new cartridge seen on {}", date(swap.at));
                writes.extend(
                    order
                        .take()
                        .map(|order| order.row(store.tenant(), millis(wish.as_of), State::Installed, "swap", &note)),
                );
                after += 1;
            }
            stock.take_off(case, delivered);
            open.push(case_of(store.tenant(), case, wish, &contracts, order, after));
        }
    }
    decide(store.tenant(), wish, now, open, &mut stock, &mut plan, &mut writes);
    if wish.keep {
        store.add_supply_orders(&writes).await?;
    }
    Ok(plan)
}

/// The most urgent first, so that what lies at a site goes to whoever needs it first.
fn decide(
    tenant: &str,
    wish: &Wish<'_>,
    now: f64,
    mut open: Vec<Open>,
    stock: &mut Stock,
    plan: &mut Plan,
    writes: &mut Vec<SupplyOrderRow>,
) {
    let early = |one: &Open| one.days.map_or(f64::INFINITY, |days| days[0]);
    open.sort_by(|a, b| {
        early(a).total_cmp(&early(b)).then_with(|| (&a.line.device, &a.line.slot).cmp(&(&b.line.device, &b.line.slot)))
    });
    for mut one in open {
        let reason = one.line.reason.clone();
        let situation = Situation {
            now,
            days: one.days.ok_or(reason.as_str()),
            last: one.last,
            order: one.order.as_ref(),
            terms: one.terms,
        };
        let kind = (one.line.site.clone(), one.line.model.clone(), one.line.supply.clone());
        one.line.verdict = verdict(&situation, stock.has(&kind));
        if one.line.verdict == Verdict::AtSite {
            stock.use_up(&kind);
        }
        if let Some(order) = &one.order {
            order.id.clone_into(&mut one.line.order);
            if withdrawn(&one.line.verdict, order) {
                let note = "not needed any more";
                writes.push(order.row(tenant, millis(wish.as_of), State::Cancelled, "forecast", note));
            }
        }
        plan.findings.extend(overdue(&one, now));
        match one.line.verdict {
            Verdict::Ship { by, .. } => {
                one.line.ship_by = Some(date(by));
                if one.order.is_none() {
                    writes.push(proposal(tenant, &one.line, by, wish.as_of));
                }
                plan.ship.push(one.line);
            }
            _ if wish.all => plan.others.push(one.line),
            Verdict::UnderWay { .. }
            | Verdict::AtSite
            | Verdict::Wait
            | Verdict::NotOurs
            | Verdict::Silent { .. }
            | Verdict::CannotSay => {}
        }
    }
}

/// Days after the time it takes, before an order counts as lost.
const OVERDUE_DAYS: f64 = 3.0;

fn overdue(one: &Open, now: f64) -> Option<Found> {
    let order = one.order.as_ref().filter(|order| order.state > State::Proposed)?;
    let since = order.changed_ms as f64 / 86_400_000.0;
    let empty = one.days.is_some_and(|days| days[0] < OVERDUE_DAYS);
    let line = &one.line;
    (empty && now - since > one.terms.lead_days + OVERDUE_DAYS).then(|| {
        let finding = Finding::Overdue { order: order.id.clone(), since: date(since) };
        Found {
            tenant: line.tenant.clone(),
            site: line.site.clone(),
            device: line.device.clone(),
            slot: line.slot.clone(),
            supply: line.supply.clone(),
            words: finding.words(),
            finding,
        }
    })
}

fn proposal(tenant: &str, line: &Line, by: f64, as_of: Instant) -> SupplyOrderRow {
    #[expect(clippy::cast_possible_truncation, reason = "days since 1970, clamped")]
    let ship_by = by.clamp(0.0, 65_000.0) as u16;
    SupplyOrderRow {
        tenant: tenant.to_owned(),
        order_id: line.order.clone(),
        device: line.device.clone(),
        slot: line.slot.clone(),
        ts: millis(as_of),
        state: State::Proposed.name().to_owned(),
        supply: line.supply.clone(),
        site: line.site.clone(),
        ship_by,
        source: "forecast".to_owned(),
        note: line.reason.clone(),
    }
}

fn case_of(
    tenant: &str,
    case: &Case,
    wish: &Wish<'_>,
    contracts: &Contracts,
    order: Option<Order>,
    closed: usize,
) -> Open {
    let device = &case.device;
    let contract = contracts.of(&device.device);
    let asked = Asked {
        tenant,
        contract,
        site: &device.site,
        model: &device.model,
        device: &device.device,
        supply: &case.name,
    };
    let (days, reason) = match &case.judged.answer {
        Ok((said, _)) => (Some([said.p10, said.p50, said.p90]), said.reason.clone()),
        Err(cannot) => (None, cannot.to_string()),
    };
    let on = |days: Option<f64>| days.map(|days| date(wish.as_of.0 as f64 / 86_400.0 + days));
    Open {
        terms: wish.rules.terms(&asked),
        last: case.judged.last,
        line: Line {
            tenant: tenant.to_owned(),
            contract: contract.to_owned(),
            site: device.site.clone(),
            device: device.device.clone(),
            model: device.model.clone(),
            slot: case.supply.slot.clone(),
            supply: case.name.clone(),
            description: case.supply.description.clone(),
            part: case.supply.part.clone(),
            verdict: Verdict::Wait,
            ship_by: None,
            early_end: on(days.map(|days| days[0])),
            empty_on: on(days.map(|days| days[1])),
            order: order_id(tenant, &device.device, &case.supply.slot, closed),
            reason,
        },
        days,
        order,
    }
}

/// The same for every run until the order is closed: a repeated run proposes the same order again, not another one.
fn order_id(tenant: &str, device: &str, slot: &str, closed: usize) -> String {
    let name = format!("supply order\0{tenant}\0{device}\0{slot}\0{closed}");
    Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes()).to_string()
}

fn found(tenant: &str, case: &Case, finding: Finding) -> Found {
    Found {
        tenant: tenant.to_owned(),
        site: case.device.site.clone(),
        device: case.device.device.clone(),
        slot: case.supply.slot.clone(),
        supply: case.name.clone(),
        words: finding.words(),
        finding,
    }
}

pub(crate) fn millis(at: Instant) -> i64 {
    at.0.saturating_mul(1_000)
}

/// Which contract a device is under.
#[derive(Debug, Default)]
struct Contracts {
    devices: BTreeMap<String, String>,
    /// The contract of every other device.
    rest: String,
}

impl Contracts {
    fn of(&self, device: &str) -> &str {
        self.devices.get(device).unwrap_or(&self.rest)
    }
}

async fn contracts(store: &TenantStore, problems: &mut Vec<String>) -> Result<Contracts, ForecastRunError> {
    let mut found = Contracts::default();
    // By contract and version: the last version of each counts.
    let rows = store.contracts(None).await?;
    for version in rows.chunk_by(|a, b| a.contract == b.contract).filter_map(<[_]>::last) {
        match ContractFile::parse(Path::new(&version.contract), version.text.clone()) {
            Err(error) => problems.push(error.to_string()),
            Ok(file) => {
                let devices = file.contract.devices.iter();
                found.devices.extend(devices.map(|device| (device.device.clone(), version.contract.clone())));
                if file.all_devices {
                    found.rest.clone_from(&version.contract);
                }
            }
        }
    }
    Ok(found)
}

/// Site, model and supply.
type Kind = (String, String, String);

/// What lies at the sites: counted, less the cartridges that were put in since.
#[derive(Debug, Default)]
struct Stock {
    counts: BTreeMap<Kind, (f64, u32)>,
}

impl Stock {
    fn of(rows: Vec<SupplyStockRow>) -> Stock {
        let counts =
            rows.into_iter().map(|row| ((row.site, row.model, row.supply), (row.ts as f64 / 86_400_000.0, row.count)));
        Stock { counts: counts.collect() }
    }

    /// `delivered`: the change for which a cartridge was shipped.
    fn take_off(&mut self, case: &Case, delivered: Option<f64>) {
        let kind = (case.device.site.clone(), case.device.model.clone(), case.name.clone());
        if let Some((counted, count)) = self.counts.get_mut(&kind) {
            let since = case.judged.swaps.iter().filter(|swap| swap.at > *counted && !swap.doubtful());
            let since = since.filter(|swap| delivered != Some(swap.at)).count();
            *count = count.saturating_sub(u32::try_from(since).unwrap_or(u32::MAX));
        }
    }

    fn has(&self, kind: &Kind) -> bool {
        self.counts.get(kind).is_some_and(|count| count.1 > 0)
    }

    fn use_up(&mut self, kind: &Kind) {
        if let Some(count) = self.counts.get_mut(kind) {
            count.1 = count.1.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests;
