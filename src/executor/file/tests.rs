//! What a second attempt finds when the first one died, or still runs.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tempfile::TempDir;

use super::operation::{Attempt, Done, append, copy, delete, rename, write};
use super::path::{RelativePath, temporary_name};
use super::{FileError, Root};
use crate::config::FilesConfig;

fn root() -> (Root, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    (Root::open(&FilesConfig::new(folder.path())).unwrap(), folder)
}

fn attempt(number: u32) -> Attempt {
    Attempt { task: "t".to_owned(), number, stopped: Arc::new(AtomicBool::new(false)) }
}

fn path(text: &str) -> RelativePath {
    RelativePath::parse(text).unwrap()
}

#[test]
fn a_later_attempt_sees_that_the_work_is_done() {
    let (root, folder) = root();
    fs::write(folder.path().join("a"), "a").unwrap();
    assert_eq!(rename(&root, &attempt(1), &path("a"), path("b")).unwrap(), Done::Now);
    assert_eq!(rename(&root, &attempt(2), &path("a"), path("b")).unwrap(), Done::Before);
    assert_eq!(delete(&root, &attempt(1), &path("b")).unwrap(), Done::Now);
    assert_eq!(delete(&root, &attempt(2), &path("b")).unwrap(), Done::Before);
    // Nothing was there for a first attempt, and nothing to move it to for a later one.
    for number in [1, 2] {
        let missing = rename(&root, &attempt(number), &path("a"), path("b")).unwrap_err();
        assert!(matches!(missing, FileError::NotFound(_)), "{missing}");
    }
    assert!(matches!(delete(&root, &attempt(1), &path("b")).unwrap_err(), FileError::NotFound(_)));
}

#[test]
fn what_an_earlier_attempt_left_is_cleared_away() {
    let (root, folder) = root();
    for number in [1, 2] {
        fs::write(folder.path().join(temporary_name("t", number)), "half").unwrap();
    }
    fs::write(folder.path().join(temporary_name("other", 1)), "of another task").unwrap();
    write(&root, &attempt(3), path("a"), b"whole").unwrap();
    assert_eq!(fs::read_to_string(folder.path().join("a")).unwrap(), "whole");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[test]
fn a_stopped_attempt_changes_nothing() {
    let (root, folder) = root();
    for name in ["a", "b"] {
        fs::write(folder.path().join(name), name).unwrap();
    }
    let stopped = attempt(1);
    stopped.stopped.store(true, Ordering::Relaxed);
    let outcomes = [
        write(&root, &stopped, path("a"), b"new"),
        append(&root, &stopped, path("a"), b"new").map(drop),
        copy(&root, &stopped, &path("b"), path("a")).map(drop),
        rename(&root, &stopped, &path("b"), path("a")).map(drop),
        delete(&root, &stopped, &path("a")).map(drop),
    ];
    for outcome in outcomes {
        assert!(matches!(outcome, Err(FileError::Stopped(_))), "{outcome:?}");
    }
    for name in ["a", "b"] {
        assert_eq!(fs::read_to_string(folder.path().join(name)).unwrap(), name);
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "no file in the making is left");
}

#[test]
fn others_may_read_images_up_to_their_limit() {
    let (root, folder) = root();
    fs::write(folder.path().join("image"), [1, 2, 3]).unwrap();
    assert_eq!(root.read("image", 3).unwrap(), [1, 2, 3]);
    assert!(matches!(root.read("image", 2), Err(FileError::TooLarge { limit: 2, .. })));
    assert!(matches!(root.read("../image", 3), Err(FileError::Invalid(_))));
}
