//! The tree checks itself: floors, file sizes, clocks, leftovers and words that belong to no product.

mod codes;
mod floors;
mod sources;

use sources::{code_of, relative, tracked_files};

/// A file above this holds more than one thing; the median of the tree is far below.
const LINES_MAX: usize = 400;

/// One file although it is long: pages load it as it is, without a build.
const LONG_ON_PURPOSE: &[&str] = &["clients/js/gleitzeit.js"];

fn report(what: &str, found: &[String]) {
    assert!(found.is_empty(), "{what}:\n  {}", found.join("\n  "));
}

#[test]
fn no_source_file_runs_away() {
    let long: Vec<String> = tracked_files(&["rs", "py", "js", "mjs", "ts", "css", "html"])
        .into_iter()
        .filter(|file| !LONG_ON_PURPOSE.contains(&relative(&file.path).as_str()))
        .filter_map(|file| {
            let lines = file.text.lines().count();
            (lines > LINES_MAX).then(|| format!("{} has {lines} lines", relative(&file.path)))
        })
        .collect();
    report(&format!("files above {LINES_MAX} lines; split them by meaning"), &long);
}

#[test]
fn every_rust_file_says_what_it_is() {
    let silent: Vec<String> = tracked_files(&["rs"])
        .into_iter()
        .filter(|file| !file.text.starts_with("//!"))
        .map(|file| relative(&file.path))
        .collect();
    report("files without a `//!` header that says what they hold", &silent);
}

#[test]
fn time_is_read_in_one_place() {
    let clocks = ["SystemTime::now", "Instant::now", "Utc::now", "Local::now", "clock_gettime"];
    let mut found = Vec::new();
    for file in tracked_files(&["rs"]) {
        let path = relative(&file.path);
        // The SDK runs in the processes of others, which no simulation owns.
        if path == "src/clock.rs" || path.starts_with("src/client/") || !path.starts_with("src/") {
            continue;
        }
        let code = code_of(&file.text);
        found.extend(
            clocks.iter().filter(|clock| code.contains(*clock)).map(|clock| format!("{path}: {clock}")),
        );
    }
    report("clocks outside src/clock.rs, which the simulation cannot own", &found);
}

#[test]
fn the_core_neither_waits_nor_touches_the_world() {
    let outside = [
        "tokio::",
        "std::fs",
        "std::net",
        "std::thread",
        "std::process",
        "std::env",
        "std::io",
        "tracing::",
        "axum::",
        "socketioxide::",
        "sled::",
        "reqwest::",
        "uuid::Uuid::now",
        "uuid::Uuid::new_v4",
    ];
    let mut found = Vec::new();
    for file in tracked_files(&["rs"]) {
        let path = relative(&file.path);
        if path.starts_with("src/core/") {
            let code = code_of(&file.text);
            // Its tests may ask for a thread with a small stack.
            let code = code.split("mod tests").next().unwrap_or_default();
            found.extend(
                outside.iter().filter(|name| code.contains(*name)).map(|name| format!("{path}: {name}")),
            );
        }
    }
    report("src/core reaches out", &found);
}

#[test]
fn nothing_is_left_behind() {
    let mut found = Vec::new();
    for file in tracked_files(&["rs"]) {
        let path = relative(&file.path);
        for (number, line) in code_of(&file.text).lines().enumerate() {
            let left = ["todo!(", "unimplemented!(", "dbg!(", "#[ignore", "allow(clippy"];
            let silenced = line.contains("#[expect(") && line.contains(")]") && !line.contains("reason");
            if silenced || left.iter().any(|word| line.contains(word)) {
                found.push(format!("{path}:{}: {}", number + 1, line.trim()));
            }
        }
    }
    report("unfinished work, and lints silenced without a reason", &found);
}

/// Names of machines and hosts of whoever built the tree mean nothing to whoever clones it. The words are put
/// together here so that this file does not hold them.
#[test]
fn no_words_of_a_workplace() {
    let words = [
        concat!("/wo", "rk/"),
        concat!("/fa", "rm/"),
        concat!("bash", "_jobs"),
        concat!("sub", "agent"),
        concat!(".lib", "rary/"),
        concat!("arti", "factory"),
        concat!("registry.", "npmjs"),
        concat!("files.python", "hosted"),
    ];
    let mut found = Vec::new();
    for file in tracked_files(&[]) {
        for (number, line) in file.text.lines().enumerate() {
            found.extend(
                words
                    .iter()
                    .filter(|word| line.contains(*word))
                    .map(|word| format!("{}:{}: {word}", relative(&file.path), number + 1)),
            );
        }
    }
    report("words of a workplace", &found);
}

#[test]
fn the_licence_is_there_and_is_the_one_the_manifest_names() {
    let licence = std::fs::read_to_string(sources::root().join("LICENSE")).expect("LICENSE is in the root");
    assert!(licence.contains("MIT License") && licence.contains("WITHOUT WARRANTY OF ANY KIND"));
    let manifest = std::fs::read_to_string(sources::root().join("Cargo.toml")).expect("Cargo.toml is there");
    assert!(manifest.lines().any(|line| line == "license = \"MIT\""));
}

/// A lock file that names a host installs from that host and from no mirror.
#[test]
fn npm_lock_files_name_no_host() {
    let found: Vec<String> = tracked_files(&["json"])
        .into_iter()
        .filter(|file| file.path.ends_with("package-lock.json") && file.text.contains("\"resolved\""))
        .map(|file| relative(&file.path))
        .collect();
    report("lock files with `resolved`; see .npmrc beside them", &found);
}
