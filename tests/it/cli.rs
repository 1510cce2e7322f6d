//! The command line as a person sees it: what it prints where, and how it ends.
#![expect(clippy::needless_raw_string_hashes, reason = "expected outputs are written alike")]

use std::io::Write;
use std::process::{Command, Output, Stdio};

use expect_test::{Expect, expect};
use serde_json::Value;

use crate::harness::gleitzeit;

mod batch;
mod bench;
mod data;
mod doubtful;
mod following;
mod golden;
mod kind;
mod many;
mod mistakes;
mod monitor;
mod remote;
mod retrying;
mod webhooks;

/// Nobody listens on this port of the loopback interface.
const NOBODY: &str = "http://127.0.0.1:9";

fn run(arguments: &[&str]) -> Output {
    finish(gleitzeit().args(arguments), "")
}

fn finish(command: &mut Command, input: &str) -> Output {
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = child.expect("the binary can be started");
    let mut stdin = child.stdin.take().expect("its input is a pipe");
    // A verb that reads nothing may have ended already.
    drop(stdin.write_all(input.as_bytes()));
    drop(stdin);
    child.wait_with_output().expect("it ends")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("it writes text")
}

/// Runs `gleitzeit` with the words of `line`, feeding it `input`, and shows how it ended and what it said.
fn check(line: &str, input: &str, expected: &Expect) {
    let arguments: Vec<&str> = line.split_whitespace().collect();
    let output = finish(gleitzeit().args(arguments), input);
    let code = output.status.code().expect("it ends by itself");
    let shown = format!("exit {code}\n{}--\n{}", text(&output.stdout), text(&output.stderr));
    expected.assert_eq(&shown);
}

#[test]
fn the_catalogue_needs_no_server() {
    check(
        "errors gz3003",
        "",
        &expect![[r"
            exit 0
            code         GZ3003
            name         CIRCULAR_DEPENDENCY
            what         Tasks depend on each other in a circle, so none of them could ever start.
            fix          Remove one of the dependencies that the message names.
            category     validation
            severity     error
            retryable    false
            http status  422
            --
        "]],
    );
    check(
        "errors circular",
        "",
        &expect![[r"
            exit 0
            CODE    NAME                 WHAT HAPPENED
            GZ3003  CIRCULAR_DEPENDENCY  Tasks depend on each other in a circle, so none of them could ever start.
            --
        "]],
    );
    check(
        "errors GZ0001",
        "",
        &expect![[r#"
            exit 1
            --
            error: no error has the code or the word "GZ0001"; `gleitzeit errors` lists them all
        "#]],
    );
    let all: Vec<Value> = serde_json::from_slice(&run(&["errors", "-o", "json"]).stdout).expect("it is JSON");
    let lines = run(&["errors", "-o", "jsonl"]);
    assert_eq!(text(&lines.stdout).lines().count(), all.len());
    assert_eq!(text(&run(&["errors", "-o", "name"]).stdout).lines().next(), all[0]["code"].as_str());
}

#[test]
fn functions_explain_themselves() {
    check(
        "functions count_words",
        "",
        &expect![[r#"
            exit 0
            function  count_words(text)
            gives     How many words the text has, divided by white space.
              text: a text of at most 8388608 bytes
            example   ["the quick brown fox"] gives 4
            --
        "#]],
    );
    check(
        "functions count_word",
        "",
        &expect![[r"
            exit 1
            --
            error: there is no built-in function `count_word`; did you mean `count_words`?
        "]],
    );
}

#[test]
fn a_workflow_is_checked_before_it_goes_anywhere() {
    let chain =
        "name: Chain\ntasks:\n- {name: a, function: f}\n- {name: b, function: f, dependencies: [a]}\n";
    check(
        "validate -",
        chain,
        &expect![[r#"
            exit 0
            valid  true
            name   Chain
            tasks  2
            --
            note: no built-in function is called `f`; its tasks will wait for an executor node that registers it (`gleitzeit functions` lists what is built in)
        "#]],
    );
    check(
        "validate -",
        &chain.replace("name: a, function: f", "name: a, function: f, dependencies: [b]"),
        &expect![[r#"
            exit 1
            --
            error[GZ3003]: Tasks depend on each other in a circle, so none of them could ever start
              cause: stdin: tasks wait for each other in a circle: `a` -> `b` -> `a`, where each arrow leads to the task that waits (at `tasks[0].dependencies[0]`, line 3, column 41)
              fix: Remove one of the dependencies that the message names.
        "#]],
    );
    check(
        "validate -",
        "{\"name\": ",
        &expect![[r#"
            exit 1
            --
            error[GZ3007]: The body is not the JSON or YAML it claims to be
              cause: stdin: the body is not valid JSON: EOF while parsing a value (at `name`, line 1, column 9)
              fix: Mend the place that the message names.
        "#]],
    );
    check(
        "validate no-such-file.yaml",
        "",
        &expect![[r"
            exit 1
            --
            error: the workflow no-such-file.yaml cannot be read
              cause: No such file or directory (os error 2)
        "]],
    );
}

#[test]
fn a_server_that_is_not_there_is_named() {
    check(
        &format!("list --url {NOBODY}"),
        "",
        &expect![[r"
            exit 6
            --
            error[GZ1020]: No Gleitzeit server answers at the address
              cause: http://127.0.0.1:9/api/v1/workflows?limit=100: Connection refused (os error 111)
              fix: Start one with `gleitzeit serve`, or name its address with --url or GLEITZEIT_URL.
        "]],
    );
    let by_environment = finish(gleitzeit().args(["status", "w"]).env("GLEITZEIT_URL", NOBODY), "");
    assert_eq!(by_environment.status.code(), Some(6));
    assert_eq!(run(&["health", "--url", NOBODY]).status.code(), Some(2));
    assert_eq!(run(&["list", "--url", "nonsense"]).status.code(), Some(1));
}

#[test]
fn mistakes_on_the_command_line_end_with_2() {
    for wrong in
        ["", "no-such-verb", "list --status asleep", "submit", "submit f --timeout 3", "bench --window 0"]
    {
        let arguments: Vec<&str> = wrong.split_whitespace().collect();
        let output = run(&arguments);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "gleitzeit {wrong}");
        assert!(!output.stderr.is_empty(), "gleitzeit {wrong}");
    }
}

#[test]
fn every_verb_has_help() {
    let help = run(&["--help"]);
    let verbs: Vec<&str> = text(&help.stdout)
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        // What is said of a verb may go on in the next line, further to the right.
        .filter_map(|line| line.strip_prefix("  ").filter(|line| !line.starts_with(' ')))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(verbs.contains(&"submit") && verbs.contains(&"bench"), "{verbs:?}");
    for verb in verbs.into_iter().filter(|verb| *verb != "help") {
        let output = run(&[verb, "--help"]);
        assert!(output.status.success() && text(&output.stdout).contains("Usage: gleitzeit"), "{verb}");
    }
}
