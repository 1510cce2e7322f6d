//! Pages of other sites that open a socket in the name of their visitor. Browsers ask nobody before they do, so the server looks
//! at the origin of every request of a socket, on either transport, and refuses a foreign one before there is a session.

use std::process::Command;

use serde_json::Value;

use super::line::Line;
use super::tls::Certificate;
use super::{configured, path, sid};
use crate::harness::Server;

/// Who opens a socket, by the headers `Origin` and `Host`, and whether that is one of ours. `{own}` stands for the address at which
/// the server listens, `{port}` for its port.
const CASES: &[(&str, Option<&str>, &str, Opens)] = &[
    ("a program", None, "{own}", Opens::Taken),
    ("the dashboard", Some("http://{own}"), "{own}", Opens::Taken),
    ("the dashboard behind a proxy with TLS", Some("https://{own}"), "{own}", Opens::Taken),
    ("the dashboard by name", Some("http://localhost:{port}"), "localhost:{port}", Opens::Taken),
    ("a page that is named", Some("https://flows.example.org"), "{own}", Opens::Taken),
    ("a named page on another port", Some("https://flows.example.org:8443"), "{own}", Opens::Refused),
    ("a named page without TLS", Some("http://flows.example.org"), "{own}", Opens::Refused),
    ("a page below a named one", Some("https://x.flows.example.org"), "{own}", Opens::Refused),
    (
        "a page that begins like a named one",
        Some("https://flows.example.org.evil.example"),
        "{own}",
        Opens::Refused,
    ),
    ("a page that ends like a named one", Some("https://evilflows.example.org"), "{own}", Opens::Refused),
    ("a foreign page", Some("https://evil.example"), "{own}", Opens::Refused),
    ("a sandboxed frame, or a file", Some("null"), "{own}", Opens::Refused),
    ("nothing that is an origin", Some("{own}"), "{own}", Opens::Refused),
    ("an empty origin", Some(""), "{own}", Opens::Refused),
    ("a host that begins like the own", Some("http://{own}.evil.example"), "{own}", Opens::Refused),
    ("a host that ends like the own", Some("http://evil.example{own}"), "{own}", Opens::Refused),
    ("the own host as a path", Some("http://evil.example/{own}"), "{own}", Opens::Refused),
    ("the own host as a user", Some("http://{own}@evil.example"), "{own}", Opens::Refused),
    ("another server of this machine", Some("http://127.0.0.1:1"), "{own}", Opens::Refused),
    ("the own host without a port", Some("http://127.0.0.1"), "{own}", Opens::Refused),
    ("another name of this machine", Some("http://localhost:{port}"), "{own}", Opens::Refused),
    ("another scheme", Some("ftp://{own}"), "{own}", Opens::Refused),
    ("an extension that is called so", Some("chrome-extension://{own}"), "{own}", Opens::Refused),
    (
        "a name that leads here since a moment",
        Some("http://rebound.example:{port}"),
        "rebound.example:{port}",
        Opens::Refused,
    ),
    ("such a name without an origin", None, "rebound.example:{port}", Opens::Refused),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Opens {
    Taken,
    Refused,
}

impl Opens {
    fn check(self, what: &str, taken: u16, (status, body): (u16, String)) {
        match self {
            Self::Taken => assert_eq!(status, taken, "{what}: {body}"),
            Self::Refused => {
                let problem: Value = serde_json::from_str(&body).unwrap_or_default();
                assert!(status == 403 && problem["code"] == "GZ4030", "{what}: {status} {body}");
            }
        }
    }
}

const POLLING: &str = "/socket.io/?EIO=4&transport=polling";
const WEBSOCKET: &str = "/socket.io/?EIO=4&transport=websocket";
const UPGRADE: [&str; 4] = [
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version: 13",
];

/// What a browser says of itself.
fn headers(server: &Server, origin: Option<&str>, host: &str) -> Vec<String> {
    let own = server.url().replace("http://", "");
    let port = own.rsplit(':').next().expect("it has a port").to_owned();
    let filled = |text: &str| text.replace("{own}", &own).replace("{port}", &port);
    let origin = origin.map(|origin| format!("Origin: {}", filled(origin)));
    [format!("Host: {}", filled(host))].into_iter().chain(origin).collect()
}

/// A connection that a program has begun by polling.
fn begun(server: &Server) -> String {
    sid(&Line::open(server).ask_for(&format!("GET {POLLING}"))).to_owned()
}

#[test]
fn no_page_of_another_site_opens_a_socket() {
    let base = tempfile::tempdir().expect("a temporary directory");
    let server = configured(&base, "allowed_origins = [\"https://flows.example.org\"]\n");
    for &(what, origin, host, opens) in CASES {
        let headers = headers(&server, origin, host);
        let upgrade: Vec<String> = headers.iter().cloned().chain(UPGRADE.map(str::to_owned)).collect();
        let line = || Line::open(&server);
        opens.check(what, 200, line().send(&format!("GET {POLLING}"), &headers, ""));
        opens.check(what, 101, line().send(&format!("GET {WEBSOCKET}"), &upgrade, ""));
        // A connection whose id somebody has learned is not to be had either.
        let sid = begun(&server);
        opens.check(what, 200, line().send(&format!("POST {POLLING}&sid={sid}"), &headers, "40/cluster,"));
        opens.check(what, 200, line().send(&format!("GET {POLLING}&sid={sid}"), &headers, ""));
        opens.check(what, 101, line().send(&format!("GET {WEBSOCKET}&sid={sid}"), &upgrade, ""));
    }
}

/// Whatever is refused has taken no place.
#[test]
fn a_foreign_page_leaves_no_session_behind() {
    let base = tempfile::tempdir().expect("a temporary directory");
    let server = configured(&base, "[connections]\nopening_max = 2\nopening_timeout_seconds = 600\n");
    let foreign = headers(&server, Some("https://evil.example"), "{own}");
    let upgrade: Vec<String> = foreign.iter().cloned().chain(UPGRADE.map(str::to_owned)).collect();
    for _ in 0..10 {
        assert_eq!(Line::open(&server).send(&format!("GET {POLLING}"), &foreign, "").0, 403);
        assert_eq!(Line::open(&server).send(&format!("GET {WEBSOCKET}"), &upgrade, "").0, 403);
    }
    let statuses = [0; 3].map(|_| Line::open(&server).ask(&format!("GET {POLLING}")));
    assert_eq!(statuses, [200, 200, 503]);
}

/// A server that speaks TLS has no pages that came without it.
#[test]
fn a_page_without_tls_is_not_one_of_a_server_with_it() {
    let base = tempfile::tempdir().expect("a temporary directory");
    let certificate = Certificate::make(&base.path().join("a"));
    let server = Server::start(&base.path().join("data"), &certificate.flags());
    let own = server.url().replace("http://", "");
    let ask = |request: &str, headers: &[String]| {
        let mut curl = Command::new("curl");
        curl.args([
            "-sS",
            "--noproxy",
            "*",
            "--http1.1",
            "-w",
            "\n%{http_code}",
            "--cacert",
            path(&certificate.ca),
        ]);
        curl.args(headers.iter().flat_map(|header| ["-H", header])).arg(format!("https://{own}{request}"));
        let said = String::from_utf8(curl.output().expect("curl is there").stdout).expect("it is text");
        let (body, status) = said.rsplit_once('\n').expect("the status comes last");
        (status.parse().expect("a number"), body.to_owned())
    };
    for (what, origin, opens) in [
        ("a program", None, Opens::Taken),
        ("the dashboard", Some("https://{own}"), Opens::Taken),
        ("a page without TLS", Some("http://{own}"), Opens::Refused),
        ("a foreign page", Some("https://evil.example"), Opens::Refused),
    ] {
        let headers = headers(&server, origin, "{own}");
        opens.check(what, 200, ask(POLLING, &headers));
        if opens == Opens::Refused {
            let upgrade: Vec<String> = headers.into_iter().chain(UPGRADE.map(str::to_owned)).collect();
            opens.check(what, 101, ask(WEBSOCKET, &upgrade));
        }
    }
}
