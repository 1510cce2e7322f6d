//! What the system says of itself and of its limits.

use std::fs;

use super::{Report, size};
use crate::cli::output::{lines, pairs};
use crate::process;

/// Below this many descriptors a server with a thousand services runs out of them.
const OPEN_FILES_WANTED: u64 = 4_096;
const SHOWN_LIMITS: [&str; 5] =
    ["Max open files", "Max processes", "Max file size", "Max address space", "Max core file size"];

pub(super) fn tell(report: &mut Report) {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default().trim().to_owned();
    let release = read("/etc/os-release");
    let name = release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME=")).unwrap_or_default();
    let memory = read("/proc/meminfo");
    let bytes = |field: &str| {
        let line = memory.lines().find_map(|line| line.strip_prefix(field))?;
        let kib: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
        Some(size(kib << 10))
    };
    report.section(
        "Machine",
        &pairs(&[
            ("system", name.trim_matches('"').to_owned()),
            ("kernel", format!("{} {}", std::env::consts::OS, read("/proc/sys/kernel/osrelease"))),
            ("architecture", std::env::consts::ARCH.to_owned()),
            ("libc", libc().unwrap_or_else(|| "none is loaded".to_owned())),
            ("processors", process::processors().to_string()),
            ("memory", bytes("MemTotal:").unwrap_or_default()),
            ("memory available", bytes("MemAvailable:").unwrap_or_default()),
            ("memory limit", read("/sys/fs/cgroup/memory.max")),
            ("processor limit", read("/sys/fs/cgroup/cpu.max")),
            ("load", read("/proc/loadavg")),
        ]),
    );
    let limits = read("/proc/self/limits");
    let shown = limits.lines().filter(|line| SHOWN_LIMITS.iter().any(|name| line.starts_with(name)));
    report.section("Limits of this shell", &lines(shown.map(str::to_owned)));
    let files = open_files(&limits);
    if let Some(files) = files.filter(|files| *files < OPEN_FILES_WANTED) {
        report.finding(format!(
            "a process may open only {files} files here; raise it (`ulimit -n`, or LimitNOFILE of the service) before many \
             services connect"
        ));
    }
}

/// The soft limit.
fn open_files(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// The C library says its version inside itself; asking it would take unsafe code.
fn libc() -> Option<String> {
    const MARK: &[u8] = b"GNU C Library";
    let maps = fs::read_to_string("/proc/self/maps").ok()?;
    let path = maps.lines().filter_map(|line| line.split_whitespace().nth(5)).find(|path| {
        path.rsplit('/').next().is_some_and(|name| name.starts_with("libc.so") || name.starts_with("ld-musl"))
    })?;
    let bytes = fs::read(path).ok()?;
    let at = bytes.windows(MARK.len()).position(|window| window == MARK);
    let text = at.and_then(|at| bytes.get(at..)).and_then(|rest| rest.split(|byte| *byte == b'\n').next());
    Some(text.map_or_else(|| path.to_owned(), |text| String::from_utf8_lossy(text).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_that_counts_is_the_soft_one() {
        let limits = "Limit                     Soft Limit           Hard Limit           Units     \n\
                      Max open files            1024                 524288               files     \n";
        assert_eq!(open_files(limits), Some(1_024));
        assert_eq!(open_files("Max open files  unlimited unlimited files"), None);
        assert_eq!(open_files(""), None);
    }
}
