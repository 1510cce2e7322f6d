//! The examples of the documentation are run: each workflow in a page, and the results that the page shows for it.

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpStream;
use std::path::Path;

use serde_json::{Value, json};

use crate::harness::Server;
use crate::http_task::peer::{Heard, Peer, say};

/// The blocks of a page: the language after the fence, and the text.
fn blocks(page: &str) -> Vec<(String, String)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(page);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut blocks = Vec::new();
    let mut open: Option<(String, String)> = None;
    for line in text.lines() {
        match (line.strip_prefix("```"), &mut open) {
            (Some(language), None) => open = Some((language.to_owned(), String::new())),
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (None, Some((_, block))) => {
                block.push_str(line);
                block.push('\n');
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "{page}: a block has no end");
    blocks
}

/// Runs every workflow of the page in turn; the JSON that follows one is what its results must hold.
fn run(page: &str, server: &Server, replaced: &[(&str, &str)]) {
    let mut results = Value::Null;
    let mut workflows = 0;
    for (language, block) in blocks(page) {
        let block = replaced.iter().fold(block, |text, (from, to)| text.replace(from, to));
        match language.as_str() {
            "yaml" => {
                let answer = server.rest().submit_yaml(&block);
                assert_eq!(answer.status, 201, "{page}: {}\n{block}", answer.body);
                let id = answer.body["id"].as_str().expect("a workflow has an id");
                results = server.rest().read(&format!("/workflows/{id}/results"));
                workflows += 1;
            }
            "json" => {
                let shown: Value =
                    serde_json::from_str(&block).unwrap_or_else(|error| panic!("{page}: {error}\n{block}"));
                holds(&results, &shown, page);
            }
            _ => {}
        }
    }
    assert!(workflows > 0, "{page} has no workflow");
}

/// Everything that is shown is there; there may be more.
fn holds(found: &Value, shown: &Value, at: &str) {
    match (found, shown) {
        (Value::Object(found), Value::Object(shown)) => {
            for (key, value) in shown {
                let at = format!("{at}.{key}");
                holds(found.get(key).unwrap_or_else(|| panic!("{at} is not there: {found:?}")), value, &at);
            }
        }
        _ => assert_eq!(found, shown, "{at}"),
    }
}

#[test]
fn http_tasks() {
    fn script(before: usize, heard: &Heard, stream: &mut TcpStream) -> std::io::Result<()> {
        let answers: BTreeMap<&str, (&str, Value)> = BTreeMap::from([
            ("/users/7", ("200 OK", json!({"id": 7, "name": "Ada", "city": "London"}))),
            ("/search?limit=5&q=tea+time", ("200 OK", json!({"hits": []}))),
            ("/orders", ("201 Created", json!({"id": "o-1"}))),
            ("/login", ("200 OK", json!({"token": "t-42"}))),
            ("/profile", ("200 OK", json!({"name": "Ada"}))),
            ("/maybe", ("404 Not Found", json!({"error": "none"}))),
            ("/busy", ("200 OK", json!({"done": true}))),
        ]);
        if heard.path == "/busy" && before % 2 == 1 {
            return say(stream, "429 Too Many Requests", "Retry-After: 0\r\n", b"");
        }
        let Some((status, body)) = answers.get(heard.path.as_str()) else {
            return say(stream, "418 I'm a teapot", "", heard.path.as_bytes());
        };
        say(stream, status, "Content-Type: application/json\r\n", body.to_string().as_bytes())
    }
    let data = tempfile::tempdir().expect("a temporary directory");
    let peer = Peer::start(script);
    let server = Server::start(data.path(), &["--http-allow", "127.0.0.0/8"]);
    run("tasks/http.md", &server, &[("https://api.example.com", &peer.url(""))]);
}

#[test]
fn file_tasks() {
    let base = tempfile::tempdir().expect("a temporary directory");
    let root = base.path().join("files");
    fs::create_dir_all(root.join("in")).expect("new folders");
    fs::write(root.join("in/orders.csv"), "item,price\ntea,3\ncake,5\n").expect("it can be written");
    fs::write(root.join("in/logo.png"), [0x89, b'P', b'N', b'G']).expect("it can be written");
    let server =
        Server::start(&base.path().join("data"), &["--files-root", root.to_str().expect("a path of text")]);
    run("tasks/file.md", &server, &[]);
}
