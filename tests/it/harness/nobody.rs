//! An address without anybody behind it.

use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Socket, Type};

/// An address of this machine where nobody listens, and that nobody else is given: whoever asks is refused.
///
/// A server may listen there that asks for it by its number. It stays this owner's while that server is down, when
/// whatever else runs might be given the port.
#[derive(Debug)]
pub struct Nobody(Socket);

impl Nobody {
    pub fn new() -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let address: SocketAddr = "127.0.0.1:0".parse().unwrap();
        // Lets those in who ask for this port, while it is still not given to those who take any.
        socket.set_reuse_address(true).unwrap();
        socket.bind(&address.into()).unwrap();
        Self(socket)
    }

    /// Somebody, from now on.
    pub fn listen(self) -> TcpListener {
        self.0.listen(128).unwrap();
        TcpListener::from(self.0)
    }

    pub fn port(&self) -> u16 {
        self.0.local_addr().unwrap().as_socket().unwrap().port()
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port())
    }
}
