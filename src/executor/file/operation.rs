//! What can be done with files. Each operation ends in one step that either happened or did not: a rename, or a
//! removal, which is synced before the task says that it is done.

use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use cap_std::fs::{Dir, OpenOptions};

use super::error::FileError;
use super::path::{RelativePath, temporary_name};
use super::root::Root;

/// Copied between two looks at whether the task was stopped.
const COPY_BYTES: usize = 1 << 20;
/// Earlier attempts whose leavings are looked for. More of them in a row means that nothing works anyway.
const EARLIER_ATTEMPTS_MAX: u32 = 64;

/// The attempt that works on files.
#[derive(Debug, Clone)]
pub(super) struct Attempt {
    /// Of the task, in letters that a file name can hold.
    pub task: String,
    pub number: u32,
    /// Set when the task was cancelled or has run out of time.
    pub stopped: Arc<AtomicBool>,
}

/// What a step did, or that an earlier attempt had done it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Done {
    Now,
    Before,
}

impl Attempt {
    fn go_on(&self, path: &RelativePath) -> Result<(), FileError> {
        if self.stopped.load(Ordering::Relaxed) { Err(FileError::Stopped(path.to_string())) } else { Ok(()) }
    }

    fn temporary(&self) -> PathBuf {
        temporary_name(&self.task, self.number)
    }

    /// Whether an earlier attempt may have done the work and died before its report.
    const fn is_repeated(&self) -> bool {
        self.number > 1
    }
}

pub(super) fn write(
    root: &Root,
    attempt: &Attempt,
    path: RelativePath,
    content: &[u8],
) -> Result<(), FileError> {
    replace(root, attempt, path, |file, path| {
        fits(root, path, content.len() as u64)?;
        file.write_all(content).map_err(|reason| FileError::system(path, "written", reason))
    })
}

/// How many bytes were copied.
pub(super) fn copy(
    root: &Root,
    attempt: &Attempt,
    source: &RelativePath,
    target: RelativePath,
) -> Result<u64, FileError> {
    let (mut from, len) = root.open_file(source, OpenOptions::new().read(true))?;
    fits(root, source, len)?;
    let mut written = 0;
    replace(root, attempt, target, |file, path| {
        let mut chunk = vec![0; COPY_BYTES];
        loop {
            attempt.go_on(path)?;
            let read = from.read(&mut chunk).map_err(|reason| FileError::system(source, "read", reason))?;
            let Some(chunk) = chunk.get(..read).filter(|chunk| !chunk.is_empty()) else { return Ok(()) };
            written += chunk.len() as u64;
            // The source may grow while it is read.
            fits(root, source, written)?;
            file.write_all(chunk).map_err(|reason| FileError::system(path, "written", reason))?;
        }
    })?;
    Ok(written)
}

/// Puts a whole new file in the place of `path`: readers see the old one or the new one, also after a power cut.
fn replace(
    root: &Root,
    attempt: &Attempt,
    path: RelativePath,
    produce: impl FnOnce(&mut cap_std::fs::File, &RelativePath) -> Result<(), FileError>,
) -> Result<(), FileError> {
    let path = root.target(path)?;
    let parent = path.parent();
    let folder = root.folder(&parent)?;
    clear_earlier(&folder, attempt);
    put_in_place(root, attempt, &folder, &path, produce).inspect_err(|_| {
        // What went wrong is told; that the remains stay as well would add nothing.
        drop(folder.remove_file(attempt.temporary()));
    })?;
    root.sync(&folder, &parent)
}

fn put_in_place(
    root: &Root,
    attempt: &Attempt,
    folder: &Dir,
    path: &RelativePath,
    produce: impl FnOnce(&mut cap_std::fs::File, &RelativePath) -> Result<(), FileError>,
) -> Result<(), FileError> {
    let failed = |reason| FileError::system(path, "written", reason);
    let temporary = attempt.temporary();
    let mut file = folder
        .open_with(&temporary, OpenOptions::new().write(true).create(true).truncate(true))
        .map_err(failed)?;
    produce(&mut file, path)?;
    if let Ok(old) = root.dir.metadata(path.as_path()) {
        file.set_permissions(old.permissions()).map_err(failed)?;
    }
    file.sync_all().map_err(failed)?;
    attempt.go_on(path)?;
    let name = path.name().expect("a target is no root");
    folder.rename(&temporary, folder, name).map_err(failed)
}

