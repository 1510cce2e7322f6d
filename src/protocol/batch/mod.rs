//! Batches: one task for each file of a folder, and one that gathers the results.
//!
//! The rules are the same wherever the folder lies. The command line makes the tasks of a folder of its own
//! machine and puts the content of text files into them; the server makes those of a folder inside its files root,
//! and for each text file one more that reads it. Nothing of a file, neither its name nor its content, is ever read as a
//! template: braces and dollar signs of it are written as escapes of JSON, which templates do not look through.

mod kind;
mod prompt;

use std::fmt::Write;

use serde_json::Value;

pub use kind::{Extensions, Kind, is_hidden};
use prompt::Prompt;

use crate::core::errors::{INVALID_ARGUMENT, REQUIRED_FIELD_MISSING, WORKFLOW_VALIDATION_FAILED};
use crate::core::rejection::Rejection;

/// The key of the task that gathers the results.
pub const AGGREGATE: &str = "aggregate_results";
/// What that task calls.
pub const AGGREGATE_FUNCTION: &str = "collect_results";

/// What is done with each file.
#[derive(Debug, Clone)]
pub struct Batch {
    pub kind: Kind,
    pub extensions: Extensions,
    /// Of a function batch there is none.
    prompt: Option<Prompt>,
    /// Of a function batch alone.
    function: Option<String>,
    /// Further parameters of every task, as JSON: `model_name`, `temperature`, ...; of a function batch further
    /// named arguments.
    shared: Vec<(&'static str, String)>,
    named: Vec<(String, Value)>,
}

/// What somebody asked for, unchecked.
#[derive(Debug, Clone, Default)]
pub struct Wish {
    pub kind: Option<Kind>,
    pub extensions: Vec<String>,
    pub prompt: Option<String>,
    pub function: Option<String>,
    pub shared: Vec<(&'static str, String)>,
    pub named: Vec<(String, Value)>,
}

/// A file of the folder.
#[derive(Debug, Clone, Copy)]
pub struct File<'f> {
    /// Below the folder, with `/` between the steps.
    pub name: &'f str,
    /// Where the worker finds it.
    pub path: &'f str,
    pub content: Content<'f>,
}

/// What a task gets of its file.
#[derive(Debug, Clone, Copy)]
pub enum Content<'f> {
    /// The text itself.
    Text(&'f str),
    /// The bytes themselves, as base64.
    Base64(&'f str),
    /// The path; whoever runs the task reads it.
    Path,
    /// The text that another task of the batch reads: see [`reader`].
    Read { place: usize },
}

impl Batch {
    /// # Errors
    /// What is missing, or does not go together.
    pub fn checked(wish: Wish) -> Result<Self, Rejection> {
        let kind = wish.kind.unwrap_or(if wish.function.is_some() { Kind::Function } else { Kind::Text });
        let extensions = Extensions::checked(kind, &wish.extensions)?;
        let prompt = wish.prompt.as_deref().map(|text| Prompt::parse(text, kind)).transpose()?;
        let missing = |what: &str| {
            Err(Rejection::new(REQUIRED_FIELD_MISSING, format!("a {} batch needs a `{what}`", kind.name())))
        };
        let stray = |what: &str| {
            Err(Rejection::new(
                WORKFLOW_VALIDATION_FAILED,
                format!("a {} batch has no `{what}`", kind.name()),
            ))
        };
        match (kind, &prompt, &wish.function) {
            (Kind::Text | Kind::Vision, _, Some(_)) => return stray("function"),
            (Kind::Text | Kind::Vision, None, None) => return missing("prompt"),
            (Kind::Function, Some(_), _) => return stray("prompt"),
            (Kind::Function, None, None) => return missing("function"),
            (Kind::Text | Kind::Vision, Some(_), None) | (Kind::Function, None, Some(_)) => {}
        }
        if wish.named.iter().any(|(name, _)| name == "file_path") {
            return Err(Rejection::new(
                INVALID_ARGUMENT,
                "`file_path` is the argument by which a function of a batch gets its file; leave it out",
            ));
        }
        let Wish { function, shared, named, .. } = wish;
        Ok(Self { kind, extensions, prompt, function, shared, named })
    }

    /// The type of its tasks.
    pub const fn task_type(&self) -> &'static str {
        self.kind.name()
    }

    /// The function of a function batch.
    pub fn function(&self) -> Option<&str> {
        self.function.as_deref()
    }

    /// The parameters of the task of one file: a compact JSON object.
    pub fn parameters(&self, file: &File<'_>) -> String {
        let mut json = String::from("{");
        if let Some(function) = &self.function {
            member(&mut json, "function_name", &text(function));
            let mut named = String::from("{");
            for (name, value) in &self.named {
                member(&mut named, name, &value.to_string());
            }
            member(&mut named, "file_path", &untemplated(file.path));
            named.push('}');
            member(&mut json, "kwargs", &named);
        }
        if let Some(prompt) = &self.prompt {
            member(&mut json, "prompt", &prompt.filled(file));
        }
        match (self.kind, file.content) {
            (Kind::Vision, Content::Path) => member(&mut json, "image_path", &untemplated(file.path)),
            (Kind::Vision, Content::Base64(base64)) => member(&mut json, "base64", &text(base64)),
            (Kind::Text | Kind::Function, _) | (Kind::Vision, Content::Text(_) | Content::Read { .. }) => {}
        }
        for (key, value) in &self.shared {
            member(&mut json, key, value);
        }
        json.push('}');
        json
    }
}

/// The key of the task of the file at this place, counted from 0.
pub fn key(place: usize) -> String {
    format!("process_{place}")
}

/// The key of the task that reads the text of the file at this place, where the server makes the batch: contents
/// are then results like all others, and never a part of the workflow.
pub fn reader(place: usize) -> String {
    format!("read_{place}")
}

/// The parameters of that task: a compact JSON object.
pub fn reader_parameters(path: &str) -> String {
    format!("{{\"operation\":\"read\",\"source_path\":{}}}", untemplated(path))
}

/// What the task of a file is marked with: a compact JSON object.
pub fn metadata(name: &str) -> String {
    format!("{{\"file\":{}}}", untemplated(name))
}

/// The parameters of the task that gathers the results of these files: a compact JSON object.
pub fn aggregate_parameters<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    let mut json = format!("{{\"function_name\":{},\"kwargs\":{{\"results\":{{", text(AGGREGATE_FUNCTION));
    for (place, name) in names.into_iter().enumerate() {
        let comma = if place == 0 { "" } else { "," };
        write!(json, "{comma}{}:\"{{{{{}.result}}}}\"", text(name), key(place))
            .expect("a text takes any text");
    }
    json.push_str("}}}");
    json
}

