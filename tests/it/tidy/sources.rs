//! The files of the tree, and their code without comments and strings.

use std::path::{Path, PathBuf};

/// What builds and tests leave beside the sources.
const NOT_OURS: &[&str] = &["target", "node_modules", "__pycache__", "gleitzeit-data", "vendor"];

pub struct SourceFile {
    pub path: PathBuf,
    pub text: String,
}

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub fn relative(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).to_string_lossy().into_owned()
}

/// The text files of the tree with one of `extensions` (all of them when there is none), in a fixed order.
pub fn tracked_files(extensions: &[&str]) -> Vec<SourceFile> {
    let mut files = Vec::new();
    let mut folders = vec![root().to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("the folders of the tree can be read") {
            let entry = entry.expect("the folders of the tree can be read");
            let name = entry.file_name().to_string_lossy().into_owned();
            let kind = entry.file_type().expect("a file has a type");
            if kind.is_dir()
                && !NOT_OURS.contains(&name.as_str())
                && (!name.starts_with('.') || name == ".ci")
            {
                folders.push(entry.path());
            // Beside a second working tree of a repository, `.git` is a file.
            } else if kind.is_file() && name != ".git" && wanted(&entry.path(), extensions) {
                // What is not UTF-8 is data: pictures, golden files.
                if let Ok(text) = std::fs::read_to_string(entry.path()) {
                    files.push(SourceFile { path: entry.path(), text });
                }
            }
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(!files.is_empty(), "no file of kind {extensions:?} below {}", root().display());
    files
}

fn wanted(path: &Path, extensions: &[&str]) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    extensions.is_empty() || extensions.contains(&extension)
}

/// The code with comments and the contents of strings blanked out; line numbers stay.
pub fn code_of(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.chars().next() {
        let skipped = skipped_length(rest);
        if skipped == 0 {
            code.push(start);
            rest = rest.strip_prefix(start).unwrap_or_default();
        } else {
            let (gone, after) = rest.split_at(skipped);
            code.extend(gone.chars().filter(|c| *c == '\n'));
            rest = after;
        }
    }
    code
}

/// How many bytes at the start are a comment, a string or a character; 0 when it is code.
fn skipped_length(rest: &str) -> usize {
    let until =
        |end: &str, from: usize| rest[from..].find(end).map_or(rest.len(), |at| from + at + end.len());
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return until("*/", 2);
    }
    for hashes in ["", "#", "##"] {
        if rest.starts_with(&format!("r{hashes}\"")) {
            return until(&format!("\"{hashes}"), hashes.len() + 2);
        }
    }
    if rest.starts_with('"') {
        return quoted_length(rest);
    }
    // A character that would open a string or a comment; lifetimes stay code.
    for character in ["'\"'", "'\\\"'", "'\\''", "'/'"] {
        if rest.starts_with(character) {
            return character.len();
        }
    }
    0
}

fn quoted_length(rest: &str) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

#[test]
fn strings_and_comments_are_not_code() {
    let code = code_of(
        "let a = \"use \\\" crate::x\"; // crate::y\nlet b = r#\"crate::\"z\"#; /* crate::w */ use crate::v;",
    );
    assert_eq!(code.matches("crate::").count(), 1, "{code}");
    assert_eq!(code.lines().count(), 2);
}
