//! The one folder that tasks may use. Every path goes through a handle of it, and the operating system itself keeps
//! what the handle opens beneath it: no `..`, no absolute path and no link leads out.

use std::io::{self, Read};
use std::path::Path;

use cap_std::ambient_authority;
use cap_std::fs::{Dir, File, FileType, OpenOptions, OpenOptionsExt};
use rustix::fs::{Mode, OFlags, fsync, openat};

use super::error::FileError;
use super::path::RelativePath;
use crate::config::FilesConfig;

/// The folder of the file tasks.
#[derive(Debug)]
pub struct Root {
    pub(super) dir: Dir,
    pub(super) read_bytes_max: usize,
    pub(super) file_bytes_max: u64,
}

impl Root {
    /// # Errors
    /// When the folder is not there or cannot be opened.
    pub fn open(config: &FilesConfig) -> io::Result<Self> {
        Ok(Self {
            dir: Dir::open_ambient_dir(&config.root, ambient_authority())?,
            read_bytes_max: config.read_bytes_max,
            file_bytes_max: u64::try_from(config.file_bytes_max).unwrap_or(u64::MAX),
        })
    }

    /// The bytes of a plain file. Blocks as long as the disk does; call it where that is allowed.
    ///
    /// # Errors
    /// When there is no such file, it is no plain file, the path leads out, or it is larger than `max_bytes`.
    pub fn read(&self, path: &str, max_bytes: usize) -> Result<Vec<u8>, FileError> {
        self.read_at(&RelativePath::parse(path)?, max_bytes)
    }

    pub(super) fn read_at(&self, path: &RelativePath, max_bytes: usize) -> Result<Vec<u8>, FileError> {
        let (file, len) = self.open_file(path, OpenOptions::new().read(true))?;
        let too_large =
            || FileError::TooLarge { path: path.to_string(), limit: max_bytes, setting: "read_bytes" };
        let reserve = usize::try_from(len).ok().filter(|len| *len <= max_bytes).ok_or_else(too_large)?;
        let mut bytes = Vec::with_capacity(reserve);
        // It may grow while it is read.
        let limit = u64::try_from(max_bytes).unwrap_or(u64::MAX).saturating_add(1);
        file.take(limit).read_to_end(&mut bytes).map_err(|reason| FileError::system(path, "read", reason))?;
        if bytes.len() > max_bytes { Err(too_large()) } else { Ok(bytes) }
    }

    /// Opens a plain file, and tells its length. What is no plain file is not even opened, as opening some devices
    /// has effects and opening a pipe waits for its other end; what takes the file's place meanwhile is opened
    /// without waiting and then refused.
    pub(super) fn open_file(
        &self,
        path: &RelativePath,
        options: &OpenOptions,
    ) -> Result<(File, u64), FileError> {
        let failed = |reason| FileError::system(path, "opened", reason);
        match self.dir.metadata(path.as_path()) {
            Ok(metadata) => plain(path, metadata.file_type())?,
            // Appending makes a new file.
            Err(reason) if reason.kind() == io::ErrorKind::NotFound => {}
            Err(reason) => return Err(failed(reason)),
        }
        let flags = i32::try_from(OFlags::NONBLOCK.bits()).expect("flags of open fit an int");
        let file = self.dir.open_with(path.as_path(), options.clone().custom_flags(flags)).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        plain(path, metadata.file_type())?;
        Ok((file, metadata.len()))
    }

    /// The folder at `path`, made with its parents where it is missing.
    pub(super) fn folder(&self, path: &RelativePath) -> Result<Dir, FileError> {
        let failed = |reason| FileError::system(path, "opened", reason);
        match self.dir.open_dir(path.as_path()) {
            Ok(dir) => Ok(dir),
            Err(reason) if reason.kind() == io::ErrorKind::NotFound => {
                let made = |reason| FileError::system(path, "made", reason);
                self.dir.create_dir_all(path.as_path()).map_err(made)?;
                // A folder is there after a power cut when the one that holds it was synced.
                for above in path.with_parents() {
                    self.sync(&self.dir.open_dir(above.as_path()).map_err(made)?, &above)?;
                }
                self.dir.open_dir(path.as_path()).map_err(failed)
            }
            Err(reason) => Err(failed(reason)),
        }
    }

    /// Makes renames and removals in the folder last.
    #[expect(clippy::unused_self, reason = "a folder is synced by the root that it belongs to")]
    pub(super) fn sync(&self, dir: &Dir, path: &RelativePath) -> Result<(), FileError> {
        // The handle of a folder only names it; syncing needs one that is open.
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let synced = openat(dir, ".", flags, Mode::empty()).and_then(fsync);
        synced.map_err(|reason| FileError::system(path, "synced", reason.into()))
    }

    /// Where a write to `path` goes: through links, as long as they stay inside.
    pub(super) fn target(&self, path: RelativePath) -> Result<RelativePath, FileError> {
        if path.is_root() {
            return Err(FileError::Invalid("the folder of the file tasks is no file".to_owned()));
        }
        let found = match self.dir.symlink_metadata(path.as_path()) {
            Ok(metadata) => metadata.file_type(),
            Err(reason) if reason.kind() == io::ErrorKind::NotFound => return Ok(path),
            Err(reason) => return Err(FileError::system(&path, "opened", reason)),
        };
        if !found.is_symlink() {
            plain(&path, found)?;
            return Ok(path);
        }
        let followed = self.dir.canonicalize(path.as_path());
        let followed = followed.map_err(|reason| FileError::system(&path, "followed", reason))?;
        let metadata = self.dir.metadata(&followed);
        plain(&path, metadata.map_err(|reason| FileError::system(&path, "followed", reason))?.file_type())?;
        Ok(RelativePath::canonical(followed))
    }

    pub(super) fn exists(&self, path: &Path) -> bool {
        self.dir.symlink_metadata(path).is_ok()
    }
}

fn plain(path: &RelativePath, found: FileType) -> Result<(), FileError> {
    if found.is_file() {
        return Ok(());
    }
    Err(FileError::Invalid(format!("`{path}` is {}, not a plain file", describe(found))))
}

fn describe(found: FileType) -> &'static str {
    if found.is_dir() { "a folder" } else { "a pipe, a device or a socket" }
}
