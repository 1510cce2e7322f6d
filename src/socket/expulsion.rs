//! Ends the connections of those whose key counts no longer, or is worth something else than it was.

use std::sync::Arc;
use std::time::Duration;

use tracing::info;

use super::{Server, arrivals};
use crate::protocol::socket::AuthenticationFailed;

/// An expired key is noticed within this time; one that is revoked, at once.
const ROUND: Duration = Duration::from_secs(5);

/// Runs as long as the server does.
pub(super) async fn watch(server: Arc<Server>) {
    let mut doorkeeper = server.config.doorkeeper.clone();
    loop {
        doorkeeper.changed(ROUND).await;
        for connection in server.sessions.all() {
            let Some(principal) = connection.session.principal() else { continue };
            let Err(rejection) = doorkeeper.check(&principal) else { continue };
            info!(session = connection.session.id.0, code = %rejection.code, "a client is sent away");
            connection.session.expel();
            // A client that does not hear it learns it when it comes back.
            let _ = connection.emit(AuthenticationFailed::EVENT, &AuthenticationFailed::from(&rejection));
            arrivals::dismiss(&connection.socket);
            let _ = connection.socket.disconnect();
        }
    }
}
