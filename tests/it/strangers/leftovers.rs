//! Bodies that no route looks at: a connection outlives them, however slowly they come.

use std::thread;
use std::time::Duration;

use super::line::{Line, Seen};
use super::serves_others;
use crate::harness::{PATIENCE, Server, until};

/// So long a body comes after its head, which is enough for an answer to overtake it.
const LATE: Duration = Duration::from_millis(200);

/// A verb without a body, a refusal before the body, and a route that there is not.
const UNREAD: [(&str, u16); 3] =
    [("POST /api/v1/workflows/nobody/cancel", 404), ("GET /api/v1/stats", 200), ("POST /nowhere", 404)];

fn head(request: &str, more: &str) -> Vec<u8> {
    format!("{request} HTTP/1.1\r\nHost: 127.0.0.1\r\n{more}\r\n\r\n").into_bytes()
}

#[test]
fn a_connection_goes_on_behind_a_body_that_nobody_reads() {
    let data = tempfile::tempdir().expect("a temporary directory");
    let server = Server::start(data.path(), &[]);
    let mut line = Line::open(&server);
    for (request, status) in UNREAD {
        for (more, body) in
            [("Content-Length: 2", "{}"), ("Transfer-Encoding: chunked", "2\r\n{}\r\n0\r\n\r\n")]
        {
            assert!(line.say(&head(request, more)), "{request}");
            thread::sleep(LATE);
            assert!(line.say(body.as_bytes()), "{request}");
            assert_eq!(line.answer().0, status, "{request} with {more}");
        }
    }
    assert_eq!(line.ask("GET /api/v1/stats"), 200);
}

/// A client that has not sent everything hears the answer all the same, and is not told that the connection is broken.
#[test]
fn whoever_is_refused_may_still_send_while_the_answer_is_on_its_way() {
    let data = tempfile::tempdir().expect("a temporary directory");
    let server = Server::start(data.path(), &[]);
    let piece = vec![b' '; 64 << 10];
    // What is read on has a bound in time, so a slow machine may need another attempt.
    until("all of it is sent", PATIENCE, || {
        let mut line = Line::open(&server);
        assert!(line.say(&head("POST /api/v1/workflows/nobody/cancel", "Content-Length: 1000000")));
        assert_eq!(line.answer().0, 404);
        assert!(line.say(&piece), "it can only be found out now that nobody reads");
        thread::sleep(LATE);
        (line.say(&piece) && line.rest().is_empty()).then_some(())
    });
}

#[test]
fn nobody_waits_for_a_body_that_is_too_long_or_waits_itself() {
    let data = tempfile::tempdir().expect("a temporary directory");
    let server = Server::start(data.path(), &[]);
    for more in ["Content-Length: 100000000", "Content-Length: 2\r\nExpect: 100-continue"] {
        let mut line = Line::open(&server);
        assert!(line.say(&head("POST /api/v1/workflows/nobody/cancel", more)), "{more}");
        assert_eq!(line.answer().0, 404, "{more}");
        assert_eq!(line.rest(), b"", "it ends behind the answer: {more}");
    }
    // One that does not come at all is given up.
    let mut line = Line::open(&server);
    assert!(line.say(&head("POST /api/v1/workflows/nobody/cancel", "Content-Length: 2")));
    assert_eq!(line.look(), Seen::Open);
    serves_others(&server);
    assert_eq!(line.answer().0, 404);
}
