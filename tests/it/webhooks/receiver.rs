//! A receiver of webhooks on a port of its own: it writes down what it is sent, and answers as it is told.

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver as Inbox, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use super::{SOON, hmac};
use crate::harness::until;

/// Long enough to notice what should not come.
const QUIET: Duration = Duration::from_millis(400);

/// How one request is answered.
#[derive(Debug, Clone)]
pub enum Reply {
    Status(u16),
    RedirectTo(String),
    /// The connection is held open without a word.
    Silence,
}

#[derive(Debug)]
pub struct Received {
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

#[derive(Debug)]
pub struct Receiver {
    address: SocketAddr,
    script: Arc<Mutex<VecDeque<Reply>>>,
    /// What is answered when the script is over.
    usual: Arc<Mutex<Reply>>,
    /// Connections that have not ended.
    open: Arc<AtomicUsize>,
    inbox: Inbox<Received>,
}

impl Receiver {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let address = listener.local_addr().expect("it is bound");
        let (script, usual) = (Arc::default(), Arc::new(Mutex::new(Reply::Status(202))));
        let open = Arc::new(AtomicUsize::new(0));
        let (sender, inbox) = channel();
        let (scripted, otherwise, opened) = (Arc::clone(&script), Arc::clone(&usual), Arc::clone(&open));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (script, usual, sender) =
                    (Arc::clone(&scripted), Arc::clone(&otherwise), Sender::clone(&sender));
                let open = Arc::clone(&opened);
                open.fetch_add(1, Ordering::SeqCst);
                thread::spawn(move || {
                    serve(stream, &script, &usual, &sender);
                    open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Self { address, script, usual, open, inbox }
    }

    pub fn url(&self) -> String {
        format!("http://{}/tasks?key=hidden", self.address)
    }

    /// The next requests are answered in this way, one by one.
    pub fn script(&self, replies: impl IntoIterator<Item = Reply>) {
        self.script.lock().unwrap().extend(replies);
    }

    pub fn answers_always(&self, reply: Reply) {
        *self.usual.lock().unwrap() = reply;
    }

    /// The next request.
    pub fn next(&self) -> Received {
        self.inbox.recv_timeout(SOON).expect("something is delivered")
    }

    pub fn hears_nothing(&self) {
        match self.inbox.recv_timeout(QUIET) {
            Err(RecvTimeoutError::Timeout) => {}
            other => panic!("nothing should be delivered, but: {other:?}"),
        }
    }

    /// Forgets what a server has sent that is gone now. Nothing of it comes afterwards.
    pub fn forget_those_gone(&self) {
        // Connections are taken in their order: when this one has ended, those before it are all known.
        let mut last = TcpStream::connect(self.address).expect("the receiver listens");
        last.shutdown(Shutdown::Write).expect("it is connected");
        drop(last.read_to_end(&mut Vec::new()));
        let all_ended = || (self.open.load(Ordering::SeqCst) == 0).then_some(());
        until("every connection ends with the server", SOON, all_ended);
        self.so_far();
    }

    /// What has come so far.
    pub fn so_far(&self) -> Vec<Received> {
        self.inbox.try_iter().collect()
    }
}

impl Received {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("the body is JSON")
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("there is no header {name}: {:?}", self.headers))
    }

    pub fn id(&self) -> &str {
        self.header("webhook-id")
    }

    /// The path of the callback below `/api/v1`.
    pub fn callback(&self) -> String {
        let body = self.json();
        let url = body["callback_url"].as_str().expect("there is a callback_url");
        url.split_once("/api/v1").expect("it leads to the API").1.to_owned()
    }

    /// Checks the signature as the specification says, with a hash of our own.
    pub fn is_signed_with(&self, secret: &[u8]) -> bool {
        let mut signed = format!("{}.{}.", self.id(), self.header("webhook-timestamp")).into_bytes();
        signed.extend_from_slice(&self.body);
        let expected = hmac::base64(&hmac::sha256(secret, &signed));
        self.header("webhook-signature").split(' ').any(|one| one.strip_prefix("v1,") == Some(&*expected))
    }
}

fn serve(
    stream: TcpStream,
    script: &Mutex<VecDeque<Reply>>,
    usual: &Mutex<Reply>,
    sender: &Sender<Received>,
) {
    let mut reader = BufReader::new(stream.try_clone().expect("a socket can be shared"));
    let mut writer = stream;
    while let Some(received) = read(&mut reader) {
        let reply = script.lock().unwrap().pop_front().unwrap_or_else(|| usual.lock().unwrap().clone());
        if sender.send(received).is_err() {
            return;
        }
        let head = match reply {
            Reply::Status(status) => format!("HTTP/1.1 {status} As Told\r\n"),
            Reply::RedirectTo(location) => format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\n"),
            Reply::Silence => {
                // Ends when the other side gives up.
                drop(reader.read_to_end(&mut Vec::new()));
                return;
            }
        };
        if writer.write_all(format!("{head}Content-Length: 0\r\n\r\n").as_bytes()).is_err() {
            return;
        }
    }
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Received> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Received { headers, body })
}
