//! Certificates that have signed themselves: whom clients believe, and what they say when they do not.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use gleitzeit::client::wire::{ConnectOptions, Socket};
use gleitzeit::client::{Client, Tls};
use tempfile::TempDir;
use tokio::time::timeout;

use super::path;
use super::tls::{said, url};
use crate::harness::{PATIENCE, Server, gleitzeit};

/// What `openssl req -x509` makes.
struct SelfSigned {
    cert: PathBuf,
    key: PathBuf,
}

const NAMES: &str = "IP:127.0.0.1,DNS:localhost";

fn openssl(folder: &Path, arguments: &[&str]) {
    let output =
        Command::new("openssl").args(arguments).current_dir(folder).output().expect("openssl is there");
    assert!(output.status.success(), "openssl {arguments:?}: {}", said(&output));
}

impl SelfSigned {
    fn make(folder: &Path, more: &[&str]) -> Self {
        std::fs::create_dir_all(folder).expect("a folder can be made");
        let plain =
            ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "cert.pem"];
        openssl(folder, &[&plain[..], &["-days", "30", "-subj", "/CN=localhost"], more].concat());
        Self { cert: folder.join("cert.pem"), key: folder.join("key.pem") }
    }

    fn of(folder: &Path, names: &str) -> Self {
        Self::make(folder, &["-addext", &format!("subjectAltName={names}")])
    }

    /// One whose time is over.
    fn expired(folder: &Path) -> Self {
        let made = Self::of(folder, NAMES);
        let config = format!(
            "[ca]\ndefault_ca=d\n[d]\nnew_certs_dir=.\ndatabase=index\nserial=serial\ndefault_md=sha256\npolicy=p\n\
             x509_extensions=x\n[p]\ncommonName=supplied\n[x]\nbasicConstraints=critical,CA:TRUE\nsubjectAltName={NAMES}\n"
        );
        for (name, text) in [("ca.cnf", config.as_str()), ("index", ""), ("serial", "01\n")] {
            std::fs::write(folder.join(name), text).expect("it can be written");
        }
        openssl(folder, &["req", "-new", "-key", "key.pem", "-subj", "/CN=localhost", "-out", "request.pem"]);
        let time = ["-startdate", "20200101000000Z", "-enddate", "20200201000000Z"];
        let sign = ["ca", "-batch", "-notext", "-config", "ca.cnf", "-selfsign", "-keyfile", "key.pem"];
        let files = ["-in", "request.pem", "-out", "cert.pem"];
        openssl(folder, &[&sign[..], &time, &files].concat());
        made
    }

    fn serve(&self, base: &TempDir) -> Server {
        let flags = ["--tls-cert", path(&self.cert), "--tls-key", path(&self.key)];
        Server::start(&base.path().join("data"), &flags)
    }

    fn trust(&self) -> Tls {
        Tls::only(&std::fs::read(&self.cert).expect("it is there")).expect("it is a certificate")
    }
}

fn stats(url: &str, more: &[&str]) -> Output {
    gleitzeit().args(["stats", "--url", url]).args(more).output().expect("the binary can be started")
}

/// Asserts that a verb has said why it does not trust the server, and what to do.
fn distrusted(output: &Output, why: &str) {
    let said = said(output);
    assert_eq!(output.status.code(), Some(6), "{said}");
    assert!(said.contains("error[GZ1021]") && said.contains(why) && said.contains("--ca"), "{why}: {said}");
}

#[tokio::test]
async fn a_certificate_that_is_named_is_trusted_and_no_other() {
    let base = TempDir::new().expect("a temporary directory");
    let ours = SelfSigned::of(&base.path().join("a"), NAMES);
    let other = SelfSigned::of(&base.path().join("b"), NAMES);
    let server = ours.serve(&base);
    let url = url(&server);
    let known = stats(&url, &["--ca", path(&ours.cert)]);
    assert!(known.status.success(), "{}", said(&known));
    distrusted(&stats(&url, &["--ca", path(&other.cert)]), "is not one that was named");
    distrusted(&stats(&url, &[]), "has signed itself");

    let file = base.path().join("client.toml");
    std::fs::write(&file, format!("[client]\nurl = {url:?}\nca = {:?}\n", ours.cert))
        .expect("it can be written");
    let with = |name: &str, value: &Path, arguments: &[&str]| {
        gleitzeit().args(arguments).env(name, value).output().expect("the binary can be started")
    };
    let by_variable = with("GLEITZEIT_CA", &ours.cert, &["stats", "--url", &url]);
    assert!(by_variable.status.success(), "{}", said(&by_variable));
    let by_file = with("GLEITZEIT_CONFIG", &file, &["stats"]);
    assert!(by_file.status.success(), "{}", said(&by_file));
    let elsewhere = url.replace("127.0.0.1", "localhost");
    distrusted(&with("GLEITZEIT_CONFIG", &file, &["stats", "--url", &elsewhere]), "has signed itself");

    for (trust, is_trusted) in [(ours.trust(), true), (other.trust(), false)] {
        let client = Client::builder(&url).tls(trust.clone()).build().expect("it is an address");
        assert_eq!(client.stats().await.is_ok(), is_trusted);
        let options = ConnectOptions::new(&url).tls(trust);
        let opened = timeout(PATIENCE, Socket::connect(&options)).await.expect("it is answered");
        assert_eq!(opened.is_ok(), is_trusted);
        if let Err(error) = opened {
            assert!(error.to_string().contains("is not one that was named"), "{error}");
        }
    }
}

