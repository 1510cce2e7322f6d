//! Stands between a service and the server and spoils what they say to each other, so that a good service looks
//! like a bad one.

use std::sync::{Arc, Mutex};

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{accept_async, connect_async};

/// Which way a frame goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    ToServer,
    ToService,
}

/// An event or an acknowledgement; everything else passes unseen.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    /// `42` for an event, `43` for an acknowledgement.
    kind: &'static str,
    pub ack: Option<u64>,
    /// Empty in an acknowledgement.
    pub name: String,
    pub data: Value,
}

/// What becomes of a frame.
#[derive(Debug)]
pub enum Fate {
    Pass,
    Drop,
    /// Cuts the connection.
    Cut,
    /// These are sent as well, each its way.
    With(Vec<(Way, Frame)>),
}

impl Frame {
    pub fn event(name: &str, ack: Option<u64>, data: Value) -> Self {
        Self { kind: "42", ack, name: name.to_owned(), data }
    }

    pub fn answer(ack: u64, data: Value) -> Self {
        Self { kind: "43", ack: Some(ack), name: String::new(), data }
    }

    fn read(text: &str) -> Option<Self> {
        let kind = ["42", "43"].into_iter().find(|kind| text.starts_with(kind))?;
        let rest = text.get(2..)?.strip_prefix("/cluster,")?;
        let digits = rest.find('[')?;
        let ack = rest.get(..digits)?.parse().ok();
        let mut values: Vec<Value> = serde_json::from_str(rest.get(digits..)?).ok()?;
        let data = values.pop()?;
        let name = values.pop().and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default();
        Some(Self { kind, ack, name, data })
    }

    fn write(&self) -> String {
        let ack = self.ack.map(|ack| ack.to_string()).unwrap_or_default();
        let (kind, name, data) = (self.kind, Value::from(self.name.as_str()), &self.data);
        match self.kind {
            "42" => format!("{kind}/cluster,{ack}[{name},{data}]"),
            _ => format!("{kind}/cluster,{ack}[{data}]"),
        }
    }
}

/// What is done to each frame. It may change it.
pub type Spoil = Arc<Mutex<dyn FnMut(Way, &mut Frame) -> Fate + Send>>;

/// Listens, and forwards to `server`; the address.
pub async fn start(server: &str, spoil: Spoil) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("it is bound"));
    let server = server.replacen("http", "ws", 1);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(forward(stream, server.clone(), Arc::clone(&spoil)));
        }
    });
    url
}

/// One connection, until either side ends it.
async fn forward(stream: TcpStream, server: String, spoil: Spoil) {
    let target = format!("{server}/socket.io/?EIO=4&transport=websocket");
    let Ok((upstream, _)) = connect_async(target).await else { return };
    let Ok(downstream) = accept_async(stream).await else { return };
    let (mut to_server, mut from_server) = upstream.split();
    let (mut to_service, mut from_service) = downstream.split();
    loop {
        let (way, message) = tokio::select! {
            message = from_service.next() => (Way::ToServer, message),
            message = from_server.next() => (Way::ToService, message),
        };
        let Some(Ok(Message::Text(text))) = message else { return };
        let mut sent = Vec::new();
        match Frame::read(&text) {
            None => sent.push((way, text.to_string())),
            Some(mut frame) => {
                let fate = (*spoil.lock().expect("nobody panics with it"))(way, &mut frame);
                match fate {
                    Fate::Pass => sent.push((way, frame.write())),
                    Fate::Drop => {}
                    Fate::Cut => return,
                    Fate::With(more) => {
                        sent.push((way, frame.write()));
                        sent.extend(more.into_iter().map(|(way, frame)| (way, frame.write())));
                    }
                }
            }
        }
        for (way, text) in sent {
            let message = Message::text(text);
            let gone = match way {
                Way::ToServer => to_server.send(message).await.is_err(),
                Way::ToService => to_service.send(message).await.is_err(),
            };
            if gone {
                return;
            }
        }
    }
}
