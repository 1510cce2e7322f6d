//! A server of language models that does as it is told: it speaks both protocols byte for byte over plain TCP, and
//! every fault is one of its acts.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::gate::Gate;
use crate::harness::{Nobody, now};

/// What the peer does with a question.
#[derive(Debug, Clone)]
pub enum Act {
    /// Answers with these pieces, so far apart.
    Say(Vec<String>, Duration),
    /// Begins with these pieces and says no more, until the asker goes away.
    Hang(Vec<String>),
    /// Another status, with headers and a body.
    Status(u16, Vec<(&'static str, &'static str)>, &'static str),
    /// These pieces, so far apart, and then the end of the connection.
    Cut(Vec<String>, Duration),
    /// A line that no protocol knows.
    Garbage(&'static str),
    /// Something else, once a gate is open.
    Behind(Gate, Box<Act>),
}

/// What the peer has at a path beside its protocol.
type Files = Vec<(&'static str, Vec<u8>)>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Ollama,
    Openai,
}

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Seen {
    pub path: String,
    pub headers: Vec<String>,
    pub body: String,
    pub at: Instant,
}

#[derive(Debug)]
pub struct Peer {
    pub port: u16,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    kind: Kind,
    models: Mutex<Vec<String>>,
    files: Mutex<Files>,
    acts: Mutex<VecDeque<Act>>,
    usual: Mutex<Act>,
    seen: Mutex<Vec<Seen>>,
    /// Questions under way, and the most there ever were.
    open: AtomicUsize,
    most: AtomicUsize,
    /// Answers that the asker did not wait for.
    abandoned: AtomicUsize,
    stopped: AtomicBool,
}

pub fn words(text: &[&str]) -> Vec<String> {
    text.iter().map(ToString::to_string).collect()
}

pub fn say(text: &[&str]) -> Act {
    Act::Say(words(text), Duration::ZERO)
}

pub fn behind(gate: &Gate, act: Act) -> Act {
    Act::Behind(gate.clone(), Box::new(act))
}

impl Peer {
    pub fn new(kind: Kind, models: &[&str]) -> Self {
        Self::at(Nobody::new(), kind, models)
    }

    pub fn ollama(models: &[&str]) -> Self {
        Self::new(Kind::Ollama, models)
    }

    /// Somebody, from now on.
    pub fn at(address: Nobody, kind: Kind, models: &[&str]) -> Self {
        let listener = address.listen();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            kind,
            models: Mutex::new(words(models)),
            files: Mutex::default(),
            acts: Mutex::default(),
            usual: Mutex::new(say(&["Hello", ", ", "world"])),
            seen: Mutex::default(),
            open: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
            abandoned: AtomicUsize::new(0),
            stopped: AtomicBool::new(false),
        });
        let serving = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                // The address stays taken, so that no other peer ever answers in the place of this one.
                if serving.stopped.load(Ordering::SeqCst) {
                    continue;
                }
                let shared = Arc::clone(&serving);
                thread::spawn(move || shared.serve(stream));
            }
        });
        Self { port, shared }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What to do with the next question, after those that were told before.
    pub fn next(&self, act: Act) {
        self.shared.acts.lock().unwrap().push_back(act);
    }

    /// What to do with every question that no other act is for.
    pub fn always(&self, act: Act) {
        *self.shared.usual.lock().unwrap() = act;
    }

    /// Has a file from now on.
    pub fn put(&self, path: &'static str, bytes: Vec<u8>) {
        self.shared.files.lock().unwrap().push((path, bytes));
    }

    pub fn set_models(&self, models: &[&str]) {
        *self.shared.models.lock().unwrap() = words(models);
    }

    /// The questions so far, without those for the list of models.
    pub fn questions(&self) -> Vec<Seen> {
        let seen = self.shared.seen.lock().unwrap();
        seen.iter()
            .filter(|seen| !seen.path.ends_with("/tags") && !seen.path.ends_with("/models"))
            .cloned()
            .collect()
    }

    /// How often it was asked for its list of models.
    pub fn looks(&self) -> usize {
        self.everything().len() - self.questions().len()
    }

    pub fn everything(&self) -> Vec<Seen> {
        self.shared.seen.lock().unwrap().clone()
    }

    pub fn open(&self) -> usize {
        self.shared.open.load(Ordering::SeqCst)
    }

    pub fn most(&self) -> usize {
        self.shared.most.load(Ordering::SeqCst)
    }

    pub fn abandoned(&self) -> usize {
        self.shared.abandoned.load(Ordering::SeqCst)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
    }
}

