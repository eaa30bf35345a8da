//! Reads many objects with few packets: single instances, and whole columns of tables.
//!
//! Takes devices as they are: asks for less after silence or tooBig, leaves out what v1 names as missing, follows columns
//! only upwards. Every loop ends: an instance is asked for at most a few times, a column has a highest number of rows, a
//! conversation a highest number of packets.

use std::collections::{BTreeSet, VecDeque};

use super::client::{Binds, Client, SnmpError};
use super::config::Version;
use super::limits::{REPETITIONS, ROWS_MAX};
use super::oid::Oid;
use super::value::Table;

const TOO_BIG: u32 = 1;
/// Objects in one reading at which a device may fall silent before it counts as gone.
const SKIPPED_MAX: u32 = 3;
/// A device that is silent to as few objects as this has not choked on the size.
const SMALL: usize = 4;

/// What came.
#[derive(Debug, Clone, Default)]
pub struct Fetched {
    pub table: Table,
    /// Everything that was asked for was answered: with a value, or with "there is none".
    pub complete: bool,
    /// The device stopped answering on the way: asking on is in vain.
    pub lost: bool,
}

/// Reads instances. An error only if the device answered nothing at all; else what came, perhaps incomplete.
pub async fn instances(client: &mut Client, oids: &[Oid]) -> Result<Fetched, SnmpError> {
    let mut fetched = Fetched { complete: true, ..Fetched::default() };
    let mut waiting: VecDeque<Vec<Oid>> = chunks(oids, client.packet_oids).collect();
    let (mut silent, mut skipped) = (0, 0);
    while let Some(chunk) = waiting.pop_front() {
        let outcome = client.get(&chunk).await;
        match outcome {
            Ok(binds) => {
                silent = 0;
                let asked = chunk.len();
                let left = keep(&mut fetched.table, chunk, binds);
                if left.len() == asked {
                    requeue(&mut waiting, left, &mut fetched.complete);
                } else if !left.is_empty() {
                    waiting.push_front(left);
                }
            }
            Err(SnmpError::Status { status, index }) => {
                silent = 0;
                let named =
                    usize::try_from(index).ok().and_then(|index| index.checked_sub(1)).filter(|at| *at < chunk.len());
                match named {
                    Some(at) if status != TOO_BIG => {
                        let mut rest = chunk;
                        rest.remove(at);
                        if !rest.is_empty() {
                            waiting.push_front(rest);
                        }
                    }
                    _ => {
                        if status == TOO_BIG && chunk.len() > 1 {
                            learn(client, chunk.len() / 2);
                        }
                        requeue(&mut waiting, chunk, &mut fetched.complete);
                    }
                }
            }
            Err(error @ (SnmpError::Refused | SnmpError::NotRouted | SnmpError::Local(_) | SnmpError::Usm(_))) => {
                return given_up(client, fetched, error);
            }
            Err(SnmpError::Endless) => return given_up(client, fetched, SnmpError::Endless),
            Err(error) => {
                silent += 1;
                let last_try = silent > client.retries() && (chunk.len() <= SMALL || client.answers() == 0);
                if last_try && (chunk.len() > 1 || client.answers() == 0 || skipped == SKIPPED_MAX) {
                    return given_up(client, fetched, error);
                }
                if last_try {
                    // One object at which the device falls silent costs that object only.
                    skipped += 1;
                    silent = 0;
                    fetched.complete = false;
                    continue;
                }
                // Each further try asks for less: a device that choked on the size answers, a dead one costs no more.
                let less = chunk.len().div_ceil(4);
                if client.answers() > 0 && chunk.len() > 1 {
                    learn(client, less);
                }
                put_first(&mut waiting, &chunk, less);
            }
        }
    }
    Ok(fetched)
}

