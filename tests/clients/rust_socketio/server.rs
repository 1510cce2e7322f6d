//! The real binary in a folder of its own, and a network that can break between it and a client.

use socket2::{Domain, Socket, Type};
use std::fs::{OpenOptions, canonicalize, read_to_string};
use std::io::{BufRead, BufReader, copy};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use std::{env, thread};
use tempfile::TempDir;

/// As long as the other wire tests wait for a start: a debug build on a busy machine.
const START: Duration = Duration::from_mins(2);

/// How often and how many times to look whether it has stopped: for two minutes, too.
const STOP_LOOK: Duration = Duration::from_millis(20);
const STOP_LOOKS_MAX: usize = 6_000;

pub struct Server {
    process: Child,
    folder: TempDir,
    pub url: String,
    port: u16,
    /// Keeps the port while the server is down: bound to it, it lets only those in who ask for it by its number.
    _address: Socket,
}

impl Server {
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let address = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        address.set_reuse_address(true).unwrap();
        address.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
        let port = address.local_addr().unwrap().as_socket().unwrap().port();
        let url = format!("http://127.0.0.1:{port}");
        let mut server = Self { process: spawn(&folder, port), folder, url, port, _address: address };
        assert_eq!(server.listening(), server.url);
        server
    }

    /// Stops it as an operator would, and starts it again in the same place.
    pub fn restart(&mut self) {
        self.terminate();
        self.process = spawn(&self.folder, self.port);
        assert_eq!(self.listening(), self.url);
    }

    pub fn stop(mut self) {
        self.terminate();
    }

    fn terminate(&mut self) {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        let mut looks = 0..STOP_LOOKS_MAX;
        let status = looks.find_map(|_| {
            thread::sleep(STOP_LOOK);
            self.process.try_wait().unwrap()
        });
        let status = status.expect("the server stops when it is told to");
        assert!(status.success(), "{status}");
        assert!(!self.log().contains("panicked at"), "{}", self.log());
    }

    fn listening(&mut self) -> String {
        let lines = BufReader::new(self.process.stdout.take().unwrap()).lines();
        let (found, url) = channel();
        // Reads to the end: a server whose output nobody takes would stop at a full pipe.
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if let Some((_, url)) = line.split_once("gleitzeit listening on ") {
                    let _ = found.send(url.trim().to_owned());
                }
            }
        });
        url.recv_timeout(START).expect("the server said where it listens")
    }

    fn log(&self) -> String {
        read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("the server's log:\n{}", self.log());
        }
        // Only a failed test comes here with a running server.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn spawn(folder: &TempDir, port: u16) -> Child {
    let binary = env::var_os("GLEITZEIT_BIN").expect("GLEITZEIT_BIN names no binary: run tests/run");
    let log = OpenOptions::new().create(true).append(true).open(folder.path().join("log")).unwrap();
    Command::new(canonicalize(binary).expect("GLEITZEIT_BIN names a file"))
        .args(["serve", "--port", &port.to_string(), "--data-dir", "data"])
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .unwrap()
}

/// Passes on whatever comes, except while it is broken.
pub struct Network {
    pub url: String,
    traffic: Arc<Mutex<Traffic>>,
}

#[derive(Default)]
struct Traffic {
    streams: Vec<TcpStream>,
    refusals_left: usize,
}

impl Network {
    pub fn before(server: &Server) -> Self {
        let target = server.url.trim_start_matches("http://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let traffic = Arc::new(Mutex::new(Traffic::default()));
        let shared = Arc::clone(&traffic);
        thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                // Held throughout, so that no connection slips past a loss.
                let mut traffic = shared.lock().unwrap();
                if traffic.refusals_left > 0 {
                    traffic.refusals_left -= 1;
                    continue;
                }
                // The server is gone when the test is over.
                let Ok(far) = TcpStream::connect(&target) else { return };
                pass_on(&near, &far);
                pass_on(&far, &near);
                traffic.streams.extend([near, far]);
            }
        });
        Self { url, traffic }
    }

    /// Ends every connection without a word of either protocol, and so many attempts at a new one.
    pub fn lose(&self, connections: usize) {
        let mut traffic = self.traffic.lock().unwrap();
        traffic.refusals_left = connections;
        for stream in traffic.streams.drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Whether connections are passed on again.
    pub fn is_whole(&self) -> bool {
        self.traffic.lock().unwrap().refusals_left == 0
    }
}

fn pass_on(from: &TcpStream, to: &TcpStream) {
    let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
    thread::spawn(move || {
        let _ = copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Both);
    });
}
