//! `gleitzeit validate`: checks a workflow without storing anything.

use clap::Args;

use super::Exit;
use super::output::{Output, pairs};
use super::remote::Remote;
#[cfg(feature = "server")]
use super::workflow_file::Checked;
use super::workflow_file::{WorkflowFile, tell_doubts};
use crate::client::Validation;

/// Check a workflow, here or with --url by a server, which has limits of its own.
///
/// What is allowed and yet looks like a mistake, such as a function that the program does not have, is noted on
/// stderr. A server knows more of that: its models, its files root, and the addresses that it denies.
#[derive(Debug, Args)]
pub(super) struct Validate {
    #[command(flatten)]
    file: WorkflowFile,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    remote: Remote,
}

impl Validate {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        let written = self.file.read()?;
        #[cfg(feature = "server")]
        if !self.remote.is_named() {
            let Checked { spec, batch_of } = written.checked()?;
            for doubt in doubts::of(&spec) {
                eprintln!("note: {doubt}");
            }
            if let Some(folder) = batch_of {
                eprintln!(
                    "note: the server makes the tasks, from the files of `{folder}`; here one file stands for all"
                );
            }
            let more = serde_json::Map::from_iter([("valid".to_owned(), true.into())]);
            let found = Validation { name: spec.name.to_string(), total_tasks: spec.total().into(), more };
            show(&self.output, &found)?;
            return Ok(Exit::Ok);
        }
        self.remote.run(async |client| {
            let checked = client.validate_text(written.text.clone(), written.format).await;
            let checked = checked.map_err(|error| written.refused(error))?;
            tell_doubts(&checked);
            show(&self.output, &checked)?;
            Ok(Exit::Ok)
        })
    }
}

fn show(output: &Output, validation: &Validation) -> anyhow::Result<()> {
    let Validation { name, total_tasks, .. } = validation;
    output.one(validation, name, || {
        pairs(&[("valid", "true".to_owned()), ("name", name.clone()), ("tasks", total_tasks.to_string())])
    })
}

/// What a workflow may say, but hardly means.
#[cfg(feature = "server")]
mod doubts {
    use std::collections::BTreeSet;

    use crate::core::nearest::suggestion;
    use crate::core::spec::{Route, WorkflowSpec};
    use crate::executor::functions;
    use crate::protocol::task_types;

    /// One sentence for each name that nothing known has.
    pub(super) fn of(spec: &WorkflowSpec) -> BTreeSet<String> {
        let routes = spec.routes.iter();
        routes.flat_map(|route| [function(route), capability(route)]).flatten().collect()
    }

    fn function(route: &Route) -> Option<String> {
        let name = route.function.as_deref().filter(|name| functions::find(name).is_none())?;
        let near = suggestion(name, functions::all().iter().map(|function| function.name));
        let its = its(&near);
        Some(format!(
            "no built-in function is called `{name}`{near}{its} tasks will wait for an executor node that \
             registers it (`gleitzeit functions` lists what is built in)"
        ))
    }

    fn capability(route: &Route) -> Option<String> {
        let known = || task_types::capabilities();
        let name = route.external_type.as_deref().filter(|name| !known().any(|known| known == *name))?;
        let near = suggestion(name, known());
        let all = if near.is_empty() {
            format!(" (known: {})", known().collect::<Vec<_>>().join(", "))
        } else {
            String::new()
        };
        let its = its(&near);
        Some(format!(
            "`{name}` is none of the known capabilities{near}{all}{its} tasks will wait for a service that \
             registers it"
        ))
    }

    /// A suggestion ends with a question mark.
    const fn its(near: &str) -> &'static str {
        if near.is_empty() { "; its" } else { " Its" }
    }
}
