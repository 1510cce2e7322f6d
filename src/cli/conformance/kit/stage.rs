//! The server's part, played for one service: it answers what a server answers, keeps a record of everything, and
//! lets a check wait until the record shows what it looks for.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use super::answers;
use super::post::{Letter, Post};
use super::record::{Answering, Beat, Connection, Hello, Kind, Registration, Report, Task, Tasks};
use super::verdict::Missed;
use crate::cli::conformance::assignment::{Order, WORKFLOW};
use crate::cli::conformance::listen::{Listening, listen};
use crate::cli::conformance::peer::Peer;
use crate::clock;
use crate::core::command::WorkerFacts;
use crate::protocol::socket::{Cancel, Shutdown, first_argument, read};

/// A task that was to end by itself, or by a cancel, has done so after this time, or never will.
const SETTLE_LIMIT: Duration = Duration::from_secs(45);

/// What the user asked for.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub task_type: String,
    pub token: Option<String>,
    /// How long an answer may take that needs no time.
    pub patience: Duration,
}

#[derive(Debug)]
pub(super) struct Stage {
    pub asked: Asked,
    pub connections: BTreeMap<u64, Connection>,
    pub tasks: Tasks,
    /// What cannot be made sense of.
    pub strays: Vec<String>,
    /// Whether a node that registers is told that none of its tasks are its own any more.
    pub disowns: bool,
    /// Tasks that later checks look at again, and that are not to be ended.
    pub kept: Vec<String>,
    /// The one of them that runs while the service drains, and until it is told to stop.
    pub last_task: Option<String>,
    pub outage: Option<Result<super::rules::Outage, String>>,
    listening: Listening<Post>,
    post: Post,
    letters: mpsc::Receiver<Letter>,
    /// The connection on which the service is registered.
    current: Option<u64>,
    places: usize,
    /// The service did not come, or did not come back.
    given_up: bool,
}

impl Stage {
    pub async fn open(at: &str, asked: Asked) -> anyhow::Result<Self> {
        let (post, letters) = Post::new();
        let listening = listen(at, post.clone()).await?;
        Ok(Self {
            asked,
            connections: BTreeMap::new(),
            tasks: Tasks::new(),
            strays: Vec::new(),
            disowns: false,
            kept: Vec::new(),
            last_task: None,
            outage: None,
            listening,
            post,
            letters,
            current: None,
            places: 0,
            given_up: false,
        })
    }

    pub fn url(&self) -> &str {
        &self.listening.url
    }

    /// Waits for somebody to come, however long it takes.
    pub async fn first_connection(&mut self) {
        while self.connections.is_empty() {
            let Some(letter) = self.letters.recv().await else { return };
            self.take(letter);
        }
    }

    /// Reads on until the record shows it.
    pub async fn until<T>(
        &mut self,
        limit: Duration,
        what: &str,
        mut look: impl FnMut(&Self) -> Option<T>,
    ) -> Result<T, Missed> {
        let deadline = Instant::from_std(clock::instant() + limit);
        loop {
            if let Some(found) = look(self) {
                return Ok(found);
            }
            match timeout_at(deadline, self.letters.recv()).await {
                Ok(Some(letter)) => self.take(letter),
                Ok(None) | Err(_) => {
                    return Err(Missed(format!("within {} s there was no {what}", limit.as_secs_f64())));
                }
            }
        }
    }

    /// The same, for what needs no time.
    pub async fn soon<T>(&mut self, what: &str, look: impl FnMut(&Self) -> Option<T>) -> Result<T, Missed> {
        self.until(self.asked.patience, what, look).await
    }

    /// Reads on for a while, to see what should not come.
    pub async fn quietly(&mut self, span: Duration) {
        let none: Result<(), Missed> = self.until(span, "end", |_| None).await;
        debug_assert!(none.is_err());
    }

    /// The registered connection, if there is one.
    pub fn registered(&self) -> Option<&Connection> {
        self.connections.get(&self.current?).filter(|connection| !connection.gone)
    }

    /// Whether the service is registered. It is waited for once, and not again.
    pub async fn is_there(&mut self) -> bool {
        let is_in = |stage: &Self| stage.facts().and(stage.registered()).map(drop);
        if is_in(self).is_none() && !self.given_up {
            self.given_up = self.soon("registration", is_in).await.is_err();
        }
        is_in(self).is_some()
    }

    /// What the service said when it registered the last time.
    pub fn registration(&self) -> Option<&Registration> {
        self.connections.get(&self.current?)?.registration.as_ref()
    }

    pub fn facts(&self) -> Option<&WorkerFacts> {
        self.registration()?.facts.as_ref().ok()
    }

    pub fn task(&self, id: &str) -> &Task {
        self.tasks.get(id).expect("a check asks for the tasks that it has assigned")
    }