fn member(json: &mut String, key: &str, value: &str) {
    if json.len() > 1 {
        json.push(',');
    }
    json.push_str(&text(key));
    json.push(':');
    json.push_str(value);
}

fn text(text: &str) -> String {
    serde_json::to_string(text).expect("a text is JSON")
}

/// A text as JSON in which no template can stand: what begins one is written as an escape.
fn untemplated(content: &str) -> String {
    let json = text(content);
    if !json.contains(['{', '$']) {
        return json;
    }
    json.replace('{', "\\u007b").replace('$', "\\u0024")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::core::template::references;

    fn batch(wish: Wish) -> Batch {
        Batch::checked(wish).expect("it is a batch")
    }

    fn prompted(kind: Kind, prompt: &str) -> Wish {
        Wish { kind: Some(kind), prompt: Some(prompt.to_owned()), ..Wish::default() }
    }

    fn parsed(json: &str) -> Value {
        serde_json::from_str(json).expect("it is JSON")
    }

    #[test]
    fn nothing_of_a_file_is_a_template() {
        let file = File {
            name: "{{b.result}}.txt",
            path: "/x",
            content: Content::Text(
                "{{a.result}} \\u007b{a.result}} ${a.result} \"{{file.name}}\"\n{{file.content}}",
            ),
        };
        let made =
            batch(prompted(Kind::Text, "{{file.name}}: {{ file.content }} {{other}}")).parameters(&file);
        let known = |name: &str| ["a", "b", "file"].contains(&name).then_some(0);
        assert_eq!(references(&made, &known), Ok(vec![]), "{made}");
        let expected = "{{b.result}}.txt: {{a.result}} \\u007b{a.result}} ${a.result} \"{{file.name}}\"\n\
                        {{file.content}} {{other}}";
        assert_eq!(parsed(&made), json!({"prompt": expected}));
        assert_eq!(references(&metadata(file.name), &known), Ok(vec![]));
    }

    #[test]
    fn a_text_batch_shows_its_files_wherever_they_are() {
        let shared = vec![("model_name", "\"m\"".to_owned())];
        let made = batch(Wish { shared, ..prompted(Kind::Text, "Summarise.") });
        let inline = File { name: "a/b.md", path: "/f/a/b.md", content: Content::Text("Hello") };
        assert_eq!(
            parsed(&made.parameters(&inline)),
            json!({"prompt": "Summarise.\n\nHello", "model_name": "m"})
        );
        let there = File { content: Content::Read { place: 7 }, ..inline };
        assert_eq!(
            parsed(&made.parameters(&there)),
            json!({"prompt": "Summarise.\n\n{{read_7.result}}", "model_name": "m"})
        );
        assert_eq!(reader(7), "read_7");
        assert_eq!(parsed(&reader_parameters("a.md")), json!({"operation": "read", "source_path": "a.md"}));
    }

    #[test]
    fn images_and_functions_get_their_files_by_parameter() {
        let file = File { name: "i.png", path: "in/i.png", content: Content::Path };
        let vision = batch(prompted(Kind::Vision, "What is on {{file.name}}?"));
        assert_eq!(
            parsed(&vision.parameters(&file)),
            json!({"prompt": "What is on i.png?", "image_path": "in/i.png"})
        );
        let base64 = File { content: Content::Base64("AAEC"), ..file };
        assert_eq!(parsed(&vision.parameters(&base64))["base64"], json!("AAEC"));
        let named = vec![("depth".to_owned(), json!(2))];
        let function = batch(Wish { function: Some("scan".to_owned()), named, ..Wish::default() });
        assert_eq!(
            parsed(&function.parameters(&file)),
            json!({"function_name": "scan", "kwargs": {"depth": 2, "file_path": "in/i.png"}})
        );
    }

    #[test]
    fn the_aggregate_asks_for_every_result() {
        let made = aggregate_parameters(["a.txt", "{{x.result}}"]);
        let expected = json!({"a.txt": "{{process_0.result}}", "{{x.result}}": "{{process_1.result}}"});
        assert_eq!(parsed(&made)["kwargs"]["results"], expected);
        let known = |name: &str| name.strip_prefix("process_").and_then(|place| place.parse().ok());
        assert_eq!(references(&made, &known), Ok(vec![0, 1]));
    }

    #[test]
    fn what_does_not_go_together_is_refused() {
        let function = || Some("f".to_owned());
        for (wish, expected) in [
            (Wish::default(), "GZ7006: a text batch needs a `prompt`"),
            (
                Wish { function: function(), ..prompted(Kind::Vision, "x") },
                "GZ3001: a vision batch has no `function`",
            ),
            (
                Wish { function: function(), ..prompted(Kind::Function, "x") },
                "GZ3001: a function batch has no `prompt`",
            ),
            (
                Wish { kind: Some(Kind::Function), ..Wish::default() },
                "GZ7006: a function batch needs a `function`",
            ),
            (
                prompted(Kind::Text, "{{file.contents}}"),
                "GZ3013: `{{file.contents}}` in the prompt is nothing that a file has; did you mean `file.content`? \
                 (known: file.name, file.path, file.content)",
            ),
            (
                prompted(Kind::Vision, "{{file.content}}"),
                "GZ3013: `{{file.content}}` in the prompt of a vision batch: the image goes along by itself; leave it out",
            ),
        ] {
            let refused = Batch::checked(wish).expect_err("it is refused").to_string();
            assert_eq!(refused, expected);
        }
    }
}
