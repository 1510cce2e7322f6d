//! Tasks for connected services. Whatever form they were written in, their parameters end up as an object with
//! `external_task_type`, `service_name`, `external_parameters` and `external_timeout`.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::form::{RunTimeout, Work, allow};
use super::object::{ObjectWriter, Opaque, is_object};
use super::policy::{invalid, unknown};
use super::task::RawTask;
use crate::core::ids::WorkerId;
use crate::core::rejection::Rejection;
use crate::core::secret_parameters::{HIDDEN, placeholder_in};
use crate::core::template;
use crate::protocol::fields::{Seconds, Text};
use crate::protocol::task_types::{
    self, EXTERNAL_API, EXTERNAL_CUSTOM, EXTERNAL_DATABASE, EXTERNAL_ML, EXTERNAL_PROCESSING,
    EXTERNAL_WEBHOOK, WEBHOOK_DELIVERY,
};

const RUN_TIMEOUT: Seconds = Seconds { ms: 1_800_000 };

/// What a value of `external:` stands for.
struct Kind {
    name: &'static str,
    task_type: &'static str,
    external_type: &'static str,
    /// The keys of its builder, which together make `external_parameters`.
    builder_keys: &'static [&'static str],
    run_timeout: Seconds,
}

/// The timeouts are those that the builders of the client libraries have always had.
const KINDS: [Kind; 6] = [
    Kind {
        name: "ml",
        task_type: EXTERNAL_ML,
        external_type: "ml_inference",
        builder_keys: &["operation", "model_params", "data_params"],
        run_timeout: Seconds { ms: 3_600_000 },
    },
    Kind {
        name: "api",
        task_type: EXTERNAL_API,
        external_type: "api_integration",
        builder_keys: &["endpoint", "method", "payload", "headers"],
        run_timeout: Seconds { ms: 300_000 },
    },
    Kind {
        name: "database",
        task_type: EXTERNAL_DATABASE,
        external_type: "database_operations",
        builder_keys: &["operation", "query_params"],
        run_timeout: Seconds { ms: 600_000 },
    },
    plain_kind("processing", EXTERNAL_PROCESSING, "data_processing"),
    plain_kind("webhook", EXTERNAL_WEBHOOK, "webhook_handling"),
    plain_kind("custom", EXTERNAL_CUSTOM, "custom_processing"),
];

const fn plain_kind(name: &'static str, task_type: &'static str, external_type: &'static str) -> Kind {
    Kind { name, task_type, external_type, builder_keys: &[], run_timeout: RUN_TIMEOUT }
}

/// `external: ml` and its like.
pub(super) fn short_form<'t, 'de, J: Opaque<'de>>(
    task: &'t RawTask<'de, J>,
    kind: &str,
) -> Result<Work<'t>, Rejection> {
    let Some(kind) = KINDS.iter().find(|known| known.name == kind) else {
        return Err(unknown("kind of external task", kind, &KINDS.map(|known| known.name)));
    };
    let mut allowed = vec!["service"];
    allowed.extend(kind.builder_keys);
    allowed.extend(["external_task_type", "external_parameters", "parameters", "external_timeout"]);
    allowed.extend(["service_url", "callback_url", "webhook_token"]);
    allow(task, "external", &allowed)?;

    let external_type = match task.external_task_type.as_deref() {
        Some(stated) => stated,
        None if kind.task_type == EXTERNAL_ML && task.operation.as_deref() == Some("train") => "ml_training",
        None => kind.external_type,
    };
    let [handled_by, _] = task_types::of_capability(external_type);
    let task_type = match handled_by {
        // A type of the user's own fits any kind.
        EXTERNAL_CUSTOM => kind.task_type,
        _ if kind.task_type == handled_by => kind.task_type,
        known if kind.task_type == EXTERNAL_CUSTOM => task_types::canonical(known).unwrap_or(EXTERNAL_CUSTOM),
        other => {
            return Err(invalid(format!(
                "`external_task_type: {external_type}` belongs to {other}, not to `external: {}`",
                kind.name
            )));
        }
    };
    let timeout = RunTimeout::new(task.run_timeout()?.or(task.external_timeout), kind.run_timeout);
    if task.webhook_token.as_deref() == Some(HIDDEN) {
        return Err(not_told("webhook_token"));
    }
    let parameters = ObjectWriter::new()
        .text("service_name", task.service.as_deref())
        .text("external_task_type", Some(external_type))
        .json("external_parameters", external_parameters(task, kind)?)
        .text("service_url", task.service_url.as_deref())
        .text("callback_url", task.callback_url.as_deref())
        .text("webhook_token", task.webhook_token.as_deref())
        .json("external_timeout", timeout.seconds)
        .finish();
    let work = Work {
        task_type,
        external_type: Some(Arc::from(external_type)),
        service: task.service.as_ref().map(Text::to_arc),
        function: None,
        parameters: Cow::Owned(parameters),
        run_timeout: timeout,
    };
    with_address(work, task.service_url.as_deref())
}

/// What the server shows instead of a secret came back as one: with it nobody could check a signature.
fn not_told(name: &str) -> Rejection {
    invalid(format!(
        "`{name}` is \"{HIDDEN}\", which only says that there was a secret: write the secret itself, or leave `{name}` out"
    ))
}

