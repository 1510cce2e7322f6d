//! Collects tasks into a workflow and checks what concerns them together.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use super::form::Work;
use super::policy::{RawRequirements, RawRetry, invalid, policy, unknown};
use super::shortened;
use super::spot::Mistake;
use super::table::Table;
use crate::core::errors::{CIRCULAR_DEPENDENCY, REQUIRED_FIELD_MISSING, WORKFLOW_VALIDATION_FAILED};
use crate::core::graph::Graph;
use crate::core::limits::SubmissionLimits;
use crate::core::nearest::suggestion;
use crate::core::payload::{Payload, Stored};
use crate::core::rejection::Rejection;
use crate::core::spec::{ErrorStrategy, Policy, Route, TaskSpec, WorkflowSpec};
use crate::core::template;
use crate::protocol::fields::{Count, Seconds, Text};

/// How many tasks of a circle a message names.
const CIRCLE_SHOWN_MAX: usize = 10;

/// What every task may say, whatever it does.
#[derive(Debug)]
pub(super) struct Common<'a> {
    pub(super) key: Option<Text<'a>>,
    pub(super) own_id: Option<Text<'a>>,
    pub(super) name: Option<Text<'a>>,
    pub(super) dependencies: Vec<Text<'a>>,
    pub(super) depends_on_success: Option<bool>,
    pub(super) priority: Option<Text<'a>>,
    pub(super) queue_timeout_seconds: Option<Seconds>,
    pub(super) max_retries: Option<Count>,
    pub(super) retry: Option<RawRetry<'a>>,
    pub(super) requirements: Option<RawRequirements<'a>>,
    pub(super) tags: Vec<Text<'a>>,
    /// Refused together with the rest of the task, so that the refusal names it.
    pub(super) metadata: Result<Option<Payload>, Rejection>,
}

/// What the workflow says beside its tasks.
#[derive(Debug, Default)]
pub(super) struct Head<'a> {
    pub(super) id: Option<Text<'a>>,
    pub(super) name: Option<Text<'a>>,
    pub(super) description: Option<Text<'a>>,
    pub(super) error_strategy: Option<Text<'a>>,
    pub(super) max_parallel_tasks: Option<Count>,
    pub(super) timeout_seconds: Option<Seconds>,
    pub(super) tags: Vec<Text<'a>>,
    pub(super) metadata: Option<Payload>,
    pub(super) traceparent: Option<Text<'a>>,
}

pub(super) struct Builder<'a, 'l> {
    limits: &'l SubmissionLimits,
    routes: Table<Route>,
    policies: Table<Policy>,
    tasks: Vec<TaskSpec>,
    /// The dependencies of each task as written; they may name tasks that come later.
    wanted: Vec<Vec<Text<'a>>>,
    names: HashMap<Arc<str>, u32>,
    next_part: u32,
    /// The longest run timeout that a submitter asked for, and whose it is.
    longest_timeout: Option<(Seconds, u32)>,
}

impl<'a, 'l> Builder<'a, 'l> {
    pub(super) fn new(limits: &'l SubmissionLimits) -> Self {
        Self {
            limits,
            routes: Table::default(),
            policies: Table::default(),
            tasks: Vec::new(),
            wanted: Vec::new(),
            names: HashMap::new(),
            next_part: 0,
            longest_timeout: None,
        }
    }

