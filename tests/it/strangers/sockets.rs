//! Sockets that are about to open, and what they may send.

use std::path::Path;

use tempfile::TempDir;

use super::line::Line;
use super::{configured, path, serves_others, sid};
use crate::access::init;
use crate::harness::{PATIENCE, Server, until};

const BEGIN: &str = "GET /socket.io/?EIO=4&transport=polling";

/// A server that asks for keys, with settings, and its first key.
pub(super) fn guarded(base: &TempDir, settings: &str) -> (Server, String) {
    let (file, data) = (base.path().join("settings.toml"), base.path().join("data"));
    std::fs::write(&file, settings).expect("it can be written");
    let key = init(&data);
    assert!(key.status.success(), "the first key is made");
    let key = String::from_utf8(key.stdout).expect("keys are text").trim().to_owned();
    (Server::start(Path::new(&data), &["--config", path(&file)]), key)
}

/// A websocket that has opened its namespace.
pub(super) fn joined(server: &Server) -> Line {
    let mut line = Line::open(server);
    assert_eq!(line.upgrade(""), 101);
    assert!(line.text().starts_with("0{") && line.send_text("40/cluster,"));
    assert!(line.text().starts_with("40/cluster,{"));
    assert!(line.text().starts_with("42/cluster,[\"connected\""));
    line
}

pub(super) fn authenticate(line: &mut Line, key: &str) {
    assert!(line.send_text(&format!("42/cluster,1[\"authenticate\",{{\"token\":\"{key}\"}}]")));
    let answers = [line.text(), line.text()];
    assert!(answers.iter().all(|answer| answer.contains("\"success\":true")), "{answers:?}");
}

/// What a ping and a farewell take.
const LITTLE_BYTES: usize = 8;

/// Asserts that a websocket ends, with no more than a ping and a farewell.
fn cut_off(mut line: Line) {
    let rest = line.rest();
    assert!(rest.len() <= LITTLE_BYTES, "{rest:?}");
}

#[test]
fn handshakes_that_never_join_are_bounded_and_end() {
    let base = tempfile::tempdir().expect("a temporary directory");
    let server = configured(&base, "[connections]\nopening_max = 20\nopening_timeout_seconds = 2\n");
    let mut line = Line::open(&server);
    let statuses: Vec<u16> = (0..60).map(|_| line.ask(BEGIN)).collect();
    let taken = statuses.iter().filter(|status| **status == 200).count();
    assert!(statuses.contains(&503) && taken >= 20, "{statuses:?}");
    assert!(statuses.iter().all(|status| [200, 503].contains(status)), "{statuses:?}");
    serves_others(&server);
    until("those that never joined are gone", PATIENCE, || (line.ask(BEGIN) == 200).then_some(()));
    let mut others: Vec<Line> = Vec::new();
    until("sockets that join take no place for long", PATIENCE, || {
        let mut socket = Line::open(&server);
        if socket.upgrade("") == 101 {
            assert!(socket.text().starts_with("0{") && socket.send_text("40/cluster,"));
            assert!(socket.text().starts_with("40/cluster,{"));
            others.push(socket);
        }
        (others.len() > 25).then_some(())
    });
}

#[test]
fn one_address_leaves_room_for_others_to_open() {
    let base = tempfile::tempdir().expect("a temporary directory");
    let server = configured(&base, "[connections]\nopening_per_address = 3\nopening_timeout_seconds = 600\n");
    let mut line = Line::open(&server);
    let statuses: Vec<u16> = (0..5).map(|_| line.ask(BEGIN)).collect();
    assert_eq!(statuses, [200, 200, 200, 503, 503]);
}

#[test]
fn who_shows_no_key_is_sent_away() {
    let base = tempfile::tempdir().expect("a temporary directory");
    let (server, key) = guarded(&base, "[connections]\nopening_timeout_seconds = 2\n");
    let mut known = joined(&server);
    authenticate(&mut known, &key);
    let mut stranger = joined(&server);
    assert_eq!(stranger.text(), "41/cluster,", "it has to leave the namespace");
    // It does not come back on the same connection, which keeps its place no longer than until its next word.
    stranger.send_text("40/cluster,");
    cut_off(stranger);
    assert!(known.send_text("42/cluster,2[\"cluster:stats\",{}]"));
    assert!(known.text().contains("connected_clients"), "who has shown a key stays");
}

/// What a frame of 30 MiB claims to bring is not waited for.
#[test]
fn strangers_may_not_send_much() {
    let base = tempfile::tempdir().expect("a temporary directory");
    let (server, key) = guarded(&base, "");
    let big = |length: usize| {
        let mut frame = vec![0x81, 0xff];
        frame.extend((length as u64).to_be_bytes());
        frame.extend([0; 4]);
        frame.resize(frame.len() + length, b' ');
        frame
    };
    let mut stranger = joined(&server);
    stranger.say(&big(1 << 20));
    cut_off(stranger);
    // The transport reads the first `transport` up to a second `=`.
    let mut odd = Line::open(&server);
    assert_eq!(odd.upgrade("=x"), 101);
    assert!(odd.text().starts_with("0{"));
    odd.say(&big(1 << 20));
    cut_off(odd);

    let mut known = joined(&server);
    authenticate(&mut known, &key);
    let mut event = big(1 << 20);
    let text = b"42/cluster,7[\"cluster:stats\",{}";
    event[14..14 + text.len()].copy_from_slice(text);
    *event.last_mut().expect("it has an end") = b']';
    assert!(known.say(&event), "who has shown a key may send it");
    assert!(known.text().contains("connected_clients"), "and is answered");

    // Over polling, and over a websocket that polling has become.
    let mut line = Line::open(&server);
    let begun = line.ask_for(BEGIN);
    let sid = sid(&begun);
    let query = format!("/socket.io/?EIO=4&transport=polling&sid={sid}");
    let mut sender = Line::open(&server);
    let head = format!("POST {query} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000000\r\n\r\n");
    assert!(sender.say(head.as_bytes()));
    sender.say(&vec![b'4'; 1_000_000]);
    let (status, refused) = sender.answer();
    assert!(status == 413 && refused.contains("GZ7002"), "{status} {refused}");
    let mut moved = Line::open(&server);
    assert_eq!(moved.upgrade(&format!("&sid={sid}")), 101);
    moved.say(&big(1 << 20));
    cut_off(moved);
}
