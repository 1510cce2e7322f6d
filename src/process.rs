//! What the system says of this process.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Resident memory in bytes; 0 where the system does not say.
pub fn rss_bytes() -> u64 {
    let pages = fs::read_to_string("/proc/self/statm").ok().and_then(|text| field(&text, 1));
    pages.unwrap_or(0) * rustix::param::page_size() as u64
}

/// User and system time since the start, in seconds; 0 where the system does not say.
#[expect(clippy::cast_precision_loss, reason = "ticks of one process fit into 53 bits")]
pub fn cpu_seconds() -> f64 {
    // The name in parentheses may hold spaces, so the fields are counted behind it.
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks = field(fields, 11).unwrap_or(0) + field(fields, 12).unwrap_or(0);
    ticks as f64 / rustix::param::clock_ticks_per_second() as f64
}

/// Open file descriptors; 0 where the system does not say.
pub fn open_files() -> usize {
    fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}

/// Lets the process have as many descriptors as the system allows, and says how many these are.
///
/// # Errors
/// When the system refuses what it has promised.
pub fn raise_descriptors() -> std::io::Result<usize> {
    let allowed = getrlimit(Resource::Nofile);
    if allowed.current != allowed.maximum {
        setrlimit(Resource::Nofile, Rlimit { current: allowed.maximum, maximum: allowed.maximum })?;
    }
    Ok(allowed.maximum.map_or(usize::MAX, |most| usize::try_from(most).unwrap_or(usize::MAX)))
}

/// Threads of the process; 0 where the system does not say.
pub fn threads() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().find_map(|line| field(line.strip_prefix("Threads:")?, 0)).unwrap_or(0)
}

/// What the files directly in a folder take of the disk, in bytes. One that goes meanwhile does not count.
pub fn folder_bytes(path: &Path) -> u64 {
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.metadata().ok()).map(|file| file.blocks() * 512).sum()
}

/// The disk below a path, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiskSpace {
    pub free: u64,
    pub total: u64,
}

/// A twentieth of the disk is little, but no more than this: large disks have time enough with it.
const LOW_PART: u64 = 20;
const LOW_BYTES_MAX: u64 = 10 << 30;

impl DiskSpace {
    /// Nothing where the system does not say.
    pub fn of(path: &Path) -> Option<Self> {
        let disk = rustix::fs::statvfs(path).ok()?;
        let bytes = |blocks: u64| blocks.saturating_mul(disk.f_frsize);
        Some(Self { free: bytes(disk.f_bavail), total: bytes(disk.f_blocks) })
    }

    /// Whether it is time to do something.
    pub fn is_low(self) -> bool {
        self.free < self.low()
    }

    /// Whether nothing need be done any more: a quarter more than what is low, so that nobody hears of it again and again.
    pub fn is_well(self) -> bool {
        self.free >= self.low().saturating_add(self.low() / 4)
    }

    fn low(self) -> u64 {
        (self.total / LOW_PART).min(LOW_BYTES_MAX)
    }
}

/// What is free on the disk below `path`, in bytes; 0 where the system does not say.
pub fn disk_free_bytes(path: &Path) -> u64 {
    DiskSpace::of(path).map_or(0, |disk| disk.free)
}

/// Share of the machine's memory that is in use, in percent; 0 where the system does not say.
pub fn memory_percent() -> f64 {
    let info = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kib = |name: &str| info.lines().find_map(|line| field(line.strip_prefix(name)?, 0));
    let (total, available) = (kib("MemTotal:").unwrap_or(0), kib("MemAvailable:").unwrap_or(0));
    percent(total.saturating_sub(available), total)
}

/// Share of the disk below `path` that is in use, in percent; 0 where the system does not say.
pub fn disk_percent(path: &Path) -> f64 {
    let Ok(disk) = rustix::fs::statvfs(path) else { return 0.0 };
    percent(disk.f_blocks.saturating_sub(disk.f_bavail), disk.f_blocks)
}

/// How many processors the process may use.
#[expect(clippy::cast_precision_loss, reason = "no machine has 2^53 processors")]
pub fn processors() -> f64 {
    std::thread::available_parallelism().map_or(1.0, |count| count.get() as f64)
}

#[expect(clippy::cast_precision_loss, reason = "a percentage needs no more than 53 bits")]
fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { 100.0 * part as f64 / whole as f64 }
}

fn field(text: &str, place: usize) -> Option<u64> {
    text.split_whitespace().nth(place)?.parse().ok()
}