/// A server that died in the middle of an attempt has left its file in the making. The name of an earlier attempt
/// is taken away even if that attempt still runs somewhere: then it can no longer put an old file in place.
fn clear_earlier(folder: &Dir, attempt: &Attempt) {
    let first = attempt.number.saturating_sub(EARLIER_ATTEMPTS_MAX).max(1);
    for number in first..attempt.number {
        // Nearly always there is none.
        drop(folder.remove_file(temporary_name(&attempt.task, number)));
    }
}

/// The size of the file afterwards.
pub(super) fn append(
    root: &Root,
    attempt: &Attempt,
    path: RelativePath,
    content: &[u8],
) -> Result<u64, FileError> {
    let path = root.target(path)?;
    let is_new = !root.exists(path.as_path());
    let parent = path.parent();
    let folder = root.folder(&parent)?;
    let (mut file, old_len) = root.open_file(&path, OpenOptions::new().append(true).create(true))?;
    let len = old_len.saturating_add(content.len() as u64);
    fits(root, &path, len)?;
    attempt.go_on(&path)?;
    let written = file.write_all(content).and_then(|()| file.sync_all());
    if let Err(reason) = written {
        // Half of the content must not stay, unless somebody has added to it meanwhile.
        let grown = file.metadata().map_or(0, |metadata| metadata.len());
        if grown <= len {
            drop(file.set_len(old_len));
        }
        return Err(FileError::system(&path, "written", reason));
    }
    if is_new {
        root.sync(&folder, &parent)?;
    }
    Ok(len)
}

pub(super) fn rename(
    root: &Root,
    attempt: &Attempt,
    source: &RelativePath,
    target: RelativePath,
) -> Result<Done, FileError> {
    let target = root.target(target)?;
    if source.is_root() {
        return Err(FileError::Invalid("the folder of the file tasks cannot be moved".to_owned()));
    }
    if attempt.is_repeated() && !root.exists(source.as_path()) && root.exists(target.as_path()) {
        return Ok(Done::Before);
    }
    let folder = root.folder(&target.parent())?;
    let name = target.name().expect("a target is no root");
    attempt.go_on(source)?;
    root.dir.rename(source.as_path(), &folder, name).map_err(|reason| {
        if reason.kind() == io::ErrorKind::CrossesDevices {
            return FileError::Invalid(format!(
                "`{source}` and `{target}` are on different file systems; use copy, then delete"
            ));
        }
        FileError::system(source, "moved", reason)
    })?;
    root.sync(&folder, &target.parent())?;
    let from = source.parent();
    root.sync(&root.folder(&from)?, &from)?;
    Ok(Done::Now)
}

pub(super) fn delete(root: &Root, attempt: &Attempt, path: &RelativePath) -> Result<Done, FileError> {
    let failed = |reason| FileError::system(path, "deleted", reason);
    if path.is_root() {
        return Err(FileError::Invalid("the folder of the file tasks cannot be deleted".to_owned()));
    }
    let found = match root.dir.symlink_metadata(path.as_path()) {
        Ok(metadata) => metadata.file_type(),
        Err(reason) if reason.kind() == io::ErrorKind::NotFound && attempt.is_repeated() => {
            return Ok(Done::Before);
        }
        Err(reason) => return Err(failed(reason)),
    };
    attempt.go_on(path)?;
    let removed = if found.is_dir() {
        root.dir.remove_dir(path.as_path())
    } else {
        root.dir.remove_file(path.as_path())
    };
    removed.map_err(|reason| {
        if reason.kind() == io::ErrorKind::DirectoryNotEmpty {
            return FileError::Invalid(format!(
                "the folder `{path}` is not empty; delete what is in it first"
            ));
        }
        failed(reason)
    })?;
    let parent = path.parent();
    root.sync(&root.folder(&parent)?, &parent)?;
    Ok(Done::Now)
}

fn fits(root: &Root, path: &RelativePath, len: u64) -> Result<(), FileError> {
    if len <= root.file_bytes_max {
        return Ok(());
    }
    let limit = usize::try_from(root.file_bytes_max).unwrap_or(usize::MAX);
    Err(FileError::TooLarge { path: path.to_string(), limit, setting: "file_bytes" })
}
