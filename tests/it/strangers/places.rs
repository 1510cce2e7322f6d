//! How many connections there may be.

use super::configured;
use super::line::Line;
use crate::harness::{PATIENCE, until};

#[test]
fn nobody_takes_more_places_than_there_are() {
    for setting in ["max", "per_address"] {
        let base = tempfile::tempdir().expect("a temporary directory");
        let server = configured(&base, &format!("[connections]\n{setting} = 5\n"));
        let mut held: Vec<Line> = (0..5).map(|_| Line::open(&server)).collect();
        for line in &mut held {
            assert_eq!(line.ask("GET /livez"), 200, "{setting}");
        }
        let (status, why) = Line::open(&server).answer();
        assert!(status == 503 && why.contains("too many connections"), "{setting}: {status} {why}");
        for line in &mut held {
            assert_eq!(line.ask("GET /livez"), 200, "{setting}: those who are in stay in");
        }
        held.pop();
        until("a place that was left is given away", PATIENCE, || {
            // The answer of a server that is full may come as a closed connection once the request is on its way.
            let mut line = Line::open(&server);
            line.say(b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");
            line.rest().starts_with(b"HTTP/1.1 200").then_some(())
        });
    }
}
