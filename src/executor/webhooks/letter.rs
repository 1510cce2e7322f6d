//! What is posted for one attempt: the assignment as services get it, with the URL of the callback, signed.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::value::RawValue;

use super::{ANSWER_BYTES_MAX, Courier, failure, impossible};
use crate::core::command::FailureReport;
use crate::core::errors;
use crate::engine::Assigned;
use crate::executor::outbound::Request;
use crate::protocol::fields::Seconds;
use crate::protocol::socket::{Assign, External};
use crate::protocol::time::NaiveUtc;
use crate::signing::WebhookSecret;

/// One attempt, ready to be posted as often as it takes.
pub(super) struct Letter {
    /// The same for every try, so that the receiver knows a second one.
    pub id: String,
    /// Scheme, host and port of the receiver.
    pub origin: String,
    url: String,
    body: Vec<u8>,
    secret: Option<WebhookSecret>,
    timeout_ms: u64,
}

#[derive(Serialize)]
struct Handed<'a> {
    #[serde(flatten)]
    assign: Assign<'a>,
    callback_url: &'a str,
}

type Members = BTreeMap<String, Box<RawValue>>;

impl Letter {
    pub fn write(courier: &Courier, assigned: &Assigned) -> Result<Self, FailureReport> {
        let broken = |error: serde_json::Error| {
            failure(errors::INVALID_ARGUMENT, format!("the parameters of a webhook task do not fit: {error}"))
        };
        let mut members: Members = serde_json::from_str(assigned.parameters.as_str()).map_err(broken)?;
        let url = text(&members, "service_url").filter(|url| !url.is_empty());
        let url = url.ok_or_else(|| {
            failure(errors::DELIVERY_IMPOSSIBLE, "the task has no `service_url` that is text".to_owned())
        })?;
        let own_secret = text(&members, "webhook_token").filter(|token| !token.is_empty());
        let own_secret =
            own_secret.map(|token| WebhookSecret::parse(&token)).transpose().map_err(|malformed| {
                failure(errors::INVALID_ARGUMENT, format!("`webhook_token` cannot be used: {malformed}"))
            })?;
        // Whoever reads the letter must not be able to forge the next one.
        members.remove("webhook_token");
        let parameters = serde_json::value::to_raw_value(&members).map_err(broken)?;
        let task_type = text(&members, "external_task_type");
        let service = text(&members, "service_name");
        let timeout = Seconds { ms: assigned.run_timeout_ms() };
        let external = External::new(&parameters, task_type.as_deref(), service.as_deref(), timeout);
        let token = courier.key.token(assigned.task, assigned.attempt);
        let callback_url = format!("{}/api/v1/callbacks/{token}", courier.public_url);
        let traceparent = assigned.traceparent();
        let assign = Assign {
            task_id: &assigned.wire_id(),
            workflow_id: &assigned.workflow_label(),
            attempt: assigned.attempt.0,
            task_type: &assigned.route().task_type,
            task_name: &assigned.name(),
            parameters: &parameters,
            priority: assigned.priority().name(),
            max_retries: assigned.max_retries(),
            timeout,
            assigned_at: NaiveUtc(assigned.at),
            traceparent: traceparent.as_deref(),
            external: Some(external),
        };
        let body = serde_json::to_vec(&Handed { assign, callback_url: &callback_url }).map_err(broken)?;
        // The signed text joins its parts with full stops, so the id has none.
        let id =
            format!("task_{:032x}_{}_{}", assigned.task.workflow.0, assigned.task.index, assigned.attempt);
        Ok(Self {
            id,
            origin: origin_of(&url),
            url,
            body,
            secret: own_secret.or_else(|| courier.config.secret.clone()),
            timeout_ms: courier.config.timeout_ms,
        })
    }

    /// One try: the time in its signature is that of the try.
    pub fn request(&self) -> Result<Request, FailureReport> {
        let fill = || {
            let mut request = Request::to_receiver(&self.url, ANSWER_BYTES_MAX)?;
            request.timeout_ms = self.timeout_ms;
            request.header("content-type", "application/json")?;
            super::sign(&mut request, &self.id, &self.body, self.secret.as_ref())?;
            request.body = self.body.clone().into();
            Ok(request)
        };
        fill().map_err(|error| impossible(&error))
    }
}

fn text(members: &Members, key: &str) -> Option<String> {
    serde_json::from_str(members.get(key)?.get()).ok()
}

/// Everything before the path. A URL that has no such part is refused when it is posted.
pub(in crate::executor) fn origin_of(url: &str) -> String {
    let after_scheme = url.find("://").map_or(0, |at| at + 3);
    let rest = url.get(after_scheme..).unwrap_or_default();
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    url.get(..after_scheme + end).unwrap_or_default().to_ascii_lowercase()
}
