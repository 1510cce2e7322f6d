//! Reading a file from front to back in large pieces, with every look at it a borrowed slice.

use std::io;
use std::sync::Arc;

use super::disk::DiskFile;

/// Large enough that system calls do not count, small enough to stay in the second-level cache.
pub const SCAN_CHUNK: usize = 256 << 10;

#[derive(Debug)]
pub struct Window {
    file: Arc<dyn DiskFile>,
    /// Nothing at or behind this offset is read.
    limit: u64,
    chunk: usize,
    start: u64,
    filled: usize,
    buffer: Vec<u8>,
}

impl Window {
    pub fn new(file: Arc<dyn DiskFile>, limit: u64, chunk: usize) -> Self {
        Self { file, limit, chunk, start: 0, filled: 0, buffer: Vec::new() }
    }

    /// From now on reads only what is asked for: for single looks far apart.
    pub const fn read_exactly(&mut self) {
        self.chunk = 0;
    }

    /// The `bytes` bytes at `offset`, or nothing when they reach beyond the limit.
    pub fn look(&mut self, offset: u64, bytes: usize) -> io::Result<Option<&[u8]>> {
        if offset.checked_add(bytes as u64).is_none_or(|end| end > self.limit) {
            return Ok(None);
        }
        let inside = offset.checked_sub(self.start).and_then(|at| usize::try_from(at).ok());
        let at = match inside {
            Some(at) if at + bytes <= self.filled => at,
            Some(at) if at < self.filled => {
                self.buffer.copy_within(at..self.filled, 0);
                self.fill(offset, self.filled - at, bytes)?;
                0
            }
            _ => {
                self.fill(offset, 0, bytes)?;
                0
            }
        };
        Ok(self.buffer.get(at..at + bytes))
    }

    /// Makes the buffer start at `offset`; its first `kept` bytes are in place already.
    fn fill(&mut self, offset: u64, kept: usize, bytes: usize) -> io::Result<()> {
        let rest = usize::try_from(self.limit - offset).unwrap_or(usize::MAX);
        let wanted = bytes.max(self.chunk).min(rest);
        if self.buffer.len() < wanted {
            self.buffer.resize(wanted, 0);
        }
        // Until the read has succeeded the buffer holds nothing.
        self.filled = 0;
        let target = self.buffer.get_mut(kept..wanted).expect("what is kept is shorter than what is wanted");
        self.file.read_exact_at(target, offset + kept as u64)?;
        self.start = offset;
        self.filled = wanted;
        Ok(())
    }
}
