//! `gleitzeit doctor` and `gleitzeit export`: what goes to whoever helps, and what does not.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::harness::{Logged, Server, gleitzeit};

/// Part of every secret of these tests, and of nothing else.
const CANARY: &str = "canary-7f3a";

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn content(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("it can be listed") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.insert(path.clone(), fs::read(&path).expect("it can be read"));
            }
        }
    }
    found
}

/// Settings with a secret in every place that takes one.
fn configuration(folder: &Path) -> PathBuf {
    let file = folder.join("gleitzeit.toml");
    let text = format!(
        r#"
        token = "{CANARY}-token"
        allowed_origins = ["https://flows.example.org"]
        [webhooks]
        secret = "{CANARY}-webhook"
        [client]
        url = "http://ada:{CANARY}-user@127.0.0.1:9/here?key={CANARY}-query"
        token = "{CANARY}-token"
        [[models.endpoints]]
        name = "one"
        kind = "openai"
        url = "http://127.0.0.1:9/v1"
        api_key = "{CANARY}-inline"
        [[models.endpoints]]
        name = "two"
        kind = "openai"
        url = "http://127.0.0.1:9/v1"
        api_key_env = "VARIABLE_OF_THE_KEY"
        "#
    );
    fs::write(&file, text).expect("it can be written");
    file
}

fn doctor(url: &str, data: &Path, config: &Path) -> Command {
    let mut command = gleitzeit();
    command.args(["doctor", "--url", url, "--data-dir"]).arg(data).arg("--config").arg(config);
    command
        .env("VARIABLE_OF_THE_KEY", format!("{CANARY}-key"))
        .env("GLEITZEIT_TOKEN", format!("{CANARY}-token"));
    command
}

#[test]
fn a_report_tells_all_that_helps_and_no_secret() {
    let base = tempfile::tempdir().expect("a temporary directory");
    let (data, config) = (base.path().join("data"), configuration(base.path()));
    let key = PathBuf::from(format!("{CANARY}-key"));
    let environment = vec![("VARIABLE_OF_THE_KEY", key), ("GLEITZEIT_CONFIG", config.clone())];
    let server = Server::start_with(&data, &[], environment);
    let rest = server.rest();
    let token = format!("Bearer {CANARY}-token");
    let headers = [("Authorization", token.as_str())];
    let submit = |body: &Value| {
        let answer = rest.post("/workflows", &headers, body).expect("it answers");
        assert_eq!(answer.status, 201, "{}", answer.body);
        answer.body["id"].as_str().expect("it has an id").to_owned()
    };
    let secret = json!({"password": format!("{CANARY}-parameter")});
    let wait = json!({"name": "Asks", "external": "ml", "service": "Nobody Here", "operation": "train", "model_params": secret});
    let metadata = json!({"x": format!("{CANARY}-metadata")});
    let open = submit(&json!({"name": "Open", "metadata": metadata, "tasks": [wait]}));
    let failed = submit(&json!({"name": "Failed", "tasks": [wait]}));
    let failure = json!({"error": format!("{CANARY}-message"), "code": "GZ2040", "details": {"x": format!("{CANARY}-details")}});
    let answer = rest.post(&format!("/tasks/{failed}.0/fail"), &headers, &failure).expect("it answers");
    assert_eq!(answer.status, 200, "{}", answer.body);

    let output = doctor(&server.url(), &data, &config).output().expect("the binary can be started");
    let report = said(&output);
    assert!(!report.contains(CANARY), "{report}");
    for section in [
        "Findings",
        "Program",
        "Machine",
        "Limits of this shell",
        "Settings",
        "Data directory",
        "Disk",
        "Server",
        "Figures",
        "Services",
        "Webhooks",
        "Open workflows",
        "Latest errors",
    ] {
        assert!(report.contains(&format!("== {section} ==")), "{section}: {report}");
    }
    let version = env!("CARGO_PKG_VERSION");
    for fact in [
        version,
        "C Library",
        "Max open files",
        "allowed_origins",
        "used by",
        "process ",
        "healthy",
        "no_worker",
        "Nobody Here",
        "GZ2040",
        open.as_str(),
        failed.as_str(),
        "https://flows.example.org",
        "(hidden)",
        "webhooks.secret",
    ] {
        assert!(report.contains(fact), "{fact}: {report}");
    }
    // `config show` hides the same.
    let mut show = gleitzeit();
    show.args(["config", "show", "--origin", "--config"])
        .arg(&config)
        .env("VARIABLE_OF_THE_KEY", format!("{CANARY}-key"));
    let shown = said(&show.output().expect("the binary can be started"));
    assert!(!shown.contains(CANARY) && shown.contains("VARIABLE_OF_THE_KEY"), "{shown}");
}

