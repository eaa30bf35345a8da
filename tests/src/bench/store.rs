//! A large store: bytes per poll and the questions that billing and forecasts ask, beside the same in a small one.
//!
//! Polls are generated inside ClickHouse into the real tables, so that all views fill as they do in service. Devices have
//! the same length of history in both; the large store has more tenants. A question about one tenant should therefore
//! cost the same in both, and only questions about everybody may grow.

use std::time::Duration;

use anyhow::{Context, Result};
use tokio::time::Instant;

use super::stand::{Stand, bound};
use super::{Figure, Rule, Setting, approx};

const DEVICES_PER_TENANT: usize = 100;
/// Hourly polls of each device: 400 days.
const HOURS: usize = 9_600;
/// Polls of a tenant; the small store has one.
pub(super) const ROWS_PER_TENANT: usize = DEVICES_PER_TENANT * HOURS;
/// Hours that one insert brings: a month of one tenant.
const HOURS_PER_INSERT: usize = 720;
/// 2025-03-01, from where the hours are counted.
const BEGINNING: u32 = 1_740_787_200;
const TIMEOUT: Duration = Duration::from_secs(900);

/// (what, statement, parameters). `TENANT` is the first tenant, `DEVICES` the list of its devices.
const QUESTIONS: [(&str, &str, &str); 6] = [
    ("billing: the tenant's devices", include_str!("../../../analytics/sql/devices.sql"), ""),
    (
        "billing: all polls of 100 devices",
        include_str!("../../../analytics/sql/device_polls.sql"),
        "&param_devices=DEVICES&param_from=0&param_as_of=1800000000",
    ),
    (
        "billing: polls without a sure time, a month",
        include_str!("../../../analytics/sql/unsure_polls.sql"),
        "&param_as_of=1800000000&param_from=1764547200&param_to=1767225600",
    ),
    ("forecast: the tenant's supplies", include_str!("../../../analytics/sql/supplies.sql"), ""),
    (
        "forecast: daily levels of 100 devices, 150 days",
        include_str!("../../../analytics/sql/supply_days.sql"),
        "&param_first=kyocera:VCF0000000&param_last=kyocera:VCF0000099&param_from=1762300800&param_to=1775260800",
    ),
    ("everybody: a month's first and last counters of all devices", ALL_DEVICES, ""),
];

/// How a forecast names neighbouring devices.
const SPAN: &str = "device >= {first:String} AND device <= {last:String}";

/// Six meters of every device of every tenant in one month, from the daily view.
const ALL_DEVICES: &str = "SELECT tenant, device, min(total_first).3, max(total_last).3, min(mono_first).3, max(mono_last).3, \
    min(color_first).3, max(color_last).3, min(print_first).3, max(print_last).3, min(copy_first).3, max(copy_last).3, \
    min(scan_first).3, max(scan_last).3 FROM counter_day WHERE day >= '2025-12-01' AND day <= '2025-12-31' \
    GROUP BY tenant, device";

pub(super) async fn run(setting: Setting) -> Result<Vec<Figure>> {
    let rows = setting.rows.unwrap_or(if setting.quick { 2_000_000 } else { 10_000_000 });
    let tenants = rows.div_ceil(ROWS_PER_TENANT).max(2);
    let mut stand = Stand::start(&setting.dir).await?;
    stand.world.ingest.stop(Duration::from_secs(30)).await?;
    let began = Instant::now();
    fill(&stand, 0..1).await?;
    let small = Measured::take(&stand, setting.runs).await?;
    fill(&stand, 1..tenants).await?;
    let large = Measured::take(&stand, setting.runs).await?;
    let filled = approx(tenants * ROWS_PER_TENANT) / began.elapsed().as_secs_f64();
    stand.world.stop().await?;
    let few = millions(ROWS_PER_TENANT);
    let many = millions(tenants * ROWS_PER_TENANT);
    let none = "no run";
    let mut figures = vec![
        Figure::alone(format!("polls, {many}"), "B/poll", &[large.polls_bytes])
            .context(none)?
            .beside(format!("at {few}"), &[small.polls_bytes], Rule::Times)
            .noting("the table itself, merged by ClickHouse as far as it had"),
        Figure::alone(format!("all tables and views, {many}"), "B/poll", &[large.all_bytes])
            .context(none)?
            .beside(format!("at {few}"), &[small.all_bytes], Rule::Times)
            .noting(format!("filled at {filled:.0} polls/s by INSERT SELECT, questions included")),
    ];
    for ((what, _, _), (large, small)) in QUESTIONS.iter().zip(large.questions.iter().zip(&small.questions)) {
        figures.push(
            Figure::alone(format!("{what}, {many}"), "ms", &large.took)
                .context(none)?
                .beside(format!("at {few}"), &small.took, Rule::Times)
                .noting(format!("{:.1} MB answered", approx(large.bytes) / 1e6)),
        );
    }
    Ok(figures)
}

fn millions(rows: usize) -> String {
    format!("{:.1} M polls", approx(rows) / 1e6)
}

