//! Reading a backup back: every checksum first, then into a folder of its own, and only when the state has been rebuilt and
//! proved does it become a data directory.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Write};
use std::ops::ControlFlow;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use sha2::{Digest, Sha256};
use tracing::info;

use super::error::{failed, unreadable};
use super::tar::TarReader;
use super::{
    BACKUP_FORMAT, BackupError, FORMAT, FileEntry, LOG, MANIFEST, MANIFEST_SUM, Manifest, SECRET, hex,
    sum_line,
};
use crate::core::ids::{Seq, Timestamp};
use crate::core::invariants;
use crate::core::state::State;
use crate::log::{FIRST_SEQ, Log, LogOptions, LogRead, SegmentLog, cut};
use crate::store::data_dir::{self, KNOWN_FORMAT, RESTORING};
use crate::store::{
    CheckpointInput, DataDir, DataDirError, Opened, Scope, Store, StoreOptions, digest, record,
};

/// A list of files takes some hundred bytes each; more than this belongs to no log that fits on a disk.
const MANIFEST_BYTES_MAX: u64 = 64 << 20;

/// Up to where a backup is restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    Latest,
    /// This event is the last one.
    Seq(u64),
    /// Nothing that happened later.
    Time(Timestamp),
}

/// What was restored.
#[derive(Debug)]
pub struct Restored {
    pub manifest: Manifest,
    /// The last event, and its time.
    pub seq: u64,
    pub at: Timestamp,
    pub live: usize,
    pub archived: u64,
    /// Of the state; see [`digest`].
    pub digest: String,
}

/// Reads the whole backup and compares every checksum.
///
/// # Errors
/// When it is not whole, not what was written, or of a newer version.
pub fn check(path: &Path) -> Result<Manifest, BackupError> {
    let not_whole = |reason: String| BackupError::NotWhole { path: path.display().to_string(), reason };
    let mut tar = open(path)?;
    let mut found: BTreeMap<String, FileEntry> = BTreeMap::new();
    let mut manifest = None;
    while let Some((name, bytes)) = tar.next().map_err(unreadable(path))? {
        let (mut digest, mut text) = (Sha256::new(), Vec::new());
        let kept = name == MANIFEST || name == MANIFEST_SUM;
        if kept && bytes > MANIFEST_BYTES_MAX {
            return Err(not_whole(format!("{name} has {bytes} bytes")));
        }
        let mut take = |piece: &[u8]| {
            digest.update(piece);
            if kept {
                text.extend_from_slice(piece);
            }
            Ok(())
        };
        tar.content(bytes, &mut take).map_err(unreadable(path))?;
        match (name.as_str(), &manifest) {
            (MANIFEST, None) => manifest = Some((text, None)),
            (MANIFEST_SUM, Some((list, None))) => {
                let list = list.clone();
                manifest = Some((list, Some(text)));
            }
            (_, None) if is_ours(&name) && !found.contains_key(&name) => {
                drop(found.insert(name.clone(), FileEntry { name, bytes, sha256: hex(digest) }));
            }
            (_, _) => return Err(not_whole(format!("`{name}` does not belong there"))),
        }
    }
    let Some((list, Some(sum))) = manifest else {
        return Err(not_whole("the list of its files is missing".to_owned()));
    };
    if sum_line(&list).as_bytes() != sum {
        return Err(not_whole("the list of its files is not what was written".to_owned()));
    }
    let manifest = parse(path, &list)?;
    for wanted in &manifest.files {
        if found.remove(&wanted.name).as_ref() != Some(wanted) {
            return Err(not_whole(format!("{} is missing, or not what was written", wanted.name)));
        }
    }
    match found.into_keys().next() {
        Some(more) => Err(not_whole(format!("{more} is not in the list of its files"))),
        None => Ok(manifest),
    }
}

/// Restores a backup into a directory that is empty or not there yet.
///
/// # Errors
/// When the backup is not whole, the directory holds something, the moment is not in the backup, or what comes out is not a
/// state that could have been. The directory is no data directory then.
pub fn restore(
    file: &Path,
    target: &Path,
    moment: Moment,
    log: LogOptions,
    options: StoreOptions,
) -> Result<Restored, BackupError> {
    let manifest = check(file)?;
    refuse_occupied(target)?;
    let found = if target.exists() { Found::Empty } else { Found::Nothing };
    let _lock = data_dir::claim(target)?;
    let stage = target.join(RESTORING);
    let restored = make(file, manifest, &stage, moment, log, options);
    let restored = restored.inspect_err(|_| clear(target, &stage, found))?;
    move_up(&stage, target)?;
    Ok(restored)
}

