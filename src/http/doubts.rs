//! What a workflow may say, but hardly means: names that nobody here has, and what this server is bound to refuse.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Deserialize;

use super::App;
use super::problem::Failed;
use crate::core::command::WorkerKind;
use crate::core::nearest::suggestion;
use crate::core::payload::{Payload, Stored};
use crate::core::spec::{TaskSpec, WorkflowSpec};
use crate::core::template;
use crate::engine::WorkerPicture;
use crate::protocol::task_types::{EXTERNAL_WEBHOOK, WEBHOOK_DELIVERY};

/// Doubts that one answer tells; whoever has more has the same one often.
const DOUBTS_MAX: usize = 20;

/// The models that endpoints have, as far as they have said.
#[derive(Debug, Clone)]
pub struct KnownModels {
    pub models: BTreeSet<Arc<str>>,
    /// A usable endpoint keeps no list, so it may have any.
    pub may_be_any: bool,
    /// What each endpoint said last.
    pub remark: Arc<str>,
}

/// Whoever knows what tasks will meet, who is not known here.
pub struct Foresight {
    pub models: Box<dyn Fn() -> KnownModels + Send + Sync>,
    /// Why a request to a URL is bound to fail.
    pub request: Box<Request>,
}

type Request = dyn Fn(&str) -> Result<(), String> + Send + Sync;

impl std::fmt::Debug for Foresight {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Foresight")
    }
}

/// One sentence for each name.
pub async fn of(app: &App, spec: &WorkflowSpec) -> Result<Vec<String>, Failed> {
    let workers: Vec<WorkerPicture> =
        app.engine.workers().await?.into_iter().filter(|worker| worker.connected).collect();
    let mut doubts = functions(app, spec, &workers);
    doubts.extend(models(&(app.foresight.models)(), spec, &workers));
    doubts.extend(files(spec, &workers));
    doubts.extend(requests(&app.foresight.request, spec, &workers));
    Ok(doubts.into_iter().take(DOUBTS_MAX).collect())
}

/// The server takes file tasks where it has a folder for them.
fn files(spec: &WorkflowSpec, workers: &[WorkerPicture]) -> Option<String> {
    let takes = |worker: &WorkerPicture| worker.facts.task_types.contains("file");
    if workers.iter().any(takes) || !spec.routes.iter().any(|route| &*route.task_type == "file") {
        return None;
    }
    let doubt = "this server has no folder for file tasks (`root` under `[files]` in its configuration), and nobody else takes \
                 any now; they will wait for a node that registers for them";
    Some(doubt.to_owned())
}

/// What the server asks of URLs itself. A node that takes the same tasks has rules of its own.
fn requests(foresee: &Request, spec: &WorkflowSpec, workers: &[WorkerPicture]) -> BTreeSet<String> {
    let taken_elsewhere = |task_type: &str| {
        let is_other = |worker: &&WorkerPicture| worker.facts.kind != WorkerKind::BuiltIn;
        workers.iter().filter(is_other).any(|worker| worker.facts.task_types.contains(task_type))
    };
    let [http, vision] = ["http", "vision"].map(taken_elsewhere);
    let mut doubts = BTreeSet::new();
    for task in &spec.tasks {
        let Some(route) = spec.routes.get(task.route as usize) else { continue };
        let url = match (&*route.task_type, route.external_type.as_deref()) {
            ("http", _) if !http => stated(task, |named| named.url),
            ("vision", _) if !vision => stated(task, |named| named.image_url),
            (EXTERNAL_WEBHOOK, Some(WEBHOOK_DELIVERY)) => stated(task, |named| named.service_url),
            (_, _) => None,
        };
        let refused = url.and_then(|url| foresee(&url).err());
        doubts.extend(refused.map(|why| format!("a request of this workflow is bound to fail: {why}")));
        if doubts.len() >= DOUBTS_MAX {
            break;
        }
    }
    doubts
}

fn functions(app: &App, spec: &WorkflowSpec, workers: &[WorkerPicture]) -> BTreeSet<String> {
    let built_in = app.functions.iter().map(|function| function.name);
    let registered = workers.iter().filter_map(|worker| worker.facts.functions.as_ref()).flatten();
    let known: BTreeSet<&str> = built_in.chain(registered.map(|name| &**name)).collect();
    let takes_any = |worker: &WorkerPicture| {
        worker.facts.functions.is_none() && worker.facts.task_types.contains("function")
    };
    if workers.iter().any(takes_any) {
        return BTreeSet::new();
    }
    let wanted = spec.routes.iter().filter_map(|route| route.function.as_deref());
    let unknown = wanted.filter(|name| !known.contains(name));
    unknown
        .map(|name| {
            let near = suggestion(name, known.iter().copied());
            format!(
                "nobody has a function `{name}` now{near}{} tasks will wait for a node that registers it",
                its(&near)
            )
        })
        .collect()
}

fn models(endpoints: &KnownModels, spec: &WorkflowSpec, workers: &[WorkerPicture]) -> BTreeSet<String> {
    if endpoints.may_be_any {
        return BTreeSet::new();
    }
    let registered = workers.iter().flat_map(|worker| &worker.facts.models);
    let known: BTreeSet<&str> = endpoints.models.iter().chain(registered).map(|name| &**name).collect();
    let named = spec.tasks.iter().filter_map(|task| named_model(spec, task));
    let required = spec.routes.iter().filter_map(|route| route.requirements.as_ref());
    let required =
        required.flat_map(|requirements| requirements.required_models.iter().map(ToString::to_string));
    let wanted: BTreeSet<String> = named.chain(required).collect();
    let unknown = wanted.iter().filter(|name| !known.contains(name.as_str()));
    unknown
        .map(|name| {
            let near = suggestion(name, known.iter().copied());
            let end = if near.is_empty() { "; " } else { " " };
            format!("nobody is known to have the model `{name}`{near}{end}{}", endpoints.remark)
        })
        .collect()
}

/// The model that a task for a language model asks for.
fn named_model(spec: &WorkflowSpec, task: &TaskSpec) -> Option<String> {
    let route = spec.routes.get(task.route as usize)?;
    if !matches!(&*route.task_type, "text" | "vision") {
        return None;
    }
    stated(task, |named| named.model_name)
}

/// What parameters name.
#[derive(Deserialize)]
struct Named {
    model_name: Option<String>,
    url: Option<String>,
    image_url: Option<String>,
    service_url: Option<String>,
}

/// One that a template will name is not known yet.
fn stated(task: &TaskSpec, which: impl FnOnce(Named) -> Option<String>) -> Option<String> {
    let parameters: &Payload = match &task.parameters {
        Stored::Inline(payload) => payload,
        Stored::Own(_) | Stored::Logged { .. } => task.parameters.own_text()?,
    };
    let named: Named = serde_json::from_str(parameters.as_str()).ok()?;
    which(named).filter(|name| !template::may_occur(name))
}

/// A suggestion ends with a question mark.
const fn its(near: &str) -> &'static str {
    if near.is_empty() { "; its" } else { " Its" }
}
