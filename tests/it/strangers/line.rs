//! One TCP connection, byte by byte.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::harness::{PATIENCE, Server};

/// How long a look at a connection waits for something to come.
const LOOK: Duration = Duration::from_millis(20);

#[derive(Debug)]
pub struct Line(TcpStream);

/// What came, and whether that is all there will be.
#[derive(Debug, PartialEq, Eq)]
pub enum Seen {
    Open,
    Bytes(Vec<u8>),
    Closed,
}

impl Line {
    pub fn open(server: &Server) -> Self {
        let address = server.url().trim_start_matches("http://").to_owned();
        let stream = TcpStream::connect(address).expect("the server listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("it can be set");
        Self(stream)
    }

    /// Whether it could be sent; the server may have closed the connection.
    pub fn say(&mut self, bytes: &[u8]) -> bool {
        self.0.write_all(bytes).is_ok()
    }

    /// Sends a request without a body and reads the status of the answer, and the answer to its end.
    pub fn ask(&mut self, request: &str) -> u16 {
        self.asked(request).0
    }

    /// The body of the answer.
    pub fn ask_for(&mut self, request: &str) -> String {
        self.asked(request).1
    }

    fn asked(&mut self, request: &str) -> (u16, String) {
        assert!(self.say(format!("{request} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").as_bytes()), "{request}");
        self.answer()
    }

    /// An answer with a length: its status and its body.
    pub fn answer(&mut self) -> (u16, String) {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            self.0.read_exact(&mut byte).unwrap_or_else(|error| {
                panic!("no answer: {error}; so far {:?}", String::from_utf8_lossy(&head))
            });
            head.extend(byte);
        }
        let head = String::from_utf8(head).expect("a head is text").to_lowercase();
        let length = head.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next());
        let length = length.map_or(0, |text| text.parse().expect("a length is a number"));
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).expect("the body comes");
        let status = head.split(' ').nth(1).and_then(|text| text.parse().ok()).expect("a status");
        (status, String::from_utf8_lossy(&body).into_owned())
    }

    /// What has come by now.
    pub fn look(&mut self) -> Seen {
        self.0.set_read_timeout(Some(LOOK)).expect("it can be set");
        let mut bytes = vec![0; 64 << 10];
        let seen = match self.0.read(&mut bytes) {
            Ok(0) => Seen::Closed,
            Ok(count) => Seen::Bytes(bytes[..count].to_vec()),
            Err(error) if [ErrorKind::WouldBlock, ErrorKind::TimedOut].contains(&error.kind()) => Seen::Open,
            Err(_) => Seen::Closed,
        };
        self.0.set_read_timeout(Some(PATIENCE)).expect("it can be set");
        seen
    }

    /// Reads one byte, if there is one.
    pub fn sip(&mut self) {
        self.0.set_read_timeout(Some(Duration::from_millis(1))).expect("it can be set");
        // It does not matter what comes: whoever reads slowly has no other plan.
        let _ = self.0.read(&mut [0]);
    }

    /// Reads to the end of the connection.
    pub fn rest(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        if let Err(error) = self.0.read_to_end(&mut bytes) {
            assert_eq!(error.kind(), ErrorKind::ConnectionReset, "the server ends the connection: {error}");
        }
        bytes
    }

    /// Sends a short websocket message, as clients do: masked.
    pub fn send_text(&mut self, text: &str) -> bool {
        let length = u8::try_from(text.len()).ok().filter(|length| *length < 126).expect("it is short");
        let mut frame = vec![0x81, 0x80 | length, 0, 0, 0, 0];
        frame.extend(text.as_bytes());
        self.say(&frame)
    }

    /// The next websocket message. Pings are answered.
    pub fn text(&mut self) -> String {
        loop {
            let text = self.frame();
            if text != "2" {
                return text;
            }
            assert!(self.send_text("3"), "a ping can be answered");
        }
    }

    fn frame(&mut self) -> String {
        let mut head = [0; 2];
        self.0.read_exact(&mut head).expect("a frame comes");
        let length = match head[1] {
            126 => {
                let mut long = [0; 2];
                self.0.read_exact(&mut long).expect("its length comes");
                usize::from(u16::from_be_bytes(long))
            }
            short => usize::from(short),
        };
        let mut text = vec![0; length];
        self.0.read_exact(&mut text).expect("its text comes");
        String::from_utf8(text).expect("it is text")
    }

    /// Sends a request with header lines of its own; the status of the answer, and its body.
    pub fn send(&mut self, request: &str, headers: &[String], body: &str) -> (u16, String) {
        let length = body.len();
        let head = format!(
            "{request} HTTP/1.1\r\n{}\r\nContent-Length: {length}\r\n\r\n{body}",
            headers.join("\r\n")
        );
        assert!(self.say(head.as_bytes()), "{request}");
        self.answer()
    }

    /// Becomes a websocket of engine.io; `query` is what stands behind the transport.
    pub fn upgrade(&mut self, query: &str) -> u16 {
        let request = format!(
            "GET /socket.io/?EIO=4&transport=websocket{query} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n\
             Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        );
        assert!(self.say(request.as_bytes()), "the request can be sent");
        self.answer().0
    }
}