    pub(super) fn limits(&self) -> &'l SubmissionLimits {
        self.limits
    }

    pub(super) fn has_tasks(&self) -> bool {
        !self.tasks.is_empty()
    }

    pub(super) fn add(
        &mut self,
        common: Common<'a>,
        work: Result<Work<'_>, Rejection>,
    ) -> Result<(), Rejection> {
        let index = u32::try_from(self.tasks.len()).expect("the limit on tasks is far below this");
        if self.tasks.len() >= self.limits.tasks_max {
            return Err(refused(format!(
                "the workflow has more than {} tasks; split it into several workflows",
                self.limits.tasks_max
            )));
        }
        let label = label(&common, index);
        self.try_add(index, &common, work).map_err(|rejection| Rejection {
            message: format!("task `{label}`: {}", rejection.message),
            ..rejection
        })?;
        self.wanted.push(common.dependencies);
        Ok(())
    }

    fn try_add(
        &mut self,
        index: u32,
        common: &Common<'_>,
        work: Result<Work<'_>, Rejection>,
    ) -> Result<(), Rejection> {
        let work = work?;
        self.check_names(common, &work)?;
        let arc = |text: &Option<Text<'_>>| text.as_ref().map(Text::to_arc);
        let (name, key, own_id) = (arc(&common.name), arc(&common.key), arc(&common.own_id));
        self.claim_names(index, [&name, &key, &own_id])?;
        let policy = policy(common, work.run_timeout.seconds.ms)?;
        if work.run_timeout.stated {
            let stated = (work.run_timeout.seconds, index);
            let longer = self.longest_timeout.is_none_or(|(longest, _)| longest < stated.0);
            self.longest_timeout = if longer { Some(stated) } else { self.longest_timeout };
        }
        let route = Route {
            task_type: Arc::from(work.task_type),
            external_type: work.external_type,
            service: work.service,
            function: work.function,
            requirements: common.requirements.as_ref().and_then(RawRequirements::checked),
        };
        let has_templates = template::may_occur(&work.parameters);
        self.tasks.push(TaskSpec {
            key,
            own_id,
            name,
            route: self.routes.row(route),
            policy: self.policies.row(policy),
            parameters: Stored::fresh(Payload::new(work.parameters.as_ref()), &mut self.next_part),
            has_templates,
            dependencies: Vec::new(),
            tags: common.tags.iter().map(Text::to_arc).collect(),
            metadata: common.metadata.clone()?,
        });
        Ok(())
    }

    fn check_names(&self, common: &Common<'_>, work: &Work<'_>) -> Result<(), Rejection> {
        for (what, text) in [("name", &common.name), ("id", &common.key), ("id", &common.own_id)] {
            self.check_name(what, text.as_deref())?;
        }
        for tag in &common.tags {
            self.check_name("tag", Some(tag))?;
        }
        self.check_name("service", work.service.as_deref())?;
        self.check_name("external task type", work.external_type.as_deref())?;
        self.check_name("function", work.function.as_deref())
    }

    fn check_name(&self, what: &str, text: Option<&str>) -> Result<(), Rejection> {
        let Some(text) = text else { return Ok(()) };
        if text.len() > self.limits.name_bytes_max {
            return Err(refused(format!(
                "the {what} `{}...` has {} bytes; the limit is {}",
                shortened(text),
                text.len(),
                self.limits.name_bytes_max
            )));
        }
        if text.trim().is_empty() || text.trim() != text || text.contains(char::is_control) {
            return Err(refused(format!(
                "the {what} `{}` is empty, begins or ends with a space, or holds a control character",
                text.escape_debug()
            )));
        }
        Ok(())
    }

    fn claim_names(&mut self, index: u32, names: [&Option<Arc<str>>; 3]) -> Result<(), Rejection> {
        for name in names.into_iter().flatten() {
            let holder = *self.names.entry(Arc::clone(name)).or_insert(index);
            if holder != index {
                return Err(refused(format!(
                    "task #{} has the name or id `{name}` as well; a reference to it would be ambiguous",
                    holder + 1
                )));
            }
        }
        Ok(())
    }

    pub(super) fn finish(mut self, head: Head<'_>) -> Result<(Option<Arc<str>>, WorkflowSpec), Mistake> {
        let Some(name) = &head.name else {
            return Err(Rejection::new(REQUIRED_FIELD_MISSING, "the workflow has no `name`").into());
        };
        for (what, text) in [("workflow's name", &head.name), ("workflow's id", &head.id)] {
            self.check_name(what, text.as_deref())?;
        }
        for tag in &head.tags {
            self.check_name("workflow's tag", Some(tag))?;
        }
        if self.tasks.is_empty() {
            return Err(refused("the workflow has no tasks; give it at least one").into());
        }
        self.check_timeout(head.timeout_seconds)?;
        self.resolve_dependencies()?;
        self.refuse_circles()?;
        let id = head.id.as_ref().map(Text::to_arc);
        let spec = WorkflowSpec {
            label: id.clone().filter(|id| crate::core::ids::canonical_uuid(id).is_none()),
            name: name.to_arc(),
            description: head.description.as_ref().map(Text::to_arc),
            error_strategy: head
                .error_strategy
                .as_ref()
                .map_or(Ok(ErrorStrategy::Continue), error_strategy)?,
            max_parallel_tasks: max_parallel(head.max_parallel_tasks)?,
            timeout_ms: head.timeout_seconds.map(|timeout| timeout.ms),
            tags: head.tags.iter().map(Text::to_arc).collect(),
            metadata: head.metadata,
            traceparent: head.traceparent.as_ref().map(traceparent).transpose()?,
            routes: self.routes.into_rows(),
            policies: self.policies.into_rows(),
            tasks: self.tasks,
            imported: None,
        };
        Ok((id, spec))
    }

    fn check_timeout(&self, total: Option<Seconds>) -> Result<(), Mistake> {
        const KEYS: [&str; 2] = ["timeout_seconds", "timeout"];
        let Some(total) = total else { return Ok(()) };
        if total.ms == 0 {
            let refusal = invalid("the workflow's `timeout_seconds` is 0; give more, or leave it out");
            return Err(Mistake::at_keys(refusal, &KEYS));
        }
        match self.longest_timeout {
            Some((longest, index)) if longest > total => {
                let refusal = refused(format!(
                    "the workflow's `timeout_seconds` of {total} is below the {longest} s of task `{}`, which it \
                     would cut short",
                    self.label(index)
                ));
                Err(Mistake::at_keys(refusal, &KEYS))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Turns names into indexes, and references in templates into dependencies.
    fn resolve_dependencies(&mut self) -> Result<(), Mistake> {
        for (index, wanted) in (0_u32..).zip(std::mem::take(&mut self.wanted)) {
            let mut dependencies = Vec::with_capacity(wanted.len());
            for name in &wanted {
                dependencies.push(self.dependency(index, name)?);
            }
            let referred = self.referred(index)?;
            let task = self.tasks.get_mut(index as usize).expect("there is a task for each list");
            task.has_templates = !referred.is_empty();
            dependencies.extend(referred);
            dependencies.sort_unstable();
            dependencies.dedup();
            let count = dependencies.len();
            task.dependencies = dependencies;
            if count > self.limits.dependencies_max {
                let refusal = refused(format!(
                    "task `{}` depends on {count} tasks; the limit is {}: gather them in several steps",
                    self.label(index),
                    self.limits.dependencies_max
                ));
                return Err(Mistake::in_reference(refusal, index, vec!["dependencies".to_owned()]));
            }
        }
        Ok(())
    }

    fn dependency(&self, index: u32, name: &str) -> Result<u32, Mistake> {
        let found = self.names.get(name).copied();
        let refusal = match found {
            Some(found) if found == index => depends_on_itself(&self.label(index)),
            Some(found) => return Ok(found),
            None => refused(format!(
                "task `{}` depends on `{}`, but no task of this workflow has that name or id{}",
                self.label(index),
                shortened(name),
                suggestion(name, self.known_names())
            )),
        };
        Err(Mistake::in_reference(refusal, index, vec![name.to_owned()]))
    }

    fn referred(&self, index: u32) -> Result<Vec<u32>, Mistake> {
        let task = self.tasks.get(index as usize).expect("there is a task for each list");
        if !task.has_templates {
            return Ok(Vec::new());
        }
        let parameters = match &task.parameters {
            Stored::Inline(payload) => Some(payload),
            Stored::Own(_) | Stored::Logged { .. } => task.parameters.own_text(),
        };
        let parameters = parameters.expect("a new payload is inline or carries its text");
        let found = template::references(parameters.as_str(), &|name| self.names.get(name).copied())
            .map_err(|bad| Mistake::in_task(bad.rejection(&self.label(index), self.known_names()), index))?;
        if found.contains(&index) {
            let refusal = depends_on_itself(&self.label(index));
            return Err(Mistake::in_reference(refusal, index, self.names_of(index)));
        }
        Ok(found)
    }

    fn refuse_circles(&self) -> Result<(), Mistake> {
        let graph = Graph::build(self.tasks.iter().map(|task| task.dependencies.as_slice()));
        let Some(circle) = graph.find_cycle() else { return Ok(()) };
        let mut names: Vec<_> =
            circle.iter().take(CIRCLE_SHOWN_MAX).map(|index| format!("`{}`", self.label(*index))).collect();
        if circle.len() > names.len() {
            names.push(format!("{} more", circle.len() - names.len()));
        }
        names.extend(circle.first().map(|first| format!("`{}`", self.label(*first))));
        let refusal = Rejection::new(
            CIRCULAR_DEPENDENCY,
            format!(
                "tasks wait for each other in a circle: {}, where each arrow leads to the task that waits",
                names.join(" -> ")
            ),
        );
        Err(match (circle.first(), circle.last()) {
            (Some(first), Some(last)) => Mistake::in_reference(refusal, *first, self.names_of(*last)),
            (None, _) | (_, None) => refusal.into(),
        })
    }

    /// Everything that a task goes by.
    fn names_of(&self, index: u32) -> Vec<String> {
        let task = self.tasks.get(index as usize).into_iter();
        let names = task.flat_map(|task| [&task.name, &task.key, &task.own_id]).flatten();
        names.map(ToString::to_string).collect()
    }

    fn known_names(&self) -> impl Iterator<Item = &str> {
        self.tasks
            .iter()
            .flat_map(|task| [&task.name, &task.key, &task.own_id])
            .filter_map(|name| name.as_deref())
    }

    fn label(&self, index: u32) -> Cow<'_, str> {
        let task = self.tasks.get(index as usize);
        let known = task.and_then(|task| task.name.as_ref().or(task.key.as_ref()).or(task.own_id.as_ref()));
        known.map_or_else(|| Cow::Owned(format!("#{}", index + 1)), |name| Cow::Borrowed(&**name))
    }
}

/// How messages call a task: as its submitter does, or by its place, counted from 1.
fn label(common: &Common<'_>, index: u32) -> String {
    let known = common.name.as_ref().or(common.key.as_ref()).or(common.own_id.as_ref());
    known.map_or_else(|| format!("#{}", index + 1), |name| shortened(name).to_owned())
}

fn refused(message: impl Into<String>) -> Rejection {
    Rejection::new(WORKFLOW_VALIDATION_FAILED, message)
}

fn depends_on_itself(label: &str) -> Rejection {
    Rejection::new(CIRCULAR_DEPENDENCY, format!("task `{label}` depends on itself, so it could never start"))
}

fn error_strategy(text: &Text<'_>) -> Result<ErrorStrategy, Rejection> {
    const ALL: [ErrorStrategy; 4] =
        [ErrorStrategy::Stop, ErrorStrategy::Continue, ErrorStrategy::Skip, ErrorStrategy::Retry];
    let found = ALL.into_iter().find(|strategy| strategy.name() == &**text);
    found.ok_or_else(|| unknown("error strategy", text, &ALL.map(ErrorStrategy::name)))
}

fn max_parallel(given: Option<Count>) -> Result<Option<u32>, Rejection> {
    match given {
        Some(Count(0)) => {
            Err(invalid("`max_parallel_tasks` of 0 would let nothing run; leave it out for no limit"))
        }
        Some(Count(count)) => Ok(Some(count)),
        None => Ok(None),
    }
}

/// Trace contexts travel into headers of other systems, so only what can stand there is taken.
fn traceparent(text: &Text<'_>) -> Result<Arc<str>, Rejection> {
    let fits = text.len() <= 128 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if fits { Ok(text.to_arc()) } else { Err(invalid("`traceparent` is not a W3C trace context")) }
}
