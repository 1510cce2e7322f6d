//! The small HTTP server that stands for the outside world: it takes notifications, remembers them in a
//! file, and answers each with a receipt.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::post;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::fault::Fault;

pub const PATH: &str = "/notifications";
/// A notification is a message, not a data set.
const MAX_BODY_BYTES: usize = 1024 * 1024;
const MAX_KEY_BYTES: usize = 256;
/// All that this server will ever remember: 10,000 demo runs, at 1 MiB each still a disk's worth.
const MAX_NOTIFICATIONS: usize = 10_000;

/// One line of the file.
#[derive(Debug, Serialize, Deserialize)]
struct Notification {
    key: String,
    receipt: usize,
    body: Value,
}

#[derive(Debug)]
struct Journal {
    file: File,
    /// Receipt numbers by idempotency key.
    receipts: BTreeMap<String, usize>,
}

/// The server while it runs. Dropping this ends it.
#[derive(Debug)]
pub struct Receiver {
    address: SocketAddr,
    journal: Arc<Mutex<Journal>>,
    task: JoinHandle<io::Result<()>>,
}

impl Receiver {
    /// Serves on a free port of the loopback interface.
    pub async fn start(path: &Path) -> io::Result<Self> {
        let journal = Arc::new(Mutex::new(Journal::open(path)?));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let router = Router::new()
            .route(PATH, post(receive))
            .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
            .with_state(Arc::clone(&journal));
        let task = tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { address, journal, task })
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How many different notifications have come, in this and all earlier lives.
    pub fn count(&self) -> usize {
        self.journal.lock().expect("no holder of the lock panics").receipts.len()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Journal {
    /// Reads what was taken before. A line that a kill cut short was never answered, and is cut off.
    fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
        let mut receipts = BTreeMap::new();
        let mut reader = BufReader::new(&file);
        let (mut whole_bytes, mut line) = (0, Vec::new());
        loop {
            line.clear();
            let read = reader.read_until(b'\n', &mut line)?;
            if read == 0 || line.last() != Some(&b'\n') {
                break;
            }
            let notification: Notification = serde_json::from_slice(&line)?;
            receipts.insert(notification.key, notification.receipt);
            whole_bytes += u64::try_from(read).expect("a length fits 64 bits");
        }
        file.set_len(whole_bytes)?;
        Ok(Self { file, receipts })
    }

    fn append(&mut self, notification: &Notification) -> io::Result<()> {
        let mut line = serde_json::to_vec(notification)?;
        line.push(b'\n');
        self.file.write_all(&line)?;
        self.file.sync_data()?;
        self.receipts.insert(notification.key.clone(), notification.receipt);
        Ok(())
    }

    /// The receipt of this key, and whether it is a new one.
    fn take(&mut self, key: String, body: Value) -> Result<(usize, bool), Fault> {
        if let Some(receipt) = self.receipts.get(&key) {
            return Ok((*receipt, false));
        }
        if self.receipts.len() >= MAX_NOTIFICATIONS {
            return Err(Fault::refuse(format!("{MAX_NOTIFICATIONS} notifications are kept already")));
        }
        let receipt = self.receipts.len() + 1;
        self.append(&Notification { key, receipt, body }).map_err(Fault::fail)?;
        Ok((receipt, true))
    }
}

/// 201 with a new receipt, or 200 with the old one when the same notification comes again.
async fn receive(
    State(journal): State<Arc<Mutex<Journal>>>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    let key = headers.get("idempotency-key").and_then(|key| key.to_str().ok());
    let Some(key) = key.filter(|key| !key.is_empty() && key.len() <= MAX_KEY_BYTES).map(str::to_owned) else {
        let problem = json!({ "error": "send an Idempotency-Key header of 1 to 256 bytes" });
        return (StatusCode::BAD_REQUEST, Json(problem)).into_response();
    };
    // The file is synced before the answer; that may block, and so leaves the async threads.
    let taken = tokio::task::spawn_blocking(move || {
        journal.lock().expect("no holder of the lock panics").take(key, body)
    });
    match taken.await.map_err(Fault::fail).flatten() {
        Ok((receipt, true)) => {
            (StatusCode::CREATED, Json(json!({ "receipt": receipt, "duplicate": false }))).into_response()
        }
        Ok((receipt, false)) => Json(json!({ "receipt": receipt, "duplicate": true })).into_response(),
        Err(fault) => {
            let status = if fault.retryable { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::CONFLICT };
            (status, Json(json!({ "error": fault.message }))).into_response()
        }
    }
}
