//! What the verbs print, to the letter: the real binary against a real server, with ids, times and positions
//! masked. `INSTA_UPDATE=always` writes the snapshots again.

use std::path::Path;

use insta::assert_snapshot;

use super::remote::{CHAIN, FAILING, WAITING, id, start, verb};
use super::{finish, text};
use crate::harness::{Server, gleitzeit};

const FAN: &str = "name: Fan\ntasks:\n- {id: first, function: generate_uuid}\n\
    - {id: a, function: generate_uuid, dependencies: [first]}\n\
    - {id: b, function: generate_uuid, dependencies: [first]}\n\
    - {id: last, function: generate_uuid, dependencies: [a, b]}\n";

/// How it ended, what it printed, a line, and what it said beside that.
fn seen(output: &std::process::Output) -> String {
    let code = output.status.code().expect("it ends by itself");
    masked(&format!("exit {code}\n{}--\n{}", text(&output.stdout), text(&output.stderr)))
}

pub fn on(server: &Server, line: &str) -> String {
    masked(&seen(&verb(server, line, "")).replace(&server.url(), "<url>"))
}

fn alone(line: &str, input: &str) -> String {
    seen(&finish(gleitzeit().args(line.split_whitespace()), input))
}

/// Replaces whatever differs between two runs. In a pattern `~` stands for a hexadecimal digit, `#` for a decimal
/// one, and `+` for as many more of these as there are.
fn masked(text: &str) -> String {
    let mut text = text.to_owned();
    for (pattern, mask) in [
        ("~~~~~~~~-~~~~-~~~~-~~~~-~~~~~~~~~~~~", "<workflow>"),
        ("####-##-##T##:##:##.###Z", "<time>"),
        ("##:##:##.###", "<clock>"),
        ("\"seq\": #+", "\"seq\": <seq>"),
        ("seq: #+", "seq: <seq>"),
        ("\n       #+  <clock>", "\n<seq> <clock>"),
        ("\n      #+  <clock>", "\n<seq> <clock>"),
        ("    #\n--", "  <seq>\n--"),
        ("   ##\n--", "  <seq>\n--"),
        ("none of the #+ connected", "none of the <n> connected"),
        ("execution_time_seconds: #+.#+", "execution_time_seconds: <seconds>"),
        ("execution_time_seconds\": #+.#+", "execution_time_seconds\": <seconds>"),
        ("failed, #+.#+ s", "failed, <seconds> s"),
    ] {
        text = replaced(&text, pattern, mask);
    }
    text
}