impl Shared {
    fn serve(&self, stream: TcpStream) {
        stream.set_nodelay(true).unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut stream = stream;
        while let Some(seen) = request(&mut reader) {
            // A server that is gone answers on old connections as little as on new ones.
            if self.stopped.load(Ordering::SeqCst) {
                return;
            }
            let path = seen.path.clone();
            let files = self.files.lock().unwrap().clone();
            if let Some((_, bytes)) = files.iter().find(|(at, _)| *at == path) {
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", bytes.len());
                if stream.write_all(&[head.as_bytes(), bytes].concat()).is_err() {
                    return;
                }
                continue;
            }
            let body: Value = serde_json::from_str(&seen.body).unwrap_or_default();
            self.seen.lock().unwrap().push(seen);
            let goes_on = match path.as_str() {
                "/api/tags" | "/v1/models" => self.list(&mut stream),
                "/api/pull" => self.pull(&mut stream, body["model"].as_str().unwrap_or_default()),
                _ => self.answer(&mut stream, &path, &body),
            };
            if !goes_on {
                return;
            }
        }
    }

    fn list(&self, stream: &mut TcpStream) -> bool {
        let models = self.models.lock().unwrap().clone();
        let list = match self.kind {
            Kind::Ollama => {
                let models: Vec<Value> =
                    models.iter().map(|name| json!({"name": name, "model": name})).collect();
                json!({"models": models})
            }
            Kind::Openai => {
                let data: Vec<Value> = models.iter().map(|id| json!({"id": id, "object": "model"})).collect();
                json!({"object": "list", "data": data})
            }
        };
        whole(stream, 200, &[], &list.to_string())
    }

    fn pull(&self, stream: &mut TcpStream, model: &str) -> bool {
        let mut lines = vec![json!({"status": "pulling manifest"}), json!({"status": "verifying"})];
        if model.contains("missing") {
            lines.push(json!({"error": "pull model manifest: file does not exist"}));
        } else {
            self.models.lock().unwrap().push(format!("{model}:latest"));
            lines.push(json!({"status": "success"}));
        }
        head(stream, "application/x-ndjson")
            && lines.iter().all(|line| chunk(stream, &format!("{line}\n")))
            && chunk(stream, "")
    }

    fn answer(&self, stream: &mut TcpStream, path: &str, body: &Value) -> bool {
        let open = self.open.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(open, Ordering::SeqCst);
        let act = self.acts.lock().unwrap().pop_front();
        let act = act.unwrap_or_else(|| self.usual.lock().unwrap().clone());
        let goes_on = self.perform(stream, path, body, act);
        self.open.fetch_sub(1, Ordering::SeqCst);
        goes_on
    }

