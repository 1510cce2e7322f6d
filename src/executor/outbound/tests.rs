//! Where requests may go, as a table; and what a scripted server on loopback can do to the client.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::resolve::open_ones;
use super::{Outbound, OutboundError, Request, Response};
use crate::config::{Allowed, HttpConfig};
use crate::core::errors::{ADDRESS_DENIED, INVALID_ARGUMENT};

fn allowing(entries: &[&str]) -> HttpConfig {
    let entries: Vec<String> = entries.iter().map(ToString::to_string).collect();
    HttpConfig { allow: Allowed::parse(&entries).unwrap(), ..HttpConfig::default() }
}

fn get(url: &str) -> Request {
    Request::new("GET", url, 1 << 20).unwrap()
}

async fn send(allow: &[&str], request: Request) -> Result<Response, OutboundError> {
    Outbound::new(&allowing(allow)).send(request).await
}

/// Nothing listens on port 9 of these, and most lead nowhere: a request that is let through would fail otherwise.
#[tokio::test]
async fn requests_stay_away_from_this_machine_and_its_networks() {
    for host in [
        // This machine, in every notation.
        "127.0.0.1",
        "127.1",
        "127.255.255.254",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0177.0.0.1",
        "017700000001",
        "127。0。0。1",
        "①②⑦.0.0.1",
        "%31%32%37.0.0.1",
        "localhost",
        "LOCALHOST",
        "0.0.0.0",
        "0",
        "[::1]",
        "[0:0:0:0:0:0:0:1]",
        "[::]",
        // IPv4 inside IPv6.
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::ffff:10.0.0.1]",
        "[::127.0.0.1]",
        "[::8.8.8.8]",
        "[64:ff9b::127.0.0.1]",
        "[64:ff9b::10.0.0.1]",
        "[64:ff9b:1::8.8.8.8]",
        "[2002:7f00:1::]",
        "[2001:0:7f00:1::]",
        // Private and shared networks.
        "10.0.0.1",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.0.1",
        "100.64.0.1",
        "100.127.255.255",
        "[fc00::1]",
        "[fd12:3456::1]",
        // Metadata services.
        "169.254.169.254",
        "[fe80::1]",
        "[fd00:ec2::254]",
        "100.100.100.200",
        "192.0.0.192",
        "168.63.129.16",
        // No place at all.
        "224.0.0.1",
        "239.255.255.250",
        "255.255.255.255",
        "240.0.0.1",
        "192.0.2.1",
        "198.51.100.7",
        "203.0.113.9",
        "198.18.0.1",
        "192.88.99.1",
        "[ff02::1]",
        "[2001:db8::1]",
        "[3fff::1]",
        "[100::1]",
        "[4000::1]",
    ] {
        let error = send(&[], get(&format!("http://{host}:9/"))).await.expect_err(host);
        assert_eq!(error.code(), ADDRESS_DENIED, "{host}: {error}");
        assert!(!error.is_transient() && error.to_string().contains("`allow` under `[http]`"), "{error}");
    }
}

#[tokio::test]
async fn what_is_no_request_is_refused_before_anything_is_sent() {
    for url in [
        "ftp://example.com/",
        "file:///etc/passwd",
        "gopher://127.0.0.1/",
        "unix:/run/docker.sock",
        "//example.com/",
        "example.com",
        "http://",
        "http://user@example.com/",
        "http://user:secret@example.com/",
        "http://example.com@127.0.0.1/",
        "http://example.com/\r\nHost: other",
        "http://exa\tmple.com/",
        "http://127.0.0.256/",
        "http://1.2.3.4.5/",
        "http://example.com:99999/",
    ] {
        let error = Request::new("GET", url, 1).expect_err(url);
        assert_eq!(error.code(), INVALID_ARGUMENT, "{url}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
    for method in ["", "CONNECT", "trace", "GET / HTTP/1.1\r\nX:", "G T"] {
        assert_eq!(
            Request::new(method, "http://example.com/", 1).expect_err(method).code(),
            INVALID_ARGUMENT
        );
    }
    let mut request = get("http://example.com/");
    for (name, value) in [
        ("X-A", "a\r\nX-Injected: yes"),
        ("X-A", "a\nb"),
        ("X-A", "a\0b"),
        ("X-A\r\nX-Injected", "yes"),
        ("X A", "b"),
        ("", "b"),
        ("Host", "127.0.0.1"),
        ("Content-Length", "0"),
        ("transfer-encoding", "chunked"),
        ("Connection", "Upgrade"),
    ] {
        assert_eq!(request.header(name, value).expect_err(name).code(), INVALID_ARGUMENT, "{name}: {value}");
    }
    request.header("X-Grüße", "no").expect_err("names are ASCII");
    request.header("X-Greeting", "Grüße").unwrap();
}

#[test]
fn a_name_with_addresses_of_both_kinds_is_reached_by_the_open_ones() {
    let both: Vec<SocketAddr> =
        ["127.0.0.1:0", "1.1.1.1:0"].iter().map(|text| text.parse().unwrap()).collect();
    let open = open_ones("both.example", &both, &Allowed::default()).unwrap();
    assert_eq!(open, both[1..]);
    let by_name = allowing(&["both.example"]).allow;
    assert_eq!(open_ones("both.example", &both, &by_name).unwrap(), both);
    assert!(open_ones("other.example", &both[..1], &by_name).is_err());
}

#[test]
fn public_addresses_are_open() {
    for address in [
        "1.1.1.1",
        "8.8.8.8",
        "100.63.255.255",
        "100.128.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "169.253.0.1",
        "192.0.1.1",
        "223.255.255.255",
        "2606:4700:4700::1111",
        "2a00:1450::1",
        "::ffff:8.8.8.8",
        "64:ff9b::8.8.8.8",
    ] {
        assert_eq!(super::closed(address.parse().unwrap(), &Allowed::default()), None, "{address}");
    }
}

/// Answers each connection by what its request line asks for, and tells what it was sent.
async fn serve(answer: fn(&str, SocketAddr) -> String) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let request = read_request(&mut stream).await;
                // A client that has seen enough closes before the end.
                drop(stream.write_all(answer(&request, address).as_bytes()).await);
            });
        }
    });
    address
}

