//! A disk in memory that fails on demand, for the simulation.
//!
//! The log above it is the real one, with every line of its recovery; only the directory is simulated. What is
//! done to this disk follows from a seed and a [`FaultPlan`], so every run can be repeated.
//!
//! The fault model: sectors of 512 bytes are written whole or not at all; of what was not synced any subset may
//! survive a power cut, also of the changes to the directory; a failed sync may have written anything, and the
//! page cache keeps what it did not write but never writes it later.

mod machine;
mod rng;

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use self::machine::{Machine, NameChange};
pub use self::rng::Rng;
use super::disk::{ASIDE_DIRECTORY, Access, Disk, DiskFile};
use super::repair::{AcceptLoss, RepairReport, repair_on};
use super::verify::{VerifyReport, verify_on};
use super::{LogError, LogOptions, OpenReport, SegmentLog};

/// What goes wrong, and when. Operations are all writes, syncs, allocations and changes to the directory,
/// counted from 1 since the machine was switched on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FaultPlan {
    /// The operation in which the machine stops. Nothing works after it.
    pub die_at: Option<u64>,
    /// The operation that fails with an I/O error.
    pub fail_at: Option<u64>,
}

/// A handle to the disk; clones are the same disk.
#[derive(Debug, Clone)]
pub struct SimDisk {
    machine: Arc<Mutex<Machine>>,
}

impl SimDisk {
    /// An empty disk. Whether its file system can allocate is up to the seed.
    pub fn new(seed: u64) -> Self {
        Self::of(Machine::new(seed))
    }

    /// Opens a log on this disk. `options` come from [`LogOptions::simulated`].
    pub fn open_log(&self, options: LogOptions) -> Result<(SegmentLog, OpenReport), LogError> {
        SegmentLog::open_on(Arc::new(self.clone()), options)
    }

    pub fn verify(&self) -> Result<VerifyReport, LogError> {
        verify_on(self)
    }

    pub fn repair(&self, accept: AcceptLoss) -> Result<RepairReport, LogError> {
        repair_on(self, accept)
    }

    pub fn plan(&self, faults: FaultPlan) {
        self.lock().faults = faults;
    }

    /// Operations since the machine was switched on.
    pub fn operations(&self) -> u64 {
        self.lock().operations
    }

    /// Whether the planned death has come.
    pub fn is_off(&self) -> bool {
        self.lock().alive().is_err()
    }

    /// How many more bytes the disk takes; without a number as many as one likes.
    pub fn set_space(&self, bytes: Option<u64>) {
        self.lock().space = bytes;
    }

    /// The machine after the process was killed and started again: everything written is still there, although
    /// what was not synced is not on the disk yet.
    #[must_use]
    pub fn killed(&self) -> Self {
        Self::of(self.lock().killed())
    }

    /// The machine after the power was cut and came back.
    #[must_use]
    pub fn power_cut(&self) -> Self {
        Self::of(self.lock().power_cut())
    }

    /// All files as a process sees them.
    pub fn contents(&self) -> BTreeMap<String, Vec<u8>> {
        self.lock().contents()
    }

    /// Changes a file behind the back of the log, durably: for tests of damage.
    pub fn tamper(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        self.lock().tamper(name, change);
    }

    /// Deletes a file behind the back of the log.
    pub fn lose(&self, name: &str) {
        self.lock().lose(name);
    }

    fn of(machine: Machine) -> Self {
        Self { machine: Arc::new(Mutex::new(machine)) }
    }

    fn lock(&self) -> MutexGuard<'_, Machine> {
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Disk for SimDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        let machine = self.lock();
        machine.alive()?;
        Ok(machine.names.keys().filter(|name| !name.contains('/')).cloned().collect())
    }

    fn open(&self, name: &str, access: Access) -> io::Result<Arc<dyn DiskFile>> {
        let mut machine = self.lock();
        machine.alive()?;
        let known = machine.names.get(name).copied();
        let inode = match (known, access) {
            (Some(inode), _) => inode,
            (None, Access::Create) => machine.create(name)?,
            (None, Access::Read | Access::Write) => return Err(io::ErrorKind::NotFound.into()),
        };
        drop(machine);
        Ok(Arc::new(SimFile { disk: self.clone(), inode }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut machine = self.lock();
        let inode = machine.names.get(from).copied().ok_or(io::ErrorKind::NotFound)?;
        machine.change_names(vec![NameChange::to(from, None), NameChange::to(to, Some(inode))])
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.lock().change_names(vec![NameChange::to(name, None)])
    }

    fn keep_aside(&self, name: &str) -> io::Result<String> {
        let mut machine = self.lock();
        let kept = (1..u32::MAX)
            .map(|number| format!("{ASIDE_DIRECTORY}/{name}.{number}"))
            .find(|kept| !machine.names.contains_key(kept))
            .expect("a directory has fewer files than numbers");
        let inode = machine.names.get(name).copied().ok_or(io::ErrorKind::NotFound)?;
        machine.change_names(vec![NameChange::to(&kept, Some(inode))])?;
        machine.sync_directory()?;
        Ok(kept)
    }

    fn sync_directory(&self) -> io::Result<()> {
        self.lock().sync_directory()
    }

    fn salt(&self) -> u64 {
        self.lock().rng.next_u64()
    }

    fn describe(&self, name: &str) -> String {
        name.to_owned()
    }
}

#[derive(Debug)]
struct SimFile {
    disk: SimDisk,
    inode: usize,
}

impl DiskFile for SimFile {
    fn size(&self) -> io::Result<u64> {
        self.disk.lock().size(self.inode)
    }

    fn set_size(&self, bytes: u64) -> io::Result<()> {
        self.disk.lock().set_size(self.inode, bytes)
    }

    fn allocate(&self, bytes: u64) -> io::Result<()> {
        self.disk.lock().allocate(self.inode, bytes)
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.disk.lock().read(self.inode, buffer, offset)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.disk.lock().write(self.inode, bytes, offset)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.disk.lock().sync(self.inode)
    }
}
