//! Reading old segments again, slowly: what nobody reads may rot, and then it is good to know while there is a backup.

use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;

use super::LogError;
use super::disk::{Access, DiskFile, failed};
use super::error::{Damage, Lost};
use super::examine::examine;
use super::segment::{HEADER_BYTES, SegmentHeader, file_name};
use super::snapshot::Snapshots;

/// Told how many bytes are about to be read; waits until it is time for them, and says whether to go on.
pub type Pace = dyn Fn(u64) -> ControlFlow<()> + Send + Sync;

/// A segment that was read from end to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scrubbed {
    pub number: u64,
    pub bytes: u64,
}

/// Why a segment was not found to be whole.
#[derive(Debug)]
pub enum NotWhole {
    /// The pace said not to go on.
    Stopped,
    Damaged {
        number: u64,
        error: LogError,
    },
}

impl Snapshots {
    /// Reads the oldest segment behind number `after`, through a descriptor of its own. Nothing where only the one is left
    /// that is being written. It holds nothing back: a segment that is deleted meanwhile is passed over.
    ///
    /// # Errors
    /// When it is damaged or cannot be read, or when it should not go on.
    pub fn scrub_next(&self, after: u64, pace: &Arc<Pace>) -> Result<Option<Scrubbed>, NotWhole> {
        let headers = self.0.headers();
        let pairs = headers.iter().zip(headers.iter().skip(1));
        for (header, next) in pairs.filter(|(header, _)| header.number > after) {
            let (disk, name, number) = (self.0.disk.as_ref(), file_name(header.number), header.number);
            let not_whole = |error| NotWhole::Damaged { number, error };
            let file = match disk.open(&name, Access::Read) {
                Ok(file) => file,
                Err(_) if self.0.first_seq() > header.first => continue,
                Err(error) => return Err(not_whole(failed(disk, "opening", &name)(error))),
            };
            let mut bytes = vec![0; HEADER_BYTES];
            file.read_exact_at(&mut bytes, 0).map_err(failed(disk, "reading", &name)).map_err(not_whole)?;
            if SegmentHeader::parse(&bytes).ok() != Some(*header) {
                let lost = Lost { from: header.first, to: Some(next.first) };
                let what = "its header is not what it was";
                return Err(not_whole(LogError::Damaged(Damage {
                    file: disk.describe(&name),
                    offset: 0,
                    what,
                    lost,
                })));
            }
            let file: Arc<dyn DiskFile> = Arc::new(Paced { file, pace: Arc::clone(pace) });
            return match examine(disk, &file, header, Some(next.first)) {
                Ok(seen) => match seen.damage {
                    Some(damage) => Err(not_whole(LogError::Damaged(damage))),
                    None => Ok(Some(Scrubbed { number, bytes: header.capacity })),
                },
                Err(LogError::Io { error, .. }) if error.kind() == io::ErrorKind::Interrupted => {
                    Err(NotWhole::Stopped)
                }
                Err(error) => Err(not_whole(error)),
            };
        }
        Ok(None)
    }
}

/// A file that is read no faster than it should be.
struct Paced {
    file: Arc<dyn DiskFile>,
    pace: Arc<Pace>,
}

impl std::fmt::Debug for Paced {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Paced").field(&self.file).finish()
    }
}

impl DiskFile for Paced {
    fn size(&self) -> io::Result<u64> {
        self.file.size()
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        if (self.pace)(buffer.len() as u64).is_break() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        self.file.read_exact_at(buffer, offset)
    }

    fn set_size(&self, _: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn allocate(&self, _: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn write_all_at(&self, _: &[u8], _: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn sync_data(&self) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