async fn read_request(stream: &mut TcpStream) -> String {
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        let read = stream.read(&mut buffer).await.unwrap();
        if read == 0 {
            break;
        }
        request.extend_from_slice(&buffer[..read]);
    }
    String::from_utf8(request).unwrap()
}

fn response(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n{headers}\r\n{body}", body.len())
}

/// `/to?x` redirects to `x`, `/echo` answers with the request itself.
fn redirecting(request: &str, own: SocketAddr) -> String {
    let path = request.split(' ').nth(1).unwrap_or_default();
    match path.split_once('?') {
        Some(("/to", target)) => response("302 Found", &format!("Location: {target}\r\n"), ""),
        Some(("/keep", target)) => response("307 Temporary", &format!("Location: {target}\r\n"), ""),
        Some(("/loop", _)) => response("302 Found", &format!("Location: http://{own}/loop?\r\n"), ""),
        _ => response("200 OK", "", request),
    }
}

#[tokio::test]
async fn each_redirect_is_checked_like_the_first_request() {
    let server = serve(redirecting).await;
    let home = ["127.0.0.1/32"];
    for target in ["http://127.0.0.2/", "http://[::1]/", "http://169.254.169.254/latest", "//10.0.0.1/"] {
        let error = send(&home, get(&format!("http://{server}/to?{target}"))).await.expect_err(target);
        assert_eq!(error.code(), ADDRESS_DENIED, "{target}: {error}");
    }
    for target in ["file:///etc/passwd", "http://a:b@127.0.0.1/", "http://["] {
        let error = send(&home, get(&format!("http://{server}/to?{target}"))).await.expect_err(target);
        assert_eq!(error.code(), INVALID_ARGUMENT, "{target}: {error}");
    }
    let error = send(&home, get(&format!("http://{server}/loop?"))).await.expect_err("a loop");
    assert!(matches!(error, OutboundError::TooManyRedirects { limit: 10, .. }), "{error:?}");
    let mut unfollowed = get(&format!("http://{server}/to?/echo"));
    unfollowed.redirects = 0;
    assert_eq!(send(&home, unfollowed).await.unwrap().status, 302);
}

#[tokio::test]
async fn credentials_do_not_follow_to_another_origin() {
    let (first, second) = (serve(redirecting).await, serve(redirecting).await);
    for (target, arrive) in [("/echo".to_owned(), true), (format!("http://{second}/echo"), false)] {
        let mut request = get(&format!("http://{first}/to?{target}"));
        for (name, value) in [("Authorization", "Bearer s"), ("X-Api-Key", "k"), ("Accept", "text/x")] {
            request.header(name, value).unwrap();
        }
        let echoed = String::from_utf8(send(&["127.0.0.1"], request).await.unwrap().body).unwrap();
        assert_eq!(echoed.contains("Bearer s"), arrive, "{echoed}");
        assert_eq!(echoed.contains("x-api-key"), arrive, "{echoed}");
        assert!(echoed.contains("text/x"), "{echoed}");
    }
}

