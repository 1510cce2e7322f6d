//! `gleitzeit store` on the data of a server that has stopped.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::{Value, json};

use super::{finish, text};
use crate::harness::{Logged, Server, gleitzeit};

fn store(verb: &str, data: &Path) -> Output {
    finish(gleitzeit().args(["store"]).args(verb.split(' ')).arg("--data-dir").arg(data), "")
}

/// A server that has run a few workflows, one after the other, and has stopped.
fn used(workflows: usize) -> (tempfile::TempDir, Vec<String>) {
    let data = tempfile::tempdir().expect("a temporary directory");
    let mut server = Server::start(data.path(), &["--segment-size", "1MiB"]);
    let body =
        json!({"name": "Counted", "tasks": [{"name": "t", "function": "count_words", "args": ["a b"]}]});
    let ids = (0..workflows).map(|_| {
        let answer = server.rest().post("/workflows", &[("Prefer", "wait=30")], &body).expect("it answers");
        assert_eq!((answer.status, &answer.body["status"]), (201, &json!("completed")));
        answer.body["id"].as_str().expect("it has an id").to_owned()
    });
    let ids = ids.collect();
    assert!(server.terminate().0.success());
    (data, ids)
}

#[test]
fn whole_data_is_verified_and_dumped() {
    let (data, ids) = used(5);
    let verified = store("verify", data.path());
    let said = text(&verified.stdout);
    assert_eq!(verified.status.code(), Some(0), "{said}{}", text(&verified.stderr));
    assert!(said.contains("0 in memory, 5 archived"), "{said}");

    let dump = store("dump", data.path());
    let records: Vec<Value> =
        text(&dump.stdout).lines().map(|line| serde_json::from_str(line).expect("it is JSON")).collect();
    let seqs: Vec<u64> = records.iter().filter_map(|record| record["seq"].as_u64()).collect();
    assert!(seqs.len() == records.len() && seqs.windows(2).all(|pair| pair[1] == pair[0] + 1), "{seqs:?}");
    let part = store(&format!("dump --since {}", seqs[seqs.len() - 2]), data.path());
    assert_eq!(text(&part.stdout).lines().count(), 2);
    let archive = store("dump --archive", data.path());
    let archived = text(&archive.stdout);
    assert!(archived.lines().count() == 5 && ids.iter().all(|id| archived.contains(id)), "{archived}");

    let nothing = store("repair", data.path());
    assert!(text(&nothing.stderr).contains("nothing to repair"), "{}", text(&nothing.stderr));
    assert_eq!(store("verify", data.path()).status.code(), Some(0), "looking changes nothing");
}

/// A key that only the server needs is not asked for by those who look after its data.
#[test]
fn data_is_verified_without_the_keys_of_the_server() {
    let (data, _) = used(1);
    let settings = data.path().join("gleitzeit.toml");
    let endpoint =
        "name = 'e'\nkind = 'openai'\nurl = 'http://127.0.0.1:9'\napi_key_env = 'NO_SUCH_VARIABLE_HERE'";
    std::fs::write(&settings, format!("[[models.endpoints]]\n{endpoint}\n")).expect("it can be written");
    let with = |line: &str| {
        let mut command = gleitzeit();
        command.args(line.split(' ')).arg("--config").arg(&settings).arg("--data-dir").arg(data.path());
        finish(&mut command, "")
    };
    for verb in ["store verify", "store dump", "store repair"] {
        let output = with(verb);
        assert_eq!(output.status.code(), Some(0), "{verb}: {}", text(&output.stderr));
    }
    let refused = with("serve --port 0");
    assert!(text(&refused.stderr).contains("NO_SUCH_VARIABLE_HERE"), "{}", text(&refused.stderr));
}

#[test]
fn only_one_process_uses_a_directory() {
    let data = tempfile::tempdir().expect("a temporary directory");
    for verb in ["verify", "repair --accept-loss", "compact", "dump"] {
        let output = store(verb, data.path());
        assert!(text(&output.stderr).contains("is not a data directory"), "{}", text(&output.stderr));
    }
    assert_eq!(std::fs::read_dir(data.path()).expect("it can be listed").count(), 0, "nothing was made");
    let server = Server::start(data.path(), &[]);
    for verb in ["verify", "repair --accept-loss", "compact", "dump"] {
        let output = store(verb, data.path());
        assert_eq!(output.status.code(), Some(9), "{verb}");
        assert!(text(&output.stderr).starts_with("error[GZ5012]: "), "{}", text(&output.stderr));
    }
    drop(server);
}

#[test]
fn compaction_leaves_everything_where_it_was() {
    let (data, ids) = used(200);
    let compacted = store("compact", data.path());
    let said = text(&compacted.stdout);
    assert_eq!(compacted.status.code(), Some(0), "{said}{}", text(&compacted.stderr));
    assert!(said.contains("before") && said.contains("after"), "{said}");
    assert!(!data.path().join("store.old").exists() && !data.path().join("store.new").exists());
    let verified = store("verify", data.path());
    assert!(text(&verified.stdout).contains("200 archived"), "{}", text(&verified.stdout));
    let server = Server::start(data.path(), &[]);
    let answer = server.rest().get(&format!("/workflows/{}/results", ids[0])).expect("it answers");
    assert_eq!((answer.status, &answer.body["completed_tasks"]), (200, &json!(1)), "{}", answer.body);
}

