//! The data directory: who uses it, and in which format it is.
//!
//! ```text
//! LOCK            held by the process that uses it; holds its number, for the message
//! FORMAT          format number, instance id
//! SECRET          32 random bytes, for the tokens of callbacks
//! log/<n>.seg     segments
//! store/          views in sled
//! ```

use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Read, Write};
use std::iter;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use thiserror::Error;
use tracing::info;
use uuid::Uuid;

use super::migrations::{self, Step};
use super::secret;
use crate::core::errors::{self, Code};

pub(super) const LOCK_FILE: &str = "LOCK";
const FORMAT_FILE: &str = "FORMAT";
const FORMAT_DRAFT: &str = "FORMAT.new";
/// Where a restore works until everything is proved.
pub(super) const RESTORING: &str = "restoring";
/// The format that this program reads and writes.
pub(super) const KNOWN_FORMAT: u32 = match migrations::STEPS.last() {
    Some(step) => step.format,
    None => 0,
};

/// A locked data directory in the format of this program. Dropping it lets others in.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    instance: Uuid,
    /// Held as long as this value lives.
    _lock: File,
}

#[derive(Debug, Error)]
pub enum DataDirError {
    #[error(
        "data directory {path} is in use by process {process}; stop that process or choose another --data-dir"
    )]
    InUse { path: String, process: String },
    #[error(
        "data directory {path} has format {found}, but this program knows formats up to {known}; use the version that wrote it, or a later one"
    )]
    TooNew { path: String, found: u32, known: u32 },
    #[error(
        "{path} is not a data directory: it has no file {FORMAT_FILE}, but it holds `{entry}`; choose an empty directory or a new one"
    )]
    Foreign { path: String, entry: String },
    #[error("{path} holds a restore that was interrupted; remove what is in it and restore the backup again")]
    HalfRestored { path: String },
    #[error("{path}/{FORMAT_FILE} cannot be understood ({reason}); restore it from a backup")]
    Garbled { path: String, reason: String },
    #[error("{doing} {path} failed: {source}")]
    Io { doing: &'static str, path: String, source: io::Error },
}

impl DataDirError {
    pub const fn code(&self) -> Code {
        match self {
            Self::InUse { .. } => errors::DATA_DIR_IN_USE,
            Self::TooNew { .. } => errors::FORMAT_TOO_NEW,
            Self::Foreign { .. } => errors::INVALID_ARGUMENT,
            Self::HalfRestored { .. } => errors::BACKUP_NOT_WHOLE,
            Self::Garbled { .. } | Self::Io { .. } => errors::STORAGE_FAILED,
        }
    }
}

impl DataDir {
    /// Locks the directory, makes it when it is missing, and brings it to the format of this program.
    ///
    /// # Errors
    /// When another process uses it, when a newer version wrote it, when it holds something else, or when the
    /// file system refuses.
    pub fn open(path: &Path) -> Result<Self, DataDirError> {
        make_durably(path).map_err(failed("making", path))?;
        let lock = take_lock(path)?;
        let instance = migrate(path, migrations::STEPS)?;
        Ok(Self { path: path.to_path_buf(), instance, _lock: lock })
    }

    /// What is wrong, and what to do, when everybody on the machine can read what is in the directory.
    pub fn exposure(&self) -> Option<String> {
        let mode = mode_of(&self.path).ok().filter(|mode| mode & LISTED_OR_ENTERED_BY_ALL != 0)?;
        let path = self.path.display();
        Some(format!(
            "everybody on this machine can read the data directory {path} with its parameters, results and secrets: its mode \
             is {mode:04o}; take that right from them: chmod 700 {path}"
        ))
    }

