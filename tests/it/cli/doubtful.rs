//! What a server foresees of a workflow that it is asked about: notes, and no errors.

use super::{finish, text};
use crate::harness::{Server, gleitzeit};

const ABROAD: &str = "\
name: Abroad
tasks:
- {name: read, file: in.txt}
- {name: own, url: 'http://127.0.0.1:9/a?key=secret'}
- {name: same, url: 'http://LOCALHOST:9/'}
- {name: told, external: webhook, service_url: 'http://[::1]:9/hook'}
- {name: looks, prompt: p, image: 'http://169.254.169.254/x.png'}
- {name: typo, url: 'htp://example.org/'}
- {name: later, url: 'http://127.0.0.1/{{own.result.content}}'}
- {name: public, url: 'https://example.org/'}
";

fn noted(server: &Server, verb: &str, workflow: &str) -> Vec<String> {
    let output = finish(gleitzeit().args([verb, "-", "--url", &server.url()]), workflow);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    text(&output.stderr).lines().filter_map(|line| line.strip_prefix("note: ")).map(str::to_owned).collect()
}

#[test]
fn files_without_a_root_and_addresses_that_are_denied_are_noted() {
    let data = tempfile::tempdir().expect("a temporary directory");
    let server = Server::start(data.path(), &[]);
    for verb in ["validate", "submit"] {
        let notes = noted(&server, verb, ABROAD);
        for expected in [
            "no folder for file tasks (`root` under `[files]`",
            "http://127.0.0.1:9/a: `127.0.0.1` is a loopback address",
            "http://localhost:9/: `localhost` (127.0.0.1) is a loopback address",
            "http://[::1]:9/hook: `::1` is a loopback address",
            "http://169.254.169.254/x.png: `169.254.169.254` is a link-local address",
            "`htp://example.org/` does not begin with http:// or https://",
        ] {
            let found = notes.iter().filter(|note| note.contains(expected)).count();
            assert_eq!(found, 1, "{verb}: {expected}: {notes:#?}");
        }
        assert_eq!(notes.len(), 6, "{verb}: {notes:#?}");
        assert!(!notes.iter().any(|note| note.contains("secret")), "{notes:#?}");
    }
}

#[test]
fn what_the_configuration_opens_is_no_doubt() {
    let data = tempfile::tempdir().expect("a temporary directory");
    let root = tempfile::tempdir().expect("a temporary directory");
    let root = root.path().to_str().expect("text");
    let allow = "127.0.0.0/8,::1,169.254.169.254,localhost";
    let server = Server::start(data.path(), &["--files-root", root, "--http-allow", allow]);
    let notes = noted(&server, "validate", ABROAD);
    assert!(notes.len() == 1 && notes[0].contains("htp://"), "{notes:#?}");
}
