//! Reading a whole log without changing it, and saying what is wrong.

use std::path::Path;

use super::LogError;
use super::disk::{Directory, Disk};
use super::error::{Damage, Lost};
use super::recover::{check, survey};
use crate::core::ids::Seq;

/// What a complete check found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct VerifyReport {
    pub segments: usize,
    pub file_bytes: u64,
    pub batches: u64,
    pub records: u64,
    pub first_seq: Option<Seq>,
    pub next_seq: Option<Seq>,
    pub sealed: bool,
    /// Bytes of a torn batch at the end, which the next start clears.
    pub torn_bytes: u64,
    /// How many bytes the last file should have, when something cut it.
    pub shortened_from: Option<u64>,
    /// Every damaged place; an empty list means that all acknowledged records are there.
    pub damage: Vec<Damage>,
    /// What earlier repairs gave up.
    pub given_up: Vec<Lost>,
}

/// Checks the log in `dir`. The log may be in use: what is appended meanwhile may or may not be seen, and may
/// look torn.
pub fn verify(dir: &Path) -> Result<VerifyReport, LogError> {
    verify_on(&Directory::existing(dir))
}

pub(super) fn verify_on(disk: &dyn Disk) -> Result<VerifyReport, LogError> {
    let found = survey(disk)?;
    let mut damage = Vec::new();
    let links = check(disk, &found, u64::MAX, |found| {
        damage.push(found);
        Ok(())
    })?;
    let mut report = VerifyReport {
        segments: found.len(),
        file_bytes: found.iter().map(|segment| segment.size).sum(),
        first_seq: links.first().map(|link| link.header.first),
        next_seq: links.last().map(super::recover::Link::end),
        damage,
        ..VerifyReport::default()
    };
    for seen in links.iter().filter_map(|link| link.examined.as_ref()) {
        report.batches += seen.batches;
        report.records += seen.records;
        report.given_up.extend_from_slice(&seen.given_up);
        report.sealed = seen.sealed;
        report.torn_bytes = seen.torn_until.map_or(0, |until| until - seen.index.end_offset);
        report.shortened_from = seen.shortened_from;
    }
    Ok(report)
}
