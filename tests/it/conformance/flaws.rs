//! For each rule a service that breaks it, and nothing else.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::proxy::{Fate, Frame, Spoil, Way};

/// A way to break a rule. The name says which.
pub struct Flaw {
    pub rule: &'static str,
    pub spoil: fn() -> Spoil,
}

/// Wraps what is done to each frame.
fn each(spoil: impl FnMut(Way, &mut Frame) -> Fate + Send + 'static) -> Spoil {
    Arc::new(Mutex::new(spoil))
}

/// Changes events of this name that go to the server.
fn said(name: &'static str, mut change: impl FnMut(&mut Frame) -> Fate + Send + 'static) -> Spoil {
    each(
        move |way, frame| if way == Way::ToServer && frame.name == name { change(frame) } else { Fate::Pass },
    )
}

/// Changes events of this name that go to the service.
fn told(name: &'static str, mut change: impl FnMut(&mut Frame) -> Fate + Send + 'static) -> Spoil {
    each(
        move |way, frame| {
            if way == Way::ToService && frame.name == name { change(frame) } else { Fate::Pass }
        },
    )
}

/// Leaves out a result of this value.
fn loses(value: &'static str) -> Spoil {
    said("task:completed", move |frame| if frame.data["result"] == value { Fate::Drop } else { Fate::Pass })
}

/// Answers reports in the place of the server, so that the service never sends one again.
fn forgetful() -> Spoil {
    said("task:completed", |frame| match frame.ack {
        Some(ack) => Fate::With(vec![(Way::ToService, Frame::answer(ack, json!({"ok": true, "seq": 0})))]),
        None => Fate::Pass,
    })
}

/// Sends the last result once more when the same attempt is assigned again.
fn runs_twice() -> Spoil {
    let mut assigned = 0;
    let mut twice = false;
    each(move |way, frame| match (way, frame.name.as_str()) {
        (Way::ToService, "task:assign") => {
            assigned += 1;
            let again = assigned > 1;
            // Where the first run is over already, the second one ends at once.
            let ended = again && frame.data["external_parameters"]["do"] == "echo";
            twice = again;
            if !ended {
                return Fate::Pass;
            }
            let report = json!({
                "task_id": frame.data["task_id"], "workflow_id": frame.data["workflow_id"], "attempt": 1,
                "node_id": "under-test-1", "result": frame.data["external_parameters"]["value"],
            });
            Fate::With(vec![(Way::ToServer, Frame::event("task:completed", None, report))])
        }
        (Way::ToServer, "task:completed") if twice => {
            Fate::With(vec![(Way::ToServer, Frame::event("task:completed", None, frame.data.clone()))])
        }
        _ => Fate::Pass,
    })
}

