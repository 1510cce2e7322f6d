//! The simulated machine: a page cache above a disk, and what becomes of both.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use super::{FaultPlan, Rng};

const SECTOR: usize = 512;

#[derive(Debug, Clone)]
pub struct Machine {
    pub rng: Rng,
    pub faults: FaultPlan,
    pub operations: u64,
    pub space: Option<u64>,
    /// The directory as processes see it.
    pub names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    /// Changes since the directory was synced. The parts of one change happen together.
    pending: Vec<Vec<NameChange>>,
    inodes: Vec<Inode>,
    can_allocate: bool,
    dead: bool,
}

/// A name gets another file, or none.
#[derive(Debug, Clone)]
pub struct NameChange {
    name: String,
    inode: Option<usize>,
}

impl NameChange {
    pub fn to(name: &str, inode: Option<usize>) -> Self {
        Self { name: name.to_owned(), inode }
    }

    fn apply(&self, names: &mut BTreeMap<String, usize>) {
        match self.inode {
            Some(inode) => names.insert(self.name.clone(), inode),
            None => names.remove(&self.name),
        };
    }
}

#[derive(Debug, Clone, Default)]
struct Inode {
    cache: Vec<u8>,
    disk: Vec<u8>,
    /// Sectors that the next sync writes.
    dirty: BTreeSet<usize>,
    /// Sectors that a failed sync left behind: the cache differs from the disk, and no sync will change that.
    forgotten: BTreeSet<usize>,
}

/// What happens to an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Done,
    Failed,
    Died,
}