/// A secret on a line that is no TOML, or in a value of another kind than is wanted, and how the file goes wrong.
fn malformed() -> Vec<(String, &'static str)> {
    vec![
        (format!("port = 1\ntoken = {CANARY}"), "line 2, column "),
        (format!("token = \"{CANARY}"), "line 1, column "),
        (format!("token = \"\"\"\n{CANARY}=\n{CANARY}"), "line "),
        (format!("tokn = \"{CANARY}\""), "line 1, column 1: unknown field `tokn`"),
        (format!("token = [\"{CANARY}\"]"), "line 1, column 9: invalid type: sequence, expected a string"),
        (
            format!("port = \"{CANARY}, expected u16\""),
            "line 1, column 8: invalid type: string, expected u16",
        ),
        (format!("[models]\nstrategy = \"{CANARY}\""), "line 2, column 12: unknown value, expected "),
        (format!("[client]\ntoken = {CANARY}"), "line 2, column "),
    ]
}

/// An address with a password that cannot be used, and the setting that has it.
fn unusable() -> Vec<(String, &'static str)> {
    let models = |url: &str| format!("[[models.endpoints]]\nname = 'e'\nkind = 'openai'\nurl = '{url}'");
    vec![
        (format!("otlp_endpoint = 'http://ada:{CANARY}@collector:port'"), "otlp_endpoint = "),
        (format!("otlp_endpoint = 'ada:{CANARY}@collector:4318'"), "otlp_endpoint = "),
        (format!("otlp_endpoint = 'http://ada:{CANARY}@collector:4318'"), "otlp_endpoint = "),
        (format!("[webhooks]\npublic_url = 'ada:{CANARY}@flows.example.org'"), "webhooks.public_url = "),
        (
            format!("[webhooks]\npublic_url = 'https://flows.example.org?key={CANARY}'"),
            "webhooks.public_url = ",
        ),
        (format!("allowed_origins = ['ada:{CANARY}@flows.example.org']"), "allowed_origins = "),
        (format!("allowed_origins = ['https://ada:{CANARY}/x@flows.example.org']"), "allowed_origins = "),
        (format!("allowed_origins = ['ada:{CANARY}@http://flows.example.org/x']"), "allowed_origins = "),
        (models(&format!("http://ada:{CANARY}@models:port")), "models.endpoints.e.url = "),
        (models(&format!("ada:{CANARY}@models")), "models.endpoints.e.url = "),
    ]
}

#[test]
fn a_wrong_file_is_told_without_its_secrets() {
    let base = tempfile::tempdir().expect("a temporary directory");
    let (data, config) = (base.path().join("data"), base.path().join("gleitzeit.toml"));
    let run = |words: &[&str], environment: &[(&str, &str)]| {
        let mut command = gleitzeit();
        command.args(words).arg("--config").arg(&config).envs(environment.iter().copied());
        said(&command.output().expect("the binary can be started"))
    };
    let directory = data.to_str().expect("temporary paths are text");
    let verbs: [&[&str]; 3] = [
        &["doctor", "--url", "http://127.0.0.1:9", "--data-dir", directory],
        &["config", "show"],
        &["serve", "--port", "0", "--data-dir", directory],
    ];
    let ollama = format!("http://ada:{CANARY}@models:port");
    let named = config.to_str().expect("temporary paths are text");
    for (text, expected) in malformed().into_iter().chain(unusable()) {
        fs::write(&config, &text).expect("it can be written");
        for words in verbs {
            let told = run(words, &[]);
            assert!(told.contains(expected) && !told.contains(CANARY), "{words:?}, {text}: {told}");
            assert!(expected.contains(" = ") || told.contains(named), "it names the file: {told}");
        }
    }
    fs::write(&config, "").expect("it can be written");
    for words in verbs {
        let told = run(words, &[("GLEITZEIT_OLLAMA_URL", &ollama)]);
        assert!(told.contains("ollama_url") && !told.contains(CANARY), "{words:?}: {told}");
    }

    // A server that runs is told to read the file again.
    let server = Logged::start(base.path().join("log"), |command| {
        command.arg("--data-dir").arg(&data).arg("--config").arg(&config);
    });
    for (number, (text, _)) in (1..).zip(malformed().into_iter().chain(unusable())) {
        fs::write(&config, &text).expect("it can be written");
        server.signal("-HUP");
        server.says("read again and are wrong", number);
    }
    let log = server.terminate();
    assert!(!log.contains(CANARY) && log.contains("line 2, column "), "{log}");
}