/// Reads whole columns, together. Columns that the device lacks yield nothing.
pub async fn columns(client: &mut Client, columns: &[&[u32]]) -> Result<Fetched, SnmpError> {
    let mut fetched = Fetched { complete: true, ..Fetched::default() };
    let mut walks: Vec<Walk> = columns.iter().map(|object| Walk::new(object)).collect();
    let mut silent = 0;
    loop {
        let open: Vec<usize> = (0..walks.len()).filter(|at| !walks[*at].done).take(client.packet_oids.max(1)).collect();
        if open.is_empty() {
            return Ok(fetched);
        }
        let from: Vec<Oid> = open.iter().map(|at| walks[*at].at.clone()).collect();
        let outcome = match client.version() {
            Version::V1 => client.getnext(&from).await,
            Version::V2c | Version::V3 => {
                let fits = u32::try_from(client.packet_oids / from.len()).unwrap_or(1);
                client.getbulk(&from, 0, fits.clamp(1, REPETITIONS)).await
            }
        };
        match outcome {
            Ok(binds) if binds.is_empty() => {
                silent += 1;
                if silent > client.retries() + 1 {
                    fetched.complete = false;
                    return Ok(fetched);
                }
                learn(client, client.packet_oids / 2);
            }
            Ok(binds) => {
                silent = 0;
                follow(&mut walks, &open, binds, &mut fetched);
            }
            // v1 says so at the end of the MIB; any other complaint about one column ends that column too.
            Err(SnmpError::Status { status, index }) if status != TOO_BIG => {
                silent = 0;
                let named = usize::try_from(index).ok().and_then(|index| open.get(index.checked_sub(1)?));
                match named {
                    Some(at) => walks[*at].done = true,
                    None if open.len() == 1 => walks[open[0]].done = true,
                    None => learn(client, open.len() / 2),
                }
            }
            Err(SnmpError::Status { .. }) => {
                if client.packet_oids <= 1 {
                    fetched.complete = false;
                    walks[open[0]].done = true;
                }
                learn(client, client.packet_oids / 2);
            }
            Err(
                error @ (SnmpError::Refused
                | SnmpError::NotRouted
                | SnmpError::Local(_)
                | SnmpError::Usm(_)
                | SnmpError::Endless),
            ) => {
                return given_up(client, fetched, error);
            }
            Err(error) => {
                silent += 1;
                if silent > client.retries() && (client.packet_oids <= SMALL || client.answers() == 0) {
                    return given_up(client, fetched, error);
                }
                if client.answers() > 0 {
                    learn(client, client.packet_oids / 4);
                }
            }
        }
    }
}

/// One column on its way down.
struct Walk<'a> {
    object: &'a [u32],
    at: Oid,
    rows: usize,
    done: bool,
}

impl<'a> Walk<'a> {
    fn new(object: &'a [u32]) -> Self {
        Self { object, at: Oid::new(object), rows: 0, done: false }
    }

    /// Takes the next instance; whatever is not one ends the column.
    fn step(&mut self, bind: (Oid, Option<super::value::Value>), fetched: &mut Fetched) {
        if self.done {
            return;
        }
        let (name, value) = bind;
        let (Some(_), Some(value)) = (name.below(self.object), value) else {
            self.done = true;
            return;
        };
        // A device that does not go upwards would be followed for ever.
        if name <= self.at || self.rows >= ROWS_MAX || !fetched.table.insert(name.clone(), value) {
            fetched.complete = false;
            self.done = true;
            return;
        }
        self.at = name;
        self.rows += 1;
    }
}

/// Answers to a GETBULK come row by row, one value for each column in turn (RFC 3416 section 4.2.3).
fn follow(walks: &mut [Walk<'_>], open: &[usize], binds: Binds, fetched: &mut Fetched) {
    for (place, bind) in binds.into_iter().enumerate() {
        walks[open[place % open.len()]].step(bind, fetched);
    }
}

/// Keeps what was asked for; returns what was not answered.
fn keep(table: &mut Table, asked: Vec<Oid>, binds: Binds) -> Vec<Oid> {
    let mut left: BTreeSet<Oid> = asked.into_iter().collect();
    for (name, value) in binds {
        if left.remove(&name)
            && let Some(value) = value
        {
            table.insert(name, value);
        }
    }
    left.into_iter().collect()
}

fn requeue(waiting: &mut VecDeque<Vec<Oid>>, chunk: Vec<Oid>, complete: &mut bool) {
    if chunk.len() == 1 {
        *complete = false;
        return;
    }
    put_first(waiting, &chunk, chunk.len().div_ceil(2));
}

/// Puts `chunk` back in parts of at most `size`.
fn put_first(waiting: &mut VecDeque<Vec<Oid>>, chunk: &[Oid], size: usize) {
    for part in chunks(chunk, size).collect::<Vec<_>>().into_iter().rev() {
        waiting.push_front(part);
    }
}

fn chunks(oids: &[Oid], size: usize) -> impl Iterator<Item = Vec<Oid>> + '_ {
    oids.chunks(size.max(1)).map(<[Oid]>::to_vec)
}

fn learn(client: &mut Client, oids: usize) {
    client.packet_oids = client.packet_oids.min(oids).max(1);
}

fn given_up(client: &Client, mut fetched: Fetched, error: SnmpError) -> Result<Fetched, SnmpError> {
    if client.answers() == 0 {
        return Err(error);
    }
    fetched.complete = false;
    fetched.lost = true;
    Ok(fetched)
}