/// Being named does not excuse anything else.
#[test]
fn names_and_times_of_a_named_certificate_are_checked() {
    let base = TempDir::new().expect("a temporary directory");
    let folder = |name: &str| base.path().join(name);
    let elsewhere = SelfSigned::of(&folder("elsewhere"), "DNS:flows.example.org");
    let nameless = SelfSigned::make(&folder("nameless"), &[]);
    let expired = SelfSigned::expired(&folder("expired"));
    for (certificate, why) in
        [(&elsewhere, "only valid for DnsName(\"flows.example.org\")"), (&expired, "expired")]
    {
        let server = certificate.serve(&base);
        distrusted(&stats(&url(&server), &["--ca", path(&certificate.cert)]), why);
    }
    let server = nameless.serve(&base);
    let said = said(&stats(&url(&server), &["--ca", path(&nameless.cert)]));
    let fix = said.split("fix: ").nth(1).expect("there is one");
    assert!(said.contains("error[GZ1021]") && said.contains("not valid for any names"), "{said}");
    assert!(fix.contains("-addext subjectAltName=") && !fix.contains("--ca"), "{said}");
}

/// As its own certificate, without the authority; its name still has to fit.
#[test]
fn a_certificate_that_an_authority_has_signed_can_be_named() {
    let base = TempDir::new().expect("a temporary directory");
    let signed = |name: &str, names: &str, time: &[&str]| {
        let folder = base.path().join(name);
        let made = SelfSigned::of(&folder, NAMES);
        std::fs::rename(&made.cert, folder.join("ca.pem")).expect("it can be moved");
        std::fs::rename(&made.key, folder.join("ca.key")).expect("it can be moved");
        std::fs::write(folder.join("names"), format!("subjectAltName={names}\n")).expect("it can be written");
        let request = [
            "req", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-subj", "/CN=leaf", "-out", "csr",
        ];
        openssl(&folder, &request);
        let sign = ["x509", "-req", "-in", "csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"];
        openssl(&folder, &[&sign[..], time, &["-extfile", "names", "-out", "cert.pem"]].concat());
        made
    };
    let ours = signed("a", NAMES, &["-days", "30"]);
    let server = ours.serve(&base);
    let named = |made: &SelfSigned| stats(&url(&server), &["--ca", path(&made.cert)]);
    let known = named(&ours);
    assert!(known.status.success(), "{}", said(&known));
    distrusted(&named(&signed("b", NAMES, &["-days", "30"])), "vouches");
    drop(server);
    for (name, names, time, why) in [
        ("c", "DNS:flows.example.org", "30", "only valid for DnsName(\"flows.example.org\")"),
        // It ends before it begins, so there is no time at which it counts.
        ("d", NAMES, "-1", "xpired"),
    ] {
        let other = signed(name, names, &["-days", time]);
        let server = other.serve(&base);
        let output = stats(&url(&server), &["--ca", path(&other.cert)]);
        distrusted(&output, why);
    }
}

/// Others may come before it and after it in the file.
#[test]
fn one_of_many_certificates_may_be_the_servers_own() {
    let base = TempDir::new().expect("a temporary directory");
    let [first, ours, last] = ["a", "b", "c"].map(|name| SelfSigned::of(&base.path().join(name), NAMES));
    let all: Vec<u8> = [&first, &ours, &last]
        .into_iter()
        .flat_map(|certificate| std::fs::read(&certificate.cert).expect("it is there"))
        .collect();
    let file = base.path().join("all.pem");
    std::fs::write(&file, all).expect("it can be written");
    let server = ours.serve(&base);
    let known = stats(&url(&server), &["--ca", path(&file)]);
    assert!(known.status.success(), "{}", said(&known));
}

#[test]
fn the_load_generator_speaks_tls() {
    let base = TempDir::new().expect("a temporary directory");
    let ours = SelfSigned::of(&base.path().join("a"), NAMES);
    let server = ours.serve(&base);
    let bench = |more: &[&str]| {
        let mut command = gleitzeit();
        command.args(["bench", "--url", &url(&server), "--scenario", "independent", "--scenario", "chain"]);
        command.args(["--tasks", "40", "--services", "2", "--connections", "2"]).args(more);
        command.output().expect("the binary can be started")
    };
    let measured = bench(&["--ca", path(&ours.cert)]);
    assert!(measured.status.success(), "{}", said(&measured));
    let blind = bench(&[]);
    assert!(!blind.status.success() && said(&blind).contains("--ca"), "{}", said(&blind));
}
