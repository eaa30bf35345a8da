//! What ingest does with payloads of every kind: good, repeated, late, damaged, newer, impossible, hostile.

use anyhow::Result;
use schemas::id::PayloadId;
use schemas::wire::{self, Header};

use crate::support::{Cloud, beginning, body, payload, proof};

#[tokio::test(flavor = "multi_thread")]
async fn a_payload_is_settled_only_when_its_rows_and_its_place_in_the_books_are_stored() -> Result<()> {
    let mut cloud = Cloud::start().await?;
    let frozen = payload(&cloud.cn, 7, 1, beginning().as_second(), 100);
    cloud.deliver(&frozen.bytes).await?;
    assert_eq!(
        cloud.world.query("SELECT device, total, local_day FROM polls FINAL FORMAT TSV").await?,
        "kyocera:VCF1234567\t100\t2026-03-02"
    );
    assert_eq!(
        cloud.world.query("SELECT lower(hex(id)), status FROM batches FINAL FORMAT TSV").await?,
        format!("{}\t3", frozen.id)
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payload_that_comes_ten_times_is_one_row_and_is_acked_each_time() -> Result<()> {
    let mut cloud = Cloud::start().await?;
    let frozen = payload(&cloud.cn, 7, 1, beginning().as_second(), 100);
    for _ in 0..10 {
        cloud.deliver(&frozen.bytes).await?;
    }
    // A worker that has forgotten everything must come to the same result.
    cloud.world.ingest.kill()?;
    cloud.world.start_ingest().await?;
    cloud.deliver(&frozen.bytes).await?;
    assert_eq!(cloud.world.count("SELECT count() FROM polls FINAL").await?, 1);
    assert_eq!(cloud.world.count("SELECT count() FROM batches FINAL").await?, 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn payloads_weeks_late_and_out_of_order_find_their_days() -> Result<()> {
    let mut cloud = Cloud::start().await?;
    let day = 86_400;
    let start = beginning().as_second();
    for (seq, days) in [(5_u64, 0), (1, -40), (4, -1), (2, -39), (3, -38)] {
        let frozen = payload(&cloud.cn, 7, seq, start + days * day, 1_000 + days * 10);
        cloud.deliver(&frozen.bytes).await?;
    }
    let days = cloud.world.query("SELECT day, total_last.3 FROM counter_day FINAL ORDER BY day FORMAT TSV").await?;
    assert_eq!(days, "2026-01-21\t600\n2026-01-22\t610\n2026-01-23\t620\n2026-03-01\t990\n2026-03-02\t1000");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_payloads_are_kept_with_their_bytes_and_never_stop_what_stands_behind_them() -> Result<()> {
    let mut cloud = Cloud::start().await?;
    let good = payload(&cloud.cn, 7, 9, beginning().as_second(), 100);
    let truncated = &good.bytes[..good.bytes.len() / 2];
    let mut poisoned = payload(&cloud.cn, 7, 2, beginning().as_second(), 50).bytes;
    let frame = poisoned.windows(4).position(|bytes| bytes == [0x28, 0xb5, 0x2f, 0xfd]).expect("a zstd frame");
    poisoned[frame + 4] ^= 0xff;
    let bomb = zstd::bulk::compress(&vec![0; 32 << 20], 19)?;
    let bomb = pack(&Header { v: 1, cn: cloud.cn.to_string(), epoch: 7, seq: 3, enc: "zstd".into(), n: 1, body: bomb });
    let foreign = payload(&"globex.hq".parse()?, 7, 4, beginning().as_second(), 5).bytes;
    let bad: Vec<&[u8]> = vec![b"", b"\xc1", truncated, &poisoned, &bomb, &foreign];
    for bytes in &bad {
        cloud.deliver(bytes).await?;
    }
    cloud.deliver(&good.bytes).await?;
    assert_eq!(cloud.world.count("SELECT count() FROM polls FINAL").await?, 1);
    assert_eq!(cloud.world.count("SELECT count() FROM polls FINAL WHERE tenant != 'acme'").await?, 0);
    for bytes in &bad {
        let id = PayloadId::of(bytes);
        let kept = cloud
            .world
            .query(&format!(
                "SELECT status, lower(hex(payload)), reason != '' FROM kept FINAL WHERE id = unhex('{id}') FORMAT TSV"
            ))
            .await?;
        assert_eq!(kept, format!("1\t{}\t1", hex(bytes)));
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_impossible_record_costs_itself_and_not_its_batch() -> Result<()> {
    let mut cloud = Cloud::start().await?;
    let mut mixed = body(beginning().as_second(), 100);
    for ts in [0, -5, i64::MAX, beginning().as_second() + 3 * 86_400] {
        mixed.records.extend(body(ts, 1).records);
    }
    let frozen = wire::freeze(&cloud.cn, 7, 1, &mixed)?;
    cloud.deliver(&frozen.bytes).await?;
    assert_eq!(cloud.world.count("SELECT count() FROM polls FINAL").await?, 1);
    assert_eq!(cloud.world.count("SELECT count() FROM rejected_records FINAL WHERE reason != ''").await?, 4);
    assert_eq!(cloud.world.query("SELECT status, rejected_records FROM batches FINAL FORMAT TSV").await?, "3\t4");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payload_of_a_newer_version_is_held_and_settled() -> Result<()> {
    let mut cloud = Cloud::start().await?;
    let newer =
        pack(&Header { v: 2, cn: cloud.cn.to_string(), epoch: 7, seq: 1, enc: "zstd".into(), n: 1, body: vec![1] });
    let other =
        pack(&Header { v: 1, cn: cloud.cn.to_string(), epoch: 7, seq: 2, enc: "brotli".into(), n: 1, body: vec![1] });
    cloud.deliver(&newer).await?;
    cloud.deliver(&other).await?;
    assert_eq!(cloud.world.query("SELECT seq, status FROM batches FINAL ORDER BY seq FORMAT TSV").await?, "1\t2\n2\t2");
    assert_eq!(
        cloud.world.query("SELECT lower(hex(payload)) FROM kept FINAL ORDER BY seq LIMIT 1 FORMAT TSV").await?,
        hex(&newer)
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_payloads_for_one_seq_both_count_and_an_event_says_so() -> Result<()> {
    let mut cloud = Cloud::start().await?;
    let start = beginning().as_second();
    cloud.deliver(&payload(&cloud.cn, 7, 1, start, 100).bytes).await?;
    cloud.deliver(&payload(&cloud.cn, 7, 1, start - 3_600, 90).bytes).await?;
    assert_eq!(cloud.world.count("SELECT count() FROM polls FINAL").await?, 2);
    assert!(cloud.world.count("SELECT count() FROM events FINAL WHERE kind = 'two-payloads-for-one-seq'").await? >= 1);
    let proof = proof(&cloud.world).await?;
    assert_eq!(proof["epochs"][0]["conflicts"], 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_is_restored_from_an_old_snapshot_is_acked_for_what_it_sends_again() -> Result<()> {
    let mut cloud = Cloud::start().await?;
    let start = beginning().as_second();
    let old: Vec<_> = (1..=5).map(|seq| payload(&cloud.cn, 7, seq, start + i64::try_from(seq).unwrap(), 100)).collect();
    for frozen in &old {
        cloud.deliver(&frozen.bytes).await?;
    }
    // The snapshot knows seqs 1 to 3 as unsent, and goes on with a 4 and 5 of its own.
    for frozen in &old[..3] {
        cloud.deliver(&frozen.bytes).await?;
    }
    for seq in [4, 5] {
        let other = payload(&cloud.cn, 7, seq, start + 100 + i64::try_from(seq)?, 200);
        cloud.deliver(&other.bytes).await?;
    }
    assert_eq!(cloud.world.count("SELECT count() FROM polls FINAL").await?, 7);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_seq_below_the_stated_oldest_is_named_as_lost() -> Result<()> {
    let mut cloud = Cloud::start().await?;
    let start = beginning().as_second();
    for seq in [1, 2, 4] {
        cloud.deliver(&payload(&cloud.cn, 7, seq, start + i64::try_from(seq)?, 100).bytes).await?;
    }
    let mut stats = body(start, 100);
    let said = wire::Stats { ts: start, taken: 5, polls_taken: 4, oldest: 5, ..wire::Stats::default() };
    stats.records = vec![said.into()];
    cloud.deliver(&wire::freeze(&cloud.cn, 7, 5, &stats)?.bytes).await?;
    let books = proof(&cloud.world).await?;
    assert_eq!((&books["closes"], &books["lost"]), (&false.into(), &1.into()), "{books:#}");
    assert_eq!(books["epochs"][0]["lost_spans"], serde_json::json!([[3, 3]]));

    let mut drop = body(start, 100);
    drop.records = vec![wire::Drop { ts: start, epoch: 7, from: 3, to: 3, polls: 1, cause: "cap".into() }.into()];
    cloud.deliver(&wire::freeze(&cloud.cn, 7, 6, &drop)?.bytes).await?;
    let books = proof(&cloud.world).await?;
    assert_eq!((&books["lost"], &books["dropped"]), (&0.into(), &1.into()), "{books:#}");
    Ok(())
}

fn pack(header: &Header) -> Vec<u8> {
    rmp_serde::to_vec_named(header).unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
