//! From the bytes of a payload to rows, as ingest does it, beside what any reader of these bytes must do: inflate the body
//! and step over its MessagePack without keeping anything. CPU time of one thread.

use anyhow::{Context, Result};
use ingest::decode::{envelope, payload};
use schemas::id::AgentCn;
use schemas::topic::Topic;
use schemas::wire::{decode_body, decode_header, freeze};
use serde::de::IgnoredAny;

use super::payloads::{Recorded, polls};
use super::usage::thread_seconds;
use super::{Figure, Rule, Setting, approx};

/// Payloads decoded in one run.
const PAYLOADS: usize = 200;

pub(super) async fn run(setting: Setting) -> Result<Vec<Figure>> {
    let recorded = Recorded::take(&setting.dir).await?;
    let cn: AgentCn = "acme.one".parse()?;
    let topic = Topic::up(&cn).to_string();
    let bodies: Vec<_> = (0..setting.size(PAYLOADS, PAYLOADS / 2)).map(|number| recorded.body(number)).collect();
    let polls = polls(&bodies);
    let frozen = bodies.iter().zip(1..).map(|(body, seq)| freeze(&cn, 7, seq, body)).collect::<Result<Vec<_>, _>>()?;
    let received = jiff::Timestamp::from_second(1_780_000_000)?;

    let per_poll = |run: &mut dyn FnMut() -> Result<usize>| -> Result<f64> {
        let before = thread_seconds()?;
        std::hint::black_box(run()?);
        Ok((thread_seconds()? - before) * 1e9 / approx(polls))
    };
    let (mut rows, mut typed, mut skipped, mut inflated, mut hashed) = (vec![], vec![], vec![], vec![], vec![]);
    for _ in 0..setting.runs {
        rows.push(per_poll(&mut || {
            let decode = |bytes: &[u8]| -> Result<usize> {
                Ok(payload(&envelope(&topic, bytes)?, bytes, received, "service.ingest1").rows.polls.len())
            };
            frozen.iter().map(|frozen| decode(&frozen.bytes)).sum()
        })?);
        typed.push(per_poll(&mut || {
            let decode = |bytes: &[u8]| -> Result<usize> { Ok(decode_body(&decode_header(bytes)?)?.records.len()) };
            frozen.iter().map(|frozen| decode(&frozen.bytes)).sum()
        })?);
        skipped.push(per_poll(&mut || {
            let skip = |bytes: &[u8]| -> Result<usize> {
                let plain = inflate(bytes)?;
                rmp_serde::from_slice::<IgnoredAny>(&plain)?;
                Ok(plain.len())
            };
            frozen.iter().map(|frozen| skip(&frozen.bytes)).sum()
        })?);
        inflated.push(per_poll(&mut || frozen.iter().map(|frozen| Ok(inflate(&frozen.bytes)?.len())).sum())?);
        hashed.push(per_poll(&mut || {
            Ok(frozen.iter().map(|frozen| usize::from(schemas::id::PayloadId::of(&frozen.bytes).0[0])).sum())
        })?);
    }
    let limit = "inflate and step over the MessagePack";
    let bytes: usize = frozen.iter().map(|frozen| frozen.bytes.len()).sum();
    let size =
        format!("{} polls in {} payloads of {} bytes on average", polls, frozen.len(), bytes / frozen.len().max(1));
    let none = "no run";
    Ok(vec![
        Figure::alone("payload to rows, one thread", "ns/poll", &rows)
            .context(none)?
            .beside(limit, &skipped, Rule::Times)
            .noting(size),
        Figure::alone("of it: payload to typed records", "ns/poll", &typed).context(none)?.beside(
            limit,
            &skipped,
            Rule::Times,
        ),
        Figure::alone("of it: inflating alone", "ns/poll", &inflated).context(none)?,
        Figure::alone("of it: the id (BLAKE3) alone", "ns/poll", &hashed).context(none)?,
    ])
}

fn inflate(bytes: &[u8]) -> Result<Vec<u8>> {
    Ok(zstd::bulk::decompress(&decode_header(bytes)?.body, schemas::limits::BODY_BYTES_MAX)?)
}
