//! Writes that are cut short: by a full disk, and by the end of the process.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::{House, write};
use crate::full_disk::SmallDisk;
use crate::harness::{PATIENCE, Server, until};

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("it can be listed");
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

fn run(server: &Server, parameters: &Value) -> Value {
    let task = json!({"name": "t", "task_type": "file", "parameters": parameters, "max_retries": 0});
    server.rest().run_task(&task)
}

#[test]
fn a_full_disk_leaves_the_file_as_it_was() {
    let Some(disk) = SmallDisk::mount() else {
        eprintln!("skipped: only root can mount the small disk that this test fills");
        return;
    };
    let data = tempfile::tempdir().expect("a temporary directory");
    let root = disk.file("files");
    fs::create_dir(&root).expect("a new folder");
    let server = Server::start(data.path(), &["--files-root", root.to_str().expect("a path of text")]);
    let large = |letter: &str, mib: usize| json!(letter.repeat(mib << 20));
    let written = run(&server, &write("report.txt", &large("a", 3)));
    assert_eq!(written["status"], "completed", "{}", written["error"]);
    // With what is there it does not fit, and without a second copy the old one would be gone.
    let refused = run(&server, &write("report.txt", &large("b", 7)));
    assert_eq!((&refused["status"], &refused["error"]["code"]), (&json!("failed"), &json!("GZ5006")));
    let message = refused["error"]["message"].as_str().expect("a failure says why");
    assert!(message.contains("report.txt") && message.contains("No space left on device"), "{message}");
    assert_eq!(fs::read(root.join("report.txt")).expect("it is there"), vec![b'a'; 3 << 20]);
    assert_eq!(names(&root), ["report.txt"], "nothing half-written stays");
    // What was tried in vain takes no room.
    let smaller = run(&server, &write("report.txt", &large("c", 3)));
    assert_eq!(smaller["status"], "completed", "{}", smaller["error"]);
    assert_eq!(fs::read(root.join("report.txt")).expect("it is there"), vec![b'c'; 3 << 20]);
}

/// The process is killed as soon as it has begun to write: the file is the old one or the new one, whole.
#[test]
fn a_file_that_was_being_written_at_the_end_of_the_process_is_old_or_new() {
    const BYTES: usize = 6 << 20;
    let mut house = House::start();
    let file = house.path("report.txt");
    let whole = |letter: u8| vec![letter; BYTES];
    fs::write(&file, whole(b'a')).expect("it can be written");
    let (mut old, mut cut) = (b'a', 0);
    for new in b'b'..=b'g' {
        let content = String::from_utf8(whole(new)).expect("letters");
        let task =
            json!({"name": "t", "task_type": "file", "parameters": write("report.txt", &json!(content))});
        let rest = house.server.rest();
        let before = fs::metadata(&file).expect("it is there").modified().expect("a time");
        let answer =
            rest.post("/workflows", &[], &json!({"name": "w", "tasks": [task]})).expect("it answers");
        assert_eq!(answer.status, 201, "{}", answer.body);
        let id = answer.body["id"].as_str().expect("an id").to_owned();
        until("the write begins", PATIENCE, || {
            let begun = house.names(".").len() > 1;
            let done = fs::metadata(&file).is_ok_and(|found| found.modified().is_ok_and(|at| at != before));
            (begun || done).then_some(())
        });
        house.server.kill();
        let found = fs::read(&file).expect("it is there at every moment");
        assert!(found == whole(old) || found == whole(new), "{} bytes, of both", found.len());
        cut += usize::from(found == whole(old));
        house.server.restart();
        let rest = house.server.rest();
        until("the task runs again", PATIENCE, || {
            (rest.read(&format!("/workflows/{id}"))["status"] == "completed").then_some(())
        });
        assert!(fs::read(&file).expect("it is there") == whole(new), "it runs to its end after all");
        assert_eq!(house.names("."), ["report.txt"], "what the cut left behind is taken away");
        old = new;
    }
    println!("{cut} of 6 writes were cut before their end");
}
