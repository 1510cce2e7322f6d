//! Floors: a module imports only what lies below it.

use std::collections::BTreeSet;

use super::report;
use super::sources::{code_of, relative, root, tracked_files};

/// Each module and what it may import. `engine::handle` allows that part of the engine and no other.
const FLOORS: &[(&str, &[&str])] = &[
    ("core", &[]),
    ("clock", &["core"]),
    ("crypto", &[]),
    ("process", &[]),
    ("shutdown", &[]),
    ("telemetry", &[]),
    ("protocol", &["core"]),
    ("settings", &[]),
    ("signing", &["core"]),
    ("config", &["core", "settings", "signing"]),
    ("figures", &["core"]),
    ("listener", &["core", "clock", "config", "crypto"]),
    ("log", &["core", "clock", "figures"]),
    ("store", &["core", "clock", "log"]),
    ("engine", &["core", "clock", "figures", "log", "store"]),
    ("executor", SHELL),
    ("socket", SHELL),
    ("http", SHELL),
    ("client", &["core", "crypto", "protocol"]),
];

/// A shell sees the engine through its handle, its feed, what it is handed and what it hands back; never the
/// writer or the log.
const SHELL: &[&str] = &[
    "core",
    "clock",
    "crypto",
    "figures",
    "process",
    "protocol",
    "signing",
    "config",
    "listener",
    "engine::Accepted",
    "engine::Announcement",
    "engine::Answer",
    "engine::Assigned",
    "engine::Doorkeeper",
    "engine::EngineHandle",
    "engine::EnginePicture",
    "engine::FeedItem",
    "engine::GonePicture",
    "engine::Letter",
    "engine::LetterPlace",
    "engine::Outlet",
    "engine::Published",
    "engine::Reply",
    "engine::ServicePicture",
    "engine::Stopped",
    "engine::Undelivered",
    "engine::WorkerPicture",
];

/// The composition root and the crate's own two files know everything.
const TOP: &[&str] = &["cli", "main", "lib"];

#[test]
fn modules_import_only_what_lies_below_them() {
    let mut found = Vec::new();
    for file in tracked_files(&["rs"]) {
        let path = relative(&file.path);
        let Some(inside) = path.strip_prefix("src/") else { continue };
        let modules = module_path(inside);
        let own = modules.first().copied().unwrap_or_default();
        if TOP.contains(&own) {
            continue;
        }
        let Some((_, allowed)) = FLOORS.iter().find(|(name, _)| *name == own) else {
            found.push(format!("{path}: `{own}` has no floor; give it one in {}", file!()));
            continue;
        };
        let code = code_of(&file.text);
        let fits = |import: &String| {
            allowed.iter().any(|name| import == name || import.starts_with(&format!("{name}::")))
        };
        for import in imports(&code) {
            if import != own && !import.starts_with(&format!("{own}::")) && !fits(&import) {
                found.push(format!("{path}: crate::{import}"));
            }
        }
        if climbs_to_the_root(&code, modules.len()) {
            found.push(format!("{path}: a chain of `super` reaches the root; write `crate::`"));
        }
    }
    report("imports from a floor that is not below", &found);
}

#[test]
fn every_module_has_a_floor() {
    let text = std::fs::read_to_string(root().join("src/lib.rs")).expect("the library is there");
    let code = code_of(&text);
    let modules = code.lines().filter_map(|line| line.trim().strip_prefix("pub mod ")?.strip_suffix(';'));
    let without: Vec<String> = modules
        .filter(|module| !TOP.contains(module) && !FLOORS.iter().any(|(name, _)| name == module))
        .map(str::to_owned)
        .collect();
    report("modules without a floor", &without);
}

/// `engine/dispatch.rs` is `[engine, dispatch]`, `engine/mod.rs` is `[engine]`.
fn module_path(inside: &str) -> Vec<&str> {
    inside.strip_suffix(".rs").unwrap_or(inside).split('/').filter(|part| *part != "mod").collect()
}

/// The first two segments behind every `crate::`, groups taken apart.
fn imports(code: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for after in code.split("crate::").skip(1) {
        if let Some(group) = after.strip_prefix('{') {
            for member in members(group) {
                found.extend(two_segments(member));
            }
        } else {
            found.extend(two_segments(after));
        }
    }
    found
}

/// `a::{b, c}, d}` gives `a::{b, c}` and `d`.
fn members(group: &str) -> Vec<&str> {
    let (mut depth, mut start, mut parts) = (0_usize, 0, Vec::new());
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                parts.push(&group[start..at]);
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&group[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts
}

/// `engine::handle::EngineHandle;` gives `engine::handle`; `engine::{handle, feed};` gives one for each.
fn two_segments(path: &str) -> Vec<String> {
    let path = path.trim_start();
    let first = identifier(path);
    if first.is_empty() {
        return Vec::new();
    }
    match path[first.len()..].strip_prefix("::") {
        Some(rest) if rest.starts_with('{') => members(&rest[1..])
            .into_iter()
            .map(|member| format!("{first}::{}", identifier(member.trim_start())))
            .collect(),
        Some(rest) => vec![format!("{first}::{}", identifier(rest))],
        None => vec![first.to_owned()],
    }
}

fn identifier(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    &text[..end]
}

/// Whether `super::super::...` leaves the top module of a file that lies `depth` modules deep. An inline module
/// (`mod tests`) may climb one step more than its file.
fn climbs_to_the_root(code: &str, depth: usize) -> bool {
    let steps = if code.contains("mod tests") { depth + 1 } else { depth };
    code.contains(&"super::".repeat(steps))
}

#[test]
fn imports_are_found_in_every_form() {
    let code = "use crate::core::{ids, spec};\nuse crate::{log::writer::Writer, engine::{handle, feed}};\nfn f(x: crate::http::Y) {}";
    let expected = ["core::ids", "core::spec", "engine::feed", "engine::handle", "http::Y", "log::writer"];
    assert_eq!(imports(code).iter().map(String::as_str).collect::<Vec<_>>(), expected);
    assert!(climbs_to_the_root("use super::super::log::X;", 2));
    assert!(!climbs_to_the_root("use super::ids::X;", 2));
}
