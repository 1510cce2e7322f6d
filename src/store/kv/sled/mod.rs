//! sled, kept at arm's length: no panic of it leaves this folder, a sync is a real one, and its cache has a bound.

mod eviction;
#[cfg(test)]
mod tests;

use std::fmt;
use std::fs::{self, File};
use std::io;
use std::ops::{Bound, ControlFlow};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use self::eviction::Eviction;
use super::{Direction, Kv, KvError, Visit, WriteBatch};

/// Pages that sled keeps in memory. Its own book-keeping comes on top: about 45 bytes for each page of ours.
const CACHE_BYTES: u64 = 16 << 20;
/// Pairs of a walk, in some 700 leaves, after which the cache is looked at.
const WALK: usize = 8_192;

pub struct SledKv {
    db: sled::Db,
    eviction: Eviction,
    directory: PathBuf,
}

impl SledKv {
    /// Opens the database in `directory`, or makes an empty one.
    pub fn open(directory: &Path) -> Result<Self, KvError> {
        let config = sled::Config::new()
            .path(directory)
            .cache_capacity(CACHE_BYTES)
            // A thread that flushes would promise nothing: its flush is no sync.
            .flush_every_ms(None);
        let (db, eviction) = guarded("opening the store", || {
            let db = config.open()?;
            let eviction = Eviction::open(&db)?;
            Ok((db, eviction))
        })?;
        Ok(Self { db, eviction, directory: directory.to_path_buf() })
    }

    /// sled's own flush ends with `sync_file_range`, which survives no power cut.
    fn sync_files(&self) -> io::Result<()> {
        File::open(self.directory.join("db"))?.sync_data()?;
        let blobs = self.directory.join("blobs");
        if blobs.is_dir() {
            for file in fs::read_dir(&blobs)? {
                File::open(file?.path())?.sync_data()?;
            }
            File::open(&blobs)?.sync_all()?;
        }
        File::open(&self.directory)?.sync_all()
    }
}

impl fmt::Debug for SledKv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SledKv").field("directory", &self.directory).finish_non_exhaustive()
    }
}

impl Kv for SledKv {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, KvError> {
        guarded("reading from the store", || {
            self.eviction.count_read()?;
            Ok(self.db.get(key)?.map(|value| value.to_vec()))
        })
    }

    fn range(
        &self,
        from: &[u8],
        to: &[u8],
        direction: Direction,
        visit: &mut Visit<'_>,
    ) -> Result<(), KvError> {
        if from >= to {
            return Ok(());
        }
        guarded("reading from the store", || {
            self.eviction.count_read()?;
            let mut pairs = self.db.range::<&[u8], _>((Bound::Included(from), Bound::Excluded(to)));
            for walked in 1_usize.. {
                if walked.is_multiple_of(WALK) {
                    self.eviction.look()?;
                }
                let pair = match direction {
                    Direction::Ascending => pairs.next(),
                    Direction::Descending => pairs.next_back(),
                };
                let Some(pair) = pair else { return Ok(()) };
                let (key, value) = pair?;
                if visit(&key, &value) == ControlFlow::Break(()) {
                    return Ok(());
                }
            }
            Ok(())
        })
    }

    fn apply(&self, batch: WriteBatch) -> Result<(), KvError> {
        guarded("writing to the store", || {
            let mut changes = sled::Batch::default();
            for (key, value) in batch.changes {
                match value {
                    Some(value) => changes.insert(key, value),
                    None => changes.remove(key),
                }
            }
            self.db.apply_batch(changes)
        })
    }

    fn sync(&self) -> Result<(), KvError> {
        guarded("syncing the store", || {
            self.db.flush()?;
            self.sync_files()?;
            Ok(())
        })
    }
}

/// Runs an operation of sled. A panic inside becomes an error; whoever gets one uses this database no more.
fn guarded<T>(doing: &'static str, work: impl FnOnce() -> sled::Result<T>) -> Result<T, KvError> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => {
            let full = |error: &io::Error| error.kind() == io::ErrorKind::StorageFull;
            let disk_full = matches!(&error, sled::Error::Io(error) if full(error));
            Err(KvError { disk_full, ..KvError::new(doing, error) })
        }
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
            Err(KvError::new(doing, format_args!("sled panicked: {}", text.unwrap_or("without a reason"))))
        }
    }
}
