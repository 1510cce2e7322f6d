//! Reading a body. Tasks are converted one by one while the body is read, so that a large workflow is never held
//! in its written form.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, de};
use serde_json::value::RawValue;

use super::batch::{self, Find, RawBatch};
use super::builder::{Builder, Common, Head};
use super::form::work;
use super::object::{ObjectWriter, Opaque, YamlValue, is_object};
use super::policy::invalid;
use super::rounded::refuse_rounded;
use super::spot::Mistake;
use super::task::RawTask;
use crate::core::ids::canonical_uuid;
use crate::core::limits::SubmissionLimits;
use crate::core::payload::Payload;
use crate::core::rejection::Rejection;
use crate::core::spec::WorkflowSpec;
use crate::protocol::fault;
use crate::protocol::fields::Text;

type Parsed = Result<(Option<Arc<str>>, WorkflowSpec), Rejection>;

pub(super) fn from_json(text: &str, limits: &SubmissionLimits, find: Find<'_>) -> Parsed {
    let mut reading = Reading::new(limits);
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let seed = Workflow::<&RawValue>::new(&mut reading);
    let read = seed.deserialize(&mut deserializer).and_then(|head| deserializer.end().map(|()| head));
    match (read, reading.refusal.take()) {
        (Ok(head), _) => reading.finish(head, find).map_err(Rejection::from),
        (Err(_), Some(refusal)) => Err(refusal.into()),
        // Only a refused body is read a second time, for the path to what is wrong in it.
        (Err(_), None) => {
            let mut again = Reading::new(limits);
            Err(fault::locate_json("the body", text, Workflow::<&RawValue>::new(&mut again)))
        }
    }
}

pub(super) fn from_yaml(text: &str, limits: &SubmissionLimits, find: Find<'_>) -> Parsed {
    let mut reading = Reading::new(limits);
    let read =
        serde_saphyr::with_deserializer_from_str_with_options(text, yaml_options(limits), |deserializer| {
            Workflow::<YamlValue>::new(&mut reading).deserialize(deserializer)
        });
    match (read, reading.refusal.take()) {
        // People write YAML, and look for the line.
        (Ok(head), _) => {
            let (id, spec) = reading
                .finish(head, find)
                .map_err(|mistake| mistake.placed(text, &|| yaml_options(limits)))?;
            refuse_rounded(text, &spec)?;
            Ok((id, spec))
        }
        (Err(_), Some(refusal)) => Err(fault::malformed_yaml(text, yaml_options(limits))
            .unwrap_or_else(|| refusal.placed(text, &|| yaml_options(limits)))),
        (Err(_), None) => {
            let mut again = Reading::new(limits);
            Err(fault::locate_yaml(text, yaml_options(limits), Workflow::<YamlValue>::new(&mut again)))
        }
    }
}

/// How many nodes may be kept for aliases, and come out of them.
const ALIAS_EVENTS_MAX: usize = 100_000;

/// Aliases are expanded up to these bounds, so a small text cannot become a large one.
fn yaml_options(limits: &SubmissionLimits) -> serde_saphyr::Options {
    // A task of a few keys is some twenty nodes and as many events more.
    let events_max = limits.tasks_max.saturating_mul(50);
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: limits.json_depth_max,
            max_documents: 2,
            max_events: events_max,
            max_nodes: events_max,
            max_total_scalar_bytes: limits.body_bytes_max,
            max_recorded_anchor_bytes: limits.body_bytes_max,
            max_recorded_anchor_events: ALIAS_EVENTS_MAX,
        },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: ALIAS_EVENTS_MAX },
        // `country: NO` is Norway, and not false.
        strict_booleans: true,
        // `zip: 02134` is text: as a number it would lose its zero.
        leading_zero_numbers_as_strings: true,
        with_snippet: false,
    }
}

/// What has been read so far. A refusal of ours is kept aside, because a deserializer's error is only text.
struct Reading<'a, 'l> {
    builder: Builder<'a, 'l>,
    batch: RawBatch<'a>,
    refusal: Option<Mistake>,
}

impl<'a, 'l> Reading<'a, 'l> {
    fn new(limits: &'l SubmissionLimits) -> Self {
        Self { builder: Builder::new(limits), batch: RawBatch::default(), refusal: None }
    }

    fn finish(mut self, head: Head<'a>, find: Find<'_>) -> Result<(Option<Arc<str>>, WorkflowSpec), Mistake> {
        batch::expand(&self.batch, &mut self.builder, find)?;
        self.builder.finish(head)
    }

