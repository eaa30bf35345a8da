//! All limits of the certificates and of the files made from them.

/// Certificates of agents and services; renewal is due at two thirds of the life.
pub const LEAF_DAYS: u32 = 90;
/// Certificates of brokers.
pub const BROKER_DAYS: u32 = 365;
/// The authority itself: longer than the printers that it serves are leased.
pub const CA_DAYS: u32 = 3_650;
/// A list of revoked certificates should be renewed this often; `check` and the broker warn beyond.
pub const CRL_DAYS: u32 = 30;
/// The longest life that is accepted on the command line.
pub const DAYS_MAX: u32 = 7_300;
/// Certificates begin this long before they are made: clocks at the sites are wrong.
pub const BACKDATE_HOURS: i64 = 24;
/// `check` warns when less than this share of a certificate's life is left.
pub const RENEW_BELOW_SHARE: f64 = 1.0 / 3.0;
/// A certificate, key, list or index larger than this is a mistake.
pub const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Files looked at by one `check`.
pub const CHECK_FILES_MAX: usize = 20_000;
