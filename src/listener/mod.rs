//! Connections from outside: how many there may be, and how long each may keep the server waiting. Whatever a connection costs is
//! bounded here, before anybody knows who it is.
//!
//! It knows nothing of what is asked and answered; requests go to a router, with the [`Peer`] they came from.

mod connection;
mod leftover;
mod linger;
mod pause;
mod peer;
mod places;
mod rates;
mod stall;
mod stream;
mod tls;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, watch};
use tracing::{debug, info, warn};

use crate::config::ConnectionsConfig;
use crate::core::rejection::Rejection;
use connection::Serving;
pub use pause::Pause;
pub use peer::Peer;
pub use places::{Full, Most, Place, Places};
pub use rates::Rates;
use stream::{Bounded, Transport};
pub use tls::{Tls, TlsError};

/// Connections of one address beside those of this machine, unless a setting says otherwise: a building full of services behind
/// one router, and far less than all there may be.
const PER_ADDRESS: usize = 1_000;
/// After this time without a word the system asks the other side whether it is still there, and again so often. What waits to be
/// sent has a bound of its own.
const SILENT: Duration = Duration::from_mins(1);
const ASKED_EVERY: Duration = Duration::from_secs(15);
/// Where no connection can be accepted, as when the descriptors are used up, the next attempt comes after this time: soon enough
/// for whoever waits, and rarely enough to cost nothing.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);
/// What whoever comes too often, and whoever finds no place, is told. Nobody waits for it to be read.
const OFTEN_ANSWER: &[u8] = b"HTTP/1.1 429 Too Many Requests\r\nretry-after: 1\r\nconnection: close\r\n\
    content-type: text/plain\r\ncontent-length: 63\r\n\r\ntoo many connections were opened: keep them, or try again later";
const FULL_ANSWER: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 5\r\nconnection: close\r\n\
    content-type: text/plain\r\ncontent-length: 51\r\n\r\ntoo many connections are open: try again in a while";

/// Connections that are told within TLS that there is no place for them, at once, and for how long each may take. A handshake costs
/// a millisecond; whoever finds no place here is closed without a word.
const TOLD_BY_TLS_MAX: usize = 32;
const TELLING: Duration = Duration::from_secs(2);

/// Serves until `closed` comes back, and then until the requests under way are answered. Connections that have become
/// websockets, and streams, go on.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    bounds: ConnectionsConfig,
    rates: Arc<Rates>,
    tls: Option<Arc<Tls>>,
    closed: impl Future<Output = ()>,
) {
    let most = Most { all: bounds.max, per_address: bounds.per_address, elsewhere: PER_ADDRESS };
    let places = Places::new(most);
    let (bounds, telling) = (Arc::new(bounds), Arc::new(Semaphore::new(TOLD_BY_TLS_MAX)));
    let (closing, told) = watch::channel(false);
    // Each connection has a clone; when all of them are gone, nothing more comes.
    let (open, mut all_done) = mpsc::channel::<()>(1);
    let mut closed = std::pin::pin!(closed);
    loop {
        let (stream, address) = tokio::select! {
            () = &mut closed => break,
            accepted = accept(&listener) => accepted,
        };
        let place = match admit(&rates, &places, address) {
            Ok(place) => place,
            Err(refused) => {
                turn_away(stream, address, &refused, tls.as_ref(), &telling);
                continue;
            }
        };
        configure(&stream, bounds.write);
        let peer = Peer::new(address);
        let serving = Serving { router: router.clone(), peer: peer.clone(), bounds: Arc::clone(&bounds) };
        let (closing, open, tls) = (told.clone(), open.clone(), tls.clone());
        tokio::spawn(async move {
            let bounds = Arc::clone(&serving.bounds);
            match begin(stream, tls, bounds.header).await {
                Ok(transport) => {
                    serving.run(Bounded::new(transport, peer, bounds.write, place), closing).await;
                }
                Err(error) => debug!(%address, %error, "a connection did not begin"),
            }
            drop(open);
        });
    }
    drop((listener, open));
    closing.send_replace(true);
    while all_done.recv().await.is_some() {}
}

/// What stands before the first request, which may take no longer than its head.
async fn begin(stream: TcpStream, tls: Option<Arc<Tls>>, bound: Duration) -> io::Result<Transport> {
    let Some(tls) = tls else { return Ok(Transport::Plain(stream)) };
    let agreed = tokio::time::timeout(bound, tls.accept(stream)).await;
    agreed.map_err(io::Error::from)?.map(|stream| Transport::Encrypted(Box::new(stream)))
}

/// The next connection. Errors pass: those of one connection concern nobody else, and what lacks for all is there again when some
/// have ended.
async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    let mut is_told = false;
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) if is_of_one_connection(&error) => {
                debug!(%error, "a connection was gone before it was taken");
            }
            Err(error) => {
                if !std::mem::replace(&mut is_told, true) {
                    warn!(%error, "no connection can be taken now; the server tries again");
                }
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
    )
}

/// Why a connection is turned away.
#[derive(Debug)]
enum Refused {
    TooOften(Rejection),
    Full(Full),
}

fn admit(rates: &Rates, places: &Places, address: SocketAddr) -> Result<Place, Refused> {
    rates.connection(address.ip()).map_err(Refused::TooOften)?;
    places.take(address.ip()).map_err(Refused::Full)
}

fn turn_away(
    stream: TcpStream,
    address: SocketAddr,
    refused: &Refused,
    tls: Option<&Arc<Tls>>,
    telling: &Arc<Semaphore>,
) {
    let answer = match refused {
        Refused::TooOften(why) => {
            debug!(%address, why = why.message, "a connection is turned away");
            OFTEN_ANSWER
        }
        Refused::Full(Full::All { max }) => {
            debug!(%address, max, "a connection is turned away: all places are taken");
            FULL_ANSWER
        }
        Refused::Full(Full::Address { max }) => {
            debug!(%address, max, "a connection is turned away: its address has too many");
            FULL_ANSWER
        }
    };
    let Some(tls) = tls else {
        if let Err(error) = stream.try_write(answer) {
            debug!(%address, %error, "it was not told");
        }
        return;
    };
    // Whoever comes too often is not worth a handshake.
    let (Refused::Full(_), Ok(permit)) = (refused, Arc::clone(telling).try_acquire_owned()) else { return };
    let tls = Arc::clone(tls);
    tokio::spawn(async move {
        if let Ok(Err(error)) = tokio::time::timeout(TELLING, tls.tell(stream, answer)).await {
            debug!(%address, %error, "it was not told");
        }
        drop(permit);
    });
}

/// Whatever waits to be sent is acknowledged within `unread`, or the connection ends.
fn configure(stream: &TcpStream, unread: Duration) {
    let socket = SockRef::from(stream);
    let alive = TcpKeepalive::new().with_time(SILENT).with_interval(ASKED_EVERY);
    let set = socket
        .set_tcp_user_timeout(Some(unread))
        .and_then(|()| socket.set_tcp_keepalive(&alive))
        .and_then(|()| stream.set_nodelay(true));
    if let Err(reason) = set {
        info!(%reason, "a connection could not be configured");
    }
}