    /// Whether the path is a data directory already.
    pub fn is_there(path: &Path) -> bool {
        path.join(FORMAT_FILE).exists()
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Of the log's segments.
    pub fn log(&self) -> PathBuf {
        self.path.join("log")
    }

    /// The secret of this directory, made when it is first asked for.
    ///
    /// # Errors
    /// When the file cannot be read or made.
    pub fn secret(&self) -> Result<[u8; 32], DataDirError> {
        secret::read_or_make(&self.path).map_err(failed("reading the secret of", &self.path))
    }

    /// Made with the directory: tells it from all others.
    pub const fn instance(&self) -> Uuid {
        self.instance
    }
}

/// Parameters and results are nobody else's. A directory that holds data keeps the mode that it was given.
const OWNER_ALONE: u32 = 0o700;
const OTHERS: u32 = 0o007;
/// Whoever may enter a directory reads the files in it whose names are known.
const LISTED_OR_ENTERED_BY_ALL: u32 = 0o005;

fn mode_of(directory: &Path) -> io::Result<u32> {
    Ok(fs::metadata(directory)?.permissions().mode() & 0o7777)
}

/// One that somebody made for the data and that is still empty is as good as new, but its group may have been chosen on
/// purpose, such as one that makes backups.
fn close_to_others(directory: &Path) -> io::Result<()> {
    let mode = mode_of(directory)?;
    if mode & OTHERS == 0 || fs::read_dir(directory)?.next().is_some() {
        return Ok(());
    }
    match fs::set_permissions(directory, Permissions::from_mode(mode & !OTHERS)) {
        // A volume may belong to somebody else, who settles its mode. Whether all can read it is told at the start.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        other => other,
    }
}

/// Makes the directory and those above it that are missing. Each of them is a name in the directory above, which a
/// power cut takes away until that one is synced, with everything that was acknowledged below it. A start that was
/// cut before it wrote the format may not have got to that. Returns the directories that were synced.
fn make_durably(path: &Path) -> io::Result<Vec<PathBuf>> {
    let path = std::path::absolute(path)?;
    if DataDir::is_there(&path) {
        return Ok(Vec::new());
    }
    let missing = path.ancestors().skip(1).take_while(|directory| !directory.exists());
    let new: Vec<&Path> = iter::once(path.as_path()).chain(missing).collect();
    if let Some(above) = path.parent() {
        fs::create_dir_all(above)?;
    }
    if path.exists() {
        close_to_others(&path)?;
    } else {
        fs::DirBuilder::new().mode(OWNER_ALONE).create(&path)?;
    }
    let mut synced = Vec::new();
    for above in new.iter().rev().filter_map(|directory| directory.parent()) {
        match File::open(above).and_then(|directory| directory.sync_all()) {
            Ok(()) => synced.push(above.to_path_buf()),
            // Whoever may not look into a directory has not made anything in it either.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
            Err(error) => return Err(error),
        }
    }
    Ok(synced)
}

/// Makes and locks a directory that is no data directory yet.
pub(super) fn claim(path: &Path) -> Result<File, DataDirError> {
    make_durably(path).map_err(failed("making", path))?;
    take_lock(path)
}

fn take_lock(directory: &Path) -> Result<File, DataDirError> {
    let path = directory.join(LOCK_FILE);
    let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
    let mut lock = open.map_err(failed("opening", &path))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut process = String::new();
            let known = lock.read_to_string(&mut process).is_ok() && !process.trim().is_empty();
            let process = if known { process.trim().to_owned() } else { "of unknown number".to_owned() };
            return Err(DataDirError::InUse { path: directory.display().to_string(), process });
        }
        Err(TryLockError::Error(source)) => return Err(failed("locking", &path)(source)),
    }
    let note = lock.set_len(0).and_then(|()| writeln!(lock, "{}", std::process::id()));
    note.map_err(failed("writing", &path))?;
    Ok(lock)
}

/// Runs the steps that the directory has not seen yet. A step that was cut in the middle runs again.
fn migrate(directory: &Path, steps: &[Step]) -> Result<Uuid, DataDirError> {
    let known = steps.last().map_or(0, |step| step.format);
    let (found, instance) = if let Some(found) = read_format(directory, known)? {
        found
    } else {
        refuse_foreign(directory)?;
        (0, Uuid::new_v4())
    };
    if found > known {
        return Err(DataDirError::TooNew { path: directory.display().to_string(), found, known });
    }
    for step in steps.iter().filter(|step| step.format > found) {
        (step.run)(directory).map_err(failed("migrating", directory))?;
        write_format(directory, step.format, instance)?;
        info!(format = step.format, step = step.name, "migrated the data directory");
    }
    Ok(instance)
}

fn read_format(directory: &Path, known: u32) -> Result<Option<(u32, Uuid)>, DataDirError> {
    let path = directory.join(FORMAT_FILE);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(failed("reading", &path)(source)),
    };
    let garbled = |reason: &str| DataDirError::Garbled {
        path: directory.display().to_string(),
        reason: reason.to_owned(),
    };
    let value = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let format = value("format ").ok_or_else(|| garbled("there is no line `format <number>`"))?;
    let format: u32 = format.parse().map_err(|_| garbled("the format is not a number"))?;
    // A newer format may look different from here on.
    if format > known {
        return Ok(Some((format, Uuid::nil())));
    }
    let instance = value("instance ").ok_or_else(|| garbled("there is no line `instance <id>`"))?;
    let instance = Uuid::try_parse(instance).map_err(|_| garbled("the instance is not a UUID"))?;
    Ok(Some((format, instance)))
}

