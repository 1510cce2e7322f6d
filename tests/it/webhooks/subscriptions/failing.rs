//! Receivers that do not take what they are sent.

use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::{SOON, bytes, delivered, deliveries, post, run, serve, status, subscribe, told, until};
use crate::harness::Server;
use crate::webhooks::receiver::{Receiver, Reply};

#[test]
fn an_end_is_sent_again_under_one_id_and_those_after_it_wait() {
    let directory = tempfile::tempdir().unwrap();
    let server = serve(directory.path());
    let (rest, receiver, other) = (server.rest(), Receiver::start(), Receiver::start());
    let (webhook, secret) = subscribe(&rest, &receiver, json!(["workflow.*"]), json!({}));
    subscribe(&rest, &other, json!(["workflow.*"]), json!({}));
    receiver.script([Reply::Status(503), Reply::Silence, Reply::Status(200)]);
    let (first, second) = (run(&rest, "First"), run(&rest, "Second"));
    let tries: Vec<_> = (0..3).map(|_| receiver.next()).collect();
    for one in &tries {
        assert_eq!((one.id(), &one.body), (tries[0].id(), &tries[0].body));
        assert!(one.is_signed_with(&bytes(&secret)));
        assert_eq!(told(one).1, first);
    }
    let next = receiver.next();
    assert_eq!(told(&next).1, second);
    assert_ne!(next.id(), tries[0].id());
    // Another receiver has not waited for this one.
    assert_eq!([told(&other.next()).1, told(&other.next()).1], [first, second]);
    until("both deliveries are told", SOON, || (deliveries(&rest, &webhook).len() == 2).then_some(()));
    delivered(&rest, &webhook, "delivered");
    let [latest, earlier] = &deliveries(&rest, &webhook)[..] else { panic!("there are two") };
    assert_eq!((&latest["tries"], &earlier["tries"]), (&json!(1), &json!(3)));
    assert_eq!((&earlier["status"], &earlier["response_status"]), (&json!("delivered"), &json!(200)));
    let events = rest.events_up_to(rest.read("/stats")["log"]["durable_seq"].as_u64().unwrap());
    let facts: Vec<&Value> = events.iter().filter(|event| event["type"] == "webhook_tried").collect();
    let of_first: Vec<_> = facts
        .iter()
        .filter(|event| {
            event["delivery"] == earlier["seq"] && event["webhook"] == webhook["/webhooks/".len()..]
        })
        .map(|event| {
            (event["try"].clone(), event["response_status"].clone(), event["delivery_status"].clone())
        })
        .collect();
    assert_eq!(of_first[0], (json!(1), json!(503), json!("retrying")));
    assert_eq!(of_first[1], (json!(2), Value::Null, json!("retrying")));
}

#[test]
fn a_receiver_that_takes_nothing_is_given_up_and_disabled_and_comes_back() {
    let directory = tempfile::tempdir().unwrap();
    let server = serve(directory.path());
    let (rest, receiver) = (server.rest(), Receiver::start());
    let (webhook, _) = subscribe(&rest, &receiver, json!(["workflow.*"]), json!({}));
    receiver.answers_always(Reply::Status(500));
    let ids: Vec<String> = ["One", "Two", "Three"].map(|name| run(&rest, name)).into();
    let known = status(&rest, &webhook, "disabled");
    assert_eq!((&known["enabled"], &known["given_up_in_a_row"]), (&json!(false), &json!(2)));
    assert!(known["reason"].as_str().unwrap().contains("given up"));
    let shown = deliveries(&rest, &webhook);
    assert_eq!(shown.len(), 2);
    for one in &shown {
        assert_eq!((&one["status"], &one["tries"]), (&json!("given_up"), &json!(3)));
        assert_eq!((&one["response_status"], &one["next_at"]), (&json!(500), &Value::Null));
    }
    let sent = receiver.so_far();
    assert_eq!(sent.len(), 6, "three tries for each of the two");
    receiver.answers_always(Reply::Status(202));
    receiver.hears_nothing();

    // What was given up is past; what came afterwards was kept.
    post(&rest, &format!("{webhook}/resume"), &json!({}));
    assert_eq!(told(&receiver.next()).1, ids[2]);
    let known = status(&rest, &webhook, "enabled");
    assert_eq!(known["given_up_in_a_row"], 0);
    // And what was given up can be had by hand, under its old id.
    let again = shown[1]["id"].as_str().unwrap();
    let answer = post(&rest, &format!("{webhook}/deliveries/{again}/redeliver"), &json!({}));
    assert_eq!((&answer["status"], &answer["tries"]), (&json!("delivered"), &json!(4)));
    let message = receiver.next();
    assert_eq!((told(&message).1, message.id()), (ids[0].clone(), shown[1]["webhook_id"].as_str().unwrap()));
    receiver.hears_nothing();
}

#[test]
fn a_receiver_that_is_gone_is_disabled_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let server = serve(directory.path());
    let (rest, receiver) = (server.rest(), Receiver::start());
    let (webhook, _) = subscribe(&rest, &receiver, json!(["workflow.*"]), json!({}));
    receiver.script([Reply::Status(410)]);
    run(&rest, "One");
    let known = status(&rest, &webhook, "disabled");
    assert!(known["reason"].as_str().unwrap().contains("410"), "{known}");
    receiver.next();
    receiver.hears_nothing();
}

