//! TLS with real certificates: who is served, what is said to those who do it wrong, and how a certificate is renewed.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use gleitzeit::client::wire::{ConnectOptions, Socket};
use gleitzeit::client::{Client, Tls};
use tempfile::TempDir;
use tokio::time::timeout;

use super::line::Line;
use super::path;
use crate::harness::{PATIENCE, Server, gleitzeit, until};

/// An authority and a certificate of this machine that it has signed.
pub(super) struct Certificate {
    pub(super) ca: PathBuf,
    cert: PathBuf,
    key: PathBuf,
}

impl Certificate {
    /// Made by openssl in a folder of its own.
    pub(super) fn make(folder: &Path) -> Self {
        std::fs::create_dir_all(folder).expect("a folder can be made");
        std::fs::write(folder.join("names"), "subjectAltName=IP:127.0.0.1,DNS:localhost\n")
            .expect("it can be written");
        let run = |arguments: &str| {
            let mut openssl = Command::new("openssl");
            let output =
                openssl.args(arguments.split(' ')).current_dir(folder).output().expect("openssl is there");
            assert!(output.status.success(), "openssl {arguments}: {}", said(&output));
        };
        let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
        run(&format!("req -x509 {key} -keyout ca.key -out ca.pem -days 30 -subj /CN=An-authority"));
        run(&format!("req {key} -keyout server.key -out server.csr -subj /CN=gleitzeit"));
        run(
            "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -extfile names -out server.pem",
        );
        Self { ca: folder.join("ca.pem"), cert: folder.join("server.pem"), key: folder.join("server.key") }
    }

    fn trust(&self) -> Tls {
        Tls::only(&std::fs::read(&self.ca).expect("it is there")).expect("it is a certificate")
    }

    pub(super) fn flags(&self) -> [&str; 4] {
        ["--tls-cert", path(&self.cert), "--tls-key", path(&self.key)]
    }

    /// Takes the place of another one.
    fn replace(&self, other: &Self) {
        std::fs::copy(&self.cert, &other.cert).expect("it can be copied");
        std::fs::copy(&self.key, &other.key).expect("it can be copied");
    }
}

pub(super) fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

pub(super) fn url(server: &Server) -> String {
    server.url().replace("http://", "https://")
}