fn replaced(text: &str, pattern: &str, mask: &str) -> String {
    let mut kept = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if let Some(length) = matched(rest, pattern) {
            kept.push_str(mask);
            rest = &rest[length..];
        } else {
            kept.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    kept
}

/// How many bytes at the beginning of `text` the pattern takes.
fn matched(text: &str, pattern: &str) -> Option<usize> {
    let mut length = 0;
    for wanted in pattern.chars() {
        let fits = |c: char| match wanted {
            '~' => c.is_ascii_hexdigit(),
            '#' | '+' => c.is_ascii_digit(),
            other => c == other,
        };
        if wanted == '+' {
            length += text[length..].chars().take_while(|c| fits(*c)).count();
        } else {
            let found = text[length..].chars().next().filter(|c| fits(*c))?;
            length += found.len_utf8();
        }
    }
    Some(length)
}

#[test]
fn a_workflow_that_completed() {
    let (_data, server) = start();
    let id = id(&server, CHAIN);
    verb(&server, &format!("watch {id}"), "");
    let on = |line: &str| on(&server, &line.replace("ID", &id));
    assert_snapshot!("list", on("list"));
    assert_snapshot!("list_wide", on("list -o wide"));
    assert_snapshot!("list_json", on("list -o json"));
    assert_snapshot!("list_yaml", on("list -o yaml"));
    assert_snapshot!("status", on("status ID"));
    assert_snapshot!("inspect", on("inspect ID"));
    assert_snapshot!("inspect_task", on("inspect ID.1"));
    assert_snapshot!("results_yaml", on("results ID -o yaml"));
    assert_snapshot!("results", on("results ID"));
    assert_snapshot!("results_json", on("results ID -o json"));
    assert_snapshot!("results_of_one", on("results ID --task second"));
    assert_snapshot!("results_of_nobody", on("results ID --task secnd"));
    assert_snapshot!("events", on("events ID"));
    assert_snapshot!("logs", on("logs ID"));
    assert_snapshot!("logs_of_one", on("logs ID.1"));
    assert_snapshot!("graph_of_a_workflow", on("graph ID"));
}

#[test]
fn a_workflow_that_failed() {
    let (_data, server) = start();
    let id = id(&server, FAILING);
    verb(&server, &format!("watch {id}"), "");
    let on = |line: &str| on(&server, &line.replace("ID", &id));
    assert_snapshot!("failed_results", on("results ID"));
    assert_snapshot!("failed_result", on("results ID --task bad"));
    assert_snapshot!("failed_inspect", on("inspect ID"));
    assert_snapshot!("failed_logs", on("logs ID"));
    assert_snapshot!("ended_pause", on("pause ID"));
}

#[test]
fn a_workflow_that_waits() {
    let (_data, server) = start();
    let id = id(&server, WAITING);
    let on = |line: &str| on(&server, &line.replace("ID", &id));
    assert_snapshot!("why", on("why ID"));
    assert_snapshot!("waiting_inspect", on("inspect ID"));
    assert_snapshot!("pause", on("pause ID"));
    assert_snapshot!("paused_why", on("why ID"));
    assert_snapshot!("resume", on("resume ID -o json"));
    assert_snapshot!("resume_again", on("resume ID"));
    assert_snapshot!("logs_of_what_waits", on("logs ID"));
    assert_snapshot!("cancel", on("cancel ID"));
}

#[test]
fn services_are_drained_and_resumed() {
    let (_data, server) = start();
    let built_in = text(&verb(&server, "services list -o name", "").stdout).lines().next().map(str::to_owned);
    let id = built_in.expect("there is one");
    assert_snapshot!("services_drain", on(&server, &format!("services drain {id}")));
    let shown = verb(&server, &format!("services show {id}"), "");
    assert!(text(&shown.stdout).contains("\ndraining      true\n"), "{}", text(&shown.stdout));
    assert_snapshot!("services_resume", on(&server, &format!("services resume {id}")));
    assert_snapshot!("services_unknown", on(&server, "services drain nobody"));
    let wide = verb(&server, "services -o wide", "");
    assert!(text(&wide.stdout).lines().next().is_some_and(|head| head.ends_with("LAST SEEN")));
}

#[test]
fn graphs_of_files() {
    assert_snapshot!("graph_text", alone("graph -", FAN));
    assert_snapshot!("graph_mermaid", alone("graph - --format mermaid", FAN));
    assert_snapshot!("graph_dot", alone("graph - --format dot", FAN));
    assert_snapshot!("graph_json", alone("graph - -o json", FAN));
    let part = |place| format!("- {{id: part_{place}, function: generate_uuid, dependencies: [first]}}\n");
    let many = (0..5_000).map(part).collect::<Vec<_>>().concat();
    let last = "- {id: last, function: generate_uuid, dependencies: [part_0, part_4999]}\n";
    let wide = format!("name: Wide\ntasks:\n- {{id: first, function: generate_uuid}}\n{many}{last}");
    assert_snapshot!("graph_of_many", alone("graph -", &wide));
    assert_snapshot!("graph_mermaid_of_many", alone("graph - --format mermaid", &wide));
}

#[test]
fn lists_that_need_no_server() {
    assert_snapshot!("functions_show", alone("functions show histogram", ""));
    assert_snapshot!("functions_show_unknown", alone("functions show histogramm", ""));
    assert_snapshot!("functions_search", alone("functions search base64", ""));
    assert_snapshot!("functions_yaml", alone("functions show gcd -o yaml", ""));
    assert_snapshot!("errors_show", alone("errors show GZ3003", ""));
    assert_snapshot!("errors_search_wide", alone("errors search circular -o wide", ""));
    assert_snapshot!("errors_show_unknown", alone("errors show GZ0001", ""));
    assert_snapshot!("version", alone("version", ""));
}

#[test]
fn mistakes_of_words_that_stand_together() {
    assert_snapshot!("run_nothing", alone("run", ""));
    assert_snapshot!("run_two_things", alone("run -t hello -f gcd", ""));
    assert_snapshot!("run_stray_word", alone("run -t hello stray", ""));
    assert_snapshot!("run_prompt_alone", alone("run -p hello", ""));
    assert_snapshot!("run_vision_without_prompt", alone("run -v image.png", ""));
    assert_snapshot!("functions_stray", alone("functions gcd list", ""));
}

#[test]
fn settings_say_where_they_come_from() {
    let home = tempfile::tempdir().expect("a temporary directory");
    let project = tempfile::tempdir().expect("a temporary directory");
    let write = |path: &Path, text: &str| {
        std::fs::create_dir_all(path.parent().expect("it has a folder")).expect("it can be made");
        std::fs::write(path, text).expect("it can be written");
    };
    write(
        &home.path().join("gleitzeit/config.toml"),
        "port = 1\nhost = \"::1\"\ntoken = \"canary\"\n[limits]\nworkers = 5\n[client]\nurl = \"http://127.0.0.1:9\"\n\
         token = \"canary\"\n",
    );
    write(&project.path().join("gleitzeit.toml"), "port = 2\n[limits]\nname_bytes = 6\n");
    let here = |line: &str, variable: &str| {
        let mut command = gleitzeit();
        command.args(line.split_whitespace()).current_dir(project.path()).env("XDG_CONFIG_HOME", home.path());
        if !variable.is_empty() {
            command.env("GLEITZEIT_PORT", variable);
        }
        seen(&finish(&mut command, "")).replace(&home.path().display().to_string(), "<home>")
    };
    assert_snapshot!("config", here("config show", ""));
    assert_snapshot!("config_origin", here("config show --origin", ""));
    assert_snapshot!("config_environment", here("config show --origin --host 127.0.0.1", "3"));
    // The client's own table: nobody listens at the address of the user's file.
    let listed = here("list", "");
    assert!(listed.starts_with("exit 6\n") && listed.contains("http://127.0.0.1:9/"), "{listed}");
    write(&project.path().join("gleitzeit.toml"), "port = 2\nprot = 3\n");
    let mistake = here("config show", "");
    assert!(
        mistake.starts_with("exit 1\n") && mistake.contains("line 2") && mistake.contains("`prot`"),
        "{mistake}"
    );
}

#[test]
fn manuals_and_completions_know_every_verb() {
    let pages = tempfile::tempdir().expect("a temporary directory");
    let written = finish(gleitzeit().args(["man", "--dir"]).arg(pages.path()), "");
    assert!(written.status.success(), "{}", text(&written.stderr));
    let names: Vec<String> = std::fs::read_dir(pages.path())
        .expect("it is a folder")
        .map(|entry| entry.expect("it can be listed").file_name().to_string_lossy().into_owned())
        .collect();
    for page in ["gleitzeit.1", "gleitzeit-run.1", "gleitzeit-services-drain.1"] {
        assert!(names.iter().any(|name| name == page), "{page}: {names:?}");
    }
    let one = finish(gleitzeit().args(["man", "services", "drain"]), "");
    assert!(text(&one.stdout).contains(".TH gleitzeit-services-drain 1"), "{}", text(&one.stdout));
    assert_eq!(finish(gleitzeit().args(["man", "nonsense"]), "").status.code(), Some(2));
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = finish(gleitzeit().args(["completions", shell]), "");
        let said = text(&script.stdout);
        assert!(script.status.success() && said.contains("inspect") && said.contains("drain"), "{shell}");
    }
}
