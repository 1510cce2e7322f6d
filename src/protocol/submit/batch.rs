//! `type: batch`: a workflow whose tasks the server makes, one for each file of a folder inside its files root.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::builder::{Builder, Common};
use super::form::explicit;
use super::policy::{invalid, unknown};
use crate::core::errors::{NO_FILES_ROOT, REQUIRED_FIELD_MISSING, UNKNOWN_FIELD, WORKFLOW_VALIDATION_FAILED};
use crate::core::payload::Payload;
use crate::core::rejection::Rejection;
use crate::protocol::batch::{self, Batch, Content, Extensions, File, Kind, Wish};
use crate::protocol::fields::Text;

/// Which files a batch is about.
#[derive(Debug)]
pub struct Wanted<'w> {
    pub folder: &'w str,
    pub recursive: bool,
    pub extensions: &'w Extensions,
    /// More of them are an error, and need not be looked for.
    pub files_max: usize,
}

/// The files that are there.
#[derive(Debug)]
pub struct Found {
    /// The folder, relative to the files root.
    pub folder: String,
    /// The same folder as other programs of the machine know it.
    pub absolute: String,
    /// Below the folder, with `/` between the steps, in the order of their names.
    pub files: Vec<String>,
}

/// Looks into a folder of the files root.
pub type Find<'f> = &'f dyn Fn(&Wanted<'_>) -> Result<Found, Rejection>;

/// Where there is no files root.
pub fn no_files_root(wanted: &Wanted<'_>) -> Result<Found, Rejection> {
    Err(Rejection::new(
        NO_FILES_ROOT,
        format!("the folder `{}` of the batch is looked for there", super::shortened(wanted.folder)),
    ))
}

/// The keys of a batch, which mean nothing in any other workflow.
#[derive(Debug, Default)]
pub(super) struct RawBatch<'a> {
    pub(super) workflow_type: Option<Text<'a>>,
    pub(super) folder: Option<Text<'a>>,
    pub(super) recursive: Option<bool>,
    pub(super) extensions: Option<Vec<Text<'a>>>,
    pub(super) task_type: Option<Text<'a>>,
    pub(super) prompt: Option<Text<'a>>,
    pub(super) function: Option<Text<'a>>,
    pub(super) kwargs: Option<String>,
    pub(super) model: Option<Text<'a>>,
    pub(super) system_prompt: Option<Text<'a>>,
    pub(super) temperature: Option<String>,
    pub(super) max_tokens: Option<String>,
    pub(super) endpoint_tags: Option<String>,
}

/// Adds the tasks of the batch, where the workflow is one.
pub(super) fn expand(
    raw: &RawBatch<'_>,
    builder: &mut Builder<'_, '_>,
    find: Find<'_>,
) -> Result<(), Rejection> {
    match raw.workflow_type.as_deref() {
        Some("batch") => {}
        Some(other) => return Err(unknown("type of workflow", other, &["batch"])),
        None => return refuse_stray(raw),
    }
    if builder.has_tasks() {
        let message = "a batch makes its tasks itself; leave out `tasks`, or `type: batch`";
        return Err(Rejection::new(WORKFLOW_VALIDATION_FAILED, message));
    }
    let Some(folder) = raw.folder.as_deref() else {
        return Err(Rejection::new(REQUIRED_FIELD_MISSING, "the batch has no `folder`"));
    };
    let batch = Batch::checked(wish(raw)?)?;
    let files_max = builder.limits().dependencies_max;
    let recursive = raw.recursive.unwrap_or(false);
    let found = find(&Wanted { folder, recursive, extensions: &batch.extensions, files_max })?;
    if found.files.is_empty() {
        return Err(Rejection::new(
            WORKFLOW_VALIDATION_FAILED,
            format!(
                "the folder `{}` has no file with {}; see `extensions` and `recursive`",
                super::shortened(folder),
                batch.extensions.listed()
            ),
        ));
    }
    if found.files.len() > files_max {
        return Err(Rejection::new(
            WORKFLOW_VALIDATION_FAILED,
            format!(
                "the folder `{}` has more than {files_max} files, the most that one task may depend on; make \
                 several batches of it, by folder or by extension",
                super::shortened(folder)
            ),
        ));
    }
    add(&batch, &found, builder)
}