impl Machine {
    pub fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        Self {
            can_allocate: rng.coin(),
            rng,
            faults: FaultPlan::default(),
            operations: 0,
            space: None,
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            pending: Vec::new(),
            inodes: Vec::new(),
            dead: false,
        }
    }

    pub fn alive(&self) -> io::Result<()> {
        if self.dead { Err(io::Error::other("the simulated machine is off")) } else { Ok(()) }
    }

    fn operate(&mut self) -> io::Result<Fate> {
        self.alive()?;
        self.operations += 1;
        let now = Some(self.operations);
        self.dead = self.faults.die_at == now;
        Ok(match (self.dead, self.faults.fail_at == now) {
            (true, _) => Fate::Died,
            (false, true) => Fate::Failed,
            (false, false) => Fate::Done,
        })
    }

    /// Takes space for a file that grows.
    fn grow(&mut self, inode: usize, size: usize) -> io::Result<()> {
        let more = size.saturating_sub(self.inode(inode).cache.len()) as u64;
        match &mut self.space {
            Some(space) if *space < more => return Err(io::ErrorKind::StorageFull.into()),
            Some(space) => *space -= more,
            None => {}
        }
        Ok(())
    }

    fn give_back(&mut self, bytes: usize) {
        if let Some(space) = &mut self.space {
            *space += bytes as u64;
        }
    }

    pub fn create(&mut self, name: &str) -> io::Result<usize> {
        let inode = self.inodes.len();
        self.inodes.push(Inode::default());
        self.change_names(vec![NameChange::to(name, Some(inode))])?;
        Ok(inode)
    }

    pub fn change_names(&mut self, changes: Vec<NameChange>) -> io::Result<()> {
        let fate = self.operate()?;
        if fate == Fate::Done || self.rng.coin() {
            let before = self.named_bytes();
            for change in &changes {
                change.apply(&mut self.names);
            }
            self.give_back(before.saturating_sub(self.named_bytes()));
            self.pending.push(changes);
        }
        ended(fate)
    }

    fn named_bytes(&self) -> usize {
        let inodes: BTreeSet<_> = self.names.values().collect();
        inodes.into_iter().map(|inode| self.inode(*inode).cache.len()).sum()
    }

    pub fn sync_directory(&mut self) -> io::Result<()> {
        let fate = self.operate()?;
        if fate == Fate::Done {
            self.durable_names = self.names.clone();
            self.pending.clear();
        } else {
            self.durable_names = self.surviving_names();
        }
        ended(fate)
    }

    pub fn size(&self, inode: usize) -> io::Result<u64> {
        self.alive()?;
        Ok(self.inode(inode).cache.len() as u64)
    }

    pub fn set_size(&mut self, inode: usize, bytes: u64) -> io::Result<()> {
        let fate = self.operate()?;
        let size = to_usize(bytes)?;
        if fate == Fate::Done {
            self.grow(inode, size)?;
            let before = self.inode(inode).cache.len();
            self.give_back(before.saturating_sub(size));
            self.inode_mut(inode).cache.resize(size, 0);
        }
        ended(fate)
    }

    pub fn allocate(&mut self, inode: usize, bytes: u64) -> io::Result<()> {
        if !self.can_allocate {
            return Err(io::ErrorKind::Unsupported.into());
        }
        let longer = bytes.max(self.size(inode)?);
        self.set_size(inode, longer)
    }

    pub fn read(&self, inode: usize, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.alive()?;
        let start = to_usize(offset)?;
        let bytes = self.inode(inode).cache.get(start..start + buffer.len());
        buffer.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    pub fn write(&mut self, inode: usize, bytes: &[u8], offset: u64) -> io::Result<()> {
        let fate = self.operate()?;
        let written = match fate {
            Fate::Done => bytes.len(),
            Fate::Failed | Fate::Died => to_usize(self.rng.below(bytes.len() as u64 + 1))?,
        };
        let start = to_usize(offset)?;
        self.grow(inode, start + written)?;
        self.inode_mut(inode).write(bytes.get(..written).unwrap_or_default(), start);
        ended(fate)
    }

    pub fn sync(&mut self, inode: usize) -> io::Result<()> {
        let fate = self.operate()?;
        let dirty = std::mem::take(&mut self.inode_mut(inode).dirty);
        let reached = match fate {
            Fate::Done => dirty.clone(),
            Fate::Failed | Fate::Died => self.survivors(&dirty),
        };
        let file = self.inode_mut(inode);
        let size = if fate == Fate::Done { file.cache.len() } else { file.disk.len() };
        file.write_back(&reached, size);
        file.forgotten.extend(dirty.difference(&reached));
        ended(fate)
    }

    pub fn killed(&self) -> Self {
        let mut next = self.clone();
        next.switch_on();
        next
    }

    pub fn power_cut(&mut self) -> Self {
        let mut next = self.clone();
        next.rng = Rng::new(self.rng.next_u64());
        next.names = next.surviving_names();
        next.durable_names = next.names.clone();
        for at in 0..next.inodes.len() {
            let mut file = std::mem::take(next.inode_mut(at));
            let unsynced = file.dirty.union(&file.forgotten).copied().collect();
            let survivors = next.survivors(&unsynced);
            let size = if next.rng.coin() { file.cache.len() } else { file.disk.len() };
            file.write_back(&survivors, size);
            *next.inode_mut(at) = Inode { cache: file.disk.clone(), disk: file.disk, ..Inode::default() };
        }
        next.switch_on();
        next
    }

    fn switch_on(&mut self) {
        self.dead = false;
        self.operations = 0;
        self.faults = FaultPlan::default();
    }

    /// Which of the unsynced sectors reach the disk: none, all, the first ones, or any.
    fn survivors(&mut self, unsynced: &BTreeSet<usize>) -> BTreeSet<usize> {
        match self.rng.below(4) {
            0 => BTreeSet::new(),
            1 => unsynced.clone(),
            2 => {
                let first = self.rng.below(unsynced.len() as u64 + 1);
                unsynced.iter().copied().zip(0..first).map(|(sector, _)| sector).collect()
            }
            _ => unsynced.iter().copied().filter(|_| self.rng.coin()).collect(),
        }
    }

    fn surviving_names(&mut self) -> BTreeMap<String, usize> {
        let mut names = self.durable_names.clone();
        for changes in std::mem::take(&mut self.pending) {
            if self.rng.coin() {
                for change in changes {
                    change.apply(&mut names);
                }
            }
        }
        names
    }

    pub fn contents(&self) -> BTreeMap<String, Vec<u8>> {
        self.names.iter().map(|(name, inode)| (name.clone(), self.inode(*inode).cache.clone())).collect()
    }

    pub fn tamper(&mut self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let inode = *self.names.get(name).expect("the file to tamper with exists");
        let file = self.inode_mut(inode);
        change(&mut file.cache);
        *file = Inode { cache: file.cache.clone(), disk: file.cache.clone(), ..Inode::default() };
    }

    pub fn lose(&mut self, name: &str) {
        self.names.remove(name).expect("the file to lose exists");
        self.durable_names.remove(name);
    }

    fn inode(&self, inode: usize) -> &Inode {
        self.inodes.get(inode).expect("inodes are never deleted")
    }

    fn inode_mut(&mut self, inode: usize) -> &mut Inode {
        self.inodes.get_mut(inode).expect("inodes are never deleted")
    }
}

impl Inode {
    fn write(&mut self, bytes: &[u8], start: usize) {
        if bytes.is_empty() {
            return;
        }
        let end = start + bytes.len();
        if self.cache.len() < end {
            self.cache.resize(end, 0);
        }
        self.cache.get_mut(start..end).expect("the file is long enough").copy_from_slice(bytes);
        for sector in start / SECTOR..=(end - 1) / SECTOR {
            self.dirty.insert(sector);
            self.forgotten.remove(&sector);
        }
    }

    /// Copies sectors to the disk; the file there becomes at least so long that they fit.
    fn write_back(&mut self, sectors: &BTreeSet<usize>, size: usize) {
        self.disk.resize(size, 0);
        for sector in sectors {
            let start = sector * SECTOR;
            let end = (start + SECTOR).min(self.cache.len());
            let Some(bytes) = self.cache.get(start..end) else { continue };
            if self.disk.len() < end {
                self.disk.resize(end, 0);
            }
            self.disk.get_mut(start..end).expect("the file is long enough").copy_from_slice(bytes);
        }
    }
}

fn ended(fate: Fate) -> io::Result<()> {
    match fate {
        Fate::Done => Ok(()),
        Fate::Failed => Err(io::Error::other("simulated I/O error")),
        Fate::Died => Err(io::Error::other("the simulated machine stopped")),
    }
}

fn to_usize(number: u64) -> io::Result<usize> {
    usize::try_from(number).map_err(io::Error::other)
}
