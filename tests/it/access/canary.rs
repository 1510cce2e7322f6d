//! A secret is in the answer that tells it, and nowhere else.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::{init, text};
use crate::harness::gleitzeit;

fn holding(folder: &Path, secret: &[u8], found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("it can be listed").path();
        if path.is_dir() {
            holding(&path, secret, found);
        } else if fs::read(&path).expect("a file").windows(secret.len()).any(|part| part == secret) {
            found.push(path.display().to_string());
        }
    }
}

fn ask(url: &str, key: &str, method: &str, path: &str, body: &Value) -> String {
    let request = ureq::http::Request::builder().method(method).uri(format!("{url}{path}"));
    let request =
        request.header("Authorization", format!("Bearer {key}")).header("Accept", "application/json");
    let request = request.header("Content-Type", "application/json");
    let config = ureq::Agent::config_builder().http_status_as_error(false);
    let agent = ureq::Agent::new_with_config(config.build());
    let answer = match method {
        "GET" => agent.run(request.body(()).expect("a request")),
        _ => agent.run(request.body(body.to_string()).expect("a request")),
    };
    answer.expect("an answer").body_mut().read_to_string().expect("text")
}

#[test]
fn no_file_no_log_and_no_other_answer_holds_a_secret() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let data = folder.path().join("data");
    let output = init(&data);
    let admin = text(&output.stdout).trim().to_owned();
    assert!(!text(&output.stderr).contains(&admin));
    let log = folder.path().join("log");
    let mut server = gleitzeit();
    server.args(["serve", "--port", "0", "--data-dir"]).arg(&data).env("GLEITZEIT_LOG", "trace");
    let file = fs::File::create(&log).expect("a new file");
    let mut server = server.stdout(Stdio::piped()).stderr(file).spawn().expect("the binary can be started");
    let mut out = BufReader::new(server.stdout.take().expect("a pipe"));
    let url = line(&mut out).strip_prefix("gleitzeit listening on ").expect("the address").to_owned();

    let made =
        ask(&url, &admin, "POST", "/api/v1/keys", &json!({"user": "admin", "name": "k", "role": "user"}));
    let made: Value = serde_json::from_str(&made).expect("JSON");
    let secret = made["secret"].as_str().expect("it is told").to_owned();
    let wrong = "gzt_canary_that_is_no_key_at_all_0123456789012";
    let answers: Vec<String> = [
        ("/api/v1/keys", &admin),
        ("/api/v1/users", &admin),
        ("/api/v1/events?since=0&limit=1000", &admin),
        ("/api/v1/whoami", &secret),
        ("/api/v1/users", &secret),
        ("/metrics", &secret),
    ]
    .iter()
    .map(|(path, key)| ask(&url, key, "GET", path, &Value::Null))
    .collect();
    let refusal = ask(&url, wrong, "GET", "/api/v1/stats", &Value::Null);
    let pid = server.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().expect("there is a `kill`").success());
    assert!(server.wait().expect("it ends").success());

    let log = fs::read_to_string(&log).expect("the log");
    for secret in [&admin, &secret] {
        let mut found = Vec::new();
        holding(&data, secret.as_bytes(), &mut found);
        // The random part alone, without what stands before it.
        holding(&data, secret.trim_start_matches("gzt_").as_bytes(), &mut found);
        assert_eq!(found, Vec::<String>::new());
        assert!(!log.contains(secret.as_str()), "a secret is in the log");
        assert!(answers.iter().all(|answer| !answer.contains(secret.as_str())), "{answers:?}");
    }
    assert!(!log.contains(wrong) && !refusal.contains(wrong), "{refusal}");
}

/// The first line; the reader keeps the pipe open.
fn line(out: &mut impl BufRead) -> String {
    let mut line = String::new();
    out.read_line(&mut line).expect("it can be read");
    line.trim().to_owned()
}
