//! Models that nobody has, told when a workflow is checked.

use serde_json::{Value, json};

use super::house::{House, endpoint};
use super::peer::Peer;
use crate::harness::{Nobody, gleitzeit};

fn warnings(house: &House, tasks: &Value) -> Vec<String> {
    let answer = house.rest.post("/validate", &[], &json!({"name": "w", "tasks": tasks})).unwrap();
    assert_eq!((answer.status, &answer.body["valid"]), (200, &json!(true)), "{}", answer.body);
    let warnings = answer.body["warnings"].as_array().unwrap();
    warnings.iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_check_names_the_models_that_there_are() {
    let (peer, away) = (Peer::ollama(&["llama3.2:latest", "qwen"]), Nobody::new());
    let house = House::new(&format!(
        "{}{}",
        endpoint("local", "ollama", &peer.url(), ""),
        endpoint("away", "ollama", &away.url(), "")
    ));
    house.until_offered();
    let known = json!([
        {"prompt": "p", "model": "llama3.2"}, {"prompt": "p", "model": "llama3.2:latest"},
        {"prompt": "p", "model": "qwen"}, {"prompt": "p"},
    ]);
    assert_eq!(warnings(&house, &known), Vec::<String>::new());
    let later = json!([
        {"name": "first", "function": "generate_uuid"}, {"prompt": "p", "model": "{{first.result}}"},
    ]);
    assert_eq!(warnings(&house, &later), Vec::<String>::new());
    let unknown = json!([
        {"prompt": "p", "model": "quen"}, {"prompt": "again", "model": "quen"},
        {"function": "fibonaci", "args": [3]},
        {"prompt": "p", "requirements": {"required_models": ["mistral"]}},
    ]);
    let said = warnings(&house, &unknown);
    assert_eq!(said.len(), 3, "{said:?}");
    assert!(said[0].contains("function `fibonaci` now; did you mean `fibonacci`?"), "{said:?}");
    let there = "endpoint local (ollama at";
    assert!(said[1].contains("the model `mistral`; endpoint") && said[1].contains(there), "{said:?}");
    assert!(said[2].contains("the model `quen`; did you mean `qwen`? endpoint local"), "{said:?}");
    assert!(said[2].contains("has 2 models: llama3.2:latest, qwen"), "{said:?}");
    assert!(said[2].contains("endpoint away (ollama at"), "{said:?}");

    let file = house.folder.path().join("w.yaml");
    std::fs::write(&file, "name: w\ntasks:\n- {prompt: p, model: quen}\n").unwrap();
    let output = gleitzeit()
        .args(["validate", file.to_str().unwrap(), "--url", &house.server.url()])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("note: nobody is known to have the model `quen`; did you mean `qwen`?"), "{told}");
}
