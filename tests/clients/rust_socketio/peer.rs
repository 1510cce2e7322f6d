//! Clients that speak the base protocol and nothing else: no acknowledgements, no attempt numbers, no extensions.
//!
//! The blocking client of the crate is used, since its other one takes each chunk of a polling answer for a whole
//! payload, and so understands none that comes in two.

use rust_socketio::client::Client;
use rust_socketio::{ClientBuilder, Event, Payload, RawClient, TransportType};
use serde_json::{Value, json};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

/// Bounds every wait, as in the other wire tests. What is waited for comes in seconds, also on a busy machine.
const WAIT: Duration = Duration::from_mins(2);

/// Where nobody listens, for a client that shall not come back.
const NOWHERE: &str = "http://127.0.0.1:1";

/// What a peer was told, in order.
#[derive(Default)]
struct Inbox {
    told: Mutex<Vec<(String, Value)>>,
    more: Condvar,
}

pub struct Peer {
    client: Client,
    inbox: Arc<Inbox>,
}

/// How a service answers an assignment.
pub type Handler = fn(&Value, &dyn Fn(&str, Value));

impl Peer {
    /// A client that has authenticated.
    pub fn client(url: &str, transport: &TransportType) -> Self {
        let hello = json!({"token": "demo_token", "client_type": "client"});
        let peer = Self::connect(url, transport, hello, |_, _, _| {});
        peer.next("authenticated");
        peer
    }

    /// A service that has sent its registration, which an observer hears. It opens each connection in the same way.
    pub fn service(url: &str, transport: &TransportType, id: &str, handler: Handler) -> Self {
        let registration = registration(id);
        let hello =
            json!({"token": "demo_token", "client_type": "service", "service_name": registration["name"]});
        Self::connect(url, transport, hello, move |event, payload, emit| match event {
            "authenticated" => emit("node:register", registration.clone()),
            "task:assign" => handler(payload, emit),
            _ => {}
        })
    }

    fn connect(
        url: &str,
        transport: &TransportType,
        hello: Value,
        mut react: impl FnMut(&str, &Value, &dyn Fn(&str, Value)) + Send + 'static,
    ) -> Self {
        let inbox = Arc::new(Inbox::default());
        let ear = Arc::clone(&inbox);
        let client = ClientBuilder::new(url)
            .namespace("/cluster")
            .transport_type(transport.clone())
            .reconnect_delay(100, 1_000)
            .on_any(move |event: Event, payload: Payload, client: RawClient| {
                let Payload::Text(values) = payload else { panic!("{event} came as bytes") };
                let (event, payload) = (String::from(event), values.into_iter().next().unwrap_or_default());
                // A connection that has just broken takes nothing; the opening of the next one repeats what matters.
                let emit = |event: &str, payload: Value| drop(client.emit(event, payload));
                if event == "connected" {
                    emit("authenticate", hello.clone());
                }
                react(&event, &payload, &emit);
                ear.told.lock().unwrap().push((event, payload));
                ear.more.notify_all();
            })
            .connect()
            .unwrap();
        Self { client, inbox }
    }

    pub fn emit(&self, event: &str, payload: Value) {
        self.client.emit(event, payload).unwrap();
    }

    /// The first payload of such an event, which was told or will be, and is not given twice.
    pub fn next(&self, event: &str) -> Value {
        self.next_where(event, |_| true)
    }

    pub fn next_where(&self, event: &str, matches: impl Fn(&Value) -> bool) -> Value {
        let find =
            |told: &[(String, Value)]| told.iter().position(|(name, value)| name == event && matches(value));
        let told = self.inbox.told.lock().unwrap();
        let (mut told, _) =
            self.inbox.more.wait_timeout_while(told, WAIT, |told| find(told).is_none()).unwrap();
        let Some(at) = find(&told) else {
            let names: Vec<_> = told.iter().map(|(name, _)| name.clone()).collect();
            drop(told);
            panic!("no such {event}; left are {names:?}");
        };
        told.remove(at).1
    }

    /// Whether an event that begins so was told and is still there.
    pub fn heard(&self, prefix: &str) -> bool {
        self.inbox.told.lock().unwrap().iter().any(|(name, _)| name.starts_with(prefix))
    }

    pub fn disconnect(&self) {
        self.client.set_reconnect_url(NOWHERE).unwrap();
        self.client.disconnect().unwrap();
    }
}

impl Drop for Peer {
    /// The crate's thread cannot be ended and would go on to look for its server, whose port may be another's soon.
    fn drop(&mut self) {
        let _ = self.client.set_reconnect_url(NOWHERE);
    }
}

fn registration(id: &str) -> Value {
    json!({
        "node_id": id,
        "name": format!("{id} service"),
        "node_type": "external_service",
        "capabilities": {
            "task_types": ["external_custom", "custom_processing"],
            "max_concurrent_tasks": 10,
            "external_service": true,
            "service_capabilities": ["custom_processing"],
        },
    })
}

/// The names that a report about `task` carries.
pub fn report(task: &Value, node: &str, more: Value) -> Value {
    let mut report = json!({"task_id": task["task_id"], "workflow_id": task["workflow_id"], "node_id": node});
    if let (Value::Object(report), Value::Object(more)) = (&mut report, more) {
        report.extend(more);
    }
    report
}
