//! How a service comes in.

use serde_json::{Value, json};

use crate::cli::conformance::kit::record::{Kind, Registration, shown};
use crate::cli::conformance::kit::stage::Stage;
use crate::cli::conformance::kit::verdict::{Checked, Missed, failed, not_applicable, passed};

pub(super) async fn register(stage: &mut Stage) -> Checked {
    let told = |stage: &Stage| stage.registration().map(drop);
    if let Err(Missed(what)) = stage.soon("node:register", told).await {
        let refused = stage.connections.values().any(|connection| !connection.premature.is_empty());
        let why = if refused { "; what it said before its token was refused" } else { "" };
        return failed(format!("{what}{why}"));
    }
    let Some(Registration { payload, facts, .. }) = stage.registration() else {
        return failed("the registration has been lost");
    };
    let facts = match facts {
        Ok(facts) => facts,
        Err(rejection) => return failed(format!("the server would refuse it: {rejection}")),
    };
    let given = |pointer: &str| payload.pointer(pointer).unwrap_or(&Value::Null);
    let is_text = |pointer: &str| given(pointer).as_str().is_some_and(|text| !text.is_empty());
    for pointer in ["/node_id", "/name"] {
        if !is_text(pointer) {
            return failed(format!("`{}` is {}, and must be a text", name(pointer), shown(given(pointer))));
        }
    }
    let node_type = given("/node_type");
    if !(node_type.is_null() || node_type == "external_service" || node_type == "executor") {
        return failed(format!("`node_type` is {}; it is external_service or executor", shown(node_type)));
    }
    if facts.task_types.is_empty() {
        return failed("no task types are named, so that no task can ever come here");
    }
    let capacity = given("/capabilities/max_concurrent_tasks");
    if !capacity.is_null() && capacity.as_u64().is_none_or(|capacity| capacity == 0) {
        let capacity = shown(capacity);
        return failed(format!("`max_concurrent_tasks` is {capacity}; it is a whole number of at least 1"));
    }
    passed(format!(
        "{} `{}` ({}), {} at once, for {}",
        node_type.as_str().unwrap_or("executor"),
        facts.name,
        facts.worker.0,
        facts.capacity,
        facts.task_types.iter().map(AsRef::as_ref).collect::<Vec<&str>>().join(", ")
    ))
}

fn name(pointer: &str) -> &str {
    pointer.rsplit('/').next().unwrap_or(pointer)
}

pub(super) fn authenticate(stage: &Stage) -> Checked {
    let connection = stage.registered().ok_or_else(|| Missed("the service is not connected".to_owned()))?;
    let asked = stage.asked.token.is_some();
    if let (true, Some(event)) = (asked, connection.premature.first()) {
        return failed(format!("`{event}` came before the token"));
    }
    let Some(hello) = &connection.hello else {
        return not_applicable("it did not authenticate, and no token is asked for; see --token");
    };
    for field in ["token", "client_type"] {
        if hello.payload.get(field).and_then(Value::as_str).is_none() {
            let payload = shown(&hello.payload);
            return failed(format!("`{field}` is missing or no text in {payload}"));
        }
    }
    if hello.after_registration {
        return failed("it came after node:register, which a server that asks for a token refuses");
    }
    passed(if asked { "the token came first" } else { "a token came first; any would do" })
}

pub(super) async fn unknown_events(stage: &mut Stage) -> Checked {
    let before = stage.connections.len();
    stage.tell("external_service:disconnected", &json!({"service_id": "somebody-else"}))?;
    stage.tell("conformance:nothing", &json!({"means": ["nothing", null]}))?;
    let id = stage.run(&json!({"do": "echo", "value": "still here"})).await?;
    if stage.connections.len() > before {
        return failed("the service has connected anew because of them");
    }
    match stage.task(&id).end().map(|end| end.kind) {
        Some(Kind::Completed) => passed("the next task completed"),
        Some(Kind::Failed | Kind::Accepted | Kind::Progress) | None => failed("the next task failed"),
    }
}
