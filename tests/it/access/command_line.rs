//! `gleitzeit auth` as people use it; the commands of the documentation among it.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Output, Stdio};

use super::{begun, text};
use crate::harness::{Server, gleitzeit};

const DOCS: &str = include_str!("../../../docs/security.md");

/// Runs a verb as a user whose configuration lies in `home`.
fn run(home: &Path, server: &Server, words: &[&str], input: &str) -> Output {
    let mut command = gleitzeit();
    command.args(words).env("XDG_CONFIG_HOME", home).env("GLEITZEIT_URL", server.url());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary can be started");
    drop(child.stdin.take().expect("a pipe").write_all(input.as_bytes()));
    child.wait_with_output().expect("it ends")
}

/// The words of a command line, quoted ones together.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (place, part) in line.split('"').enumerate() {
        if place % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    words
}

#[test]
fn a_key_is_kept_for_its_server_and_found_by_every_verb() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let (server, key) = begun(&folder.path().join("data"));
    let home = folder.path().join("home");
    let denied = run(&home, &server, &["list"], "");
    assert_eq!(denied.status.code(), Some(7), "{}", text(&denied.stderr));
    let wrong = run(&home, &server, &["auth", "login"], "gzt_wrong\n");
    assert_eq!(wrong.status.code(), Some(7), "{}", text(&wrong.stderr));
    let file = home.join("gleitzeit/keys.toml");
    assert!(!file.exists(), "a key that opens nothing is not kept");
    let login = run(&home, &server, &["auth", "login"], &format!("{key}\n"));
    assert!(login.status.success() && !text(&login.stderr).contains(&key), "{}", text(&login.stderr));
    assert_eq!(fs::metadata(&file).expect("it is there").permissions().mode() & 0o777, 0o600);
    assert!(run(&home, &server, &["list"], "").status.success());
    let status = run(&home, &server, &["auth", "status"], "");
    assert!(text(&status.stdout).contains("admin") && !text(&status.stdout).contains(&key));

    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("it is ours");
    let exposed = run(&home, &server, &["list"], "");
    assert!(text(&exposed.stderr).contains("chmod 600"), "{}", text(&exposed.stderr));
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("it is ours");
    assert!(run(&home, &server, &["auth", "logout"], "").status.success());
    assert_eq!(run(&home, &server, &["auth", "logout"], "").status.code(), Some(8));
    assert_eq!(run(&home, &server, &["list"], "").status.code(), Some(7));
}

#[test]
fn the_commands_of_the_documentation_do_what_they_say() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let (server, key) = begun(&folder.path().join("data"));
    let home = folder.path().join("home");
    let mut ran = 0;
    let mut made = String::new();
    for line in DOCS.lines().filter_map(|line| line.strip_prefix("$ gleitzeit ")) {
        if line.contains(" init ") {
            continue;
        }
        let line = line.replace("http://127.0.0.1:8000", &server.url());
        let words = words(&line.replace("0192f0c0-0000-7000-8000-000000000001", &made));
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let output = run(&home, &server, &words, &format!("{key}\n"));
        assert!(output.status.success(), "{line}: {}", text(&output.stderr));
        let told = text(&output.stdout);
        let id = told.lines().find_map(|line| line.strip_prefix("key "));
        if let Some(id) = id.filter(|_| words.starts_with(&["auth", "key", "create"])) {
            made = id.trim().to_owned();
            assert!(told.contains("gzt_"), "the secret is told: {told}");
        }
        ran += 1;
    }
    assert!(ran >= 9, "only {ran} commands were run");
    let users = run(&home, &server, &["auth", "user", "-o", "name"], "");
    assert_eq!(text(&users.stdout), "admin\n", "anna was removed at last");
}