#[tokio::test]
async fn a_redirect_keeps_or_drops_the_body_as_its_status_says() {
    let server = serve(redirecting).await;
    for (path, line, length) in [("to", "GET /echo", None), ("keep", "POST /echo", Some("content-length: 4"))]
    {
        let mut request = Request::new("post", &format!("http://{server}/{path}?/echo"), 1 << 20).unwrap();
        request.body = "data".into();
        let response = send(&["127.0.0.1"], request).await.unwrap();
        let echoed = String::from_utf8(response.body).unwrap();
        assert!(echoed.starts_with(line), "{echoed}");
        assert_eq!(echoed.contains("content-length"), length.is_some(), "{echoed}");
        assert_eq!(response.url.path(), "/echo");
    }
}

#[tokio::test]
async fn a_long_body_costs_no_more_than_the_limit() {
    let server = serve(|request, _| match request.split(' ').nth(1) {
        Some("/stated") => "HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\nx".to_owned(),
        Some("/fits") => response("200 OK", "", &"x".repeat(1_000)),
        _ => format!("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{}", "x".repeat(1 << 20)),
    })
    .await;
    for path in ["stated", "unstated"] {
        let mut request = get(&format!("http://{server}/{path}"));
        request.max_bytes = 1_000;
        let error = send(&["127.0.0.1"], request).await.expect_err(path);
        assert!(matches!(error, OutboundError::TooLarge { limit: 1_000, .. }), "{error:?}");
    }
    let mut request = get(&format!("http://{server}/fits"));
    request.max_bytes = 1_000;
    assert_eq!(send(&["127.0.0.1"], request).await.unwrap().body.len(), 1_000);
}

#[tokio::test]
async fn silence_and_broken_connections_are_told_apart_and_may_be_tried_again() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut request = get(&format!("http://{}/a?token=secret", silent.local_addr().unwrap()));
    request.timeout_ms = 50;
    let error = send(&["127.0.0.1"], request).await.expect_err("silence");
    assert!(matches!(error, OutboundError::TimedOut { ms: 50, .. }) && error.is_transient(), "{error:?}");
    assert!(!error.to_string().contains("secret"), "{error}");

    let rude = serve(|_, _| "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nx".to_owned()).await;
    let error = send(&["127.0.0.1"], get(&format!("http://{rude}/"))).await.expect_err("cut");
    assert!(matches!(error, OutboundError::Failed { .. }) && error.is_transient(), "{error:?}");

    let plain = serve(redirecting).await;
    let error = send(&["127.0.0.1"], get(&format!("https://{plain}/"))).await.expect_err("no TLS there");
    assert!(matches!(error, OutboundError::Failed { .. }), "{error:?}");

    let error = send(&["127.0.0.1"], get("http://127.0.0.1:9/")).await.expect_err("nobody listens");
    assert!(error.to_string().contains("refused") && error.is_transient(), "{error}");
}

/// With many receivers the path is the secret.
#[tokio::test]
async fn a_receiver_is_named_without_its_path() {
    let secret = |origin: &str| format!("{origin}/services/hidden?key=hidden#hidden");
    let plain = serve(redirecting).await;
    for (origin, allow) in [
        ("http://127.0.0.1:9", &["127.0.0.1"][..]),
        ("http://127.0.0.1:9", &[]),
        ("http://localhost:9", &[]),
        (&format!("https://{plain}"), &["127.0.0.1"]),
    ] {
        let request = Request::to_receiver(&secret(origin), 1 << 20).unwrap();
        let error = send(allow, request).await.expect_err("it cannot be reached").to_string();
        assert!(error.starts_with(&format!("POST {origin}: ")) && !error.contains("hidden"), "{error}");
    }
    for (origin, shown) in [
        ("ftp://x.example", "`ftp://x.example` does not begin with"),
        ("http://me:hidden@x.example", "`http://...@x.example` holds a user name"),
        ("http://x y", "`http://x y` is not a URL"),
        ("", "`` is not a URL"),
    ] {
        let error = Request::to_receiver(&secret(origin), 1 << 20).expect_err(origin).to_string();
        assert!(error.starts_with(shown) && !error.contains("hidden"), "{error}");
    }
}

#[tokio::test]
async fn a_dropped_request_closes_its_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let sending = tokio::spawn(async move { send(&["127.0.0.1"], get(&url)).await });
    let (mut stream, _) = listener.accept().await.unwrap();
    read_request(&mut stream).await;
    sending.abort();
    let closed = tokio::time::timeout(Duration::from_secs(10), stream.read(&mut [0; 16])).await;
    assert_eq!(closed.expect("the connection is closed").unwrap(), 0);
}

/// The name is looked up once for each connection, and the connector has nothing else to go by.
#[tokio::test]
async fn a_name_is_allowed_by_itself_or_by_its_addresses() {
    let server = serve(redirecting).await;
    for allow in [&["localhost"][..], &["127.0.0.0/8", "::1"][..]] {
        let url = format!("http://localhost:{}/echo", server.port());
        assert_eq!(send(allow, get(&url)).await.unwrap().status, 200, "{allow:?}");
    }
}
