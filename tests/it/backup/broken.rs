//! Damage under a server that runs: a check finds it, and no backup is made of it.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::process::Command;

use serde_json::json;

use super::{SMALL_SEGMENTS, ok, online, refused, run, said, value};
use crate::harness::{Server, gleitzeit};

fn verify(server: &Server) -> Command {
    let mut command = gleitzeit();
    command.args(["store", "verify", "--online", "--url", &server.url()]);
    command
}

/// Changes one byte in the middle of what was written.
fn damage(segment: &Path) {
    let mut bytes = Vec::new();
    File::open(segment).and_then(|mut file| file.read_to_end(&mut bytes)).expect("it can be read");
    let end = bytes.iter().rposition(|byte| *byte != 0).expect("something was written");
    let mut file = OpenOptions::new().write(true).open(segment).expect("it can be written");
    file.seek(SeekFrom::Start(end as u64 / 2)).expect("it is long enough");
    file.write_all(&[bytes[end / 2] ^ 0x5A]).expect("it can be written");
}

#[test]
fn a_server_that_runs_checks_its_own_data() {
    let base = tempfile::tempdir().expect("a temporary directory");
    let data = base.path().join("data");
    let server = Server::start(&data, SMALL_SEGMENTS);
    let rest = server.rest();
    for number in 0..120 {
        run(&rest, number);
    }
    let printed = ok(verify(&server));
    assert_eq!(value(&printed, "first seq"), "1");
    let archived: u64 =
        value(&printed, "workflows").split(' ').next().and_then(|n| n.parse().ok()).expect("a number");
    assert!((1..=120).contains(&archived), "{printed}");

    let first = data.join("log/0000000001.seg");
    damage(&first);
    let output = verify(&server).output().expect("the binary can be started");
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let told = said(&output);
    assert!(told.contains("PROBLEM: segment file") && told.contains("are lost"), "{told}");
    let folder = base.path().join("backups");
    fs::create_dir(&folder).expect("a new folder");
    refused(online(&server, &folder), "GZ5010");
    assert_eq!(fs::read_dir(&folder).expect("it can be listed").count(), 0);
    let answer = rest.post("/store/backup", &[], &json!({})).expect("it answers");
    assert_eq!((answer.status, &answer.body["code"]), (500, &json!("GZ5010")), "{}", answer.body);
    // The engine goes on.
    run(&rest, 500);
}