/// A key has no more than its user, and no more than was asked for.
#[test]
fn a_key_without_a_role_is_one_for_work_or_for_less() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let (server, key) = begun(&folder.path().join("data"));
    let admin = |words: &[&str]| {
        let mut command = gleitzeit();
        command.args(words).env("XDG_CONFIG_HOME", folder.path()).env("GLEITZEIT_URL", server.url());
        command.env("GLEITZEIT_TOKEN", &key).output().expect("the binary can be started")
    };
    for (user, expected) in [("readonly", "readonly"), ("user", "user"), ("operator", "user")] {
        assert!(admin(&["auth", "user", "add", user, "--role", user]).status.success());
        let made = admin(&["auth", "key", "create", user, "--name", "k"]);
        let told = text(&made.stdout);
        let role = told.lines().find_map(|line| line.strip_prefix("role ")).map(str::trim);
        assert_eq!(role, Some(expected), "{told}{}", text(&made.stderr));
    }
    assert!(admin(&["auth", "user", "add", "box", "--role", "service"]).status.success());
    let unbound = admin(&["auth", "key", "create", "box", "--name", "k"]);
    assert!(text(&unbound.stderr).contains("GZ7006"), "{}", text(&unbound.stderr));
    let bound = admin(&["auth", "key", "create", "box", "--name", "k", "--service", "echo"]);
    assert!(bound.status.success(), "{}", text(&bound.stderr));
    let nobody = admin(&["auth", "key", "create", "nobody", "--name", "k"]);
    assert!(text(&nobody.stderr).contains("there is no user nobody"), "{}", text(&nobody.stderr));
    let short = admin(&["auth", "key", "create", "user", "--name", "k", "--expires", "2s"]);
    assert_eq!(short.status.code(), Some(2));
    assert!(text(&short.stderr).contains("minutes, hours or days"), "{}", text(&short.stderr));
}

#[test]
fn a_usage_line_asks_for_nothing_that_the_environment_says() {
    let told = |words: &[&str]| {
        let mut command = gleitzeit();
        command.args(words).env("GLEITZEIT_URL", "http://127.0.0.1:9").env("GLEITZEIT_TOKEN", "secret");
        let output = command.output().expect("the binary can be started");
        assert_eq!(output.status.code(), Some(2));
        text(&output.stderr)
    };
    for (words, usage) in [
        (&["status"][..], "Usage: gleitzeit status <WORKFLOW>\n"),
        (&["auth", "key", "revoke"][..], "Usage: gleitzeit auth key revoke <KEY>\n"),
        (&["list", "--nonsense"][..], "Usage: gleitzeit list [OPTIONS]\n"),
    ] {
        let told = told(words);
        assert!(told.contains(usage), "{told}");
    }
}

#[test]
fn another_address_needs_keys() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let data = folder.path().join("data");
    let serve = |host: &str| {
        let mut command = gleitzeit();
        command.args(["serve", "--host", host, "--port", "0", "--data-dir"]).arg(&data);
        command.stdin(Stdio::null()).output().expect("the binary can be started")
    };
    let open = serve("0.0.0.0");
    assert_eq!(open.status.code(), Some(1));
    let told = text(&open.stderr);
    assert!(told.contains("gleitzeit auth init") && told.contains("127.0.0.1"), "{told}");
    assert!(!data.exists(), "a refusal leaves no directory behind");
    fs::create_dir(&data).expect("a directory can be made");
    assert_eq!(serve("0.0.0.0").status.code(), Some(1));
    assert!(fs::read_dir(&data).expect("it is there").next().is_none(), "nothing was put into it");
    drop(begun(&data));
    let mut command = gleitzeit();
    command.args(["serve", "--host", "0.0.0.0", "--port", "0", "--data-dir"]).arg(&data);
    let mut server = command.stdout(Stdio::piped()).spawn().expect("the binary can be started");
    let mut line = String::new();
    let mut out = BufReader::new(server.stdout.take().expect("a pipe"));
    out.read_line(&mut line).expect("it can be read");
    server.kill().expect("it can be ended");
    server.wait().expect("it ends");
    assert!(line.starts_with("gleitzeit listening on http://0.0.0.0:"), "{line}");
}

/// What others reach is not guarded by a word.
#[test]
fn a_token_that_can_be_guessed_is_warned_of_where_others_reach_it() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let long = "0123456789abcdef0123456789abcdef";
    for (host, token, is_warned) in [
        ("0.0.0.0", "hunter2", true),
        ("0.0.0.0", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", true),
        ("0.0.0.0", long, false),
        ("127.0.0.1", "hunter2", false),
    ] {
        let mut command = gleitzeit();
        command
            .args(["serve", "--host", host, "--port", "0", "--token", token, "--data-dir"])
            .arg(folder.path());
        let mut server =
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary can be started");
        let mut line = String::new();
        let mut out = BufReader::new(server.stdout.take().expect("a pipe"));
        out.read_line(&mut line).expect("it can be read");
        server.kill().expect("it can be ended");
        let said = server.wait_with_output().expect("it ends").stderr;
        assert!(line.starts_with("gleitzeit listening on "), "{line}");
        assert_eq!(text(&said).contains("found by trying"), is_warned, "{host} {token}: {}", text(&said));
        assert!(!text(&said).contains(token), "it does not repeat the token");
    }
}