    fn perform(&self, stream: &mut TcpStream, path: &str, body: &Value, act: Act) -> bool {
        let content_type = match self.kind {
            Kind::Ollama => "application/x-ndjson",
            Kind::Openai => "text/event-stream; charset=utf-8",
        };
        let piece = |text: &str| self.line(path, body, text);
        match act {
            Act::Behind(gate, act) => {
                gate.pass();
                self.perform(stream, path, body, *act)
            }
            Act::Status(status, headers, body) => whole(stream, status, &headers, body),
            Act::Say(pieces, apart) => {
                let mut said = head(stream, content_type);
                for text in &pieces {
                    thread::sleep(apart);
                    said = said && chunk(stream, &piece(text));
                }
                let said = said && chunk(stream, &self.last(path, body, pieces.len())) && chunk(stream, "");
                self.abandoned.fetch_add(usize::from(!said), Ordering::SeqCst);
                said
            }
            Act::Hang(pieces) => {
                head(stream, content_type);
                for text in &pieces {
                    chunk(stream, &piece(text));
                }
                // Only the asker can end this: nothing more comes from it but the end.
                let gone = matches!(stream.read(&mut [0_u8; 1]), Ok(0) | Err(_));
                self.abandoned.fetch_add(usize::from(gone), Ordering::SeqCst);
                false
            }
            Act::Cut(pieces, apart) => {
                head(stream, content_type);
                for text in &pieces {
                    chunk(stream, &piece(text));
                    thread::sleep(apart);
                }
                false
            }
            Act::Garbage(line) => {
                let line = match self.kind {
                    Kind::Ollama => format!("{line}\n"),
                    Kind::Openai => format!("data: {line}\n\n"),
                };
                head(stream, content_type) && chunk(stream, &line) && chunk(stream, "")
            }
        }
    }

    fn line(&self, path: &str, body: &Value, text: &str) -> String {
        let model = &body["model"];
        match (self.kind, path) {
            (Kind::Ollama, "/api/generate") => {
                let at = "2026-01-01T00:00:00Z";
                format!("{}\n", json!({"model": model, "created_at": at, "response": text, "done": false}))
            }
            (Kind::Ollama, _) => {
                let message = json!({"role": "assistant", "content": text});
                format!("{}\n", json!({"model": model, "message": message, "done": false}))
            }
            (Kind::Openai, _) => {
                let choice = json!({"index": 0, "delta": {"content": text}, "finish_reason": null});
                format!("data: {}\n\n", json!({"object": "chat.completion.chunk", "choices": [choice]}))
            }
        }
    }

    fn last(&self, path: &str, body: &Value, tokens: usize) -> String {
        let model = &body["model"];
        match self.kind {
            Kind::Ollama => {
                let empty = if path == "/api/generate" {
                    json!({"response": ""})
                } else {
                    json!({"message": {"role": "assistant", "content": ""}})
                };
                let mut line = json!({
                    "model": model, "done": true, "done_reason": "stop", "total_duration": 5_043_500_667_u64,
                    "prompt_eval_count": 26, "eval_count": tokens,
                });
                line.as_object_mut().unwrap().extend(empty.as_object().unwrap().clone());
                format!("{line}\n")
            }
            Kind::Openai => {
                let end = json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]});
                let usage =
                    json!({"choices": [], "usage": {"prompt_tokens": 26, "completion_tokens": tokens}});
                format!(": a comment\n\ndata: {end}\n\ndata: {usage}\n\ndata: [DONE]\n\n")
            }
        }
    }
}

/// Nothing at the end of the connection.
fn request(reader: &mut BufReader<TcpStream>) -> Option<Seen> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end().to_owned();
        if line.is_empty() {
            break;
        }
        lines.push(line);
    }
    let length =
        lines.iter().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    let path = lines.first()?.split(' ').nth(1)?.to_owned();
    Some(Seen { path, headers: lines, body: String::from_utf8(body).ok()?, at: now() })
}

fn whole(stream: &mut TcpStream, status: u16, headers: &[(&str, &str)], body: &str) -> bool {
    let more: Vec<String> = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let more = more.concat();
    let length = body.len();
    let text = format!(
        "HTTP/1.1 {status} Something\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n{more}\r\n{body}"
    );
    stream.write_all(text.as_bytes()).is_ok()
}

fn head(stream: &mut TcpStream, content_type: &str) -> bool {
    let text =
        format!("HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nTransfer-Encoding: chunked\r\n\r\n");
    stream.write_all(text.as_bytes()).is_ok()
}

/// One piece of a body; an empty one is its end.
fn chunk(stream: &mut TcpStream, text: &str) -> bool {
    let framed = format!("{:x}\r\n{text}\r\n", text.len());
    stream.write_all(framed.as_bytes()).is_ok()
}
