//! `file` tasks through the real binary, in a folder of their own.

mod endings;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{Server, until};

/// A server, its folder for files, and what lies beside that folder.
struct House {
    server: Server,
    root: PathBuf,
    base: TempDir,
}

impl House {
    fn start() -> Self {
        let base = tempfile::tempdir().expect("a temporary directory");
        let root = base.path().join("files");
        fs::create_dir(&root).expect("a new folder");
        fs::write(base.path().join("secret"), "secret").expect("it can be written");
        let flags = ["--files-root", root.to_str().expect("a path of text")];
        let server = Server::start(&base.path().join("data"), &flags);
        Self { server, root, base }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    fn put(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("it has a parent")).expect("folders can be made");
        fs::write(path, content).expect("it can be written");
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    fn detail(&self, parameters: &Value) -> Value {
        let task = json!({"name": "t", "task_type": "file", "parameters": parameters, "max_retries": 0});
        self.server.rest().run_task(&task)
    }

    fn run(&self, parameters: &Value) -> Value {
        let detail = self.detail(parameters);
        assert_eq!(detail["status"], "completed", "{parameters}: {detail}");
        detail["result"].clone()
    }

    /// The code and the message of a task that must fail.
    fn refused(&self, parameters: &Value) -> (String, String) {
        let detail = self.detail(parameters);
        assert_eq!(detail["status"], "failed", "{parameters}: {detail}");
        let text = |name: &str| detail["error"][name].as_str().expect("a failure says so").to_owned();
        (text("code"), text("message"))
    }

    fn names(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(folder)).expect("it can be listed");
        let mut names: Vec<String> = entries
            .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }
}

fn read(path: &str) -> Value {
    json!({"operation": "read", "source_path": path})
}

fn write(path: &str, content: &Value) -> Value {
    json!({"operation": "write", "target_path": path, "content": content})
}

#[test]
fn what_is_written_is_read_again() {
    let house = House::start();
    let long = "ü".repeat(100_000);
    assert_eq!(house.run(&write("a/b/text", &json!(long))), json!({"written": 200_000}));
    assert_eq!(house.run(&read("./a/b/text")), json!(long));
    house.run(&write("object", &json!({"b": [1, null], "a": "x"})));
    assert_eq!(house.text("object"), r#"{"a":"x","b":[1,null]}"#);
    let bytes =
        json!({"operation": "write", "target_path": "bytes", "content": "/wD+", "encoding": "base64"});
    assert_eq!(house.run(&bytes), json!({"written": 3}));
    assert_eq!(fs::read(house.path("bytes")).expect("it is there"), [0xff, 0, 0xfe]);
    let encoded = json!({"operation": "read", "source_path": "bytes", "encoding": "base64"});
    assert_eq!(house.run(&encoded), json!("/wD+"));
    let (code, message) = house.refused(&read("bytes"));
    assert!(code == "GZ7001" && message.contains("`encoding: base64`"), "{message}");
    // Nothing but the files is left.
    assert_eq!(house.names(""), ["a", "bytes", "object"]);
    assert_eq!(house.names("a/b"), ["text"]);
}

/// It is JSON, and no character: it is neither written as it is nor in its escaped form.
#[test]
fn half_of_a_surrogate_pair_is_not_written() {
    let house = House::start();
    let rest = house.server.rest();
    let body = r#"{"name": "w", "tasks": [{"name": "t", "task_type": "file", "max_retries": 0, "parameters":
        {"operation": "write", "target_path": "half", "content": "a \ud800 b"}}]}"#;
    let taken = rest.post_as("application/json", "/workflows", body);
    let results = format!("/workflows/{}/results", taken.body["id"].as_str().expect("a workflow has an id"));
    let failed = until("the task fails", crate::harness::PATIENCE, || {
        let results = rest.read(&results);
        (results["status"] == "failed").then(|| results["errors"]["t"].clone())
    });
    assert_eq!(failed["code"], "GZ7001", "{failed}");
    let message = failed["message"].as_str().expect("a failure says why");
    assert!(message.contains("`content`") && message.contains("surrogate"), "{message}");
    assert!(message.contains("line 1 column "), "{message}");
    assert!(house.names("").is_empty(), "nothing was written");
}

#[test]
fn a_file_is_replaced_whole_and_keeps_its_rights() {
    let house = House::start();
    house.put("f", "old and long");
    fs::set_permissions(house.path("f"), fs::Permissions::from_mode(0o640)).expect("it is ours");
    let old = fs::File::open(house.path("f")).expect("it is there");
    house.run(&write("f", &json!("new")));
    assert_eq!(house.text("f"), "new");
    assert_eq!(fs::metadata(house.path("f")).expect("it is there").permissions().mode() & 0o777, 0o640);
    // Whoever has the old file open goes on reading it: it was replaced, not written over.
    assert_eq!(std::io::read_to_string(old).expect("it can be read"), "old and long");
    assert_eq!(
        house.run(&json!({"operation": "append", "target_path": "f", "content": "er"})),
        json!({"written": 2, "size": 5})
    );
    assert_eq!(
        house.run(&json!({"operation": "append", "target_path": "n/ew", "content": "x"})),
        json!({"written": 1, "size": 1})
    );
    assert_eq!((house.text("f"), house.text("n/ew")), ("newer".to_owned(), "x".to_owned()));
}