/// The file appears whole or not at all.
fn write_format(directory: &Path, format: u32, instance: Uuid) -> Result<(), DataDirError> {
    let (draft, path) = (directory.join(FORMAT_DRAFT), directory.join(FORMAT_FILE));
    let write = || {
        let mut file = File::create(&draft)?;
        write!(file, "format {format}\ninstance {instance}\n")?;
        file.sync_all()?;
        fs::rename(&draft, &path)?;
        File::open(directory)?.sync_all()
    };
    write().map_err(failed("writing", &path))
}

/// A directory without a format is empty, or a start of ours was cut in it, or a restore.
fn refuse_foreign(directory: &Path) -> Result<(), DataDirError> {
    if directory.join(RESTORING).exists() {
        return Err(DataDirError::HalfRestored { path: directory.display().to_string() });
    }
    let ours = |name: &str| [LOCK_FILE, FORMAT_DRAFT, "log", "store", "lost+found"].contains(&name);
    for entry in fs::read_dir(directory).map_err(failed("listing", directory))? {
        let entry = entry.map_err(failed("listing", directory))?.file_name().to_string_lossy().into_owned();
        if !ours(&entry) {
            return Err(DataDirError::Foreign { path: directory.display().to_string(), entry });
        }
    }
    Ok(())
}

fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> DataDirError + use<> {
    let path = path.display().to_string();
    move |source| DataDirError::Io { doing, path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(directory: &Path) -> DataDirError {
        DataDir::open(directory).expect_err("it is refused")
    }

    #[test]
    fn a_directory_has_one_user_at_a_time() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("new/data");
        let first = DataDir::open(&path).unwrap();
        let (error, instance) = (refused(&path), first.instance());
        assert_eq!(error.code(), errors::DATA_DIR_IN_USE);
        assert!(error.to_string().contains(&format!("in use by process {}", std::process::id())), "{error}");
        assert!(first.log().is_dir() && path.join("store").is_dir());
        drop(first);
        assert_eq!(DataDir::open(&path).unwrap().instance(), instance, "the instance stays");
    }

    #[test]
    fn every_directory_that_got_a_new_name_is_synced() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("new/data");
        assert_eq!(make_durably(&path).unwrap(), [parent.path().to_path_buf(), parent.path().join("new")]);
        assert!(path.is_dir());
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "nobody else looks into it");
        assert_eq!(
            make_durably(&path).unwrap(),
            [parent.path().join("new")],
            "a start may have been cut here"
        );
        drop(DataDir::open(&path).unwrap());
        assert_eq!(make_durably(&path).unwrap(), Vec::<PathBuf>::new(), "nothing is new any more");
    }

    #[test]
    fn newer_formats_foreign_directories_and_garbage_are_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        drop(DataDir::open(path).unwrap());
        fs::write(path.join(FORMAT_FILE), "format 2\n").unwrap();
        let error = refused(path);
        assert_eq!(error.code(), errors::FORMAT_TOO_NEW);
        assert!(error.to_string().contains("has format 2"), "{error}");
        for garbage in ["", "format x", "format 1\ninstance 7", "format 1"] {
            fs::write(path.join(FORMAT_FILE), garbage).unwrap();
            assert!(matches!(refused(path), DataDirError::Garbled { .. }), "{garbage}");
        }
        let foreign = tempfile::tempdir().unwrap();
        fs::write(foreign.path().join("thesis.tex"), "").unwrap();
        assert!(refused(foreign.path()).to_string().contains("thesis.tex"));
    }

    #[test]
    fn steps_run_once_each_in_order_and_again_when_one_was_cut() {
        fn leave(directory: &Path, name: &str) -> io::Result<()> {
            fs::write(directory.join(name), "")
        }
        let first = Step { format: 1, name: "first", run: |path| leave(path, "one") };
        let second = Step { format: 2, name: "second", run: |path| leave(path, "two") };
        let cut = Step { run: |_| Err(io::Error::other("cut")), ..second };

        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        let format = || fs::read_to_string(path.join(FORMAT_FILE)).unwrap();
        assert!(migrate(path, &[first, cut]).is_err());
        assert!(format().starts_with("format 1\n") && path.join("one").exists());
        fs::remove_file(path.join("one")).unwrap();
        migrate(path, &[first, second]).unwrap();
        assert!(format().starts_with("format 2\n") && path.join("two").exists());
        assert!(!path.join("one").exists(), "the first step does not run again");
    }
}
