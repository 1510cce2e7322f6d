//! Backups and restores that are cut off: by `kill -9`, by a full disk, by whoever copied half of a file.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::{SMALL_SEGMENTS, ok, online, only_file, refused, restore, run, said, state_of, store};
use crate::full_disk::SmallDisk;
use crate::harness::{Server, gleitzeit};

/// Enough that writing it takes a while, and more than a small disk holds.
const WORKFLOWS: usize = 260;

/// Data of a server that has stopped, and its state.
fn stopped(data: &Path) -> (String, u64) {
    let mut server = Server::start(data, SMALL_SEGMENTS);
    for number in 0..WORKFLOWS {
        run(&server.rest(), number);
    }
    assert!(server.terminate().0.success());
    state_of(data)
}

fn killed_after(mut command: Command, pause: Duration) {
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let mut child: Child = child.expect("the binary can be started");
    std::thread::sleep(pause);
    drop(child.kill());
    child.wait().expect("a killed process ends");
}

#[test]
fn a_killed_backup_leaves_nothing_that_a_restore_takes() {
    let base = tempfile::tempdir().expect("a temporary directory");
    let data = base.path().join("data");
    let (state, _) = stopped(&data);
    let mut whole = 0;
    for round in 0..8_u64 {
        let folder = base.path().join(format!("round-{round}"));
        std::fs::create_dir(&folder).expect("a new folder");
        let file = folder.join("b.tar");
        killed_after(
            store(&["backup", file.to_str().expect("text")], &data),
            Duration::from_millis(round * 25),
        );
        for (place, entry) in std::fs::read_dir(&folder).expect("it can be listed").enumerate() {
            let found = entry.expect("an entry").path();
            let to = base.path().join(format!("restored-{round}-{place}"));
            let output = restore(&found, &to, &[]).output().expect("the binary can be started");
            // Whatever bears the name is whole; what does not may only lack the name.
            if output.status.success() {
                assert_eq!(state_of(&to).0, state);
                whole += 1;
            } else {
                assert!(found != file && said(&output).contains("GZ5014"), "{}", said(&output));
                assert!(!to.exists(), "a backup that is not whole makes no directory");
            }
        }
    }
    println!("{whole} of the killed backups were whole");
    // The data itself has not suffered.
    assert_eq!(state_of(&data).0, state);
}

#[test]
fn a_killed_restore_leaves_no_data_directory_or_a_whole_one() {
    let base = tempfile::tempdir().expect("a temporary directory");
    let data = base.path().join("data");
    let (state, _) = stopped(&data);
    let file = base.path().join("b.tar");
    ok(store(&["backup", file.to_str().expect("text")], &data));
    let mut interrupted = 0;
    for round in 0..10_u64 {
        let to = base.path().join(format!("to-{round}"));
        killed_after(restore(&file, &to, &[]), Duration::from_millis(round * 60));
        if to.join("FORMAT").exists() {
            assert_eq!(state_of(&to).0, state);
        } else if to.join("restoring").exists() {
            interrupted += 1;
            let mut serve = gleitzeit();
            serve.args(["serve", "--port", "0", "--data-dir"]).arg(&to);
            refused(serve, "GZ5014");
            refused(restore(&file, &to, &[]), "GZ5015");
        }
    }
    println!("{interrupted} restores were interrupted in the middle");
}

#[test]
fn a_full_disk_gets_no_half_of_a_backup() {
    let Some(disk) = SmallDisk::mount() else {
        println!("not run: this process may not mount a file system");
        return;
    };
    let base = tempfile::tempdir().expect("a temporary directory");
    let data = base.path().join("data");
    let (state, _) = stopped(&data);
    let mut server = Server::start(&data, SMALL_SEGMENTS);
    let folder = disk.file("backups");
    std::fs::create_dir(&folder).expect("a new folder");
    refused(online(&server, &folder), "No space left on device");
    let left: Vec<_> = std::fs::read_dir(&folder).expect("it can be listed").collect();
    assert!(left.is_empty(), "{left:?}");
    run(&server.rest(), WORKFLOWS);
    assert!(server.terminate().0.success());
    refused(store(&["backup", folder.to_str().expect("text")], &data), "GZ5004");
    assert_eq!(std::fs::read_dir(&folder).expect("it can be listed").count(), 0);

    // The other way round: a backup that does not fit where it is to be restored.
    let file = base.path().join("b.tar");
    ok(store(&["backup", file.to_str().expect("text")], &data));
    let to = disk.file("restored");
    refused(restore(&file, &to, &[]), "GZ5004");
    assert!(!to.join("FORMAT").exists());
    drop(state);
}

#[test]
fn half_a_file_is_refused() {
    let base = tempfile::tempdir().expect("a temporary directory");
    let data = base.path().join("data");
    let mut server = Server::start(&data, &[]);
    run(&server.rest(), 1);
    let folder = base.path().join("backups");
    std::fs::create_dir(&folder).expect("a new folder");
    ok(online(&server, &folder));
    assert!(server.terminate().0.success());
    let whole = std::fs::read(only_file(&folder)).expect("it is there");
    let (half, to) = (base.path().join("half.tar"), base.path().join("to"));
    for bytes in [0, 1, 511, 512, whole.len() / 2, whole.len() - 1_024, whole.len() - 1] {
        std::fs::write(&half, &whole[..bytes]).expect("it can be written");
        refused(restore(&half, &to, &[]), "GZ5014");
    }
    std::fs::write(&half, "no archive at all").expect("it can be written");
    refused(restore(&half, &to, &[]), "GZ5014");
    assert!(!to.exists());
    refused(restore(&base.path().join("nowhere.tar"), &to, &[]), "No such file");
}
