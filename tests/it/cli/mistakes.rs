//! What a person is told of a mistake in a workflow: the file, the line, the column, the key, and the nearest known
//! one; and of names that nobody has, which there are.

use std::fmt::Write;

use insta::assert_snapshot;

use super::{finish, text};
use crate::harness::gleitzeit;

/// A name for each mistake, and the workflow that has it.
const CASES: [(&str, &str); 36] = [
    ("a key of the workflow", "nam: x\ntasks: [{function: gcd}]\n"),
    ("a key of a task", "name: x\ntasks:\n- functoin: gcd\n"),
    ("a key of a retry", "name: x\ntasks:\n- function: gcd\n  retry: {max_atempts: 3}\n"),
    ("a key of requirements", "name: x\ntasks:\n- function: gcd\n  requirements: {cpu_core: 3}\n"),
    ("a key of another type", "name: x\ntasks:\n- function: gcd\n  url: http://x\n"),
    ("a stray key", "name: x\ntasks:\n- function: gcd\n  operation: read\n"),
    ("no name", "tasks: [{function: gcd}]\n"),
    ("no tasks", "name: x\n"),
    ("nothing to do", "name: x\ntasks:\n- name: idle\n"),
    ("a key twice", "name: x\nname: y\ntasks: [{function: gcd}]\n"),
    ("a list that is text", "name: x\ntasks: none\n"),
    ("a number that is text", "name: x\ntasks:\n- function: gcd\n  timeout: soon\n"),
    (
        "a list of dependencies that is text",
        "name: x\ntasks:\n- {id: a, function: gcd}\n- function: gcd\n  dependencies: a\n",
    ),
    ("an open bracket", "name: x\ntasks: [{function: gcd\n"),
    ("an indentation", "name: x\ntasks:\n- function: gcd\n   args: [1]\n"),
    ("a tab", "name: x\ntasks:\n-\tfunction: gcd\n\targs: [1]\n"),
    ("an error strategy", "name: x\nerror_strategy: contine\ntasks: [{function: gcd}]\n"),
    ("a priority", "name: x\ntasks:\n- {function: gcd, priority: hihg}\n"),
    ("a retry strategy", "name: x\ntasks:\n- function: gcd\n  retry: {strategy: exponentail}\n"),
    ("a task type", "name: x\ntasks:\n- {task_type: funktion, parameters: {}}\n"),
    ("a file operation", "name: x\ntasks:\n- {file: a, operation: raed}\n"),
    ("a kind of external task", "name: x\ntasks:\n- {external: databse, service: s}\n"),
    ("a function", "name: x\ntasks:\n- {function: count_word, args: [a]}\n"),
    ("a function that is like none", "name: x\ntasks:\n- {function: my_own, args: [a]}\n"),
    ("a capability", "name: x\ntasks:\n- {external: ml, service: s, external_task_type: ml_trainning}\n"),
    (
        "a dependency",
        "name: x\ntasks:\n- {name: Load Data, function: gcd}\n- {function: gcd, dependencies: [Laod Data]}\n",
    ),
    (
        "a reference",
        "name: x\ntasks:\n- {name: Load Data, function: gcd}\n- {name: b, function: gcd, args: ['{{Laod Data.result}}']}\n",
    ),
    (
        "a reference to no result",
        "name: x\ntasks:\n- {name: a, function: gcd}\n- {name: b, function: gcd, args: ['{{a}}']}\n",
    ),
    (
        "a circle",
        "name: x\ntasks:\n- {name: a, function: gcd, dependencies: [b]}\n- {name: b, function: gcd, dependencies: [a]}\n",
    ),
    ("a name twice", "name: x\ntasks:\n- {name: a, function: gcd}\n- {name: a, function: gcd}\n"),
    ("a function without a name", "name: x\ntasks:\n- {task_type: function, parameters: {args: [1]}}\n"),
    ("a total below a task", "name: x\ntimeout: 5\ntasks:\n- {name: a, function: gcd, timeout: 10}\n"),
    ("a type of workflow", "name: x\ntype: bach\nfolder: a\n"),
    ("a batch without a folder", "name: x\ntype: batch\nprompt: y\n"),
    ("a batch of an unknown kind", "name: x\ntype: batch\nfolder: a\ntask_type: txt\nprompt: y\n"),
    ("a key of a batch elsewhere", "name: x\nfolder: a\ntasks: [{function: gcd}]\n"),
];

#[test]
fn every_mistake_says_where_it_is_and_what_was_meant() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let mut seen = String::new();
    for (mistake, workflow) in CASES {
        std::fs::write(folder.path().join("mistake.yaml"), workflow).expect("it can be written");
        let output = finish(gleitzeit().args(["validate", "mistake.yaml"]).current_dir(folder.path()), "");
        let said = text(&output.stderr);
        let told =
            said.lines().find_map(|line| line.strip_prefix("  cause: ")).or_else(|| said.lines().next());
        let code = output.status.code().expect("it ends");
        let begin = said.lines().next().and_then(|line| line.get(6..12)).unwrap_or_default();
        writeln!(seen, "{mistake}\n  {code} {begin} {}", told.unwrap_or("says nothing")).expect("a text");
    }
    assert_snapshot!("mistakes", seen);
}

#[test]
fn a_server_names_the_file_too() {
    let (_data, server) = super::remote::start();
    let folder = tempfile::tempdir().expect("a temporary directory");
    std::fs::write(folder.path().join("m.yaml"), "name: x\ntasks:\n- functoin: gcd\n")
        .expect("it is written");
    for verb in ["validate", "submit", "run"] {
        let mut command = gleitzeit();
        command.args([verb, "m.yaml", "--url", &server.url()]).current_dir(folder.path());
        let output = finish(&mut command, "");
        assert_eq!(output.status.code(), Some(1), "{verb}");
        let cause = "cause: m.yaml: there is no key `functoin`; did you mean `function`?";
        assert!(text(&output.stderr).contains(cause), "{verb}: {}", text(&output.stderr));
    }
}