/// What curl says of a page, and whether it believes the server.
fn fetched(ca: &Path, url: &str) -> Option<String> {
    let output = Command::new("curl").args(["-sS", "--noproxy", "*", "--cacert", path(ca), url]).output();
    let output = output.expect("curl is there");
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

async fn stats(trust: Tls, url: &str) -> bool {
    Client::builder(url).tls(trust).build().expect("it is an address").stats().await.is_ok()
}

#[tokio::test]
async fn every_client_reaches_a_server_with_a_certificate() {
    let base = TempDir::new().expect("a temporary directory");
    let (ours, other) =
        (Certificate::make(&base.path().join("a")), Certificate::make(&base.path().join("b")));
    let server = Server::start(&base.path().join("data"), &ours.flags());
    let url = url(&server);
    assert_eq!(fetched(&other.ca, &url), None, "a stranger vouches for it");
    assert!(fetched(&ours.ca, &format!("{url}/api/v1/stats")).is_some_and(|page| page.starts_with('{')));
    assert!(stats(ours.trust(), &url).await && !stats(other.trust(), &url).await);
    let options = ConnectOptions::new(&url).tls(ours.trust());
    let opened = timeout(PATIENCE, Socket::connect(&options)).await.expect("it is answered");
    assert!(opened.is_ok(), "the websocket: {:?}", opened.err());
    let verb = |ca: &[&str]| {
        gleitzeit().args(["stats", "--url", &url]).args(ca).output().expect("the binary can be started")
    };
    let (known, unknown, missing) =
        (verb(&["--ca", path(&ours.ca)]), verb(&[]), verb(&["--ca", "/nonexistent.pem"]));
    assert!(known.status.success(), "{}", said(&known));
    assert_eq!(unknown.status.code(), Some(6), "{}", said(&unknown));
    assert!(said(&unknown).contains("GZ1021") && said(&unknown).contains("--ca"), "{}", said(&unknown));
    assert!(!missing.status.success() && said(&missing).contains("/nonexistent.pem"), "{}", said(&missing));
}

#[test]
fn who_speaks_no_tls_is_told_so_or_closed() {
    let base = TempDir::new().expect("a temporary directory");
    let ours = Certificate::make(&base.path().join("a"));
    let settings = base.path().join("settings.toml");
    let tls = format!("[tls]\ncert = {:?}\nkey = {:?}\n", ours.cert, ours.key);
    std::fs::write(&settings, format!("{tls}[connections]\nheader_timeout_seconds = 1\n"))
        .expect("it can be written");
    let server = Server::start(&base.path().join("data"), &["--config", path(&settings)]);
    let mut plain = Line::open(&server);
    assert!(plain.say(b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"));
    let (status, why) = plain.answer();
    assert!(status == 400 && why.contains("https://"), "{status} {why}");
    let blind =
        gleitzeit().args(["stats", "--url", &server.url()]).output().expect("the binary can be started");
    assert!(!blind.status.success(), "{}", said(&blind));
    assert!(
        said(&blind).contains("answered with 400") && said(&blind).contains(why.trim()),
        "{}",
        said(&blind)
    );
    let mut silent = Line::open(&server);
    let mut half = Line::open(&server);
    assert!(half.say(&[0x16, 0x03, 0x01]));
    assert_eq!((silent.rest(), half.rest()), (Vec::new(), Vec::new()), "closed without a word");
    assert!(fetched(&ours.ca, &format!("{}/livez", url(&server))).is_some(), "others are served");
}

/// What is said to whoever finds no place is said within TLS, to a bounded number at once.
#[test]
fn who_finds_no_place_is_told_by_tls() {
    let base = TempDir::new().expect("a temporary directory");
    let ours = Certificate::make(&base.path().join("a"));
    let settings = base.path().join("settings.toml");
    let tls = format!("[tls]\ncert = {:?}\nkey = {:?}\n", ours.cert, ours.key);
    std::fs::write(&settings, format!("{tls}[connections]\nmax = 2\nheader_timeout_seconds = 600\n"))
        .expect("it can be written");
    let server = Server::start(&base.path().join("data"), &["--config", path(&settings)]);
    let held = [Line::open(&server), Line::open(&server)];
    let page = format!("{}/livez", url(&server));
    let refused = || {
        let mut curl = Command::new("curl");
        curl.args(["-sS", "--noproxy", "*", "-w", " %{http_code}", "--cacert", path(&ours.ca), &page]);
        let said = said(&curl.output().expect("curl is there"));
        (said == "too many connections are open: try again in a while 503").then_some(())
    };
    until("it is told", PATIENCE, refused);
    // Those who begin no handshake keep those out who do, for a while, and cost a bounded number of descriptors.
    let before = server.descriptors();
    let silent: Vec<Line> = (0..200).map(|_| Line::open(&server)).collect();
    for mut line in silent {
        assert!(server.descriptors() <= before + TOLD_AT_ONCE + 8, "all of them are kept");
        assert_eq!(line.rest(), b"", "it is closed without a word");
    }
    until("it is told again", PATIENCE, refused);
    drop(held);
    until("there is a place", PATIENCE, || fetched(&ours.ca, &page));
}

/// How many the server tells at once.
const TOLD_AT_ONCE: usize = 32;

#[test]
fn a_certificate_is_renewed_without_a_restart() {
    let base = TempDir::new().expect("a temporary directory");
    let [ours, next, last] = ["a", "b", "c"].map(|name| Certificate::make(&base.path().join(name)));
    let server = Server::start(&base.path().join("data"), &ours.flags());
    let page = format!("{}/livez", url(&server));
    assert!(fetched(&ours.ca, &page).is_some());
    next.replace(&ours);
    server.hang_up();
    until("the next one is shown", PATIENCE, || fetched(&next.ca, &page));
    std::fs::write(&ours.key, "nothing").expect("it can be written");
    server.hang_up();
    // Signals are taken one after the other, so that the last one shows that the one before has changed nothing.
    assert!(fetched(&next.ca, &page).is_some(), "what is wrong is not taken");
    last.replace(&ours);
    server.hang_up();
    until("the last one is shown", PATIENCE, || {
        let (of_next, of_last) = (fetched(&next.ca, &page), fetched(&last.ca, &page));
        assert!(
            of_next.is_some() || of_last.is_some() || fetched(&last.ca, &page).is_some(),
            "there always is one"
        );
        of_last
    });
}

#[test]
fn what_is_wrong_with_a_certificate_is_said() {
    let base = TempDir::new().expect("a temporary directory");
    let (ours, other) =
        (Certificate::make(&base.path().join("a")), Certificate::make(&base.path().join("b")));
    let (empty, broken) = (base.path().join("empty.pem"), base.path().join("broken.pem"));
    std::fs::write(&empty, "").expect("it can be written");
    std::fs::write(&broken, "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n")
        .expect("it can be written");
    let missing = base.path().join("missing.pem");
    let serve = |cert: Option<&Path>, key: Option<&Path>| {
        let mut command = gleitzeit();
        command.args(["serve", "--port", "0", "--data-dir"]).arg(base.path().join("data"));
        command.args(cert.map(|cert| ["--tls-cert", path(cert)]).into_iter().flatten());
        command.args(key.map(|key| ["--tls-key", path(key)]).into_iter().flatten());
        let output = command.output().expect("the binary can be started");
        assert!(!output.status.success(), "{}", said(&output));
        said(&output)
    };
    for (cert, key, named, why) in [
        (&missing, &ours.key, &missing, "cannot be read"),
        (&ours.cert, &missing, &missing, "cannot be read"),
        (&empty, &ours.key, &empty, "no certificate"),
        (&broken, &ours.key, &broken, "no PEM file"),
        (&ours.cert, &empty, &empty, "no private key"),
        (&ours.cert, &ours.cert, &ours.cert, "no private key"),
        (&ours.cert, &other.key, &other.key, "do not go together"),
    ] {
        let message = serve(Some(cert), Some(key));
        assert!(message.contains(path(named)) && message.contains(why), "{why}: {message}");
    }
    assert!(serve(Some(&ours.cert), None).contains("--tls-key"));
    assert!(serve(None, Some(&ours.key)).contains("--tls-cert"));
}
