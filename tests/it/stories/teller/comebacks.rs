//! Words about workers that come back.

use std::fmt::Write;
use std::sync::Arc;

use gleitzeit::core::command::{Claim, Command, Progress, TaskRef};
use gleitzeit::core::ids::SessionId;
use gleitzeit::core::why::{Offers, explain};

use super::Teller;
use crate::sim::specs::Trade;

impl Teller {
    pub(super) fn come_back(&mut self, verb: &str, rest: &[&str]) {
        match (verb, rest) {
            ("process", [name, instance]) => {
                self.next_session += 1;
                let session = SessionId(self.next_session);
                self.sessions.insert((*name).to_owned(), (session, false));
                let mut facts = Trade::Executor.facts(name, 2, false, None);
                facts.instance = Some(Arc::from(*instance));
                self.command(Command::RegisterWorker {
                    session,
                    facts: Arc::new(facts),
                    active: None,
                    claim: Claim::Any,
                });
            }
            ("progress", [name, task]) => {
                let task = TaskRef::Id(self.task(task).0);
                let progress = Progress { percent: 50, message: Arc::from("half"), data: None };
                let session = self.sessions[*name].0;
                self.command(Command::ReportProgress { session, task, attempt: None, progress });
            }
            ("why", [task]) => {
                let task = self.task(task).0;
                let why = explain(&self.engine.state, &self.engine.presence, task, self.now, Offers::Made);
                writeln!(self.told, "   why: {}", why.expect("the task is in memory").summary).unwrap();
            }
            (verb, rest) => panic!("no story has the words {verb} {rest:?}"),
        }
    }
}