    fn refuse<E: de::Error>(&mut self, mistake: Mistake) -> E {
        let error = E::custom(&mistake.rejection.message);
        self.refusal = Some(mistake);
        error
    }
}

/// The keys of a workflow.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
pub(super) enum Key {
    Id,
    Name,
    Description,
    Version,
    ErrorStrategy,
    MaxParallelTasks,
    #[serde(alias = "timeout")]
    TimeoutSeconds,
    Tasks,
    Tags,
    Metadata,
    Traceparent,
    Type,
    Folder,
    Recursive,
    Extensions,
    TaskType,
    Prompt,
    Function,
    Kwargs,
    #[serde(alias = "model_name")]
    Model,
    SystemPrompt,
    Temperature,
    MaxTokens,
    EndpointTags,
}

impl Key {
    const fn name(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Name => "name",
            Self::Description => "description",
            Self::Version => "version",
            Self::ErrorStrategy => "error_strategy",
            Self::MaxParallelTasks => "max_parallel_tasks",
            Self::TimeoutSeconds => "timeout_seconds",
            Self::Tasks => "tasks",
            Self::Tags => "tags",
            Self::Metadata => "metadata",
            Self::Traceparent => "traceparent",
            Self::Type => "type",
            Self::Folder => "folder",
            Self::Recursive => "recursive",
            Self::Extensions => "extensions",
            Self::TaskType => "task_type",
            Self::Prompt => "prompt",
            Self::Function => "function",
            Self::Kwargs => "kwargs",
            Self::Model => "model",
            Self::SystemPrompt => "system_prompt",
            Self::Temperature => "temperature",
            Self::MaxTokens => "max_tokens",
            Self::EndpointTags => "endpoint_tags",
        }
    }
}

impl<'de> RawBatch<'de> {
    fn read<J: Opaque<'de>, A: MapAccess<'de>>(&mut self, key: Key, map: &mut A) -> Result<(), A::Error> {
        fn json<'de, J: Opaque<'de>, A: MapAccess<'de>>(map: &mut A) -> Result<Option<String>, A::Error> {
            Ok(map.next_value::<Option<J>>()?.map(|value| value.json().into_owned()))
        }
        match key {
            Key::Type => self.workflow_type = map.next_value()?,
            Key::Folder => self.folder = map.next_value()?,
            Key::Recursive => self.recursive = map.next_value()?,
            Key::Extensions => self.extensions = map.next_value()?,
            Key::TaskType => self.task_type = map.next_value()?,
            Key::Prompt => self.prompt = map.next_value()?,
            Key::Function => self.function = map.next_value()?,
            Key::Kwargs => self.kwargs = json::<J, A>(map)?,
            Key::Model => self.model = map.next_value()?,
            Key::SystemPrompt => self.system_prompt = map.next_value()?,
            Key::Temperature => self.temperature = json::<J, A>(map)?,
            Key::MaxTokens => self.max_tokens = json::<J, A>(map)?,
            Key::EndpointTags => self.endpoint_tags = json::<J, A>(map)?,
            Key::Id
            | Key::Name
            | Key::Description
            | Key::Version
            | Key::ErrorStrategy
            | Key::MaxParallelTasks
            | Key::TimeoutSeconds
            | Key::Tasks
            | Key::Tags
            | Key::Metadata
            | Key::Traceparent => {}
        }
        Ok(())
    }
}

/// Reads the top level.
struct Workflow<'r, 'a, 'l, J> {
    reading: &'r mut Reading<'a, 'l>,
    opaque: PhantomData<J>,
}

impl<'r, 'a, 'l, J> Workflow<'r, 'a, 'l, J> {
    fn new(reading: &'r mut Reading<'a, 'l>) -> Self {
        Self { reading, opaque: PhantomData }
    }
}

