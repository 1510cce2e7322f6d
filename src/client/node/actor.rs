//! The node's own task: connects, serves one session after the other, and stops.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use serde::Deserialize;
use serde_json::json;
use tokio::time::{Instant, sleep, sleep_until};

use super::attempt;
use super::backoff::Backoff;
use super::builder::NodeConfig;
use super::error::{NodeError, TaskError};
use super::ledger::{Admission, Ledger, Phase, State};
use super::report::{AT_CAPACITY, Accepted, Failed, Outcome, Reply, Report};
use super::session::{Answered, Session};
use super::task::{Assignment, TaskKey};
use crate::client::wire::{Socket, SocketEvent, WireError};

/// A registration that lasted shorter counts as a failed one: two processes that share a `node_id` push each
/// other out, and must not do so as fast as they can.
const STABLE: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Actor {
    pub(super) config: Arc<NodeConfig>,
    pub(super) ledger: Arc<Ledger>,
}

impl Actor {
    pub(super) async fn run(self) {
        let mut backoff = Backoff::default();
        while let Some(error) = self.connect_and_serve(&mut backoff).await {
            let delay = backoff.next_delay();
            tracing::warn!(node = self.config.name.node_id, %error, ?delay, "not connected; trying again");
            self.ledger.update(|state| state.disconnected(error));
            tokio::select! {
                () = sleep(delay) => {}
                () = self.may_stop() => break,
            }
        }
        let undelivered = self.ledger.update(|state| {
            state.phase = Phase::Stopped;
            state.link = None;
            state.outbox.len()
        });
        if undelivered > 0 {
            let node = &self.config.name.node_id;
            tracing::error!(node, undelivered, "stopped with results that the server did not acknowledge");
        }
    }

    /// One session from its opening to its end; nothing when the node is to stop.
    async fn connect_and_serve(&self, backoff: &mut Backoff) -> Option<NodeError> {
        let mut session = tokio::select! {
            opened = Session::open(&self.config, &self.ledger) => match opened {
                Ok(session) => session,
                Err(error) => return Some(error),
            },
            () = self.may_stop() => return None,
        };
        tracing::info!(node = self.config.name.node_id, "registered");
        let registered = Instant::now();
        let end = tokio::select! {
            Err(error) = self.serve(&mut session) => Some(error),
            () = self.may_stop() => None,
        };
        if registered.elapsed() >= STABLE {
            backoff.reset();
        }
        session.socket.close().await;
        end
    }

    /// Waits until the node is to stop and has nothing left to deliver, or no time left to deliver it.
    async fn may_stop(&self) {
        let stop_by = self.ledger.wait_for(|state| state.stop_by).await;
        tokio::select! {
            () = self.ledger.wait_for(|state| state.is_idle().then_some(())) => {}
            () = sleep_until(stop_by) => {}
        }
    }

    async fn serve(&self, session: &mut Session) -> Result<Infallible, NodeError> {
        // The last connection may have ended before the server heard that these were accepted.
        let running = self.ledger.lock().wanted();
        for (key, attempt) in running {
            self.accept(&session.socket, &key, attempt).await?;
        }
        loop {
            self.announce(session).await?;
            session.deliver(&self.ledger, self.config.ack_timeout).await?;
            let due = self.ledger.lock().outbox.next_due();
            tokio::select! {
                event = session.events.next() => match event {
                    Some(event) => self.on_event(&session.socket, &event).await?,
                    None => return Err(WireError::Closed(session.events.end().await.to_string()).into()),
                },
                Some(answered) = session.answers.next() => self.on_answer(answered)?,
                () = self.ledger.work.notified() => {}
                () = sleep_until_some(due) => {}
            }
        }
    }

    /// Tells the server once that no new work is wanted.
    async fn announce(&self, session: &mut Session) -> Result<(), WireError> {
        if self.ledger.lock().draining && !session.announced_draining {
            let status = json!({"node_id": self.config.name.node_id, "status": "draining"});
            session.socket.emit("node:status", &status).await?;
            session.announced_draining = true;
        }
        Ok(())
    }

    async fn on_event(&self, socket: &Socket, event: &SocketEvent) -> Result<(), NodeError> {
        match event.name.as_str() {
            "task:assign" => self.on_assign(socket, event).await?,
            "task:cancel" => self.on_cancel(event),
            "cluster:shutdown" => self.on_shutdown(event),
            // The server tells everybody about every node; a service has no use for it.
            _ => {}
        }
        Ok(())
    }