#[test]
fn files_are_copied_moved_deleted_and_listed() {
    let house = House::start();
    house.put("a", vec![b'x'; 3 << 20]);
    let both = |operation: &str, from: &str, to: &str| json!({"operation": operation, "source_path": from, "target_path": to});
    assert_eq!(house.run(&both("copy", "a", "d/copy")), json!({"copied": 3 << 20}));
    assert_eq!(
        fs::read(house.path("d/copy")).expect("it is there"),
        fs::read(house.path("a")).expect("it is there")
    );
    assert_eq!(house.run(&both("move", "a", "d/moved")), json!({"moved": true}));
    assert_eq!(house.names("d"), ["copy", "moved"]);
    fs::create_dir(house.path("d/sub")).expect("a new folder");
    symlink("copy", house.path("d/link")).expect("a new link");
    house.put("d/.gleitzeit-left-1", "from a server that died");
    let listed = house.run(&json!({"operation": "list", "source_path": "d"}));
    assert_eq!((&listed["count"], &listed["truncated"]), (&json!(4), &json!(false)));
    let entries: Vec<(&str, &str, Option<u64>)> = listed["entries"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| {
            (
                one["name"].as_str().expect("a name"),
                one["type"].as_str().expect("a type"),
                one["size"].as_u64(),
            )
        })
        .collect();
    let size = Some(3 << 20);
    assert_eq!(
        entries,
        [("copy", "file", size), ("link", "link", None), ("moved", "file", size), ("sub", "folder", None)]
    );
    assert_eq!(house.run(&json!({"operation": "list"}))["count"], 1);

    let delete = |path: &str| json!({"operation": "delete", "source_path": path});
    for path in ["d/copy", "d/sub"] {
        assert_eq!(house.run(&delete(path)), json!({"deleted": true}));
    }
    for (path, code) in [("d", "GZ7001"), (".", "GZ7001"), ("gone", "GZ5001")] {
        assert_eq!(house.refused(&delete(path)).0, code, "{path}");
    }
    // A link goes, what it points to stays.
    house.run(&delete("d/link"));
    assert_eq!(house.names("d"), [".gleitzeit-left-1", "moved"]);
}

#[test]
fn no_path_leads_out() {
    let house = House::start();
    house.put("inside", "inside");
    fs::create_dir(house.path("sub")).expect("a new folder");
    let secret = house.base.path().join("secret");
    symlink(&secret, house.path("absolute")).expect("a new link");
    symlink("../secret", house.path("up")).expect("a new link");
    symlink("..", house.path("parent")).expect("a new link");
    symlink("/", house.path("slash")).expect("a new link");
    symlink("/proc/self/root", house.path("magic")).expect("a new link");
    symlink("chain", house.path("chain")).expect("a new link");
    symlink("../inside", house.path("sub/within")).expect("a new link");
    let absolute = secret.to_str().expect("a path of text");
    let ways_out = [
        "../secret",
        "sub/../../secret",
        absolute,
        "absolute",
        "up",
        "parent/secret",
        "slash/etc/passwd",
        "magic/etc/passwd",
    ];
    for path in ways_out {
        for parameters in [
            read(path),
            write(path, &json!("overwritten")),
            json!({"operation": "append", "target_path": path, "content": "appended"}),
            json!({"operation": "copy", "source_path": path, "target_path": "taken"}),
            json!({"operation": "copy", "source_path": "inside", "target_path": path}),
            json!({"operation": "move", "source_path": "inside", "target_path": path}),
        ] {
            let (code, message) = house.refused(&parameters);
            assert!(["GZ5002", "GZ7001"].contains(&code.as_str()), "{parameters}: {code} {message}");
            assert!(!message.contains("secret\n"), "{message}");
        }
    }
    assert!(matches!(house.refused(&read("chain")).0.as_str(), "GZ5006" | "GZ5002" | "GZ7001"));
    assert_eq!(fs::read_to_string(&secret).expect("it is there"), "secret");
    assert_eq!(house.text("inside"), "inside");
    assert!(!house.path("taken").exists());
    for folder in ["parent", "slash", ".."] {
        let (code, _) = house.refused(&json!({"operation": "list", "source_path": folder}));
        assert!(["GZ5002", "GZ7001"].contains(&code.as_str()), "{folder}: {code}");
    }
    // A link that stays inside is followed, also by a write.
    assert_eq!(house.run(&read("sub/within")), json!("inside"));
    house.run(&write("sub/within", &json!("through")));
    assert_eq!(house.text("inside"), "through");
    assert!(fs::symlink_metadata(house.path("sub/within")).expect("it is there").is_symlink());
}