/// What was there before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    Nothing,
    Empty,
}

/// A whole data directory in a place where nobody looks for one.
fn make(
    file: &Path,
    manifest: Manifest,
    stage: &Path,
    moment: Moment,
    log: LogOptions,
    options: StoreOptions,
) -> Result<Restored, BackupError> {
    unpack(file, &manifest, stage)?;
    info!(files = manifest.files.len(), bytes = manifest.bytes(), "every file is there and whole");
    let directory = DataDir::open(stage)?;
    go_back(&directory, &manifest, moment, log)?;
    prove(&directory, manifest, log, options)
}

/// What is refused leaves no trace. What cannot be removed is told by the next attempt.
fn clear(target: &Path, stage: &Path, found: Found) {
    drop(fs::remove_dir_all(stage));
    drop(fs::remove_file(target.join(data_dir::LOCK_FILE)));
    if found == Found::Nothing {
        drop(fs::remove_dir(target));
    }
}

fn open(path: &Path) -> Result<TarReader<BufReader<File>>, BackupError> {
    Ok(TarReader::new(BufReader::new(File::open(path).map_err(failed("opening", path))?)))
}

/// Names that this program writes, and no path that could lead elsewhere.
fn is_ours(name: &str) -> bool {
    let plain = |name: &str| name.bytes().all(|byte| byte.is_ascii_digit());
    name == FORMAT
        || name == SECRET
        || name.strip_prefix(LOG).and_then(|segment| segment.strip_suffix(".seg")).is_some_and(plain)
}

fn parse(path: &Path, list: &[u8]) -> Result<Manifest, BackupError> {
    let shown = path.display().to_string();
    let found = Manifest::format_of(list);
    if let Some(found) = found.filter(|found| *found > BACKUP_FORMAT) {
        return Err(BackupError::TooNew { path: shown, found, known: BACKUP_FORMAT });
    }
    let manifest: Manifest = serde_json::from_slice(list).map_err(|error| BackupError::NotWhole {
        path: shown.clone(),
        reason: format!("its list of files: {error}"),
    })?;
    if manifest.format > KNOWN_FORMAT {
        return Err(DataDirError::TooNew { path: shown, found: manifest.format, known: KNOWN_FORMAT }.into());
    }
    Ok(manifest)
}

fn refuse_occupied(target: &Path) -> Result<(), BackupError> {
    let entries = match fs::read_dir(target) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed("listing", target)(error)),
    };
    for entry in entries {
        let entry = entry.map_err(failed("listing", target))?.file_name().to_string_lossy().into_owned();
        if entry != data_dir::LOCK_FILE && entry != "lost+found" {
            return Err(BackupError::Occupied { path: target.display().to_string(), entry });
        }
    }
    Ok(())
}

/// Writes the files, compares them once more, and syncs each.
fn unpack(path: &Path, manifest: &Manifest, stage: &Path) -> Result<(), BackupError> {
    let log = stage.join("log");
    fs::create_dir_all(&log).map_err(failed("making", &log))?;
    let mut tar = open(path)?;
    for wanted in &manifest.files {
        let changed = || {
            let reason = format!("{} is not what it was a moment ago", wanted.name);
            BackupError::NotWhole { path: path.display().to_string(), reason }
        };
        let Some((name, bytes)) = tar.next().map_err(unreadable(path))? else { return Err(changed()) };
        if name != wanted.name || bytes != wanted.bytes {
            return Err(changed());
        }
        let to = stage.join(&name);
        let mut file = new_file(&to).map_err(failed("making", &to))?;
        let mut digest = Sha256::new();
        let mut wrong = None;
        let mut take = |piece: &[u8]| {
            digest.update(piece);
            file.write_all(piece).inspect_err(|error| wrong = Some(error.kind()))
        };
        let copied = tar.content(bytes, &mut take);
        if let Some(kind) = wrong {
            return Err(failed("writing", &to)(kind.into()));
        }
        copied.map_err(unreadable(path))?;
        file.sync_all().map_err(failed("syncing", &to))?;
        if hex(digest) != wanted.sha256 {
            return Err(changed());
        }
    }
    for directory in [&log, &stage.to_path_buf()] {
        sync_directory(directory)?;
    }
    Ok(())
}

