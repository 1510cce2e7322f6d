//! How long a connection may keep the server waiting.

use std::thread;
use std::time::Duration;

use super::line::{Line, Seen};
use super::{configured, serves_others};
use crate::harness::{PATIENCE, figure, now};

const SHORT: &str = "[connections]\nheader_timeout_seconds = 1\nbody_timeout_seconds = 1\nwrite_timeout_seconds = 1\n\
                     idle_timeout_seconds = 600\n";

/// Half-sent heads, silence, bodies that stand still and readers of one byte now and then: a server that waits for all of them
/// serves others, and closes each. `GLEITZEIT_STRANGERS` says how many half-sent heads there are; of readers there is a quarter.
#[test]
fn whoever_keeps_the_server_waiting_is_closed() {
    let base = tempfile::tempdir().expect("a temporary directory");
    let server = configured(&base, SHORT);
    let count = usize::try_from(figure("GLEITZEIT_STRANGERS", 200)).expect("it is small");
    let open = |count: usize, said: &[u8]| -> Vec<Line> {
        let lines = (0..count).map(|_| {
            let mut line = Line::open(&server);
            assert!(line.say(said), "a new connection takes a few bytes");
            line
        });
        lines.collect()
    };
    let half = open(count, b"GET /api/v1/workflows HTTP/1.1\r\nHost: x\r\nX-Slow: ");
    let silent = open(50, b"");
    serves_others(&server);
    let mut bodies = open(
        50,
        b"POST /api/v1/validate HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\n{\"name\"",
    );
    let mut slow = open(count / 4, b"");
    for line in &mut slow {
        // More than the buffers of the system hold, asked for at once and never read.
        let asked = b"GET /openapi.json HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".repeat(100);
        assert!(line.say(&asked), "requests are small");
    }
    serves_others(&server);
    for mut line in half.into_iter().chain(silent) {
        assert_eq!(line.rest(), b"", "it is closed without a word");
    }
    for line in &mut bodies {
        let (status, body) = line.answer();
        assert!(status == 408 && body.contains("GZ6003"), "{status} {body}");
    }
    serves_others(&server);
    let begin = now();
    while server.descriptors() > 100 {
        for line in &mut slow {
            line.sip();
        }
        assert!(begin.elapsed() < PATIENCE, "slow readers are still there");
        thread::sleep(Duration::from_millis(50));
    }
    serves_others(&server);
}

/// What trickles in does not count as progress: a head has to be whole in time.
#[test]
fn a_head_that_trickles_in_is_closed() {
    let base = tempfile::tempdir().expect("a temporary directory");
    let server = configured(&base, SHORT);
    let mut line = Line::open(&server);
    assert_eq!(line.ask("GET /livez"), 200);
    let begin = now();
    let mut said = line.say(b"GET /livez HTTP/1.1\r\nX-Slow: ");
    while said && line.look() == Seen::Open {
        said = line.say(b"x");
        assert!(begin.elapsed() < PATIENCE, "it trickles for ever");
    }
}

/// The bounds are for those who speak; who has been answered may rest, and a websocket is a websocket.
#[test]
fn connections_in_use_are_left_alone() {
    let base = tempfile::tempdir().expect("a temporary directory");
    let server = configured(&base, SHORT);
    let mut kept = Line::open(&server);
    assert_eq!(kept.ask("GET /livez"), 200);
    let mut socket = Line::open(&server);
    assert_eq!(socket.upgrade(""), 101);
    assert!(socket.text().starts_with("0{"), "engine.io opens");
    assert!(socket.send_text("40/cluster,"));
    let opened = socket.text();
    assert!(opened.starts_with("40/cluster,{"), "the namespace opens: {opened}");
    // A body may take longer than the bound as long as something comes.
    let mut slow = Line::open(&server);
    assert!(slow.say(b"POST /api/v1/validate HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 30\r\n\r\n"));
    for _ in 0..30 {
        assert!(slow.say(b" "));
        thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(slow.answer().0, 400, "an empty body is read to its end");
    assert_eq!(kept.ask("GET /livez"), 200, "it was idle for longer than a head may take");
    assert!(socket.text().starts_with("42/cluster,"), "the greeting");
    assert!(socket.send_text("42/cluster,1[\"cluster:stats\",{}]"));
    assert!(socket.text().contains("connected_clients"), "it is answered");
}

#[test]
fn who_rests_for_too_long_is_closed() {
    let base = tempfile::tempdir().expect("a temporary directory");
    let server = configured(&base, "[connections]\nidle_timeout_seconds = 1\n");
    let mut line = Line::open(&server);
    assert_eq!(line.ask("GET /livez"), 200);
    assert_eq!(line.rest(), b"");
}

/// A head of any length would be memory of the server.
#[test]
fn a_head_without_end_is_refused() {
    let base = tempfile::tempdir().expect("a temporary directory");
    let server = configured(&base, "");
    let mut line = Line::open(&server);
    line.say(b"GET / HTTP/1.1\r\nX-Long: ");
    line.say(&vec![b'x'; 128 << 10]);
    assert_eq!(line.answer().0, 431);
}