#[test]
fn without_a_server_it_looks_at_the_data_and_changes_nothing() {
    let base = tempfile::tempdir().expect("a temporary directory");
    let (data, config) = (base.path().join("data"), configuration(base.path()));
    let nobody = "http://127.0.0.1:9";
    let report = said(&doctor(nobody, &data, &config).output().expect("the binary can be started"));
    assert!(report.contains("is no data directory, or not yet") && report.contains("GZ1020"), "{report}");
    assert!(!data.exists(), "looking makes no directory");

    let mut server = Server::start(&data, &[]);
    server.rest().run_task(&json!({"name": "t", "function": "count_words", "args": ["a b"]}));
    assert!(server.terminate().0.success());
    let before = content(&data);
    let report = said(&doctor(nobody, &data, &config).output().expect("the binary can be started"));
    assert!(report.contains("used by    nobody") || report.contains("nobody"), "{report}");
    assert!(report.contains("damaged places  0") && !report.contains(CANARY), "{report}");
    assert!(content(&data) == before, "looking changes nothing");

    let segment = data.join("log/0000000001.seg");
    let mut bytes = fs::read(&segment).expect("it can be read");
    bytes[4_096 + 40] ^= 1;
    fs::write(&segment, bytes).expect("it can be written");
    let output = doctor(nobody, &data, &config).output().expect("the binary can be started");
    assert_eq!(output.status.code(), Some(1), "damage needs attention");
    assert!(said(&output).contains("! segment file"), "{}", said(&output));

    fs::write(&config, "port = \"x\"").expect("it can be written");
    let output = doctor(nobody, &data, &config).output().expect("the binary can be started");
    assert!(said(&output).contains("would not start with these settings"), "{}", said(&output));
}

#[test]
fn a_workflow_travels_as_one_file() {
    let base = tempfile::tempdir().expect("a temporary directory");
    let mut server = Server::start(&base.path().join("data"), &[]);
    let body = json!({"name": "Travels", "tasks": [
        {"name": "Count", "function": "count_words", "args": ["to be or not to be"]},
        {"name": "After", "function": "encode_base64", "args": ["{{Count.result}} words"]}]});
    let answer = server.rest().post("/workflows", &[("Prefer", "wait=25")], &body).expect("it answers");
    let id = answer.body["id"].as_str().expect("it has an id").to_owned();
    let file = base.path().join("run.json");
    let export = |id: &str, to: &Path| {
        let mut command = gleitzeit();
        command.args(["export", id, "--url", &server.url(), "-o"]).arg(to);
        command.output().expect("the binary can be started")
    };
    assert!(export(&id, &file).status.success());
    let again = export(&id, &file);
    assert!(!again.status.success() && said(&again).contains("File exists"), "{}", said(&again));
    assert_eq!(export("nothing", &base.path().join("none.json")).status.code(), Some(8));
    assert!(!base.path().join("none.json").exists());
    let exported: Value = serde_json::from_slice(&fs::read(&file).expect("it is there")).expect("it is JSON");
    assert_eq!((&exported["export"], &exported["workflow"]["status"]), (&json!(1), &json!("completed")));
    assert_eq!(exported["tasks"][0]["result"], 6);
    assert_eq!(exported["tasks"][1]["result"], "NiB3b3Jkcw==");
    let events = exported["events"].as_array().expect("events");
    assert!(
        events.iter().any(|event| event["type"] == "workflow_completed" || event["type"] == "workflow_ended"),
        "{events:?}"
    );
    let piped = export(&id, Path::new("-"));
    assert_eq!(
        serde_json::from_slice::<Value>(&piped.stdout).expect("it is JSON")["tasks"],
        exported["tasks"]
    );

    // Somebody else looks at it, without the server.
    assert!(server.terminate().0.success());
    let inspect = |words: &[&str]| {
        let output =
            gleitzeit().arg("inspect").arg(&file).args(words).output().expect("the binary can be started");
        assert!(output.status.success(), "{}", said(&output));
        said(&output)
    };
    let shown = inspect(&[]);
    for fact in [id.as_str(), "Travels", "Count: completed", "After: completed", "events: "] {
        assert!(shown.contains(fact), "{fact}: {shown}");
    }
    let whole: Value = serde_json::from_str(&inspect(&["-o", "json"])).expect("it is JSON");
    assert_eq!(whole["tasks"][1]["result"], "NiB3b3Jkcw==");
    for (text, expected) in
        [("{\"export\": 2}", "export format 2"), ("{}", "no workflow that"), ("{\"export\": 1}", "not whole")]
    {
        fs::write(&file, text).expect("it can be written");
        let output = gleitzeit().arg("inspect").arg(&file).output().expect("the binary can be started");
        assert!(!output.status.success() && said(&output).contains(expected), "{text}: {}", said(&output));
    }
}