fn add(batch: &Batch, found: &Found, builder: &mut Builder<'_, '_>) -> Result<(), Rejection> {
    let root = if batch.kind == Kind::Function { &found.absolute } else { &found.folder };
    for (place, name) in found.files.iter().enumerate() {
        let path = if root.is_empty() { name.clone() } else { format!("{root}/{name}") };
        let content = if batch.kind == Kind::Text {
            let parameters = Cow::Owned(batch::reader_parameters(&path));
            builder.add(common(batch::reader(place), Some(name)), explicit("file", parameters, None))?;
            Content::Read { place }
        } else {
            Content::Path
        };
        let parameters = batch.parameters(&File { name, path: &path, content });
        let work = explicit(batch.task_type(), Cow::Owned(parameters), None);
        builder.add(common(batch::key(place), Some(name)), work)?;
    }
    let parameters = batch::aggregate_parameters(found.files.iter().map(String::as_str));
    let gather = Common { depends_on_success: Some(false), ..common(batch::AGGREGATE.to_owned(), None) };
    builder.add(gather, explicit("function", Cow::Owned(parameters), None))
}

fn common(key: String, file: Option<&str>) -> Common<'static> {
    Common {
        key: Some(Text(Cow::Owned(key))),
        own_id: None,
        name: None,
        dependencies: Vec::new(),
        depends_on_success: None,
        priority: None,
        queue_timeout_seconds: None,
        max_retries: None,
        retry: None,
        requirements: None,
        tags: Vec::new(),
        metadata: Ok(file.map(|name| Payload::new(batch::metadata(name)))),
    }
}

fn wish(raw: &RawBatch<'_>) -> Result<Wish, Rejection> {
    let owned = |text: &Option<Text<'_>>| text.as_ref().map(|text| text.0.clone().into_owned());
    let text = |text: &Text<'_>| Value::from(&**text).to_string();
    let shared = [
        ("model_name", raw.model.as_ref().map(text)),
        ("system_prompt", raw.system_prompt.as_ref().map(text)),
        ("temperature", raw.temperature.clone()),
        ("max_tokens", raw.max_tokens.clone()),
        ("endpoint_tags", raw.endpoint_tags.clone()),
    ];
    let shared = shared.into_iter().filter_map(|(key, value)| Some((key, value?))).collect();
    let named: Map<String, Value> = match &raw.kwargs {
        None => Map::new(),
        Some(kwargs) => serde_json::from_str(kwargs)
            .map_err(|_| invalid("`kwargs` must be an object of named arguments"))?,
    };
    let extensions = raw.extensions.iter().flatten().map(|text| text.0.clone().into_owned()).collect();
    Ok(Wish {
        kind: raw.task_type.as_deref().map(Kind::parse).transpose()?,
        extensions,
        prompt: owned(&raw.prompt),
        function: owned(&raw.function),
        shared,
        named: named.into_iter().collect(),
    })
}

fn refuse_stray(raw: &RawBatch<'_>) -> Result<(), Rejection> {
    let keys = [
        ("folder", raw.folder.is_some()),
        ("recursive", raw.recursive.is_some()),
        ("extensions", raw.extensions.is_some()),
        ("task_type", raw.task_type.is_some()),
        ("prompt", raw.prompt.is_some()),
        ("function", raw.function.is_some()),
        ("kwargs", raw.kwargs.is_some()),
        ("model", raw.model.is_some()),
        ("system_prompt", raw.system_prompt.is_some()),
        ("temperature", raw.temperature.is_some()),
        ("max_tokens", raw.max_tokens.is_some()),
        ("endpoint_tags", raw.endpoint_tags.is_some()),
    ];
    keys.into_iter().find(|(_, given)| *given).map_or(Ok(()), |(key, _)| {
        Err(Rejection::new(
            UNKNOWN_FIELD,
            format!("`{key}` belongs to a task, or to a workflow with `type: batch`; this is neither"),
        ))
    })
}
