//! The examples in the documentation, run as they are written.

use serde_json::{Value, json};

use super::house::House;
use super::peer::Peer;

const DOCUMENT: &str = include_str!("../../../docs/tasks/text-and-vision.md");

/// The fenced blocks of one language, in their order.
fn blocks(language: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut lines = DOCUMENT.lines();
    while let Some(line) = lines.next() {
        if line == format!("```{language}") {
            let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            found.push(block.join("\n"));
        }
    }
    found
}

/// The first configuration of the document with the addresses of peers, and every workflow of the document.
#[test]
fn examples_run() {
    let configurations = blocks("toml");
    let workflows = blocks("yaml");
    assert!(!configurations.is_empty() && workflows.len() >= 3);
    let peers =
        [Peer::ollama(&["llama3.2", "llava"]), Peer::new(super::peer::Kind::Openai, &["gpt-4o-mini"])];
    for configuration in &configurations {
        let text = configuration
            .replace("http://127.0.0.1:11434", &peers[0].url())
            .replace("https://api.openai.com", &peers[1].url())
            .replace("[models]\n", "");
        let house = House::new(&text);
        house.until_offered();
        for workflow in &workflows {
            let answer = post_yaml(&house, workflow);
            let id = answer["id"].as_str().unwrap_or_else(|| panic!("{workflow}: {answer}"));
            for index in 0..usize::try_from(answer["total_tasks"].as_u64().unwrap()).unwrap() {
                let task = house.ended(id, index);
                assert_eq!(task["status"], "completed", "{workflow}: {task}");
            }
        }
    }
}

fn post_yaml(house: &House, text: &str) -> Value {
    let url = format!("{}/api/v1/workflows", house.server.url());
    let sent = ureq::post(url).header("Content-Type", "application/yaml").send(text);
    let mut answer = sent.unwrap_or_else(|error| panic!("{text}: {error}"));
    serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap_or(json!(null))
}
