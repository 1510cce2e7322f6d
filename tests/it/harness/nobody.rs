//! An address without anybody behind it.

use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Socket, Type};

/// An address of this machine where nobody listens, and where nobody else will: whoever asks is refused.
#[derive(Debug)]
pub struct Nobody(Socket);

impl Nobody {
    pub fn new() -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let address: SocketAddr = "127.0.0.1:0".parse().unwrap();
        socket.bind(&address.into()).unwrap();
        Self(socket)
    }

    /// Somebody, from now on.
    pub fn listen(self) -> TcpListener {
        self.0.listen(128).unwrap();
        TcpListener::from(self.0)
    }

    pub fn url(&self) -> String {
        let address = self.0.local_addr().unwrap().as_socket().unwrap();
        format!("http://{address}")
    }
}
