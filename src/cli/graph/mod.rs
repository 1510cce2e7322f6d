//! `gleitzeit graph`: which task waits for which, of a file or of a workflow.

mod drawing;
mod shapes;

use std::path::Path;

use clap::{Args, ValueEnum};

use super::Exit;
use super::output::{Output, print};
use super::remote::Remote;
use super::workflow_file;
use crate::client::{Client, ClientError, PageRequest};
use drawing::Drawing;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Shape {
    /// A table of steps: what stands in one step can run at the same time.
    Text,
    /// A flowchart for Markdown.
    Mermaid,
    /// A digraph for Graphviz.
    Dot,
}

/// Draw which task waits for which.
///
/// Tasks that wait for the same and are waited for by the same are drawn as one when they are many.
#[derive(Debug, Args)]
pub(super) struct Graph {
    /// A file with a workflow, `-` for stdin, or the id of a workflow on the server.
    #[arg(value_name = "FILE|WORKFLOW")]
    what: String,
    /// How to draw.
    #[arg(long = "format", value_enum, value_name = "SHAPE", default_value = "text")]
    shape: Shape,
    /// Draw every task by itself, and every step.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    remote: Remote,
}

impl Graph {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        let path = Path::new(&self.what);
        if self.what == "-" || path.is_file() || workflow_file::looks_like_one(path) {
            return draw(self.shape, self.all, &self.output, &of_file(path)?);
        }
        self.remote.run(async |client| {
            let drawing = of_workflow(&client, &self.what).await?;
            draw(self.shape, self.all, &self.output, &drawing)
        })
    }
}

fn draw(shape: Shape, all: bool, output: &Output, drawing: &Drawing) -> anyhow::Result<Exit> {
    let grouping = if all { shapes::Grouping::Never } else { shapes::Grouping::Many };
    let picture = shapes::Picture::of(drawing, grouping);
    match shape {
        Shape::Text => {
            let names = drawing.nodes.iter().map(|node| node.label.clone());
            output.print(drawing, Some(&drawing.nodes), names, || picture.text())?;
        }
        Shape::Mermaid => print(&picture.mermaid()),
        Shape::Dot => print(&picture.dot()),
    }
    Ok(Exit::Ok)
}

/// The check that every server makes, with the usual limits; what it takes has no circle.
#[cfg(feature = "server")]
fn of_file(path: &Path) -> anyhow::Result<Drawing> {
    let spec = workflow_file::read(path)?.checked()?.spec;
    let label = |index: u32| {
        let task = spec.task(index);
        let known = task.name.as_ref().or(task.key.as_ref()).or(task.own_id.as_ref());
        known.map_or_else(|| format!("#{}", index + 1), ToString::to_string)
    };
    let node = |index: u32| drawing::Node {
        label: label(index),
        status: None,
        dependencies: spec.task(index).dependencies.iter().map(|at| *at as usize).collect(),
    };
    Ok(Drawing::new(spec.name.to_string(), (0..spec.total()).map(node).collect()))
}

#[cfg(not(feature = "server"))]
fn of_file(path: &Path) -> anyhow::Result<Drawing> {
    let shown = path.display();
    Err(super::usage(format!(
        "{shown}: this build has no server in it and cannot read workflows; submit it and name its id"
    )))
}

/// The tasks of a workflow, a page at a time; their order is that of the specification.
async fn of_workflow(client: &Client, id: &str) -> Result<Drawing, ClientError> {
    let workflow = client.workflow(id).await?;
    let mut tasks = Vec::new();
    let mut request = PageRequest { cursor: None, limit: Some(1_000) };
    loop {
        let page = client.tasks(id, &request).await?;
        tasks.extend(page.items);
        if page.next_cursor.is_none() {
            return Ok(Drawing::of_tasks(workflow.name, &tasks));
        }
        request.cursor = page.next_cursor;
    }
}