    /// Everything that was ever said of any task, on whichever connection.
    pub fn reports(&self) -> impl Iterator<Item = &Report> {
        self.tasks.values().flat_map(|task| &task.reports)
    }

    /// Assigns a new task.
    pub async fn assign(&mut self, asked: &Value) -> Result<String, Missed> {
        self.assign_with(asked, Answering::Take).await
    }

    pub async fn assign_with(&mut self, asked: &Value, answering: Answering) -> Result<String, Missed> {
        let id = self.prepare_with(answering);
        self.send(&id, 1, asked).await?;
        Ok(id)
    }

    /// Makes a task, to be sent in a way of its own; its id.
    pub fn prepare(&mut self) -> String {
        self.prepare_with(Answering::Take)
    }

    fn prepare_with(&mut self, answering: Answering) -> String {
        let id = format!("task-{}", self.tasks.len() + 1);
        self.tasks.insert(id.clone(), Task::new(answering));
        id
    }

    /// Sends an assignment, the first one of a task or another.
    pub async fn send(&mut self, id: &str, attempt: u32, asked: &Value) -> Result<(), Missed> {
        let wanted = self.asked.task_type.clone();
        self.send_as(id, attempt, &wanted, asked).await
    }

    pub async fn send_as(
        &mut self,
        id: &str,
        attempt: u32,
        task_type: &str,
        asked: &Value,
    ) -> Result<(), Missed> {
        self.soon("registered connection", |stage| stage.registered().map(drop)).await?;
        let facts = self.facts().ok_or_else(|| Missed("the registration cannot be read".to_owned()))?;
        let order = Order::new(facts, task_type, asked);
        let peer = self.peer()?.clone();
        let task = self.tasks.get_mut(id).expect("it was made before it is sent");
        if task.attempts.last() != Some(&attempt) {
            task.attempts.push(attempt);
        }
        task.assignments += 1;
        if order.assign(&peer, id, attempt) {
            return Ok(());
        }
        Err(Missed("the assignment could not be sent: the service does not read, or is gone".to_owned()))
    }

    pub fn cancel(&self, id: &str) -> Result<(), Missed> {
        let attempt = self.tasks.get(id).and_then(|task| task.attempts.last()).copied().unwrap_or(1);
        self.peer()?.emit(Cancel::EVENT, &Cancel { task_id: id, workflow_id: WORKFLOW, attempt });
        Ok(())
    }

    /// Says something that is no task.
    pub fn tell(&self, event: &str, data: &Value) -> Result<(), Missed> {
        self.peer()?.emit(event, data);
        Ok(())
    }

    /// Nobody waits for the end of this task any more.
    pub fn give_up(&mut self, id: &str) {
        if let Some(task) = self.tasks.get_mut(id) {
            task.given_up = true;
        }
    }

    pub fn shut_down(&self, reason: &str, restart: bool) -> Result<(), Missed> {
        self.peer()?.emit(Shutdown::EVENT, &Shutdown { reason, restart });
        Ok(())
    }

    /// Assigns a task and waits for its end.
    pub async fn run(&mut self, asked: &Value) -> Result<String, Missed> {
        let id = self.assign(asked).await?;
        self.end_of(&id).await?;
        Ok(id)
    }

    pub async fn end_of(&mut self, id: &str) -> Result<(), Missed> {
        self.soon("task:completed and no task:failed", |stage| stage.task(id).end().map(drop)).await
    }

    /// Assigns a task and waits until it is accepted.
    pub async fn start(&mut self, asked: &Value) -> Result<String, Missed> {
        let id = self.assign(asked).await?;
        self.soon("task:accepted", |stage| stage.task(&id).accepted().map(drop)).await?;
        Ok(id)
    }

    /// Cuts every connection and takes none.
    pub fn fail(&mut self) {
        self.listening.fail();
        // A client that polls has none that could be seen to end.
        for connection in self.connections.values_mut() {
            connection.gone = true;
        }
    }

    pub fn recover(&mut self) {
        self.listening.recover();
    }

    /// Ends what a check has left behind, so that the next one finds an idle service.
    pub async fn settle(&mut self) {
        let left: Vec<String> = self.outstanding().into_iter().filter(|id| !self.kept.contains(id)).collect();
        for id in &left {
            // Whoever is gone holds nothing any more.
            let _ = self.cancel(id);
        }
        let runs = |stage: &Self, id: &String| {
            let task = stage.task(id);
            task.accepted().is_some() && !task.has_ended()
        };
        let settled = |stage: &Self| (!left.iter().any(|id| runs(stage, id))).then_some(());
        let settled = self.until(SETTLE_LIMIT, "end of what is left", settled).await;
        if let Err(Missed(what)) = settled {
            self.strays.push(format!("tasks that a check left behind go on running: {what}"));
        }
        for id in left {
            self.give_up(&id);
        }
    }