impl<'de, J: Opaque<'de>> DeserializeSeed<'de> for Workflow<'_, 'de, '_, J> {
    type Value = Head<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Head<'de>, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, J: Opaque<'de>> Visitor<'de> for Workflow<'_, 'de, '_, J> {
    type Value = Head<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a workflow: an object with `name` and `tasks`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Head<'de>, A::Error> {
        let mut head = Head::default();
        let mut version: Option<J> = None;
        let mut metadata: Option<J> = None;
        let mut seen = Vec::new();
        while let Some(key) = map.next_key::<Key>()? {
            let place = key as usize;
            if seen.contains(&place) {
                return Err(A::Error::duplicate_field(key.name()));
            }
            seen.push(place);
            match key {
                Key::Id => head.id = map.next_value()?,
                Key::Name => head.name = map.next_value()?,
                Key::Description => head.description = map.next_value()?,
                Key::Version => version = map.next_value()?,
                Key::ErrorStrategy => head.error_strategy = map.next_value()?,
                Key::MaxParallelTasks => head.max_parallel_tasks = map.next_value()?,
                Key::TimeoutSeconds => head.timeout_seconds = map.next_value()?,
                Key::Tasks => {
                    map.next_value_seed(Tasks::<J> { reading: self.reading, opaque: PhantomData })?;
                }
                Key::Tags => head.tags = map.next_value::<Option<_>>()?.unwrap_or_default(),
                Key::Metadata => metadata = map.next_value()?,
                Key::Traceparent => head.traceparent = map.next_value()?,
                Key::Type
                | Key::Folder
                | Key::Recursive
                | Key::Extensions
                | Key::TaskType
                | Key::Prompt
                | Key::Function
                | Key::Kwargs
                | Key::Model
                | Key::SystemPrompt
                | Key::Temperature
                | Key::MaxTokens
                | Key::EndpointTags => self.reading.batch.read::<J, A>(key, &mut map)?,
            }
        }
        match with_version(metadata.as_ref(), version.as_ref()) {
            Ok(metadata) => head.metadata = metadata,
            Err(rejection) => return Err(self.reading.refuse(rejection.into())),
        }
        Ok(head)
    }
}

/// The version is the submitter's own note, like metadata, and is kept there.
fn with_version<'de, J: Opaque<'de>>(
    metadata: Option<&J>,
    version: Option<&J>,
) -> Result<Option<Payload>, Rejection> {
    #[derive(Deserialize)]
    struct View {
        version: Option<IgnoredAny>,
    }
    let metadata = object(metadata)?;
    let Some(version) = version else { return Ok(metadata) };
    let version = version.json();
    let Some(metadata) = metadata else {
        return Ok(Some(Payload::new(ObjectWriter::new().json("version", version).finish())));
    };
    let view: View = serde_json::from_str(metadata.as_str()).expect("an object of a parsed body is JSON");
    if view.version.is_some() {
        return Err(invalid(
            "the workflow has a `version`, and another one in its `metadata`; keep one of them",
        ));
    }
    Ok(Some(Payload::new(ObjectWriter::extend(metadata.as_str()).json("version", version).finish())))
}

fn object<'de, J: Opaque<'de>>(metadata: Option<&J>) -> Result<Option<Payload>, Rejection> {
    let Some(metadata) = metadata else { return Ok(None) };
    let json = metadata.json();
    if is_object(&json) {
        Ok(Some(Payload::new(json.as_ref())))
    } else {
        Err(invalid("`metadata` must be an object of names and values"))
    }
}

/// Reads the tasks and hands each to the builder.
struct Tasks<'r, 'a, 'l, J> {
    reading: &'r mut Reading<'a, 'l>,
    opaque: PhantomData<J>,
}

impl<'de, J: Opaque<'de>> DeserializeSeed<'de> for Tasks<'_, 'de, '_, J> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, J: Opaque<'de>> Visitor<'de> for Tasks<'_, 'de, '_, J> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of tasks")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut tasks: A) -> Result<(), A::Error> {
        let mut index = 0;
        while let Some(mut task) = tasks.next_element::<RawTask<'de, J>>()? {
            let common = common(&mut task);
            if let Err(rejection) = self.reading.builder.add(common, work(&task)) {
                return Err(self.reading.refuse(Mistake::in_task(rejection, index)));
            }
            index += 1;
        }
        Ok(())
    }
}

/// Takes out what is not a matter of the task's form.
fn common<'de, J: Opaque<'de>>(task: &mut RawTask<'de, J>) -> Common<'de> {
    let id: Option<Text<'de>> = task.id.take();
    let is_uuid = id.as_deref().is_some_and(|id| canonical_uuid(id).is_some());
    let (own_id, key) = if is_uuid { (id, None) } else { (None, id) };
    Common {
        key,
        own_id,
        name: task.name.take(),
        dependencies: task.dependencies.take().unwrap_or_default(),
        depends_on_success: task.depends_on_success,
        priority: task.priority.take(),
        queue_timeout_seconds: task.queue_timeout_seconds,
        max_retries: task.max_retries,
        retry: task.retry.take(),
        requirements: task.requirements.take(),
        tags: task.tags.take().unwrap_or_default(),
        metadata: object(task.metadata.as_ref()),
    }
}
