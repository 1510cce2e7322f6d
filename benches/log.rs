//! What one append costs, and how fast the log is read: `cargo bench --bench log`.
//!
//! Set `TMPDIR` to a directory on the disk in question; the default is that of the system.

use std::iter;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::{Duration, Instant};

use gleitzeit::core::ids::Seq;
use gleitzeit::log::{Batch, Log, LogOptions, RecordView, SegmentLog};

const RECORD: [u8; 184] = [b'x'; 184];
const RESULT: &str = r#"{"value":"the result of a task, about eighty bytes long, as many results are"}"#;
const RUN: Duration = Duration::from_secs(3);

fn main() {
    for batch_size in [1, 64, 512] {
        let directory = tempfile::tempdir().expect("the temporary directory can be written");
        appends(directory.path(), batch_size);
    }
    let directory = tempfile::tempdir().expect("the temporary directory can be written");
    reads(directory.path());
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
fn now() -> Instant {
    Instant::now()
}

/// Appends batches of 200-byte records one after the other, each waiting for its sync.
fn appends(directory: &Path, batch_size: u32) {
    let (mut log, _) = SegmentLog::open(directory, LogOptions::default()).expect("a new log opens");
    let mut batch = Batch::new(log.next_seq());
    let mut waits = Vec::new();
    let start = now();
    while start.elapsed() < RUN {
        batch.reset(log.next_seq());
        for _ in 0..batch_size {
            batch.push(|body| body.extend_from_slice(&RECORD), iter::empty());
        }
        let before = now();
        log.append(&mut batch).expect("the disk has room");
        waits.push(before.elapsed());
    }
    let took = start.elapsed();
    waits.sort_unstable();
    let at = |permille: usize| {
        let place = (waits.len() - 1) * permille / 1000;
        waits.get(place).map_or(0.0, |wait| wait.as_secs_f64() * 1e3)
    };
    println!(
        "append {batch_size:4} records: {:8} records/s, p50 {:.3} ms, p90 {:.3}, p99 {:.3}, p99.9 {:.3}, max {:.3}",
        per_second(log.next_seq().0 - 1, took),
        at(500),
        at(900),
        at(990),
        at(999),
        at(1000)
    );
}

/// Reads everything back in order, then single payloads here and there, then opens the log again.
fn reads(directory: &Path) {
    const RECORDS: u64 = 2_000_000;
    const LOOKS: u64 = 100_000;
    let (mut log, _) = SegmentLog::open(directory, LogOptions::default()).expect("a new log opens");
    let mut batch = Batch::new(log.next_seq());
    while log.next_seq().0 <= RECORDS {
        batch.reset(log.next_seq());
        for _ in 0..512 {
            batch.push(|body| body.extend_from_slice(&RECORD[..100]), iter::once(RESULT));
        }
        log.append(&mut batch).expect("the disk has room");
    }
    let reader = log.reader();
    let mut bytes = 0;
    let start = now();
    let visit = &mut |record: RecordView<'_>| {
        bytes += record.body.len() + record.parts.iter().map(str::len).sum::<usize>();
        ControlFlow::Continue(())
    };
    reader.scan(reader.first_seq(), visit).expect("the log is whole");
    println!("scan: {} records/s, {bytes} bytes of content", per_second(RECORDS, start.elapsed()));

    let start = now();
    for look in 0..LOOKS {
        let seq = Seq(1 + look.wrapping_mul(0x9E37_79B9_7F4A_7C15) % RECORDS);
        reader.part(seq, 0).expect("the payload is there");
    }
    println!("part: {} looks/s in random order", per_second(LOOKS, start.elapsed()));

    drop(log);
    let start = now();
    let (_log, report) = SegmentLog::open(directory, LogOptions::default()).expect("the log opens");
    println!("open: {:?}, {} MiB checked", start.elapsed(), report.checked_bytes >> 20);
}

fn per_second(count: u64, time: Duration) -> u64 {
    let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX).max(1);
    count.saturating_mul(1_000_000) / micros
}
