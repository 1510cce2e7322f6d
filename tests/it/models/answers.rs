//! Questions byte for byte, answers, images and the account of tokens.

use std::io::Cursor;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::house::{House, endpoint};
use super::peer::{Kind, Peer, say};

fn account(endpoint: &str, completion: u64) -> Value {
    json!({"model": "m", "endpoint": endpoint, "prompt_tokens": 26, "completion_tokens": completion})
}

#[test]
fn ollama_is_asked_for_a_prompt() {
    let peer = Peer::ollama(&["m:latest"]);
    let house = House::new(&endpoint("local", "ollama", &peer.url(), ""));
    house.until_offered();
    let parameters = json!({
        "prompt": "Why?", "system_prompt": "Be short.", "model_name": "m", "temperature": 0, "max_tokens": 5,
    });
    let task = house.run("text", parameters);
    assert_eq!((&task["status"], &task["result"]), (&json!("completed"), &json!("Hello, world")), "{task}");
    assert_eq!((&task["usage"], &task["worker"]), (&account("local", 3), &json!("built-in:models")));
    let [question] = &peer.questions()[..] else { panic!("{:?}", peer.questions()) };
    assert_eq!(question.headers[0], "POST /api/generate HTTP/1.1");
    assert_eq!(
        question.body,
        r#"{"model":"m","options":{"num_predict":5,"temperature":0.0},"prompt":"Why?","stream":true,"system":"Be short."}"#
    );
}

#[test]
fn ollama_is_asked_to_chat() {
    let peer = Peer::ollama(&["m"]);
    let house = House::new(&endpoint("local", "ollama", &peer.url(), ""));
    house.until_offered();
    let messages = json!([
        {"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"},
    ]);
    let task = house.run("text", json!({"messages": messages, "system_prompt": "s", "model_name": "m"}));
    assert_eq!(task["result"], "Hello, world", "{task}");
    let question = &peer.questions()[0];
    assert_eq!(question.path, "/api/chat");
    assert_eq!(
        question.body,
        concat!(
            r#"{"messages":[{"content":"s","role":"system"},{"content":"a","role":"user"},"#,
            r#"{"content":"b","role":"assistant"},{"content":"c","role":"user"}],"#,
            r#""model":"m","options":{"temperature":0.7},"stream":true}"#
        )
    );
}

#[test]
fn openai_is_asked_with_its_key() {
    let peer = Peer::new(Kind::Openai, &["m"]);
    let house = House::new(&endpoint("cloud", "openai", &peer.url(), "api_key = 'sk-canary'"));
    house.until_offered();
    let task = house.run("text", json!({"prompt": "Why?", "system_prompt": "s", "temperature": 0.0}));
    assert_eq!(task["result"], "Hello, world", "{task}");
    assert_eq!(task["usage"], account("cloud", 3));
    let question = &peer.questions()[0];
    assert_eq!(question.headers[0], "POST /v1/chat/completions HTTP/1.1");
    assert!(
        question.headers.contains(&"authorization: Bearer sk-canary".to_owned()),
        "{:?}",
        question.headers
    );
    assert_eq!(
        question.body,
        concat!(
            r#"{"messages":[{"content":"s","role":"system"},{"content":"Why?","role":"user"}],"model":"m","#,
            r#""stream":true,"stream_options":{"include_usage":true},"temperature":0.0}"#
        )
    );
}