#[test]
fn only_plain_files_are_touched_and_nothing_waits() {
    let house = House::start();
    let made = Command::new("mkfifo").arg(house.path("pipe")).status().expect("there is a `mkfifo`");
    assert!(made.success());
    let _socket = std::os::unix::net::UnixListener::bind(house.path("socket")).expect("a new socket");
    for path in ["pipe", "socket", "."] {
        for parameters in [
            read(path),
            write(path, &json!("x")),
            json!({"operation": "append", "target_path": path, "content": "x"}),
            json!({"operation": "copy", "source_path": path, "target_path": "taken"}),
        ] {
            let (code, message) = house.refused(&parameters);
            assert!(code == "GZ7001", "{parameters}: {code} {message}");
        }
    }
    assert!(!house.path("taken").exists());
}

#[test]
fn sizes_are_limited_both_ways() {
    let base = tempfile::tempdir().expect("a temporary directory");
    let config = base.path().join("g.toml");
    let root = base.path().join("files");
    fs::create_dir(&root).expect("a new folder");
    let section = format!(
        "[files]\nroot = {:?}\nread_bytes = \"1kB\"\nfile_bytes = \"2kB\"\n",
        root.display().to_string()
    );
    fs::write(&config, section).expect("it can be written");
    let server =
        Server::start(&base.path().join("data"), &["--config", config.to_str().expect("a path of text")]);
    let house = House { server, root, base };
    house.put("fits", "x".repeat(1_000));
    house.put("long", "x".repeat(1_001));
    house.put("larger", "x".repeat(2_001));
    assert_eq!(house.run(&read("fits")).as_str().map(str::len), Some(1_000));
    for (parameters, setting) in [
        (read("long"), "`read_bytes`"),
        (write("new", &json!("x".repeat(2_001))), "`file_bytes`"),
        (json!({"operation": "append", "target_path": "long", "content": "x".repeat(1_000)}), "`file_bytes`"),
        (json!({"operation": "copy", "source_path": "larger", "target_path": "new"}), "`file_bytes`"),
    ] {
        let (code, message) = house.refused(&parameters);
        assert!(code == "GZ7002" && message.contains(setting), "{message}");
    }
    assert_eq!(house.names(""), ["fits", "larger", "long"]);
    assert_eq!(house.text("long").len(), 1_001);
}

#[test]
fn wrong_parameters_are_named() {
    let house = House::start();
    let submit = |task: Value| {
        let body = json!({"name": "Wrong", "tasks": [task]});
        let answer = house.server.rest().post("/workflows", &[], &body).expect("it answers");
        assert_eq!(answer.status / 100, 4, "{}", answer.body);
        answer.body["detail"].as_str().expect("text").to_owned()
    };
    let explicit =
        |parameters: Value| submit(json!({"name": "t", "task_type": "file", "parameters": parameters}));
    assert!(explicit(json!({"source_pth": "a"})).contains("did you mean `source_path`?"));
    assert!(submit(json!({"name": "t", "file": "a", "operation": "reed"})).contains("did you mean `read`?"));
    for (parameters, expected) in [
        (json!({"operation": "read"}), "needs `source_path`"),
        (json!({"operation": "wirte", "target_path": "a", "content": ""}), "did you mean `write`?"),
        (json!({"operation": "write", "target_path": "a"}), "needs `content`"),
        (json!({"operation": "write", "source_path": "a", "content": ""}), "it takes: target_path, content"),
        (json!({"operation": "copy", "source_path": "a"}), "needs `target_path`"),
        (json!({"operation": "read", "source_path": ""}), "is empty"),
        (json!({"operation": "read", "source_path": "a\u{0}b"}), "zero byte"),
        (json!({"operation": "read", "source_path": 7}), "do not fit"),
        (
            json!({"operation": "write", "target_path": "a", "content": "*", "encoding": "base64"}),
            "no base64",
        ),
        (json!({"operation": "write", "target_path": ".gleitzeit-x", "content": ""}), "kept for files"),
    ] {
        let (code, message) = house.refused(&parameters);
        assert!(code == "GZ7001" && message.contains(expected), "{parameters}: {code} {message}");
    }
    assert!(house.names("").is_empty());
}

#[test]
fn without_a_folder_the_task_waits_and_says_what_to_configure() {
    let data = tempfile::tempdir().expect("a temporary directory");
    let server = Server::start(data.path(), &[]);
    let body = json!({"name": "Waiting", "tasks": [{"name": "t", "file": "a"}]});
    let answer = server.rest().post("/workflows", &[], &body).expect("it answers");
    let tasks =
        server.rest().read(&format!("/workflows/{}/tasks", answer.body["id"].as_str().expect("an id")));
    let why = server.rest().read(&format!("/tasks/{}/why", tasks["items"][0]["id"].as_str().expect("an id")));
    let summary = why["summary"].as_str().expect("a sentence");
    assert!(summary.contains("--files-root") && summary.contains("`root` under `[files]`"), "{why}");
    let missing = crate::harness::gleitzeit()
        .args(["serve", "--port", "0", "--files-root", "no/such/folder", "--data-dir"])
        .arg(Path::new(data.path()).join("other"))
        .output()
        .expect("it ends");
    let said = String::from_utf8_lossy(&missing.stderr).into_owned();
    assert!(!missing.status.success() && said.contains("no/such/folder"), "{said}");
}
