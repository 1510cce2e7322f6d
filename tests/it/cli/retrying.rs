//! What may be changed on the way to a retry, and how often a task has been tried.

use super::remote::{id, start, verb};
use super::text;

const EXTERNAL: &str = "name: Training\ntasks:\n- name: Train\n  external: ml\n  service: Nobody\n  operation: train\n  \
     model_params: {kind: tree}\n";
const FAILING: &str =
    "name: Failing\ntasks:\n- {name: bad, function: decode_base64, args: ['not base64!'], max_retries: 0}\n";

#[test]
fn a_parameter_in_the_wrong_place_is_refused_and_leaves_no_trace() {
    let (_data, server) = start();
    let rest = server.rest();
    let train = id(&server, EXTERNAL);
    let failing = id(&server, FAILING);
    rest.ended(&failing);
    assert_eq!(
        rest.post(&format!("/workflows/{train}/cancel"), &[], &serde_json::json!({})).unwrap().status,
        200
    );
    rest.ended(&train);
    let parameters = |id: &str| rest.read(&format!("/tasks/{id}.0"))["parameters"].clone();
    let (before, of_function) = (parameters(&train), parameters(&failing));
    for (id, task, set, code, place) in [
        (&train, "Train", "model_params.kind=forest", "GZ7003", "`external_parameters.model_params`"),
        (&train, "Train", "service=Other", "GZ7003", "`external_parameters.service`"),
        (&train, "Train", "external_timeout=5", "GZ7001", "cannot be edited"),
        (&train, "Train", "max_retries=5", "GZ7001", "cannot be edited"),
        (&failing, "bad", "encoded_text=YQ==", "GZ7003", "`kwargs.encoded_text`"),
    ] {
        let refused = verb(&server, &format!("retry {id} --task {task} --set {set}"), "");
        let said = text(&refused.stderr);
        assert_eq!(refused.status.code(), Some(1), "{set}: {said}");
        let key = set.split(['.', '=']).next().unwrap();
        assert!(said.contains(code) && said.contains(place) && said.contains(&format!("`{key}`")), "{said}");
    }
    assert_eq!((parameters(&train), parameters(&failing)), (before.clone(), of_function));
    let line = format!("retry {train} --task Train --set external_parameters.model_params.kind=forest");
    let retried = verb(&server, &line, "");
    assert!(retried.status.success(), "{}", text(&retried.stderr));
    let mut expected = before;
    expected["external_parameters"]["model_params"]["kind"] = "forest".into();
    assert_eq!(parameters(&train), expected);
}

/// An attempt more than there are tries is no contradiction: a retry by hand begins to count anew.
#[test]
fn attempts_go_on_where_tries_begin_anew() {
    let (_data, server) = start();
    let failing = id(&server, FAILING);
    server.rest().ended(&failing);
    let retried = verb(&server, &format!("retry {failing} --wait"), "");
    assert_eq!(retried.status.code(), Some(3), "{}", text(&retried.stderr));
    let told = verb(&server, &format!("inspect {failing}.0"), "");
    let told = text(&told.stdout);
    let row = |name: &str| told.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    assert_eq!((row("attempt "), row("failures ")), (Some("2"), Some("1 of 1")), "{told}");
}
