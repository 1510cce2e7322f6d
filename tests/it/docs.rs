//! The documentation is checked like code: its workflows are validated, those that say so are run, its settings are
//! read, its list of functions is the registry, and its links lead somewhere.
//!
//! A block is marked behind its language: `yaml` is a whole workflow, or a list of tasks; `yaml run` is also run;
//! `yaml fragment` is neither.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use expect_test::expect_file;
use gleitzeit::core::json_text::compact;
use gleitzeit::executor::functions::{self, Cost, DefaultValue, Parameter};

use crate::harness::{Server, gleitzeit};

struct Block {
    file: String,
    line: usize,
    language: String,
    marks: Vec<String>,
    text: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn pages() -> Vec<PathBuf> {
    let mut pages = vec![root().join("README.md")];
    let mut folders = vec![root().join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder of the documentation") {
            let path = entry.expect("it can be listed").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                pages.push(path);
            }
        }
    }
    pages.sort();
    pages
}

fn blocks(language: &str) -> Vec<Block> {
    let mut found = Vec::new();
    for page in pages() {
        let text = std::fs::read_to_string(&page).expect("a page");
        let file = page.strip_prefix(root()).expect("it lies here").display().to_string();
        let mut open: Option<Block> = None;
        for (number, line) in text.lines().enumerate() {
            match (&mut open, line.strip_prefix("```")) {
                (None, Some(info)) => {
                    let mut words = info.split_whitespace().map(str::to_owned);
                    let language = words.next().unwrap_or_default();
                    let (file, marks) = (file.clone(), words.collect());
                    open = Some(Block { file, line: number + 1, language, marks, text: String::new() });
                }
                (Some(_), Some(_)) => found.extend(open.take().filter(|block| block.language == language)),
                (Some(block), None) => {
                    block.text.push_str(line);
                    block.text.push('\n');
                }
                (None, None) => {}
            }
        }
        assert!(open.is_none(), "{file}: a block is not closed");
    }
    found
}

impl Block {
    fn is(&self, mark: &str) -> bool {
        self.marks.iter().any(|known| known == mark)
    }

    /// As a whole workflow.
    fn workflow(&self) -> String {
        if self.text.starts_with("- ") {
            return format!("name: Tasks\ntasks:\n{}", self.text);
        }
        self.text.clone()
    }
}

fn fed(arguments: &[&str], input: &str) -> Output {
    let mut command = gleitzeit();
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary can be started");
    let mut stdin = child.stdin.take().expect("its input is a pipe");
    drop(stdin.write_all(input.as_bytes()));
    drop(stdin);
    child.wait_with_output().expect("it ends")
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn every_workflow_of_the_documentation_is_valid() {
    let mut checked = 0;
    for block in blocks("yaml").iter().filter(|block| !block.is("fragment")) {
        let output = fed(&["validate", "-"], &block.workflow());
        assert!(output.status.success(), "{}:{}: {}", block.file, block.line, said(&output));
        checked += 1;
    }
    assert!(checked >= 8, "only {checked} blocks were found");
}

#[test]
fn every_workflow_that_says_so_runs_to_its_end() {
    let data = tempfile::tempdir().expect("a temporary directory");
    let server = Server::start(data.path(), &[]);
    let mut ran = 0;
    for block in blocks("yaml").iter().filter(|block| block.is("run")) {
        let output = fed(&["run", "-q", "-", "--url", &server.url()], &block.workflow());
        assert!(output.status.success(), "{}:{}: {}", block.file, block.line, said(&output));
        ran += 1;
    }
    assert!(ran >= 4, "only {ran} blocks were run");
}

#[test]
fn every_example_workflow_is_valid() {
    let folder = root().join("examples/workflows");
    let mut checked = 0;
    for entry in std::fs::read_dir(&folder).expect("there are examples") {
        let path = entry.expect("it can be listed").path();
        let output = gleitzeit().arg("validate").arg(&path).output().expect("the binary can be started");
        assert!(output.status.success(), "{}: {}", path.display(), said(&output));
        checked += 1;
    }
    assert!(checked > 0, "there are examples in {}", folder.display());
}

#[test]
fn every_setting_of_the_documentation_is_read() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    for block in blocks("toml").iter().filter(|block| !block.is("fragment")) {
        let file = folder.path().join("gleitzeit.toml");
        std::fs::write(&file, &block.text).expect("it can be written");
        let output = gleitzeit().args(["config", "show", "--config"]).arg(&file).output().expect("it starts");
        assert!(output.status.success(), "{}:{}: {}", block.file, block.line, said(&output));
    }
}

#[test]
fn every_link_inside_the_documentation_leads_somewhere() {
    let mut dead = Vec::new();
    for page in pages() {
        let text = std::fs::read_to_string(&page).expect("a page");
        let folder = page.parent().expect("a page lies in a folder");
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let path = target.split('#').next().unwrap_or_default();
            let is_inside = !path.is_empty() && !path.contains("://") && !path.contains(char::is_whitespace);
            if is_inside && !folder.join(path).exists() {
                dead.push(format!("{}: {target}", page.display()));
            }
        }
    }
    assert!(dead.is_empty(), "links that lead nowhere:\n{}", dead.join("\n"));
}

/// `UPDATE_EXPECT=1` writes the page again.
#[test]
fn the_list_of_functions_is_the_registry() {
    let mut page = String::from(
        "# Functions\n\nThe functions that the server has built in, for tasks with `function:` and for `gleitzeit run -f`. This page is \
         made from\nthe registry, and a test keeps the two the same. `gleitzeit functions` prints it without a server.\n\n\
         A function that is not among them goes to an executor node that registers it, and waits until one is there.\n\
         The task has the function's name in `function`, and its arguments in `args`: a list, or an object of named ones.\n",
    );
    for function in functions::all() {
        let cost = match function.cost() {
            Cost::Light | Cost::Heavy => "",
            Cost::Waiting => " Takes time, and holds a slot meanwhile.",
        };
        let (summary, usage) = (function.summary, function.usage());
        write!(page, "\n## {}\n\n`{usage}`\n\n{summary}{cost}\n", function.name).expect("a text");
        if !function.signature.is_empty() {
            page.push_str("\n| argument | takes | default |\n|---|---|---|\n");
        }
        for parameter in function.signature {
            let Parameter { name, kind, .. } = parameter;
            writeln!(page, "| `{name}` | {kind} | {} |", default(parameter)).expect("a text");
        }
        let example = function.example;
        let (args, result) = (compact(example.args), compact(example.result));
        write!(page, "\n```\n{}{args} gives {result}\n```\n", function.name).expect("a text");
    }
    expect_file![root().join("docs/functions.md")].assert_eq(&page);
}

fn default(parameter: &Parameter) -> String {
    match parameter.default {
        None => "required".to_owned(),
        Some(DefaultValue::Integer(value)) => format!("`{value}`"),
        Some(DefaultValue::Number(value)) => format!("`{value}`"),
        Some(DefaultValue::Text(value)) => format!("`{value:?}`"),
    }
}