/// A webhook task with an address is handed on by the server itself; without one it goes to a service that connects.
fn with_address<'t>(work: Work<'t>, service_url: Option<&str>) -> Result<Work<'t>, Rejection> {
    let Some(url) = service_url.filter(|url| work.task_type == EXTERNAL_WEBHOOK && !url.is_empty()) else {
        return Ok(work);
    };
    // What a template makes of it is only known when the task is handed on.
    let web = url.starts_with("http://") || url.starts_with("https://");
    if !web && !template::may_occur(url) {
        return Err(invalid(format!("`service_url: {url}` does not begin with http:// or https://")));
    }
    Ok(Work {
        external_type: Some(Arc::from(WEBHOOK_DELIVERY)),
        service: Some(Arc::from(WorkerId::WEBHOOKS)),
        ..work
    })
}

/// Either given as they are, or put together from the keys of the kind's builder.
fn external_parameters<'t, 'de, J: Opaque<'de>>(
    task: &'t RawTask<'de, J>,
    kind: &Kind,
) -> Result<Cow<'t, str>, Rejection> {
    let built = task.own_keys().into_iter().find(|(key, given)| *given && kind.builder_keys.contains(key));
    let whole = match (&task.external_parameters, &task.parameters) {
        (Some(_), Some(_)) => {
            return Err(invalid(
                "it has both `external_parameters` and `parameters`; they mean the same here",
            ));
        }
        (Some(whole), None) | (None, Some(whole)) => Some(whole.json()),
        (None, None) => None,
    };
    match (whole, built) {
        (Some(_), Some((key, _))) => Err(invalid(format!(
            "`{key}` is a part of the external parameters, which are also given as a whole"
        ))),
        (Some(whole), None) if is_object(&whole) => Ok(whole),
        (Some(_), None) => Err(invalid("`external_parameters` must be an object of names and values")),
        (None, _) => {
            let is_api = kind.task_type == EXTERNAL_API;
            let method = task.method.as_deref().or(is_api.then_some("POST"));
            let object = ObjectWriter::new()
                .text("operation", task.operation.as_deref())
                .opaque("model_params", task.model_params.as_ref())
                .opaque("data_params", task.data_params.as_ref())
                .opaque("query_params", task.query_params.as_ref())
                .text("endpoint", task.endpoint.as_deref())
                .text("method", method)
                .opaque("payload", task.payload.as_ref())
                .opaque("headers", task.headers.as_ref());
            Ok(Cow::Owned(object.finish()))
        }
    }
}

/// `task_type: external_...` with parameters that are already in their final form, up to what is missing.
pub(super) fn explicit<'t>(
    task_type: &'static str,
    parameters: Cow<'t, str>,
    timeout: Option<Seconds>,
) -> Result<Work<'t>, Rejection> {
    let entries: Entries<'_> = serde_json::from_str(&parameters).expect("an object of a parsed body is JSON");
    let service: Option<Text<'_>> = entries.get("service_name", "text")?;
    let external_type: Option<Text<'_>> = entries.get("external_task_type", "text")?;
    let stated: Option<Seconds> = entries.get("external_timeout", "a number of seconds")?;
    let service_url: Option<Text<'_>> = entries.get("service_url", "text")?;
    let service_url = service_url.as_ref().map(Text::to_arc);
    if let Some(name) = placeholder_in(|name| entries.json_of(name)) {
        return Err(not_told(name));
    }
    let inner: Option<&RawValue> = entries.get("external_parameters", "an object")?;
    if inner.is_some_and(|inner| !is_object(inner.get())) {
        return Err(invalid("`parameters.external_parameters` must be an object of names and values"));
    }
    let run_timeout = RunTimeout::new(timeout.or(stated), RUN_TIMEOUT);
    let (service, external_type) =
        (service.as_ref().map(Text::to_arc), external_type.as_ref().map(Text::to_arc));
    let parameters = match (inner, stated) {
        (Some(_), Some(_)) => parameters,
        (inner, stated) => {
            let mut object = entries.rewrite(&["external_parameters", "external_timeout"]);
            object = object.json("external_parameters", inner.map_or("{}", RawValue::get));
            Cow::Owned(object.json("external_timeout", stated.unwrap_or(run_timeout.seconds)).finish())
        }
    };
    let work = Work { task_type, external_type, service, function: None, parameters, run_timeout };
    with_address(work, service_url.as_deref())
}

/// The keys and values of an object, in order.
pub(super) struct Entries<'a>(Vec<(Text<'a>, &'a RawValue)>);

impl<'a> Entries<'a> {
    /// Null counts as absent.
    fn get<T: Deserialize<'a>>(&self, key: &str, expected: &str) -> Result<Option<T>, Rejection> {
        let Some((_, value)) = self.0.iter().rfind(|(name, _)| **name == *key) else { return Ok(None) };
        serde_json::from_str(value.get())
            .map_err(|_| invalid(format!("`parameters.{key}` must be {expected}")))
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| &**name)
    }

    /// The value as it was written.
    pub(super) fn json_of(&self, key: &str) -> Option<&'a str> {
        self.0.iter().rfind(|(name, _)| **name == *key).map(|(_, value)| value.get())
    }

    fn rewrite(&self, without: &[&str]) -> ObjectWriter {
        let kept = self.0.iter().filter(|(name, _)| !without.contains(&&**name));
        kept.fold(ObjectWriter::new(), |object, (name, value)| object.json(name, value.get()))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Entries<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EntriesVisitor;
        impl<'de> Visitor<'de> for EntriesVisitor {
            type Value = Vec<(Text<'de>, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(entries)
            }
        }
        deserializer.deserialize_map(EntriesVisitor).map(Self)
    }
}