#[test]
fn addresses_that_are_closed_are_refused_at_once_or_when_their_name_leads_there() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(&directory.path().join("data"), &[]);
    let (rest, receiver) = (server.rest(), Receiver::start());
    for (url, status, code) in [
        ("http://127.0.0.1:9/", 403, "GZ6001"),
        ("http://169.254.169.254/latest", 403, "GZ6001"),
        ("http://[::ffff:10.0.0.1]/", 403, "GZ6001"),
        ("http://0x7f000001/", 403, "GZ6001"),
        ("ftp://x.example/", 400, "GZ7001"),
        ("https://user:password@x.example/", 400, "GZ7001"),
        ("nothing", 400, "GZ7001"),
    ] {
        let body = json!({"url": url, "events": ["*"]});
        let answer = rest.post("/webhooks", &[], &body).unwrap();
        assert_eq!((answer.status, &answer.body["code"]), (status, &json!(code)), "{url}: {}", answer.body);
        assert!(!answer.body.to_string().contains("password@"), "{}", answer.body);
    }
    let port = receiver.url().rsplit(':').next().unwrap().to_owned();
    let body = json!({"url": format!("http://localhost:{port}"), "events": ["workflow.completed"]});
    let answer = rest.post("/webhooks", &[], &body).unwrap();
    let webhook = format!("/webhooks/{}", answer.body["id"].as_str().unwrap());
    run(&rest, "One");
    let given_up = delivered(&rest, &webhook, "given_up");
    assert!(given_up["error"].as_str().unwrap().contains("loopback"), "{given_up}");
    assert_eq!(given_up["tries"], 1, "another try would not help");
    assert!(!given_up["error"].as_str().unwrap().contains("hidden"));
    let answer = post(&rest, &format!("{webhook}/test"), &json!({}));
    assert_eq!(answer["delivered"], false);
    // Nor does a redirect lead there.
    receiver.hears_nothing();
}

#[test]
fn a_redirect_is_no_acceptance_and_is_not_followed() {
    let directory = tempfile::tempdir().unwrap();
    let server = serve(directory.path());
    let (rest, receiver, elsewhere) = (server.rest(), Receiver::start(), Receiver::start());
    let (webhook, _) = subscribe(&rest, &receiver, json!(["workflow.*"]), json!({}));
    receiver.script([Reply::RedirectTo(elsewhere.url())]);
    run(&rest, "One");
    let one = delivered(&rest, &webhook, "delivered");
    assert_eq!(one["tries"], 2);
    elsewhere.hears_nothing();
}

/// A server whose next try is an hour away.
fn serve_patient(directory: &Path) -> Server {
    let config = directory.join("gleitzeit.toml");
    let text = "[http]\nallow = [\"127.0.0.1\"]\n[webhooks.subscriptions]\nretry_base_seconds = 3600\n";
    std::fs::write(&config, text).unwrap();
    Server::start(&directory.join("data"), &["--config", config.to_str().unwrap()])
}

/// What `/health` warns of.
/// What health says now: its answer holds for a tenth of a second.
fn warnings(server: &Server) -> String {
    std::thread::sleep(Duration::from_millis(200));
    let health = server.rest().health();
    assert_eq!(health["status"], "healthy", "{health}");
    health["warnings"].to_string()
}

