//! A data directory from outside: nothing in it is changed, and a server may be using it.

use std::fs::{self, File, TryLockError};
use std::path::Path;

use super::{Report, size};
use crate::cli::output::pairs;
use crate::log;
use crate::process::DiskSpace;

/// A log up to this size is read and checked: some seconds.
const CHECKED_BYTES_MAX: u64 = 1 << 30;

pub(super) fn tell(report: &mut Report, path: &Path) {
    let format = fs::read_to_string(path.join("FORMAT")).unwrap_or_default();
    if format.is_empty() {
        let what = format!("{} is no data directory, or not yet\n", path.display());
        report.section("Data directory", &what);
        disk(report, path);
        return;
    }
    let user = user(path);
    let log = Held::of(&path.join("log"), ".seg");
    report.section(
        "Data directory",
        &pairs(&[
            ("path", path.display().to_string()),
            ("format", format.lines().collect::<Vec<_>>().join(", ")),
            ("used by", user.clone().unwrap_or_else(|| "nobody".to_owned())),
            ("log", format!("{} segments, {}", log.files, size(log.bytes))),
            ("store", size(Held::of(&path.join("store"), "").bytes)),
            ("damaged segments", aside(&path.join("log/damaged"))),
            ("damaged store", aside(&path.join("store.damaged"))),
        ]),
    );
    if path.join("log/damaged").exists() {
        report
            .finding("the log was repaired once; the originals are still in log/damaged and can be removed");
    }
    disk(report, path);
    if user.is_some() {
        report.section(
            "Log",
            "not read, because a server uses it; `gleitzeit store verify --online` asks it\n",
        );
    } else if log.bytes > CHECKED_BYTES_MAX {
        report.section(
            "Log",
            &format!("not read, because it has {}; see `gleitzeit store verify`\n", size(log.bytes)),
        );
    } else {
        check(report, &path.join("log"));
    }
}

fn check(report: &mut Report, log: &Path) {
    let checked = match log::verify(log) {
        Ok(checked) => checked,
        Err(error) => {
            report.section("Log", &format!("{error}\n"));
            report.finding(format!("the log cannot be read: {error}"));
            return;
        }
    };
    let seq = |seq: Option<crate::core::ids::Seq>| seq.map_or_else(String::new, |seq| seq.0.to_string());
    report.section(
        "Log",
        &pairs(&[
            ("records", checked.records.to_string()),
            ("first seq", seq(checked.first_seq)),
            ("next seq", seq(checked.next_seq)),
            ("sealed", checked.sealed.to_string()),
            ("torn bytes", checked.torn_bytes.to_string()),
            ("damaged places", checked.damage.len().to_string()),
        ]),
    );
    if let Some(damage) = checked.damage.first() {
        report.finding(format!("{damage}; restore a backup, or see `gleitzeit store repair`"));
    }
}

/// The process that has the lock, which is let go at once where nobody has it.
fn user(path: &Path) -> Option<String> {
    let lock = File::open(path.join("LOCK")).ok()?;
    match lock.try_lock() {
        Err(TryLockError::WouldBlock) => {
            let process = fs::read_to_string(path.join("LOCK")).unwrap_or_default();
            Some(format!("process {}", process.trim()))
        }
        Ok(()) | Err(TryLockError::Error(_)) => None,
    }
}

fn disk(report: &mut Report, path: &Path) {
    // Where nothing is yet, the disk is that of the folder above.
    let here = path.ancestors().find(|folder| folder.exists()).unwrap_or_else(|| Path::new("."));
    let here = if here.as_os_str().is_empty() { Path::new(".") } else { here };
    let (Ok(disk), Some(space)) = (rustix::fs::statvfs(here), DiskSpace::of(here)) else { return };
    report.section(
        "Disk",
        &pairs(&[
            ("file system", file_system(here).unwrap_or_default()),
            ("size", size(space.total)),
            ("free", size(space.free)),
            ("free files", disk.f_favail.to_string()),
        ]),
    );
    if space.is_low() {
        report.finding(format!("the disk of {} has only {} left", here.display(), size(space.free)));
    }
}

/// The kind of the file system: that of the longest mount point above the path.
fn file_system(path: &Path) -> Option<String> {
    let path = path.canonicalize().ok()?;
    let mounts = fs::read_to_string("/proc/self/mounts").ok()?;
    let mount = |line: &str| {
        let mut words = line.split_whitespace().skip(1);
        let point = words.next()?.replace("\\040", " ");
        let kind = words.next()?.to_owned();
        path.starts_with(&point).then_some((point.len(), kind))
    };
    mounts.lines().filter_map(mount).max_by_key(|(length, _)| *length).map(|(_, kind)| kind)
}

fn aside(path: &Path) -> String {
    if path.exists() { size(Held::of(path, "").bytes) } else { String::new() }
}

/// Files with this ending, at any depth.
#[derive(Debug, Default)]
struct Held {
    files: u64,
    bytes: u64,
}

impl Held {
    fn of(folder: &Path, ending: &str) -> Self {
        let mut held = Self::default();
        let mut folders = vec![folder.to_path_buf()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                let Ok(about) = entry.metadata() else { continue };
                if about.is_dir() {
                    folders.push(entry.path());
                } else if entry.file_name().to_string_lossy().ends_with(ending) {
                    held.files += 1;
                    held.bytes += about.len();
                }
            }
        }
        held
    }
}
