//! What a packet costs the client, and how long one takes over loopback: `cargo bench --bench wire`.
//!
//! The other side of the loopback is an echo of acknowledgements on a thread of its own, with the same websocket
//! library and the same codec; so the figures are of client, echo and kernel together.

use std::hint::black_box;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use gleitzeit::client::wire::{ConnectOptions, Connection, Packet, Reader, Socket, Writer, decode, encode};
use serde::{Deserialize, Serialize};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

const RUN: Duration = Duration::from_secs(2);

/// About 250 bytes as a frame, which is what a completed task is.
#[derive(Serialize, Deserialize)]
struct Completed<'a> {
    task_id: &'a str,
    workflow_id: &'a str,
    attempt: u32,
    node_id: &'a str,
    result: &'a str,
}

const COMPLETED: Completed<'static> = Completed {
    task_id: "0190f5a3-8c1e-7b3a-9d21-3f8a5be1c001.17",
    workflow_id: "0190f5a3-8c1e-7b3a-9d21-3f8a5be1c001",
    attempt: 1,
    node_id: "bench-1",
    result: "the result of a task, about eighty bytes long, as many results of tasks are",
};

fn main() {
    codec();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime can be made").block_on(async {
        let url = echo_server();
        for window in [1, 100] {
            halves(&url, window).await;
        }
        for window in [1, 100] {
            socket(&url, window).await;
        }
    });
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
fn now() -> Instant {
    Instant::now()
}

fn codec() {
    let mut out = Vec::with_capacity(1 << 16);
    each("encode an event", || {
        out.clear();
        encode::event(&mut out, "/cluster", Some(7), "task:completed", &COMPLETED).expect("it is JSON");
        black_box(&out);
    });
    let frame = String::from_utf8(out).expect("it is JSON");
    println!("the frame has {} bytes", frame.len());
    each("decode the packet only", || {
        black_box(decode(&frame).expect("it is a packet"));
    });
    each("decode and read its data, borrowed", || {
        let Ok(Packet::Event(event)) = decode(&frame) else { unreachable!("it is an event") };
        black_box(event.args.first::<Completed<'_>>().expect("it is what was written"));
    });
    each("decode an acknowledgement and read it", || {
        #[derive(Deserialize)]
        struct Reply {
            ok: bool,
            seq: u64,
        }
        let frame = black_box(r#"43/cluster,12[{"ok":true,"seq":123456}]"#);
        let Ok(Packet::Ack(ack)) = decode(frame) else { unreachable!("it is an acknowledgement") };
        let reply: Reply = ack.args.first().expect("it is a reply");
        black_box((reply.ok, reply.seq));
    });
}

/// The best of many short rounds, which is the one that nothing else on the machine disturbed.
fn each(what: &str, mut action: impl FnMut()) {
    const ROUND: u32 = 1_000;
    let (start, mut best) = (now(), Duration::MAX);
    while start.elapsed() < RUN {
        let round = now();
        (0..ROUND).for_each(|_| action());
        best = best.min(round.elapsed());
    }
    println!("{what}: {} ns", best.as_nanos() / u128::from(ROUND));
}

/// Round trips with `window` of them under way, batched as the load generator does it.
async fn halves(url: &str, window: u64) {
    let connection = Connection::open(&ConnectOptions::new(url)).await.expect("the echo accepts");
    let (mut reader, mut writer) = connection.split();
    let mut sent_at = vec![now(); usize::try_from(window).expect("it is small")];
    let mut trips = Vec::new();
    for id in 0..window {
        send(&mut writer, id).await;
    }
    writer.flush().await.expect("the echo reads");
    let start = now();
    while start.elapsed() < RUN {
        let mut answered = vec![next_ack(&mut reader).await];
        while let Some(Ok(Packet::Ack(ack))) = reader.try_next() {
            answered.push(ack.id);
        }
        let time = now();
        for id in answered {
            let place = usize::try_from(id).expect("it is small");
            if let Some(sent) = sent_at.get_mut(place) {
                trips.push(time - std::mem::replace(sent, time));
            }
            send(&mut writer, id).await;
        }
        writer.flush().await.expect("the echo reads");
    }
    show("halves", window, start.elapsed(), trips);
}

async fn send(writer: &mut Writer, id: u64) {
    writer.feed_event("task:completed", Some(id), &COMPLETED).await.expect("the echo reads");
}

async fn next_ack(reader: &mut Reader) -> u64 {
    let packet = reader.next().await.expect("the echo lives");
    let Packet::Ack(ack) = packet else { unreachable!("the echo only acknowledges") };
    ack.id
}

/// The same through the socket with tasks of its own.
async fn socket(url: &str, window: u64) {
    let (socket, _events) = Socket::connect(&ConnectOptions::new(url)).await.expect("the echo accepts");
    let start = now();
    let workers = (0..window).map(|_| {
        let socket = socket.clone();
        tokio::spawn(async move {
            let mut trips = Vec::new();
            while start.elapsed() < RUN {
                let sent = now();
                let ack = socket.emit_with_ack("task:completed", &COMPLETED, RUN).await;
                black_box(ack.expect("the echo lives"));
                trips.push(sent.elapsed());
            }
            trips
        })
    });
    let mut trips = Vec::new();
    for worker in workers.collect::<Vec<_>>() {
        trips.extend(worker.await.expect("it does not panic"));
    }
    show("socket", window, start.elapsed(), trips);
}

fn show(what: &str, window: u64, took: Duration, mut trips: Vec<Duration>) {
    trips.sort_unstable();
    let at = |permille: usize| {
        let place = (trips.len() - 1) * permille / 1_000;
        trips.get(place).map_or(0.0, |trip| trip.as_secs_f64() * 1e6)
    };
    let rate = u128::try_from(trips.len()).unwrap_or_default() * 1_000_000 / took.as_micros().max(1);
    println!("{what}, window {window}: {rate} round trips/s, p50 {:.0} us, p99 {:.0} us", at(500), at(990));
}

fn echo_server() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback has free ports");
    listener.set_nonblocking(true).expect("sockets can be non-blocking");
    let url = format!("http://{}", listener.local_addr().expect("it is bound"));
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime can be made").block_on(async {
            let listener = TcpListener::from_std(listener).expect("it is non-blocking");
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(echo(stream));
            }
        });
    });
    url
}

/// Opens, joins, and acknowledges every event; flushes when there is nothing more to read.
async fn echo(stream: TcpStream) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let websocket = tokio_tungstenite::accept_async(stream).await.ok()?;
    let (mut sink, mut incoming) = websocket.split();
    let open = r#"0{"sid":"e","upgrades":[],"pingInterval":25000,"pingTimeout":20000}"#;
    sink.send(Message::text(open)).await.ok()?;
    incoming.next().await?.ok()?;
    sink.send(Message::text(r#"40/cluster,{"sid":"s"}"#)).await.ok()?;
    let mut out = Vec::new();
    let mut batch = incoming.ready_chunks(1_000);
    while let Some(messages) = batch.next().await {
        for message in messages {
            let Message::Text(text) = message.ok()? else { continue };
            let Ok(Packet::Event(event)) = decode(text.as_str()) else { continue };
            let seq = serde_json::json!({"ok": true, "seq": 1});
            encode::ack(&mut out, "/cluster", event.id?, &seq).ok()?;
            let frame = Utf8Bytes::try_from(Bytes::copy_from_slice(&out)).ok()?;
            out.clear();
            sink.feed(Message::Text(frame)).await.ok()?;
        }
        sink.flush().await.ok()?;
    }
    Some(())
}