#[test]
fn a_webhook_that_fails_says_since_when_and_why_and_what_waits() {
    let directory = tempfile::tempdir().unwrap();
    let mut server = serve_patient(directory.path());
    let (rest, receiver) = (server.rest(), Receiver::start());
    let filter = json!({"filter": {"name": "wanted"}});
    let (webhook, _) = subscribe(&rest, &receiver, json!(["workflow.completed"]), filter);
    let id = webhook["/webhooks/".len()..].to_owned();
    run(&rest, "Wanted first");
    receiver.next();
    delivered(&rest, &webhook, "delivered");
    assert_eq!(rest.read(&webhook)["failing"], Value::Null);
    assert_eq!(warnings(&server), "[]");

    receiver.answers_always(Reply::Status(503));
    run(&rest, "Wanted second");
    let tried = delivered(&rest, &webhook, "retrying");
    for name in ["Wanted third", "Something else", "Wanted fourth"] {
        run(&rest, name);
    }
    let known = rest.read(&webhook);
    let failing = json!({
        "since": tried["first_at"], "last_at": tried["last_at"], "error": "the receiver answered 503",
        "response_status": 503, "tries": 1, "next_at": tried["next_at"], "waiting": 3, "more_waiting": false,
    });
    assert_eq!((&known["status"], &known["failing"]), (&json!("enabled"), &failing), "{known}");
    let mut listed = known;
    for name in ["waiting", "more_waiting"] {
        listed["failing"][name] = Value::Null;
    }
    assert_eq!(rest.read("/webhooks")["items"], json!([listed]), "a list counts nothing");
    let warned = warnings(&server);
    assert!(warned.contains(&id) && warned.contains(tried["first_at"].as_str().unwrap()), "{warned}");
    assert!(!warned.contains("127.0.0.1"), "anybody may read it: {warned}");

    // Neither a crash nor another failure moves its beginning.
    server.kill();
    let server = serve_patient(directory.path());
    let rest = server.rest();
    assert_eq!(rest.read(&webhook)["failing"], failing);
    let again = format!("{webhook}/deliveries/{}/redeliver", tried["id"].as_str().unwrap());
    assert_eq!(post(&rest, &again, &json!({}))["status"], "retrying");
    let known = rest.read(&webhook);
    assert_eq!(
        (&known["failing"]["since"], &known["failing"]["tries"], &known["failing"]["next_at"]),
        (&failing["since"], &json!(2), &failing["next_at"]),
    );

    // A pause needs no warning; its ends wait, and no try follows.
    post(&rest, &format!("{webhook}/pause"), &json!({}));
    let paused = rest.read(&webhook);
    assert_eq!((&paused["failing"]["waiting"], &paused["failing"]["next_at"]), (&json!(3), &Value::Null));
    assert_eq!(warnings(&server), "[]");
    // What is tried again shows whether it is mended.
    receiver.answers_always(Reply::Status(200));
    post(&rest, &format!("{webhook}/resume"), &json!({}));
    assert_eq!(rest.read(&webhook)["failing"]["since"], failing["since"]);
    assert_eq!(post(&rest, &again, &json!({}))["status"], "delivered");
    assert_eq!(rest.read(&webhook)["failing"], Value::Null);
    assert_eq!(warnings(&server), "[]");
}

#[test]
fn a_disabled_webhook_is_warned_of_until_it_is_resumed() {
    let directory = tempfile::tempdir().unwrap();
    let server = serve_patient(directory.path());
    let (rest, receiver) = (server.rest(), Receiver::start());
    let (webhook, _) = subscribe(&rest, &receiver, json!(["workflow.*"]), json!({}));
    receiver.script([Reply::Status(410)]);
    run(&rest, "One");
    let known = status(&rest, &webhook, "disabled");
    assert_eq!(
        (&known["failing"]["error"], &known["failing"]["waiting"], &known["failing"]["next_at"]),
        (&json!("the receiver answered 410"), &json!(0), &Value::Null)
    );
    run(&rest, "Two");
    assert_eq!(rest.read(&webhook)["failing"]["waiting"], 1);
    let warned = warnings(&server);
    assert!(warned.contains("is disabled (the receiver answered 410: it is gone)"), "{warned}");

    // What is sent by hand and taken ends the failure. Nothing else is sent, which has to be told on.
    let one = deliveries(&rest, &webhook)[0]["id"].as_str().unwrap().to_owned();
    let again = post(&rest, &format!("{webhook}/deliveries/{one}/redeliver"), &json!({}));
    assert_eq!(again["status"], "delivered");
    let known = rest.read(&webhook);
    assert_eq!((&known["status"], &known["failing"]), (&json!("disabled"), &Value::Null), "{known}");
    let warned = warnings(&server);
    let since = known["changed_at"].as_str().unwrap();
    let expected = format!(
        "is disabled, at the latest since {since} (the receiver answered 410: it is gone): mend the receiver"
    );
    assert!(warned.contains(&webhook["/webhooks/".len()..]) && warned.contains(&expected), "{warned}");
    post(&rest, &format!("{webhook}/pause"), &json!({}));
    post(&rest, &format!("{webhook}/resume"), &json!({"from": "now"}));
    assert_eq!(rest.read(&webhook)["failing"], Value::Null, "nothing is tried again that could show it");
    assert_eq!(warnings(&server), "[]");
}

#[test]
fn a_log_that_cannot_be_read_hides_how_much_waits_and_nothing_else() {
    const MARK: &[u8] = b"Damaged here";
    let directory = tempfile::tempdir().unwrap();
    let server = serve_patient(directory.path());
    let (rest, receiver) = (server.rest(), Receiver::start());
    let (webhook, _) = subscribe(&rest, &receiver, json!(["workflow.completed"]), json!({}));
    receiver.answers_always(Reply::Status(503));
    run(&rest, "One");
    delivered(&rest, &webhook, "retrying");
    run(&rest, std::str::from_utf8(MARK).unwrap());
    run(&rest, "Three");
    let mut known = rest.read(&webhook);
    assert_eq!(known["failing"]["waiting"], 3, "{known}");

    let segment = directory.path().join("data/log/0000000001.seg");
    let bytes = std::fs::read(&segment).unwrap();
    let at = bytes.windows(MARK.len()).position(|part| part == MARK).expect("the name is in the log");
    let file = std::fs::OpenOptions::new().write(true).open(&segment).unwrap();
    file.write_all_at(b"d", u64::try_from(at).unwrap()).unwrap();
    for name in ["waiting", "more_waiting"] {
        known["failing"][name] = Value::Null;
    }
    assert_eq!(rest.read(&webhook), known);
    assert_eq!(rest.read("/webhooks")["items"], json!([known]));
}
