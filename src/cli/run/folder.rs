//! `gleitzeit run --batch-folder`: the files of a folder, each as a task.
//!
//! The files are read one after the other, twice: once to see how long the request is and that every text is one,
//! and once while the request is sent. So a folder of any size takes the memory of its largest file.

use std::fmt::Write;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use bytes::Bytes;
use futures_util::stream;
use serde_json::{Map, Value, json};
use walkdir::{DirEntry, WalkDir};

use super::{Run, single, usage};
use crate::client::{Client, SubmitOptions, Submitted};
use crate::core::errors::PAYLOAD_TOO_LARGE;
use crate::core::limits::SubmissionLimits;
use crate::core::rejection::Rejection;
use crate::protocol::batch::{self, Batch, Content, File, Kind, Wish, is_hidden};

/// A folder and what is wanted of it.
pub(super) enum Folder {
    /// Its files are found and read here.
    Here(Arc<Body>),
    /// The server finds them.
    OnServer(Value),
}

impl Folder {
    pub(super) fn of(path: &Path, run: &mut Run) -> anyhow::Result<Self> {
        let words = if run.args.is_empty() { &run.words } else { &run.args };
        let (positional, named) = single::arguments(words);
        if let Some(word) = positional.first() {
            let word = word.as_str().map_or_else(|| word.to_string(), str::to_owned);
            let message = format!("`{word}` has no name; write NAME={word} for an argument of the function");
            return Err(usage(message));
        }
        let folder = path.file_name().unwrap_or(path.as_os_str());
        let name = format!("Batch {}", folder.to_string_lossy());
        if run.batch.on_server {
            return Ok(Self::OnServer(on_server(name, path, named, run)));
        }
        let model = run.model.as_ref().map(|model| ("model_name", json!(model).to_string()));
        let batch = Batch::checked(Wish {
            kind: run.batch.kind.map(Kind::from),
            extensions: std::mem::take(&mut run.batch.extensions),
            prompt: run.prompt.take(),
            function: run.function.take(),
            shared: model.into_iter().collect(),
            named: named.into_iter().collect(),
        })?;
        let root = path.canonicalize();
        let root = root.with_context(|| format!("the folder {} cannot be read", path.display()))?;
        let files = files(&root, run.batch.recursive, &batch)?;
        Ok(Self::Here(Arc::new(Body { name, root, batch, files })))
    }

    pub(super) async fn submit(&self, client: &Client, options: &SubmitOptions) -> anyhow::Result<Submitted> {
        let body = match self {
            Self::OnServer(workflow) => return Ok(client.submit_with(workflow, options).await?),
            Self::Here(body) => Arc::clone(body),
        };
        let count = body.files.len();
        let mut bytes = 0;
        for place in 0..body.pieces() {
            bytes += body.piece(place)?.len() as u64;
            refuse_too_long(bytes, count)?;
        }
        let pieces = (0..body.pieces()).map(move |place| {
            body.piece(place).map(Bytes::from).map_err(|error| io::Error::other(format!("{error:#}")))
        });
        Ok(client.submit_streamed(stream::iter(pieces), bytes, options).await?)
    }
}

/// The workflow that has the server find the files.
fn on_server(name: String, path: &Path, named: Map<String, Value>, run: &Run) -> Value {
    let mut workflow = Map::new();
    let mut put = |key: &str, value: Value| {
        workflow.insert(key.to_owned(), value);
    };
    put("name", name.into());
    put("type", "batch".into());
    put("folder", path.to_string_lossy().into());
    put("recursive", run.batch.recursive.into());
    let kind = run.batch.kind.map(|kind| Kind::from(kind).name().to_owned());
    for (key, text) in
        [("task_type", &kind), ("prompt", &run.prompt), ("function", &run.function), ("model", &run.model)]
    {
        if let Some(text) = text {
            put(key, text.as_str().into());
        }
    }
    if !run.batch.extensions.is_empty() {
        put("extensions", json!(run.batch.extensions));
    }
    if !named.is_empty() {
        put("kwargs", named.into());
    }
    workflow.into()
}