/// Generates the polls of some tenants, a month of one tenant at a time.
async fn fill(stand: &Stand, tenants: std::ops::Range<usize>) -> Result<()> {
    let settings = "&async_insert=0&max_execution_time=900&max_partitions_per_insert_block=1000";
    for tenant in tenants {
        for from in (0..HOURS).step_by(HOURS_PER_INSERT) {
            let hours = HOURS_PER_INSERT.min(HOURS - from);
            stand.post(settings, generated(tenant, from, hours).into(), TIMEOUT).await?;
        }
    }
    Ok(())
}

/// Hourly polls with six meters, four levels, and a description once a day, as an agent's refresh polls are.
fn generated(tenant: usize, from: usize, hours: usize) -> String {
    let rows = hours * DEVICES_PER_TENANT;
    format!(
        "INSERT INTO polls (tenant, device, ts, cn, received, version, epoch, seq, id, site, zone, local_day, maker, model, \
         serial, mac, total, mono, color, print, copy, scan, uptime, device_status, printer_status, errors, plan, \
         `supplies.slot`, `supplies.level`, `supplies.max`, `supplies.unit`, `supplies.class`, `supplies.kind`, \
         `supplies.color`, `supplies.description`, `supplies.serial`, `supplies.part`) \
         WITH number % {DEVICES_PER_TENANT} AS d, {from} + intDiv(number, {DEVICES_PER_TENANT}) AS h, \
         {BEGINNING} + h * 3600 + d % 60 AS t, sipHash64({tenant}, d) % 9 + 1 AS pace, \
         intDiv(h * pace, 2) + sipHash64(d, h) % 3 AS pages, ['1.1', '1.2', '1.3', '1.4'] AS slots \
         SELECT 't{tenant}', concat('kyocera:VCF{tenant:03}', leftPad(toString(d), 4, '0')), toDateTime(t, 'UTC'), \
         't{tenant}.hq', toDateTime(t + 70, 'UTC'), toUInt32(4294967295 - (t + 70)), 7, h + 1, \
         substring(MD5(toString(h * 100 + {tenant})), 1, 16), 'hq', 'Europe/Berlin', toDate(toDateTime(t, 'Europe/Berlin')), \
         'kyocera', ['ECOSYS M5526cdw', 'TASKalfa 3253ci', 'ECOSYS P3145dn'][d % 3 + 1], \
         concat('VCF{tenant:03}', leftPad(toString(d), 4, '0')), '00:17:c8:11:22:33', \
         pages * 5, pages * 3, pages * 2, pages * 4, pages, intDiv(pages, 2), toUInt32(h * 3600 % 4000000), 2, \
         3 + sipHash64(d, h, 1) % 2, if(sipHash64(d, h, 2) % 50 = 0, 4, 0), hex(MD5(toString(d % 3))), \
         slots, arrayMap(s -> toInt64(100 - intDiv(h * pace, 40 + s) % 100), [1, 2, 3, 4]), \
         arrayMap(s -> if(h % 24 = 0, toInt64(100), NULL), slots), arrayMap(s -> if(h % 24 = 0, toInt32(19), NULL), slots), \
         arrayMap(s -> if(h % 24 = 0, toInt32(3), NULL), slots), arrayMap(s -> if(h % 24 = 0, toInt32(3), NULL), slots), \
         if(h % 24 = 0, ['black', 'cyan', 'magenta', 'yellow'], ['', '', '', '']), \
         if(h % 24 = 0, ['TK-5240K', 'TK-5240C', 'TK-5240M', 'TK-5240Y'], ['', '', '', '']), \
         arrayMap(s -> '', slots), arrayMap(s -> '', slots) FROM numbers({rows})"
    )
}

/// One store, as it stands.
struct Measured {
    polls_bytes: f64,
    all_bytes: f64,
    questions: Vec<Answered>,
}

struct Answered {
    /// Milliseconds.
    took: Vec<f64>,
    bytes: usize,
}

impl Measured {
    async fn take(stand: &Stand, runs: usize) -> Result<Self> {
        let bytes = async |which: &str| -> Result<f64> {
            let sql =
                format!("SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND database = 'platen' {which}");
            Ok(approx(usize::try_from(stand.world.count(&sql).await?)?))
        };
        let polls = approx(usize::try_from(stand.world.count("SELECT count() FROM polls").await?)?);
        let devices: Vec<String> =
            (0..DEVICES_PER_TENANT).map(|device| format!("%27kyocera:VCF000{device:04}%27")).collect();
        let mut questions = Vec::new();
        for (_, sql, parameters) in QUESTIONS {
            let sql = bound(sql, "t0", SPAN);
            let parameters = parameters.replace("DEVICES", &format!("%5B{}%5D", devices.join(",")));
            let settings = format!("&param_rows_max=1000000{parameters}");
            let mut answered = Answered { took: Vec::new(), bytes: 0 };
            // The first answer warms the caches and is not counted.
            for run in 0..=runs {
                let began = Instant::now();
                answered.bytes = stand.post(&settings, sql.clone().into(), TIMEOUT).await?.len();
                if run > 0 {
                    answered.took.push(began.elapsed().as_secs_f64() * 1_000.0);
                }
            }
            questions.push(answered);
        }
        Ok(Self {
            polls_bytes: bytes("AND table = 'polls'").await? / polls,
            all_bytes: bytes("").await? / polls,
            questions,
        })
    }
}
