//! The Rust wire client against python-socketio.

use std::time::Duration;

use gleitzeit::client::Tls;
use gleitzeit::client::wire::{ConnectOptions, Connection, DecodeError, Packet, Socket, WireError};
use serde_json::{Value, json};

use crate::scripted_server::{ScriptedServer, certificate};

/// Generous: it only ends tests that would wait for ever.
const PATIENCE: Duration = Duration::from_mins(3);

#[tokio::test]
async fn events_and_acknowledgements_go_both_ways() {
    let mut server = ScriptedServer::start().await;
    let options = ConnectOptions::new(server.url()).auth(json!({"who": "test"}));
    let (socket, mut events) = Socket::connect(&options).await.unwrap();
    assert_eq!(server.expect("connect").await, json!({"who": "test"}));
    let hello = events.next().await.unwrap();
    assert_eq!(hello.name, "connected");
    assert_eq!(hello.parse::<Value>().unwrap()["sid"], json!(socket.opened().sid));

    server.answer("question", json!([{"answer": "ünï\n"}])).await;
    // Long enough for a frame with a 64-bit length.
    let long = "x".repeat(200_000);
    let ack = socket.emit_with_ack("question", &json!({"text": long}), PATIENCE).await.unwrap();
    assert_eq!(ack.parse::<Value>().unwrap(), json!({"answer": "ünï\n"}));
    assert_eq!(server.expect("question").await["text"], json!(long));

    server.tell(json!({"do": "call", "event": "asked", "data": [1, {"a": null}]})).await;
    let asked = events.next().await.unwrap();
    assert_eq!((asked.name.as_str(), asked.data.get()), ("asked", r#"[1,{"a":null}]"#));
    socket.acknowledge(asked.ack_id.unwrap(), &json!("told")).await.unwrap();
    assert_eq!(server.expect("answered").await, "told");

    socket.close().await;
    assert!(events.next().await.is_none());
    server.expect("disconnect").await;
    assert!(matches!(socket.emit("late", &1).await, Err(WireError::Closed(_))));
}

#[tokio::test]
async fn order_is_kept_and_pings_are_answered() {
    let mut server = ScriptedServer::start().await;
    let (socket, mut events) = Socket::connect(&ConnectOptions::new(server.url())).await.unwrap();
    for number in 0..2_000 {
        socket.emit("number", &number).await.unwrap();
    }
    let mut numbers = Vec::new();
    for _ in 0..2_000 {
        numbers.push(server.expect("number").await.as_u64().unwrap());
    }
    // The handlers of python-socketio run side by side, but they start in order and this one never waits.
    assert!(numbers.is_sorted());
    for _ in 0..3 {
        server.expect("pong").await;
    }
    assert!(!server.has_seen("disconnect"));
    server.emit("still", json!("there")).await;
    assert_eq!(events.next().await.unwrap().name, "connected");
    assert_eq!(events.next().await.unwrap().name, "still");
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_an_error_in_time() {
    let mut server = ScriptedServer::start().await;
    let (socket, mut events) = Socket::connect(&ConnectOptions::new(server.url())).await.unwrap();
    server.answer("question", json!([null, null])).await;
    let late = socket.emit_with_ack("question", &1, Duration::from_millis(200)).await;
    assert!(matches!(late, Err(WireError::Timeout { .. })), "{late:?}");

    server.expect("question").await;
    let promise = socket.emit_acked("question", &2).await.unwrap();
    server.expect("question").await;
    server.tell(json!({"do": "cut"})).await;
    assert!(matches!(promise.answer().await, Err(WireError::Closed(_))));
    while events.next().await.is_some() {}
    assert!(matches!(events.end().await, WireError::Closed(_)), "{:?}", events.end().await);
}

#[tokio::test]
async fn a_binary_event_is_refused_with_words() {
    let mut server = ScriptedServer::start().await;
    let (_socket, mut events) = Socket::connect(&ConnectOptions::new(server.url())).await.unwrap();
    server.tell(json!({"do": "binary"})).await;
    while events.next().await.is_some() {}
    let end = events.end().await;
    assert!(matches!(end, WireError::Decode(DecodeError::Binary)), "{end:?}");
}

#[tokio::test]
async fn the_halves_batch_without_tasks() {
    let mut server = ScriptedServer::start().await;
    let connection = Connection::open(&ConnectOptions::new(server.url())).await.unwrap();
    assert_eq!(connection.opened().ping_interval, Duration::from_secs(1));
    let (mut reader, mut writer) = connection.split();
    for id in 0..100 {
        writer.feed_event("number", Some(id), &id).await.unwrap();
    }
    assert!(reader.try_next().is_none_or(|packet| packet.is_ok()));
    writer.flush().await.unwrap();
    let mut answers = 0;
    while answers < 100 {
        match reader.next().await.unwrap() {
            Packet::Ack(ack) => {
                assert_eq!(ack.args.first::<Value>().unwrap()["ok"], true);
                answers += 1;
            }
            Packet::Ping => writer.pong().await.unwrap(),
            Packet::Event(event) => assert_eq!(event.name, "connected"),
            Packet::Open(_) | Packet::Close | Packet::Pong | Packet::Noop => panic!("not now"),
            Packet::Connect { .. } | Packet::Disconnect { .. } | Packet::ConnectError { .. } => {
                panic!("not now")
            }
        }
    }
    writer.close().await.unwrap();
    server.expect("disconnect").await;
}

#[tokio::test]
async fn refusals_name_what_is_wrong() {
    let server = ScriptedServer::start().await;
    let wrong = ConnectOptions::new(server.url()).namespace("/elsewhere");
    let error = Connection::open(&wrong).await.unwrap_err();
    assert!(matches!(&error, WireError::Refused { namespace, .. } if namespace == "/elsewhere"), "{error}");

    let nobody = Connection::open(&ConnectOptions::new("http://127.0.0.1:1")).await.unwrap_err();
    assert!(nobody.to_string().starts_with("cannot reach 127.0.0.1:1: "), "{nobody}");

    let prefixed = ConnectOptions::new(format!("{}/prefix", server.url()));
    let error = Connection::open(&prefixed).await.unwrap_err();
    assert!(matches!(error, WireError::Handshake { .. }), "{error}");
}

#[tokio::test]
async fn tls_trusts_whom_it_is_told_to() {
    let mut server = ScriptedServer::start_with_tls().await;
    let options = ConnectOptions::new(format!("https://localhost:{}", server.port));
    let error = Connection::open(&options).await.unwrap_err();
    assert!(matches!(error, WireError::Untrusted { .. }), "{error}");

    let trusting = options.tls(Tls::only(&certificate()).unwrap());
    let (socket, _events) = Socket::connect(&trusting).await.unwrap();
    socket.emit("hello", &json!({})).await.unwrap();
    assert_eq!(server.expect("hello").await, json!({}));
    assert!(matches!(Tls::only(b"nothing"), Err(WireError::Certificates(_))));
}
