//! What the log needs of a disk. The real one is a directory; the simulated one is in [`super::sim`].

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::FallocateFlags;
use rustix::io::Errno;
use uuid::Uuid;

use super::LogError;

/// Where a repair keeps the files that it replaces.
pub const ASIDE_DIRECTORY: &str = "damaged";

/// One directory of files. Names are plain file names.
pub trait Disk: Send + Sync + fmt::Debug {
    fn list(&self) -> io::Result<Vec<String>>;
    fn open(&self, name: &str, access: Access) -> io::Result<Arc<dyn DiskFile>>;
    /// Renames a file, over another one if need be. Durable after [`Disk::sync_directory`].
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Deletes a file. Durable after [`Disk::sync_directory`].
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Gives the file a second name below [`ASIDE_DIRECTORY`], durably, and returns that name.
    fn keep_aside(&self, name: &str) -> io::Result<String>;
    fn sync_directory(&self) -> io::Result<()>;
    /// A number that no earlier segment has had.
    fn salt(&self) -> u64;
    /// The name for messages.
    fn describe(&self, name: &str) -> String;
}

/// One open file. Descriptors are shared: every operation names its offset.
pub trait DiskFile: Send + Sync + fmt::Debug {
    fn size(&self) -> io::Result<u64>;
    fn set_size(&self, bytes: u64) -> io::Result<()>;
    /// Makes the file at least `bytes` long, with space on the disk for all of it, reading as zeroes where
    /// nothing was written. [`io::ErrorKind::Unsupported`] where the file system cannot do that.
    fn allocate(&self, bytes: u64) -> io::Result<()>;
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// Returns when the disk has everything written so far, and the size.
    fn sync_data(&self) -> io::Result<()>;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    Read,
    Write,
    /// Write, and make the file when there is none.
    Create,
}

/// Turns an I/O error into one that names the file and what was done to it.
pub fn failed<'a>(
    disk: &'a dyn Disk,
    doing: &'static str,
    name: &'a str,
) -> impl FnOnce(io::Error) -> LogError + use<'a> {
    move |error| LogError::Io { doing, file: disk.describe(name), error, fatal: true }
}

/// A directory of the file system.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    /// Kept open, so that it can be synced when no more files can be opened.
    handle: Option<File>,
}

impl Directory {
    /// Opens the directory and makes it when it is missing.
    pub fn create(path: &Path) -> Result<Self, LogError> {
        let io_error = |error| LogError::Io {
            doing: "making the directory",
            file: path.display().to_string(),
            error,
            fatal: true,
        };
        if !path.is_dir() {
            fs::create_dir_all(path).map_err(io_error)?;
            let parent = path.canonicalize().map_err(io_error)?;
            sync_directory(parent.parent().unwrap_or(&parent)).map_err(io_error)?;
        }
        Ok(Self::existing(path))
    }

    pub fn existing(path: &Path) -> Self {
        Self { path: path.to_owned(), handle: File::open(path).ok() }
    }
}

impl Disk for Directory {
    fn list(&self) -> io::Result<Vec<String>> {
        fs::read_dir(&self.path)?
            .map(|entry| Ok(entry?.file_name().into_string().ok()))
            .filter_map(Result::transpose)
            .collect()
    }

    fn open(&self, name: &str, access: Access) -> io::Result<Arc<dyn DiskFile>> {
        let write = access != Access::Read;
        let file = OpenOptions::new()
            .read(true)
            .write(write)
            .create(access == Access::Create)
            .truncate(false)
            .open(self.path.join(name))?;
        Ok(Arc::new(file))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path.join(from), self.path.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path.join(name))
    }

    fn keep_aside(&self, name: &str) -> io::Result<String> {
        let aside = self.path.join(ASIDE_DIRECTORY);
        fs::create_dir_all(&aside)?;
        let taken = |number: &u32| fs::symlink_metadata(aside.join(format!("{name}.{number}"))).is_ok();
        let free =
            (1..u32::MAX).find(|number| !taken(number)).expect("a directory has fewer files than numbers");
        let kept = format!("{name}.{free}");
        let original = self.path.join(name);
        // A second name costs nothing and cannot be half done; where there are no links, a synced copy does.
        if fs::hard_link(&original, aside.join(&kept)).is_err() {
            fs::copy(&original, aside.join(&kept))?;
            File::open(aside.join(&kept))?.sync_all()?;
        }
        sync_directory(&aside)?;
        self.sync_directory()?;
        Ok(format!("{ASIDE_DIRECTORY}/{kept}"))
    }

    fn sync_directory(&self) -> io::Result<()> {
        self.handle.as_ref().map_or_else(|| sync_directory(&self.path), File::sync_all)
    }

    fn salt(&self) -> u64 {
        Uuid::new_v4().as_u64_pair().1
    }

    fn describe(&self, name: &str) -> String {
        self.path.join(name).display().to_string()
    }
}

fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

impl DiskFile for File {
    fn size(&self) -> io::Result<u64> {
        self.metadata().map(|metadata| metadata.len())
    }

    fn set_size(&self, bytes: u64) -> io::Result<()> {
        self.set_len(bytes)
    }

    fn allocate(&self, bytes: u64) -> io::Result<()> {
        match rustix::fs::fallocate(self, FallocateFlags::empty(), 0, bytes) {
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => Err(io::ErrorKind::Unsupported.into()),
            done => Ok(done?),
        }
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        FileExt::read_exact_at(self, buffer, offset)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        FileExt::write_all_at(self, bytes, offset)
    }

    fn sync_data(&self) -> io::Result<()> {
        Self::sync_data(self)
    }
}
