//! The log against files and against simulated disks.

mod crashes;
mod damage;
mod files;
mod repairs;
mod scrub;
mod snapshots;
mod space;

use std::ops::ControlFlow;

use super::{Batch, Log, LogError, LogOptions, LogRead};
use crate::core::ids::Seq;

/// Small segments, so that little data makes many of them.
fn small() -> LogOptions {
    LogOptions { segment_size: 64 << 10, ..LogOptions::default() }
}

/// What record `seq` says: its position, who wrote it, and some filling whose length depends on both.
fn body(seq: Seq, author: u32) -> String {
    let filling = "b".repeat(usize::try_from((seq.0 * 37 + u64::from(author)) % 150).unwrap());
    format!("{}/{author}/{filling}", seq.0)
}

fn parts(seq: Seq, author: u32) -> Vec<String> {
    (0..seq.0 % 4)
        .map(|part| format!("\"ä{}{author}{}\"", seq.0, "p".repeat(usize::try_from(part * 40).unwrap())))
        .collect()
}

/// Appends one batch and returns its end.
fn append(log: &mut dyn Log, records: u32, author: u32) -> Result<Seq, LogError> {
    let mut batch = batch(log.next_seq(), records, author);
    log.append(&mut batch)?;
    Ok(batch.end())
}

fn batch(first: Seq, records: u32, author: u32) -> Batch {
    let mut batch = Batch::new(first);
    for _ in 0..records {
        let seq = batch.end();
        let texts = parts(seq, author);
        batch.push(
            |bytes| bytes.extend_from_slice(body(seq, author).as_bytes()),
            texts.iter().map(String::as_str),
        );
    }
    batch
}

/// Reads everything from `from` on, checks every byte, and returns each record's position and author.
fn read(reader: &dyn LogRead, from: Seq) -> Result<Vec<(u64, u32)>, LogError> {
    let mut seen = Vec::new();
    reader.scan(from, &mut |record| {
        let text = std::str::from_utf8(record.body).unwrap();
        let author = text.split('/').nth(1).unwrap().parse().unwrap();
        assert_eq!(text, body(record.seq, author));
        assert_eq!(record.parts.iter().collect::<Vec<_>>(), parts(record.seq, author));
        seen.push((record.seq.0, author));
        ControlFlow::Continue(())
    })?;
    Ok(seen)
}

/// Positions `from..to`, all by author 1.
fn expected(from: u64, to: u64) -> Vec<(u64, u32)> {
    (from..to).map(|seq| (seq, 1)).collect()
}