/// The request, in pieces that are made when they are wanted: a head, a task for each file, and the rest.
pub(super) struct Body {
    name: String,
    root: PathBuf,
    batch: Batch,
    files: Vec<String>,
}

impl Body {
    fn pieces(&self) -> usize {
        self.files.len() + 2
    }

    fn piece(&self, place: usize) -> anyhow::Result<String> {
        if place == 0 {
            return Ok(format!("{{\"name\":{},\"tasks\":[", json!(self.name)));
        }
        if let Some(name) = self.files.get(place - 1) {
            return self.task(place - 1, name);
        }
        let parameters = batch::aggregate_parameters(self.files.iter().map(String::as_str));
        let key = batch::AGGREGATE;
        Ok(format!(
            "{{\"id\":\"{key}\",\"task_type\":\"function\",\"depends_on_success\":false,\
             \"parameters\":{parameters}}}]}}"
        ))
    }

    fn task(&self, place: usize, name: &str) -> anyhow::Result<String> {
        let path = self.root.join(name);
        let shown = path.display().to_string();
        let (text, base64);
        let content = match self.batch.kind {
            Kind::Text => {
                let bytes =
                    std::fs::read(&path).with_context(|| format!("the file {shown} cannot be read"))?;
                text = String::from_utf8(bytes)
                    .with_context(|| format!("the file {shown} is not text; --extensions leaves it out"))?;
                Content::Text(&text)
            }
            Kind::Vision => {
                base64 = single::encoded(&path)?;
                Content::Base64(&base64)
            }
            Kind::Function => Content::Path,
        };
        let parameters = self.batch.parameters(&File { name, path: &shown, content });
        let mut task =
            format!("{{\"id\":\"{}\",\"task_type\":\"{}\"", batch::key(place), self.batch.task_type());
        write!(task, ",\"metadata\":{},\"parameters\":{parameters}}},", batch::metadata(name))?;
        Ok(task)
    }
}

/// Known before the first byte is sent, because a server that refuses a request while it is being sent may not be
/// heard.
fn refuse_too_long(bytes: u64, files: usize) -> Result<(), Rejection> {
    let limit = SubmissionLimits::default().body_bytes_max as u64;
    if bytes <= limit {
        return Ok(());
    }
    Err(Rejection::new(
        PAYLOAD_TOO_LARGE,
        format!(
            "the contents of these {files} files come to more than the {} MiB of one request; put the folder below \
             the server's files root and add --on-server, or take fewer files with --extensions or by folder",
            limit >> 20
        ),
    ))
}

/// The files of a folder by name, in an order that is the same every time.
fn files(root: &Path, recursive: bool, batch: &Batch) -> anyhow::Result<Vec<String>> {
    let depth = if recursive { usize::MAX } else { 1 };
    let shows = |entry: &DirEntry| entry.depth() == 0 || !is_hidden(&entry.file_name().to_string_lossy());
    let mut files = Vec::new();
    for entry in WalkDir::new(root).min_depth(1).max_depth(depth).into_iter().filter_entry(shows) {
        let entry = entry.with_context(|| format!("the folder {} cannot be read", root.display()))?;
        if !entry.file_type().is_file() {
            continue;
        }
        let below = entry.path().strip_prefix(root).expect("a walk stays below its root");
        let Some(name) = below.to_str() else {
            bail!("the name of {} is not text (UTF-8); rename it", entry.path().display());
        };
        if batch.extensions.take(name) {
            files.push(name.to_owned());
        }
    }
    if files.is_empty() {
        bail!(
            "the folder {} has no file with {}; see --extensions and --recursive",
            root.display(),
            batch.extensions.listed()
        );
    }
    files.sort_unstable();
    Ok(files)
}
