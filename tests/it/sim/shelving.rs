//! The way to the store and back: what has ended, pictures of the state, and workflows that are read for a command.

use gleitzeit::core::ids::{Seq, WorkflowId};
use gleitzeit::engine::{Found, Input, Lookup};
use gleitzeit::store::StoreJob;

use super::planted::Planted;
use super::world::{Happening, World};

impl World {
    pub fn store_later(&mut self, process: u32, job: StoreJob) {
        self.store.push(job);
        let delay = if self.rng.chance(100) { self.rng.range(1_000, 60_000) } else { self.rng.range(1, 300) };
        self.after(delay, Happening::Store(process));
    }

    pub fn store_works(&mut self) {
        let Some(number) = self.process.as_ref().map(|process| process.number) else { return };
        if let Some((workflow, ended_seq)) = self.store.work() {
            let delay = self.rng.range(0, 200);
            self.after(delay, Happening::Archived { process: number, workflow, ended_seq });
        }
    }

    pub fn archived(&mut self, process: u32, workflow: WorkflowId, ended_seq: Seq) {
        if let Some(process) = self.process.as_mut().filter(|known| known.number == process) {
            process.inbox.push_back((Input::Archived { workflow, ended_seq }, None));
            self.wake();
        }
    }

    /// The store is read for a command, and it takes a while until the engine hears.
    pub fn look_up(&mut self, process: u32, lookup: Lookup) {
        if self.is(process) {
            let found = Box::new(lookup.perform(&*self.store.views));
            // A bug that only shows when the answer is late is looked for where it mostly is.
            let late = if self.planted == Some(Planted::OldCopyTrusted) { 800 } else { 200 };
            let delay =
                if self.rng.chance(late) { self.rng.range(500, 20_000) } else { self.rng.range(0, 200) };
            self.after(delay, Happening::Found { process, found });
        }
    }

    pub fn found(&mut self, process: u32, found: Box<Found>) {
        if let Some(process) = self.process.as_mut().filter(|known| known.number == process) {
            process.inbox.push_back((Input::Found(found), None));
            self.wake();
        }
    }
}
