//! The catalogue of errors and the program agree: every code in it is raised somewhere and provoked by some test, and
//! nothing else is.

use gleitzeit::core::errors::CATALOGUE;

use super::report;
use super::sources::{SourceFile, code_of, relative, tracked_files};

const CATALOGUE_FILE: &str = "src/core/errors.rs";

/// What its authors excluded, no test brings about.
const NEVER_PROVOKED: &[&str] = &["INTERNAL_ERROR"];

/// Where unit tests begin in a source file.
const UNIT_TESTS: &str = "#[cfg(test)]\nmod tests {";

#[test]
fn every_code_of_the_catalogue_is_raised() {
    let sources: Vec<String> = tracked_files(&["rs"])
        .iter()
        .filter(|file| relative(&file.path).starts_with("src/") && relative(&file.path) != CATALOGUE_FILE)
        .filter(|file| !is_test(file))
        .map(|file| code_of(file.text.split(UNIT_TESTS).next().unwrap_or_default()))
        .collect();
    let silent: Vec<String> = CATALOGUE
        .iter()
        .filter(|entry| !sources.iter().any(|code| is_raised(code, entry.name)))
        .map(|entry| format!("{} {}", entry.code, entry.name))
        .collect();
    report("codes that nothing raises", &silent);
}

/// A code that no test names is one that perhaps nobody can ever see.
#[test]
fn every_code_of_the_catalogue_is_provoked_by_a_test() {
    let tests: Vec<String> = tracked_files(&["rs", "py", "mjs", "txt"])
        .into_iter()
        .filter(|file| relative(&file.path) != "tests/it/tidy/codes.rs")
        .filter_map(|file| {
            if is_test(&file) {
                Some(file.text)
            } else {
                file.text.split_once(UNIT_TESTS).map(|(_, tests)| tests.to_owned())
            }
        })
        .collect();
    let named = |name: &str| {
        tests.iter().any(|text| text.contains(name) && words(text).any(|(_, word, _)| word == name))
    };
    let unseen: Vec<String> = CATALOGUE
        .iter()
        .filter(|entry| !NEVER_PROVOKED.contains(&entry.name))
        .filter(|entry| !named(entry.name) && !named(&entry.code.to_string()))
        .map(|entry| format!("{} {}", entry.code, entry.name))
        .collect();
    report("codes that no test provokes", &unseen);
}

fn is_test(file: &SourceFile) -> bool {
    let path = relative(&file.path);
    path.starts_with("tests/") || path.contains("/tests/") || path.ends_with("/tests.rs")
}

/// Whether the code stands where a value is made: not in an import, a comparison or a pattern.
fn is_raised(code: &str, name: &str) -> bool {
    code.split(';').any(|statement| {
        let statement = statement.trim_start();
        statement.contains(name)
            && !statement.starts_with("use ")
            && !statement.starts_with("pub use ")
            && words(statement).any(|(before, word, after)| {
                let path = before.trim_end_matches("errors::").trim_end();
                let compared = path.ends_with("==") || path.ends_with("!=");
                let after = after.trim_start();
                let pattern = after.starts_with("=>") || after.starts_with("==") || after.starts_with("!=");
                word == name && !compared && !pattern
            })
    })
}

/// Each word, with what stands before it and after it.
fn words(text: &str) -> impl Iterator<Item = (&str, &str, &str)> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + text[at..].find(is_part)?;
        let end = text[start..].find(|c| !is_part(c)).map_or(text.len(), |length| start + length);
        at = end;
        Some((&text[..start], &text[start..end], &text[end..]))
    })
}

#[test]
fn an_import_or_a_comparison_raises_nothing() {
    for code in ["use errors::{A, B};", "if code == errors::A {", "if A != code {", "match code { A => 1 }"] {
        assert!(!is_raised(code, "A"), "{code}");
    }
    for code in ["use b; Rejection::new(errors::A, x)", "const REFUSED: Code = A;", "Failure::new(A, x)"] {
        assert!(is_raised(code, "A"), "{code}");
    }
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
