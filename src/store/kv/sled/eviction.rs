//! Makes sled give back what it has read.
//!
//! sled divides its cache into shards and looks at one of them only when a block of accesses to it is full. A walk over a
//! large store leaves so many leaves of some 10 KB in memory, 160 MB together, whatever the capacity of the cache is.
//! Reading small pages of every shard fills the blocks, and sled throws out what is beyond the capacity.
//!
//! On a store that had freed pages before these trees were made, their pages got numbers that were free and need not lie in all
//! shards: memory may be bounded less tightly there until `gleitzeit store compact` writes the store anew.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::clock::instant;

/// Shards of sled's cache. A page belongs to the one that its number names, and numbers are given in a row.
const SHARDS: usize = 256;
/// Accesses to a shard after which sled looks at it.
const BLOCK: usize = 64;
/// A new tree has two pages, a root and a leaf, and a read goes through both.
const PAGES_OF_TREE: usize = 2;

/// Single reads after which it is time to look. Each may have brought a leaf in.
pub const READS: u64 = 4_096;
/// A look takes a few milliseconds, which whoever reads all the time should not pay too often.
pub const PAUSE: Duration = Duration::from_secs(1);

/// Pages in every shard. They have to be made before anything else is, so that their numbers are in a row.
pub struct Eviction {
    trees: Vec<sled::Tree>,
    reads: AtomicU64,
    last: Mutex<Instant>,
}

impl Eviction {
    pub fn open(db: &sled::Db) -> sled::Result<Self> {
        let tree = |number: usize| db.open_tree(format!("eviction {number}"));
        let trees = (0..SHARDS / PAGES_OF_TREE).map(tree).collect::<sled::Result<_>>()?;
        Ok(Self { trees, reads: AtomicU64::new(0), last: Mutex::new(instant()) })
    }

    /// One more single read, which is the moment to look every now and then.
    pub fn count_read(&self) -> sled::Result<()> {
        if self.reads.fetch_add(1, Ordering::Relaxed) < READS {
            return Ok(());
        }
        let Ok(mut last) = self.last.try_lock() else { return Ok(()) };
        if last.elapsed() < PAUSE {
            return Ok(());
        }
        *last = instant();
        self.look()
    }

    /// Has sled look at all of its cache.
    pub fn look(&self) -> sled::Result<()> {
        self.reads.store(0, Ordering::Relaxed);
        for tree in &self.trees {
            for _ in 0..BLOCK {
                tree.get([])?;
            }
        }
        Ok(())
    }
}