    /// Tasks whose end is open: what a server would say that the node still holds.
    fn outstanding(&self) -> Vec<String> {
        let open = |task: &Task| !task.given_up && !task.attempts.is_empty() && !task.has_ended();
        self.tasks.iter().filter(|(_, task)| open(task)).map(|(id, _)| id.clone()).collect()
    }

    /// Letters that found no room, which no service should bring about.
    pub fn dropped(&self) -> u64 {
        self.post.dropped()
    }

    fn peer(&self) -> Result<&Peer, Missed> {
        let connection = self.registered();
        connection
            .map(|connection| &connection.peer)
            .ok_or_else(|| Missed("the service is not connected".to_owned()))
    }

    fn take(&mut self, letter: Letter) {
        match letter {
            Letter::Joined(peer) => {
                let connection = Connection::new(peer, self.asked.token.is_none());
                self.connections.insert(connection.peer.number, connection);
            }
            Letter::Gone { from } => {
                if let Some(connection) = self.connections.get_mut(&from) {
                    connection.gone = true;
                }
            }
            Letter::Unreadable => {
                self.strays
                    .push("an event is binary or has no name; everything travels as JSON text".to_owned());
            }
            Letter::Said { from, name, arguments, ack_id } => self.hear(from, &name, &arguments, ack_id),
        }
    }

    fn hear(&mut self, from: u64, name: &str, arguments: &str, ack_id: Option<i64>) {
        let payload: Value = first_argument(arguments, |text| {
            serde_json::from_str(text).map_err(|error| answers::unreadable(&error))
        })
        .unwrap_or_default();
        let Some(connection) = self.connections.get_mut(&from) else { return };
        if name == "authenticate" {
            let after_registration = connection.registration.is_some();
            connection.admitted |= answers::authenticate(&connection.peer, &self.asked, &payload, ack_id);
            connection.hello = Some(Hello { payload, after_registration });
            return;
        }
        if !connection.admitted {
            connection.premature.push(name.to_owned());
            answers::refuse_stranger(&connection.peer, ack_id);
            return;
        }
        match name {
            "node:register" => self.register(from, arguments, payload, ack_id),
            "node:heartbeat" => {
                answers::take(&connection.peer, ack_id);
                connection.beats.push(Beat { payload });
            }
            "node:status" => {
                answers::take(&connection.peer, ack_id);
                let status = payload.get("status").and_then(Value::as_str).unwrap_or_default();
                connection.statuses.push(status.to_owned());
            }
            "task:accepted" => self.report(from, Kind::Accepted, payload, ack_id),
            "task:progress" => self.report(from, Kind::Progress, payload, ack_id),
            "task:completed" => self.report(from, Kind::Completed, payload, ack_id),
            "task:failed" => self.report(from, Kind::Failed, payload, ack_id),
            _ => answers::take(&connection.peer, ack_id),
        }
    }

    fn register(&mut self, from: u64, arguments: &str, payload: Value, ack_id: Option<i64>) {
        let facts = answers::facts(arguments);
        let held = if self.disowns { Vec::new() } else { self.outstanding() };
        let now_registered = self.registered().map(|connection| connection.peer.number);
        let Some(connection) = self.connections.get_mut(&from) else { return };
        if now_registered.is_some_and(|number| number != from) {
            answers::refuse_second(&connection.peer, ack_id);
            self.strays.push(format!("a second node registered meanwhile: {payload}"));
            return;
        }
        answers::register(&connection.peer, facts.as_ref(), held, ack_id);
        let facts = facts.map_err(|rejection| rejection.to_string());
        connection.registration = Some(Registration { payload, facts, asked_for_answer: ack_id.is_some() });
        self.current = Some(from);
    }

    fn report(&mut self, from: u64, kind: Kind, payload: Value, ack_id: Option<i64>) {
        #[derive(Deserialize)]
        struct Named {
            task_id: String,
        }
        let Some(connection) = self.connections.get(&from) else { return };
        let named = read::<Named>(&payload.to_string()).map(|named| named.task_id);
        let Some(task) = named.as_ref().ok().and_then(|id| self.tasks.get_mut(id)) else {
            answers::refuse_unknown(&connection.peer, ack_id);
            self.strays.push(format!(
                "a report names no task that was assigned: {}",
                super::record::shown(&payload)
            ));
            return;
        };
        let mut report = Report {
            kind,
            payload,
            from,
            asked_for_answer: ack_id.is_some(),
            settled: false,
            place: self.places,
        };
        self.places += 1;
        report.settled = answers::report(&connection.peer, task, &report, ack_id);
        task.reports.push(report);
    }
}
