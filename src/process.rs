//! What the system says of this process.

use std::fs;

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

fn field(text: &str, place: usize) -> Option<u64> {
    text.split_whitespace().nth(place)?.parse().ok()
}
