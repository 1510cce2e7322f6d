//! The catalogue of errors and the program agree: every code in it is raised somewhere, and nothing else is.

use gleitzeit::core::errors::CATALOGUE;

use super::report;
use super::sources::{code_of, relative, tracked_files};

const CATALOGUE_FILE: &str = "src/core/errors.rs";

#[test]
fn every_code_of_the_catalogue_is_raised() {
    let sources: Vec<String> = tracked_files(&["rs"])
        .into_iter()
        .filter(|file| relative(&file.path).starts_with("src/") && relative(&file.path) != CATALOGUE_FILE)
        .map(|file| code_of(&file.text))
        .collect();
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let raised =
        |name: &str| sources.iter().any(|code| code.split(|c: char| !is_part(c)).any(|word| word == name));
    let silent: Vec<String> = CATALOGUE
        .iter()
        .filter(|entry| !raised(entry.name))
        .map(|entry| format!("{} {}", entry.code, entry.name))
        .collect();
    report("codes that nothing raises", &silent);
}

#[test]
fn no_code_is_made_outside_the_catalogue() {
    let mut made = Vec::new();
    for file in tracked_files(&["rs"]) {
        let path = relative(&file.path);
        let literal = |code: &str| {
            code.split("Code(").skip(1).any(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
        };
        if path.starts_with("src/") && path != CATALOGUE_FILE && literal(&code_of(&file.text)) {
            made.push(path);
        }
    }
    report("codes made by number", &made);
}