#[test]
fn damage_is_told_and_given_up_only_on_request() {
    let (data, _) = used(20);
    let before = seqs(data.path());
    damage(&segments(data.path())[0]);
    let verified = store("verify", data.path());
    assert_eq!(verified.status.code(), Some(1));
    assert!(text(&verified.stdout).contains("DAMAGE: segment file"), "{}", text(&verified.stdout));
    // What follows the damage was acknowledged, and nobody says that it was not.
    for said in [&verified, &store("repair", data.path())].map(|output| text(&output.stdout)) {
        assert!(said.contains("acknowledged records may be among them"), "{said}");
        assert!(!said.contains("never acknowledged"), "{said}");
    }
    let refused = finish(gleitzeit().args(["serve", "--port", "0", "--data-dir"]).arg(data.path()), "");
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("error[GZ5010]: "), "{}", text(&refused.stderr));

    let asked = store("repair", data.path());
    assert_eq!(asked.status.code(), Some(1));
    assert!(text(&asked.stderr).contains("--accept-loss"), "{}", text(&asked.stderr));
    let repaired = store("repair --accept-loss", data.path());
    let said = text(&repaired.stdout);
    assert_eq!(repaired.status.code(), Some(0), "{said}{}", text(&repaired.stderr));
    assert!(said.contains("the original is kept as"), "{said}");
    // What it says is lost is what is missing now, and nothing else.
    let range =
        said.lines().find_map(|line| line.strip_prefix("lost: records ")).expect("it says what is lost");
    let (from, to) = range.trim_end_matches(" are lost").split_once(" to ").expect("a range");
    let lost: Vec<u64> = (number(from)..=number(to)).collect();
    let left = seqs(data.path());
    let missing: Vec<u64> = before.iter().copied().filter(|seq| !left.contains(seq)).collect();
    assert_eq!(missing, lost);
    let verified = store("verify", data.path());
    assert!(text(&verified.stdout).contains(&format!("given up earlier: records {range}")), "{verified:?}");
    let server = Server::start(data.path(), &[]);
    assert_eq!(server.rest().get("/workflows").expect("it answers").status, 200);
}

#[test]
fn a_directory_that_was_made_for_the_data_is_closed_to_others() {
    let base = tempfile::tempdir().expect("a temporary directory");
    let data = base.path().join("data");
    let mode = || std::fs::metadata(&data).expect("it is there").permissions().mode() & 0o7777;
    let set = |mode: u32| {
        std::fs::set_permissions(&data, Permissions::from_mode(mode)).expect("it is the test's own");
    };
    let log = || {
        let server = Logged::start(base.path().join("log"), |command| {
            command.arg("--data-dir").arg(&data);
        });
        server.terminate()
    };
    let warning = format!("chmod 700 {}", data.display());
    let first = log();
    assert_eq!(mode(), 0o700, "one that is made here is its owner's");
    assert!(!first.contains(&warning), "{first}");
    // What was made beforehand keeps what its group may do, which somebody chose.
    for (made, kept) in [(0o755, 0o750), (0o777, 0o770), (0o2750, 0o2750), (0o770, 0o770), (0o700, 0o700)] {
        std::fs::remove_dir_all(&data).expect("no server uses it");
        std::fs::create_dir(&data).expect("it can be made");
        set(made);
        let said = log();
        assert_eq!(mode(), kept, "an empty one of {made:o}");
        assert!(!said.contains(&warning), "{said}");
    }
    // Later on the mode is the owner's business, who is told.
    set(0o755);
    let told = log();
    assert_eq!((mode(), told.matches(&warning).count()), (0o755, 1), "{told}");
    assert!(told.lines().any(|line| line.contains(&warning) && line.contains("WARN")), "{told}");
    set(0o750);
    assert!(!log().contains(&warning), "a group was chosen on purpose");
}

fn number(text: &str) -> u64 {
    text.parse().unwrap_or_else(|_| panic!("{text} is no number"))
}

/// Every record of the log.
fn seqs(data: &Path) -> Vec<u64> {
    let dump = store("dump", data);
    let seq = |line: &str| serde_json::from_str::<Value>(line).expect("it is JSON")["seq"].as_u64();
    text(&dump.stdout).lines().map(|line| seq(line).expect("a record has a position")).collect()
}

fn segments(data: &Path) -> Vec<PathBuf> {
    let files = std::fs::read_dir(data.join("log")).expect("the log is a directory");
    let mut files: Vec<PathBuf> = files.map(|file| file.expect("it can be listed").path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "seg"));
    files.sort();
    files
}

/// Changes bytes in the middle of what was written.
fn damage(segment: &Path) {
    let mut bytes = Vec::new();
    File::open(segment).and_then(|mut file| file.read_to_end(&mut bytes)).expect("it can be read");
    let end = bytes.iter().rposition(|byte| *byte != 0).expect("something was written") as u64;
    let mut file = OpenOptions::new().write(true).open(segment).expect("it can be written");
    file.seek(SeekFrom::Start(end / 2)).expect("it is long enough");
    file.write_all(&[0xA5; 16]).expect("it can be written");
}