    async fn on_assign(&self, socket: &Socket, event: &SocketEvent) -> Result<(), WireError> {
        let assignment: Assignment = match serde_json::from_str(event.data.get()) {
            Ok(assignment) => assignment,
            Err(error) => {
                tracing::warn!(%error, "an assignment cannot be read; the server will give it to another");
                return Ok(());
            }
        };
        let (key, attempt) = (assignment.key(), assignment.attempt);
        let name = &self.config.name;
        let Some(handler) = self.config.handler(&assignment) else {
            let wanted = assignment.external_task_type.as_deref().unwrap_or(&assignment.task_type);
            let error = TaskError::new(format!("No handler registered for task type: {wanted}"));
            self.ledger.update(|state| state.outbox.push(Report::of(name, key, attempt, Err(&error))));
            return Ok(());
        };
        let admission = self.ledger.lock().admit(&key, attempt, self.config.max_concurrent_tasks);
        match admission {
            Admission::Start(cancelled) => {
                self.accept(socket, &key, attempt).await?;
                attempt::start(&self.ledger, &self.config, handler, assignment, cancelled);
            }
            Admission::AlreadyRunning => self.accept(socket, &key, attempt).await?,
            Admission::AlreadyEnded | Admission::Outdated => {
                tracing::info!(task = %key.task_id, attempt, ?admission, "an assignment was ignored");
            }
            Admission::AtCapacity => {
                let error = TaskError::new(AT_CAPACITY);
                socket.emit("task:failed", &Failed::new(name, &key, attempt, &error)).await?;
            }
        }
        Ok(())
    }

    async fn accept(&self, socket: &Socket, key: &TaskKey, attempt: u32) -> Result<(), WireError> {
        let accepted = Accepted {
            task_id: &key.task_id,
            workflow_id: &key.workflow_id,
            attempt,
            node_id: &self.config.name.node_id,
        };
        socket.emit("task:accepted", &accepted).await
    }

    fn on_cancel(&self, event: &SocketEvent) {
        #[derive(Deserialize)]
        struct Cancel {
            task_id: String,
            #[serde(default)]
            workflow_id: Option<String>,
            #[serde(default)]
            attempt: Option<u32>,
        }
        match event.parse::<Cancel>() {
            Ok(cancel) => {
                let mut state = self.ledger.lock();
                let workflow_id = cancel.workflow_id.as_deref();
                for (key, attempt) in state.matching(&cancel.task_id, workflow_id, cancel.attempt) {
                    state.cancel(&key, attempt);
                }
            }
            Err(error) => tracing::warn!(%error, "a cancellation cannot be read"),
        }
    }

    /// Before a restart of the server nothing needs to be done: the connection will end and come back.
    fn on_shutdown(&self, event: &SocketEvent) {
        #[derive(Deserialize, Default)]
        struct Shutdown {
            #[serde(default)]
            reason: String,
            #[serde(default)]
            restart: bool,
        }
        let shutdown: Shutdown = event.parse().unwrap_or_default();
        let (reason, restart) = (shutdown.reason, shutdown.restart);
        tracing::info!(node = self.config.name.node_id, reason, restart, "the server shuts down");
        if !restart {
            self.ledger.update(|state| state.request_stop(self.config.stop_timeout));
        }
    }

    fn on_answer(&self, (id, answer): Answered) -> Result<(), NodeError> {
        let now = Instant::now();
        let reply = match answer {
            Ok(reply) => reply,
            Err(error) => {
                tracing::info!(%error, "a result is sent again");
                self.ledger.lock().outbox.retry_later(id, now, Duration::ZERO);
                return Ok(());
            }
        };
        if reply.asks_for_registration() {
            return Err(NodeError::NotRegistered(reply.message));
        }
        if reply.retryable && !reply.ok {
            tracing::info!(code = reply.code, message = reply.message, "the server takes a result later");
            self.ledger.lock().outbox.retry_later(id, now, reply.retry_after());
            return Ok(());
        }
        self.ledger.update(|state| {
            let Some(report) = state.outbox.remove(id) else { return };
            if !reply.ok {
                self.on_refusal(&reply, &report, state);
            }
            state.recent.insert(report.key, report.attempt);
        });
        Ok(())
    }

    /// The server will never take this report: another attempt, or the end of the task, was faster.
    fn on_refusal(&self, reply: &Reply, report: &Report, state: &mut State) {
        let (task, attempt) = (&report.key.task_id, report.attempt);
        let (code, message) = (&reply.code, &reply.message);
        tracing::warn!(%task, attempt, code, message, "the server refused a report for good");
        if reply.blames_the_content() && report.outcome == Outcome::Completed {
            let message = format!("the server cannot take the result: {message}");
            state.outbox.push(Report::unusable(
                &self.config.name,
                report.key.clone(),
                attempt,
                code,
                message,
            ));
        }
    }
}

async fn sleep_until_some(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => sleep(Duration::MAX).await,
    }
}