/// For its owner alone: one of them is the secret.
fn new_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// Takes off what happened after the moment.
fn go_back(
    directory: &DataDir,
    manifest: &Manifest,
    moment: Moment,
    log: LogOptions,
) -> Result<(), BackupError> {
    let end = match moment {
        Moment::Latest => return Ok(()),
        Moment::Seq(seq) => Seq(seq.saturating_add(1)),
        Moment::Time(time) => end_at(directory, time, log)?,
    };
    let first = manifest.first_seq.max(1);
    if end.0 <= first || end.0 > manifest.seq + 1 {
        let wanted = match moment {
            Moment::Latest => "its end".to_owned(),
            Moment::Seq(seq) => format!("record {seq}"),
            Moment::Time(time) => format!("any record up to {}", shown(time)),
        };
        let possible = format!("records {first} to {}", manifest.seq);
        return Err(BackupError::NoSuchMoment { wanted, possible });
    }
    cut(&directory.log(), end)?;
    Ok(())
}

/// The position after the last record that is not later.
fn end_at(directory: &DataDir, time: Timestamp, log: LogOptions) -> Result<Seq, BackupError> {
    let (log, _) = SegmentLog::open(&directory.log(), log)?;
    let reader = log.reader();
    let (mut end, mut broken) = (reader.first_seq(), None);
    reader.scan(reader.first_seq(), &mut |view| match record::decode(&view) {
        Ok(record) if record.at <= time => {
            end = view.seq.next();
            ControlFlow::Continue(())
        }
        Ok(_) => ControlFlow::Break(()),
        Err(error) => {
            broken = Some(error);
            ControlFlow::Break(())
        }
    })?;
    broken.map_or(Ok(end), |error| Err(crate::store::StoreError::from(error).into()))
}

/// Replays everything into a new store, and checks what comes out.
fn prove(
    directory: &DataDir,
    manifest: Manifest,
    log: LogOptions,
    options: StoreOptions,
) -> Result<Restored, BackupError> {
    let (log, _) = SegmentLog::open(&directory.log(), log)?;
    let reader = log.reader();
    let Opened { store, checkpoint } = Store::open(directory.path(), &reader, options)?;
    let mut state = checkpoint.map(CheckpointInput::restore).unwrap_or_default();
    store.replay(&mut state)?;
    refuse_released(&*reader, &state)?;
    invariants::check(&state).map_err(BackupError::Broken)?;
    let views = store.verify(state.released, Scope::AtRest);
    if let Some(problem) = views.problems.first() {
        return Err(BackupError::Broken(problem.clone()));
    }
    store.checkpoint(&CheckpointInput::of(&state))?;
    let digest = digest(&state, &store)?;
    store.close()?;
    let last = Seq(reader.durable_end().0 - 1);
    Ok(Restored {
        manifest,
        seq: last.0,
        at: state.now,
        live: state.workflows.len(),
        archived: views.workflows,
        digest,
    })
}

/// Before the release of its beginning was written down, a log needs that beginning.
fn refuse_released(log: &dyn LogRead, state: &State) -> Result<(), BackupError> {
    let first = log.first_seq();
    if first <= FIRST_SEQ || state.released >= first {
        return Ok(());
    }
    let last = log.durable_end().0 - 1;
    let possible = format!("later records, from the one on that released the log before {}", first.0);
    Err(BackupError::NoSuchMoment { wanted: format!("all that the state at record {last} needs"), possible })
}

/// The file FORMAT comes last: with it the directory is a data directory, and without it no server takes it for one.
fn move_up(stage: &Path, target: &Path) -> Result<(), BackupError> {
    for name in ["store", "log", SECRET] {
        let from = stage.join(name);
        if from.exists() {
            fs::rename(&from, target.join(name)).map_err(failed("moving", &from))?;
        }
    }
    sync_directory(target)?;
    let format = stage.join(FORMAT);
    fs::rename(&format, target.join(FORMAT)).map_err(failed("moving", &format))?;
    fs::remove_dir_all(stage).map_err(failed("removing", stage))?;
    sync_directory(target)
}

fn sync_directory(path: &Path) -> Result<(), BackupError> {
    File::open(path).and_then(|directory| directory.sync_all()).map_err(failed("syncing", path))
}

fn shown(time: Timestamp) -> String {
    let at = i64::try_from(time.0).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    at.map_or_else(|| format!("{} ms after 1970", time.0), |at| format!("{at:.3}"))
}