#[test]
fn a_key_that_is_not_taken_is_said_and_never_shown() {
    let peer = Peer::new(Kind::Openai, &["m"]);
    let house = House::new(&endpoint("cloud", "openai", &peer.url(), "api_key = 'sk-canary'"));
    house.until_offered();
    peer.always(super::peer::Act::Status(401, vec![], r#"{"error": {"message": "Incorrect API key"}}"#));
    let task = house.run("text", json!({"prompt": "Why?"}));
    let error = task["error"].to_string();
    assert!(error.contains("GZ2010") && error.contains("401: Incorrect API key"), "{error}");
    let shown = [task.to_string(), house.rest.read("/services").to_string()].concat();
    assert!(!shown.contains("sk-canary"), "{shown}");
}

#[test]
fn the_account_of_tokens_survives_restarts() {
    let peer = Peer::ollama(&["m"]);
    let mut house = House::new(&endpoint("local", "ollama", &peer.url(), ""));
    house.until_offered();
    let workflow = house.submit("text", 1, &[json!({"prompt": "p", "model_name": "m"})]);
    assert_eq!(house.ended(&workflow, 0)["usage"], account("local", 3));
    let listed = |house: &House| house.rest.read(&format!("/workflows/{workflow}/tasks"))["items"][0].clone();
    assert_eq!(listed(&house)["usage"], account("local", 3));
    let events = house.rest.read(&format!("/workflows/{workflow}/events"));
    let completed =
        events["items"].as_array().unwrap().iter().find(|event| event["type"] == "task_completed");
    assert_eq!(completed.unwrap()["usage"], account("local", 3));
    // From the log alone, and then from the store.
    house.server.kill();
    house.server.restart();
    assert_eq!(listed(&house)["usage"], account("local", 3));
    house.server.terminate();
    house.server.restart();
    assert_eq!(listed(&house)["usage"], account("local", 3));
    assert_eq!(listed(&house)["status"], "completed");
}

#[test]
fn a_model_looks_at_an_image() {
    for kind in [Kind::Ollama, Kind::Openai] {
        let peer = Peer::new(kind, &["m"]);
        let name = if kind == Kind::Ollama { "ollama" } else { "openai" };
        let house = House::new(&endpoint("e", name, &peer.url(), ""));
        house.until_offered();
        let task = house.run("vision", json!({"prompt": "What?", "base64": png(2_048, 512)}));
        assert_eq!(task["result"], "Hello, world", "{task}");
        let body: Value = serde_json::from_str(&peer.questions()[0].body).unwrap();
        let sent = if kind == Kind::Ollama {
            body["images"][0].as_str().unwrap().to_owned()
        } else {
            let content = &body["messages"][0]["content"];
            assert_eq!(content[0], json!({"type": "text", "text": "What?"}));
            let url = content[1]["image_url"]["url"].as_str().unwrap();
            url.strip_prefix("data:image/jpeg;base64,").unwrap().to_owned()
        };
        let jpeg = STANDARD.decode(sent).unwrap();
        assert_eq!(image::guess_format(&jpeg).unwrap(), image::ImageFormat::Jpeg);
        let small = image::load_from_memory(&jpeg).unwrap();
        assert_eq!((small.width(), small.height()), (1_024, 256));
    }
}

/// The address of an endpoint is the operator's; that of an image is the user's, who may not look around here.
#[test]
fn an_image_is_fetched_from_where_requests_may_go() {
    let peer = Peer::ollama(&["m"]);
    peer.put("/a.png", STANDARD.decode(png(30, 20)).unwrap());
    peer.put("/a.txt", b"hello".to_vec());
    let parameters = |path: &str| json!({"prompt": "What?", "image_url": format!("{}{path}", peer.url())});
    let models = endpoint("e", "ollama", &peer.url(), "");
    let house = House::new(&models);
    house.until_offered();
    let task = house.run("vision", parameters("/a.png"));
    assert_eq!(task["error"]["code"], "GZ6001", "{task}");
    assert!(peer.questions().is_empty(), "nothing was asked for beside the models");

    let house = House::with(&models, &["--http-allow", "127.0.0.1"]);
    house.until_offered();
    let task = house.run("vision", parameters("/a.png"));
    assert_eq!(task["result"], "Hello, world", "{task}");
    let body: Value = serde_json::from_str(&peer.questions().last().unwrap().body).unwrap();
    let jpeg = STANDARD.decode(body["images"][0].as_str().unwrap()).unwrap();
    let small = image::load_from_memory(&jpeg).unwrap();
    assert_eq!((small.width(), small.height()), (30, 20));
    assert_eq!(house.run("vision", parameters("/a.txt"))["error"]["code"], "GZ2030");
}

#[test]
fn an_image_is_read_from_the_folder_of_the_files() {
    let peer = Peer::ollama(&["m"]);
    let models = endpoint("e", "ollama", &peer.url(), "");
    let parameters = |path: &str| json!({"prompt": "What?", "image_path": path});
    let house = House::new(&models);
    house.until_offered();
    let error = house.run("vision", parameters("a.png"))["error"].to_string();
    assert!(error.contains("--files-root"), "{error}");

    let folder = tempfile::TempDir::new().unwrap();
    std::fs::write(folder.path().join("a.png"), STANDARD.decode(png(30, 20)).unwrap()).unwrap();
    let house = House::with(&models, &["--files-root", folder.path().to_str().unwrap()]);
    house.until_offered();
    let task = house.run("vision", parameters("a.png"));
    assert_eq!(task["result"], "Hello, world", "{task}");
    let missing = house.run("vision", parameters("b.png"));
    assert_eq!(missing["error"]["code"], "GZ2031", "{missing}");
    let outside = house.run("vision", parameters("../a.png"));
    assert_ne!(outside["status"], "completed", "{outside}");
    assert_eq!(peer.questions().len(), 1);
}

#[test]
fn what_is_no_image_is_refused() {
    let peer = Peer::ollama(&["m"]);
    let house = House::new(&endpoint("e", "ollama", &peer.url(), ""));
    house.until_offered();
    let task = house.run("vision", json!({"prompt": "What?", "base64": STANDARD.encode("hello")}));
    assert_eq!((&task["status"], &task["error"]["code"]), (&json!("failed"), &json!("GZ2030")), "{task}");
    assert!(peer.questions().is_empty());
}

#[test]
fn mistakes_in_parameters_are_final_and_named() {
    let peer = Peer::ollama(&["llama3:8b", "llava:latest"]);
    let house = House::new(&endpoint("e", "ollama", &peer.url(), "tags = ['gpu']"));
    house.until_offered();
    for (parameters, code, expected) in [
        (
            json!({"promt": "p"}),
            "GZ7003",
            "`promt` is no parameter of a task of type text; did you mean `prompt`?",
        ),
        (json!({"prompt": "p"}), "GZ7006", "give `model_name` (2 models: llama3:8b, llava:latest)"),
        (
            json!({"prompt": "p", "model_name": "llama3:7b"}),
            "GZ2011",
            "no endpoint has the model `llama3:7b`; did you mean `llama3:8b`? (they have 2 models: llama3:8b, llava:latest)",
        ),
        (
            json!({"prompt": "p", "model_name": "llava", "endpoint_tags": ["tpu"]}),
            "GZ7001",
            "no endpoint has the tags tpu (there are: gpu)",
        ),
    ] {
        let workflow = house.submit("text", 3, std::slice::from_ref(&parameters));
        let task = house.ended(&workflow, 0);
        let error = &task["error"];
        assert_eq!((&error["code"], &task["failures"]), (&json!(code), &json!(1)), "{parameters}: {task}");
        assert!(error["message"].as_str().unwrap().contains(expected), "{parameters}: {error}");
    }
    assert!(peer.questions().is_empty());
    let task = house.run("text", json!({"prompt": "p", "model_name": "llava", "endpoint_tags": ["gpu"]}));
    assert_eq!(task["status"], "completed", "{task}");
}

#[test]
fn a_model_without_a_name_is_the_default_or_the_only_one() {
    let (one, two) = (Peer::ollama(&["only"]), Peer::ollama(&["a", "b"]));
    let house = House::new(&endpoint("e", "ollama", &one.url(), ""));
    house.until_offered();
    assert_eq!(house.run("text", json!({"prompt": "p"}))["usage"]["model"], "only");
    let house = House::new(&format!("default_model = 'b'\n{}", endpoint("e", "ollama", &two.url(), "")));
    house.until_offered();
    assert_eq!(house.run("text", json!({"prompt": "p"}))["usage"]["model"], "b");
}

#[test]
fn a_missing_model_is_fetched_on_request() {
    let peer = Peer::ollama(&["m"]);
    let house = House::new(&endpoint("e", "ollama", &peer.url(), ""));
    house.until_offered();
    let task = house.run("text", json!({"prompt": "p", "model_name": "new", "pull": true}));
    assert_eq!(task["result"], "Hello, world", "{task}");
    let pulled = peer.everything().into_iter().find(|seen| seen.path == "/api/pull").unwrap();
    assert_eq!(pulled.body, r#"{"model":"new","stream":true}"#);
    let task = house.run("text", json!({"prompt": "p", "model_name": "missing", "pull": true}));
    let error = task["error"].to_string();
    assert!(error.contains("GZ2011") && error.contains("pull model manifest"), "{error}");
}

#[test]
fn required_models_lead_to_the_endpoints_that_have_them() {
    let peer = Peer::ollama(&["m:latest"]);
    let house = House::new(&endpoint("e", "ollama", &peer.url(), ""));
    house.until_offered();
    let task = |model: &str| {
        json!([{
            "task_type": "text", "parameters": {"prompt": "p", "model_name": "m"},
            "requirements": {"required_models": [model]},
        }])
    };
    let workflow = house.submit_tasks(&task("m"));
    assert_eq!(house.ended(&workflow, 0)["status"], "completed");
    let workflow = house.submit_tasks(&task("other"));
    let why = house.why(&workflow);
    assert!(why.contains("a worker with the model other") && why.contains("has 1 model: m:latest"), "{why}");
    peer.set_models(&["m:latest", "other"]);
    assert_eq!(house.ended(&workflow, 0)["status"], "completed");
}

#[test]
fn results_flow_into_prompts() {
    let peer = Peer::ollama(&["m"]);
    let house = House::new(&endpoint("e", "ollama", &peer.url(), ""));
    house.until_offered();
    peer.next(say(&["42"]));
    let workflow = house.submit_tasks(&json!([
        {"name": "A", "prompt": "first"},
        {"name": "B", "function": "prime_factors", "args": [12]},
        {"name": "C", "prompt": "{{B.result}}", "system_prompt": "It was {{A.result}}."},
    ]));
    assert_eq!(house.ended(&workflow, 2)["status"], "completed");
    let body: Value = serde_json::from_str(&peer.questions()[1].body).unwrap();
    assert_eq!(body["system"], "It was 42.");
    assert_eq!(body["prompt"], "[2,2,3]");
}

fn png(width: u32, height: u32) -> String {
    let mut bytes = Cursor::new(Vec::new());
    image::RgbImage::new(width, height).write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    STANDARD.encode(bytes.into_inner())
}