/// Changes the registration; the first one is left as it is where `later` says so.
fn registers(later: Later, change: fn(&mut Value)) -> Spoil {
    let mut seen = 0;
    said("node:register", move |frame| {
        seen += 1;
        if later == Later::Each || seen > 1 {
            change(&mut frame.data);
        }
        Fate::Pass
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Later {
    Each,
    NotTheFirst,
}

pub const FLAWS: &[Flaw] = &[
    Flaw {
        rule: "register",
        spoil: || registers(Later::Each, |data| data["capabilities"]["max_concurrent_tasks"] = json!("four")),
    },
    Flaw {
        rule: "authenticate",
        spoil: || {
            said("authenticate", |frame| {
                frame.data["client_type"] = Value::Null;
                Fate::Pass
            })
        },
    },
    Flaw { rule: "accept", spoil: || said("task:accepted", |_| Fate::Drop) },
    Flaw {
        rule: "complete",
        spoil: || {
            said("task:completed", |frame| {
                frame.data["result"] = frame.data["result"].to_string().into();
                Fate::Pass
            })
        },
    },
    Flaw {
        rule: "complete.null",
        spoil: || {
            said("task:completed", |frame| {
                frame.name = "task:failed".to_owned();
                frame.data["error"] = json!("the handler returned nothing");
                Fate::Pass
            })
        },
    },
    Flaw {
        rule: "progress",
        spoil: || {
            said("task:progress", |frame| {
                frame.data["progress"] = json!(0.5);
                Fate::Pass
            })
        },
    },
    Flaw {
        rule: "fail",
        spoil: || {
            said("task:failed", |frame| {
                frame.data["error"] = json!("an error occurred");
                Fate::Pass
            })
        },
    },
    Flaw {
        rule: "fail.details",
        spoil: || {
            said("task:failed", |frame| {
                frame.data["retryable"] = json!(true);
                Fate::Pass
            })
        },
    },
    Flaw {
        rule: "type.unknown",
        spoil: || {
            said("task:failed", |frame| {
                frame.data["error"] = json!("KeyError: conformance_of_nobody");
                Fate::Pass
            })
        },
    },
    Flaw { rule: "events.unknown", spoil: || told("conformance:nothing", |_| Fate::Cut) },
    Flaw {
        rule: "payload.large",
        spoil: || {
            let large =
                |frame: &Frame| frame.data["result"].as_str().is_some_and(|text| text.len() > 999_999);
            said("task:completed", move |frame| if large(frame) { Fate::Cut } else { Fate::Pass })
        },
    },
    Flaw {
        rule: "capacity.full",
        spoil: || registers(Later::Each, |data| data["capabilities"]["max_concurrent_tasks"] = json!(9)),
    },
    Flaw {
        rule: "capacity.refuse",
        spoil: || registers(Later::Each, |data| data["capabilities"]["max_concurrent_tasks"] = json!(2)),
    },
    Flaw { rule: "cancel", spoil: || told("task:cancel", |_| Fate::Drop) },
    Flaw {
        rule: "cancel.unknown",
        spoil: || {
            told("task:cancel", |frame| {
                let report = json!({"task_id": frame.data["task_id"], "error": "Task cancelled"});
                Fate::With(vec![(Way::ToServer, Frame::event("task:failed", None, report))])
            })
        },
    },
    Flaw {
        rule: "attempt.named",
        spoil: || {
            said("task:progress", |frame| {
                frame.data["attempt"] = json!(1);
                Fate::Pass
            })
        },
    },
    Flaw {
        rule: "attempt.newer",
        spoil: || {
            told("task:assign", |frame| if frame.data["attempt"] == 2 { Fate::Drop } else { Fate::Pass })
        },
    },
    Flaw { rule: "assign.duplicate", spoil: runs_twice },
    Flaw { rule: "assign.repeated", spoil: runs_twice },
    Flaw {
        rule: "ack.asked",
        spoil: || {
            said("task:failed", |frame| {
                frame.ack = None;
                Fate::Pass
            })
        },
    },
    Flaw { rule: "ack.resend", spoil: forgetful },
    Flaw { rule: "ack.later", spoil: forgetful },
    Flaw {
        rule: "ack.refused",
        spoil: || {
            let mut last = Value::Null;
            each(move |way, frame| match way {
                Way::ToServer if frame.name == "task:completed" => {
                    last = frame.data.clone();
                    Fate::Pass
                }
                Way::ToService if frame.name.is_empty() && frame.data["ok"] == false => {
                    Fate::With(vec![(Way::ToServer, Frame::event("task:completed", None, last.clone()))])
                }
                Way::ToServer | Way::ToService => Fate::Pass,
            })
        },
    },
    Flaw { rule: "heartbeat", spoil: || said("node:heartbeat", |_| Fate::Drop) },
    Flaw {
        rule: "heartbeat.active",
        spoil: || {
            said("node:heartbeat", |frame| {
                frame.data["active"] = json!([]);
                Fate::Pass
            })
        },
    },
    Flaw {
        rule: "reconnect",
        spoil: || registers(Later::NotTheFirst, |data| data["node_id"] = json!("another-one")),
    },
    Flaw {
        rule: "reconnect.active",
        spoil: || registers(Later::NotTheFirst, |data| data["active"] = json!([])),
    },
    Flaw { rule: "reconnect.result", spoil: || loses("during the outage") },
    Flaw { rule: "reconnect.running", spoil: || loses("through the outage") },
    Flaw {
        rule: "reconnect.lost",
        spoil: || {
            each(|way, frame| {
                if let (Way::ToService, true, Some(answer)) =
                    (way, frame.name.is_empty(), frame.data.as_object_mut())
                {
                    answer.remove("held");
                }
                Fate::Pass
            })
        },
    },
    Flaw {
        rule: "shutdown.restart",
        spoil: || {
            told("cluster:shutdown", |frame| {
                frame.data["restart"] = json!(false);
                Fate::Pass
            })
        },
    },
    Flaw {
        rule: "drain",
        spoil: || {
            each(|way, frame| match (way, frame.name.as_str()) {
                (Way::ToServer, "node:status") => Fate::Drop,
                (Way::ToServer, "node:heartbeat") => {
                    frame.data["status"] = json!("ready");
                    Fate::Pass
                }
                _ => Fate::Pass,
            })
        },
    },
    Flaw { rule: "shutdown", spoil: || told("cluster:shutdown", |_| Fate::Drop) },
    Flaw {
        rule: "once",
        spoil: || {
            told("external_service:registered", |_| {
                let report = json!({"task_id": "task-of-nobody", "result": 1});
                Fate::With(vec![(Way::ToServer, Frame::event("task:completed", None, report))])
            })
        },
    },
];
