//! `https` against a real TLS server, whose certificate the machine trusts or does not.

use serde_json::{Value, json};
use tokio::task::block_in_place;

use crate::harness::Server;
use crate::scripted_server::{ScriptedServer, certificate_path};

const FLAGS: [&str; 2] = ["--http-allow", "127.0.0.0/8,::1/128"];

fn run(server: &Server, url: &str) -> Value {
    let task = json!({"name": "t", "url": url, "response": "json", "max_retries": 0});
    block_in_place(|| server.rest().run_task(&task))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_that_the_machine_trusts_is_enough() {
    let mut peer = ScriptedServer::start_with_tls().await;
    peer.respond(json!([{"json": {"secret": 7}}, {"json": {"secret": 8}}])).await;
    let data = tempfile::tempdir().expect("a temporary directory");
    let trust = vec![("SSL_CERT_FILE", certificate_path())];
    let server = block_in_place(|| Server::start_with(data.path(), &FLAGS, trust));
    for (host, secret) in [("localhost", 7), ("127.0.0.1", 8)] {
        let url = format!("https://{host}:{}/vault", peer.port);
        let detail = run(&server, &url);
        assert_eq!(detail["result"]["json"], json!({"secret": secret}), "{detail}");
        assert_eq!(detail["result"]["url"], url.as_str());
        let heard = peer.expect("http").await;
        assert_eq!((&heard["method"], &heard["path"]), (&json!("GET"), &json!("/vault")));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_that_nobody_vouches_for_is_refused_before_anything_is_sent() {
    let mut peer = ScriptedServer::start_with_tls().await;
    peer.respond(json!([{"json": {"secret": 7}}])).await;
    let data = tempfile::tempdir().expect("a temporary directory");
    let server = block_in_place(|| Server::start(data.path(), &FLAGS));
    let url = format!("https://localhost:{}/vault", peer.port);
    let detail = run(&server, &url);
    assert_eq!(
        (&detail["status"], &detail["error"]["code"]),
        (&json!("failed"), &json!("GZ2040")),
        "{detail}"
    );
    let message = detail["error"]["message"].as_str().expect("a failure says why").to_lowercase();
    assert!(message.contains("certificate"), "{detail}");
    // Nor does anybody speak plain HTTP to a port that wants TLS.
    let plain = run(&server, &url.replace("https:", "http:"));
    assert_eq!(plain["status"], "failed", "{plain}");
    assert!(!peer.has_seen("http"));
    peer.respond(json!([])).await;
    assert!(!peer.has_seen("http"));
}
