//! Every bound of this part, with its reason.

use std::time::Duration;

/// Devices in one question for series. Each question reads the tenant's whole history of polls, so fewer questions are
/// faster; two years of hourly polls with six meters are about 2.5 MB a device here, so 128 stay near 300 MB at the worst.
pub const DEVICES_PER_QUESTION: usize = 128;

/// Days of history of all devices in one question for polls that are billed: hourly polls with six meters take some 200 MB
/// here, and twice as much where ClickHouse sorts them.
pub const DEVICE_DAYS_PER_QUESTION: i64 = 60_000;

/// Days that a device of a large fleet is read poll by poll before it is read whole: one break takes three.
pub const DOUBTFUL_DAYS_MAX: usize = 12;

/// Such days of all devices together: hourly polls with six meters take some 500 MB here. Beyond that devices are read whole,
/// some at a time.
pub const DOUBTFUL_DEVICE_DAYS_MAX: usize = 40_000;

/// Devices named in one question: their keys travel in its URL, of which the engine takes 512 KiB. For more, the tenant's
/// devices are all asked for.
pub const DEVICES_LISTED_MAX: usize = 2_000;

/// Days that ClickHouse is asked for at once when meters are followed: one for each core of the smallest server.
pub const DAYS_AT_ONCE: usize = 2;

/// A run over fewer devices reads all their polls; the proof that most need not be read would cost more.
pub const PROVED_DEVICES_MIN: usize = 200;

/// Rows of a list (devices, supplies, tenants, aliases). Reaching it is an error, never a silent cut.
pub const LIST_ROWS_MAX: u64 = 1_000_000;

/// How long ClickHouse may take for the next part of an answer.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(120);

/// Bytes of a file of cases: a year of readings of some thousand devices.
pub const CASES_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// Bytes of a contract or of a previous invoice.
pub const CONTRACT_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Days of history that a forecast looks at: several cartridges of a usual device and all but the summer of a year.
pub const FORECAST_HISTORY_DAYS: i64 = 300;

/// Devices that teach how a model's displays and cartridges behave; more add nothing that the spread between sites hides.
pub const SAMPLE_PER_MODEL: usize = 150;
/// Devices that teach in all: at four supplies and 300 days about 100 MB.
pub const SAMPLE_DEVICES: usize = 1_500;
/// Devices judged at once: about 10 MB a batch, and one batch more than cores is in memory beside those that wait.
pub const BATCH_DEVICES: usize = 128;
/// Kept forecasts in one insert (about 10 MB): ClickHouse makes a part of each insert.
pub const FORECASTS_PER_INSERT: usize = 16_384;
/// Questions for series that the store works on at once: one is taken, the other waits with its first batch.
pub const QUESTIONS_AHEAD: usize = 2;
/// Neighbouring devices in one question for levels of supplies: some 30 MB on the side of ClickHouse at 300 days.
pub const DEVICES_PER_SPAN: usize = 1_024;
/// Devices whose page counters are in memory at once while calendars are learned: 8 bytes a day, 240 MB at 300 days.
pub const TEACHING_DEVICES: usize = 100_000;

/// Orders and counts of stock in one file.
pub const SUPPLY_ROWS_MAX: usize = 100_000;
/// Bytes of the rules of supplies.
pub const RULES_BYTES_MAX: u64 = 1024 * 1024;

/// Lines of reads shown per invoice line on the terminal; JSON and CSV always have all.
pub const READS_SHOWN_MAX: usize = 4;
/// Flags shown on the terminal; a large fleet has thousands.
pub const FLAGS_SHOWN_MAX: usize = 40;

/// Rows of an imported file of reads or exchanges: a year of a technician's notes for a large fleet.
pub const IMPORT_ROWS_MAX: usize = 200_000;

/// Readings in a dossier: a device polled every ten minutes for a quarter, with ten meters.
pub const DOSSIER_READINGS_MAX: usize = 150_000;
