//! The rules, in the order in which they are looked at. The last ones end the service.

mod acks;
mod attempts;
mod capacity;
mod entering;
mod heartbeats;
mod leaving;
mod reconnecting;
mod tasks;

use std::fmt;
use std::future::ready;
use std::pin::Pin;

pub(super) use reconnecting::Outage;

use super::stage::Stage;
use super::verdict::Checked;

/// One rule of the protocol.
pub(crate) struct Rule {
    pub id: &'static str,
    pub expected: &'static str,
    pub(super) check: Check,
}

type Check = for<'s> fn(&'s mut Stage) -> Pin<Box<dyn Future<Output = Checked> + 's>>;

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id)
    }
}

const fn rule(id: &'static str, expected: &'static str, check: Check) -> Rule {
    Rule { id, expected, check }
}

/// The one that all others rest on.
pub(crate) const REGISTER: &str = "register";
/// The one that looks back, and needs no service any more.
pub(crate) const ONCE: &str = "once";

pub(crate) const RULES: &[Rule] = &[
    rule(
        REGISTER,
        "node:register names the node, its type, its task types and how many tasks it takes at once",
        |stage| Box::pin(entering::register(stage)),
    ),
    rule(
        "authenticate",
        "authenticate carries a token and the type of client, and comes before anything else",
        |stage| Box::pin(ready(entering::authenticate(stage))),
    ),
    rule("accept", "task:accepted answers task:assign, before any result", |stage| {
        Box::pin(tasks::accept(stage))
    }),
    rule("complete", "task:completed carries the result as it is, whatever JSON it is", |stage| {
        Box::pin(tasks::complete(stage))
    }),
    rule("complete.null", "a result of null completes a task like any other", |stage| {
        Box::pin(tasks::complete_null(stage))
    }),
    rule("progress", "task:progress carries a whole percentage and a message, before the end", |stage| {
        Box::pin(tasks::progress(stage))
    }),
    rule("fail", "task:failed carries the error of a handler that fails", |stage| {
        Box::pin(tasks::fail(stage))
    }),
    rule("fail.details", "task:failed says whether a retry may help, where the handler knows", |stage| {
        Box::pin(tasks::fail_details(stage))
    }),
    rule(
        "type.unknown",
        "a task without a handler fails with `No handler registered for task type: ...`, so that it goes elsewhere",
        |stage| Box::pin(tasks::unknown_type(stage)),
    ),
    rule("events.unknown", "events that mean nothing to the service change nothing", |stage| {
        Box::pin(entering::unknown_events(stage))
    }),
    rule("payload.large", "a task with 1 MB of parameters and a result of 1 MB completes", |stage| {
        Box::pin(tasks::large_payload(stage))
    }),
    rule("capacity.full", "as many tasks run at once as the service has registered for", |stage| {
        Box::pin(capacity::full(stage))
    }),
    rule(
        "capacity.refuse",
        "one task more is refused with `Service at capacity`, and not accepted",
        |stage| Box::pin(capacity::refuse(stage)),
    ),
    rule("cancel", "task:cancel ends the task and is confirmed by `Task cancelled`", |stage| {
        Box::pin(attempts::cancel(stage))
    }),
    rule("cancel.unknown", "task:cancel of a task that is not held changes nothing", |stage| {
        Box::pin(attempts::cancel_unknown(stage))
    }),
    rule("attempt.named", "reports carry the number of the attempt that they are about", |stage| {
        Box::pin(attempts::named(stage))
    }),
    rule("attempt.newer", "a later attempt of a running task takes its place", |stage| {
        Box::pin(attempts::newer(stage))
    }),
    rule("assign.duplicate", "the same attempt, assigned again while it runs, runs once", |stage| {
        Box::pin(attempts::duplicate(stage))
    }),
    rule("assign.repeated", "the same attempt, assigned again after its end, does not run again", |stage| {
        Box::pin(attempts::repeated(stage))
    }),
    rule("ack.asked", "reports of an end ask for an acknowledgement", |stage| Box::pin(acks::asked(stage))),
    rule("ack.resend", "a report that nobody acknowledges is sent again", |stage| {
        Box::pin(acks::resend(stage))
    }),
    rule("ack.later", "a report that is refused for now is sent again", |stage| Box::pin(acks::later(stage))),
    rule("ack.refused", "a report that is refused for good is not sent again", |stage| {
        Box::pin(acks::refused(stage))
    }),
    rule("heartbeat", "heartbeats name the node and its status, as often as was agreed", |stage| {
        Box::pin(heartbeats::regular(stage))
    }),
    rule("heartbeat.active", "a heartbeat names the attempts that run", |stage| {
        Box::pin(heartbeats::active(stage))
    }),
    rule("reconnect", "after a lost connection the service comes back as the same node", |stage| {
        Box::pin(reconnecting::comes_back(stage))
    }),
    rule("reconnect.active", "node:register names the attempts that the service still holds", |stage| {
        Box::pin(reconnecting::names_held(stage))
    }),
    rule("reconnect.result", "a result that was ready during the outage is sent after it", |stage| {
        Box::pin(reconnecting::sends_result(stage))
    }),
    rule("reconnect.running", "a task that runs through the outage completes once", |stage| {
        Box::pin(reconnecting::goes_on(stage))
    }),
    rule("reconnect.lost", "what the answer to node:register does not name as held is ended", |stage| {
        Box::pin(reconnecting::drops_lost(stage))
    }),
    rule(
        "shutdown.restart",
        "cluster:shutdown {restart: true} ends no task, and the service comes back",
        |stage| Box::pin(leaving::restart(stage)),
    ),
    rule("drain", "a service that drains says so, refuses new tasks, and keeps those it has", |stage| {
        Box::pin(leaving::drain(stage))
    }),
    rule("shutdown", "cluster:shutdown ends tasks and connection, and the service stays away", |stage| {
        Box::pin(leaving::shutdown(stage))
    }),
    rule(ONCE, "every attempt has one end, and nothing is said about tasks that nobody assigned", |stage| {
        Box::pin(acks::once(stage))
    }),
];

/// The rule of this name.
pub(crate) fn named(id: &str) -> Result<&'static Rule, String> {
    let found = RULES.iter().find(|rule| rule.id == id);
    found.ok_or_else(|| {
        let ids: Vec<&str> = RULES.iter().map(|rule| rule.id).collect();
        format!("there is no such rule; there are {}", ids.join(", "))
    })
}
