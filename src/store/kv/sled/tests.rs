//! What only sled itself can show.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use super::super::{BATCH_KEYS_MAX, Direction, Kv, WriteBatch};
use super::eviction::{PAUSE, READS};
use super::{CACHE_BYTES, SledKv};

/// Far more than the cache holds, and far fewer leaves than the shards of it take before a block is full.
const PAIRS: u64 = 60_000;
const VALUE: [u8; 1_000] = [7; 1_000];

/// Bytes that this thread has read from files.
fn bytes_read() -> u64 {
    let counters = fs::read_to_string("/proc/thread-self/io").unwrap();
    counters.lines().find_map(|line| line.strip_prefix("rchar: ")).unwrap().parse().unwrap()
}

fn fill(directory: &Path) {
    let kv = SledKv::open(directory).unwrap();
    let mut batch = WriteBatch::default();
    for number in 0..PAIRS {
        batch.put(number.to_be_bytes().to_vec(), VALUE.to_vec());
        if batch.len() == BATCH_KEYS_MAX {
            kv.apply(std::mem::take(&mut batch)).unwrap();
        }
    }
    kv.apply(batch).unwrap();
    kv.sync().unwrap();
}

fn walk(kv: &dyn Kv) -> u64 {
    let mut pairs = 0;
    kv.range(&[], &[0xFF], Direction::Ascending, &mut |_, _| {
        pairs += 1;
        ControlFlow::Continue(())
    })
    .unwrap();
    pairs
}

/// Whatever has left the memory has to be read again.
#[test]
fn a_walk_over_everything_leaves_no_more_in_memory_than_the_cache_may_hold() {
    let directory = tempfile::tempdir().unwrap();
    fill(directory.path());
    let kv = SledKv::open(directory.path()).unwrap();
    assert_eq!(walk(&kv), PAIRS);
    let before = bytes_read();
    assert_eq!(walk(&kv), PAIRS);
    let held = (PAIRS * VALUE.len() as u64).saturating_sub(bytes_read() - before);
    assert!(held <= 2 * CACHE_BYTES, "{held} bytes were still in memory");
}

/// A leaf has at most 17 pairs, so every one of these reads brings another one in.
fn read_here_and_there(kv: &dyn Kv) -> usize {
    (0..PAIRS).step_by(16).filter(|number| kv.get(&number.to_be_bytes()).unwrap().is_some()).count()
}

#[test]
fn single_reads_leave_no_more_in_memory_than_the_cache_may_hold() {
    let directory = tempfile::tempdir().unwrap();
    fill(directory.path());
    let kv = SledKv::open(directory.path()).unwrap();
    for _ in 0..=READS / (PAIRS / 16) {
        read_here_and_there(&kv);
    }
    std::thread::sleep(PAUSE);
    let before = bytes_read();
    assert_eq!(read_here_and_there(&kv) as u64, PAIRS / 16);
    let held = (PAIRS * VALUE.len() as u64).saturating_sub(bytes_read() - before);
    assert!(held <= 2 * CACHE_BYTES, "{held} bytes were still in memory");
}
