//! `authenticate`, and what those are told who have not done it, or whose key does not reach that far.

use std::sync::Arc;

use tracing::info;

use super::optional;
use crate::core::access::{Principal, Role};
use crate::core::errors::{ACCESS_CONFLICT, AUTHENTICATION_REQUIRED};
use crate::core::rejection::Rejection;
use crate::listener::Peer;
use crate::protocol::socket::{AuthenticatePayload, Authenticated, AuthenticationFailed, Refused};
use crate::socket::Server;
use crate::socket::arrivals;
use crate::socket::caller::Caller;
use crate::socket::session::{Session, WRONG_TOKENS_MAX};

pub(in crate::socket) fn authenticate(server: &Arc<Server>, caller: &Caller, payload: Option<&str>) {
    let session = &caller.connection.session;
    let rejection = match check(server, caller, payload) {
        Ok(principal) => {
            if session.principal().is_some_and(|known| known != principal) {
                // What was opened with another key does not go on under this one.
                server.leave_everything(session.id);
            }
            session.authenticate(principal);
            arrivals::welcome(&caller.connection.socket);
            caller.emit(Authenticated::EVENT, &Authenticated::SUCCESS);
            caller.answer(&Authenticated::SUCCESS);
            return;
        }
        Err(rejection) => rejection,
    };
    let named: AuthenticatePayload<'_> = optional(payload).unwrap_or_default();
    let name = named.client_id.0.or(named.service_name.0);
    server.turned_away.tell(caller, name.as_deref(), &rejection);
    caller.emit(AuthenticationFailed::EVENT, &AuthenticationFailed::from(&rejection));
    caller.answer(&Refused::from(&rejection));
    if session.count_wrong_token() >= WRONG_TOKENS_MAX {
        info!(session = session.id.0, "a client sent {WRONG_TOKENS_MAX} wrong keys and is disconnected");
        arrivals::dismiss(&caller.connection.socket);
        // A socket that is too full to be told goes at its next ping.
        let _ = Arc::clone(&caller.connection.socket).disconnect();
    }
}

fn check(server: &Server, caller: &Caller, payload: Option<&str>) -> Result<Principal, Rejection> {
    let payload: AuthenticatePayload<'_> = optional(payload)?;
    let peer = caller.connection.socket.req_parts().extensions.get::<Peer>();
    let principal = server.config.doorkeeper.admit(payload.token.0.as_deref(), peer.map(Peer::network))?;
    let session = &caller.connection.session;
    // What is registered here is there by the right of the key before, and ends with that one.
    if session.was_announced() && session.principal().is_some_and(|known| known != principal) {
        let what = "a service was registered on this connection with another key: connect anew for this one";
        return Err(Rejection::new(ACCESS_CONFLICT, what));
    }
    Ok(principal)
}

/// Refuses whatever a stranger says.
pub(in crate::socket) fn refuse_stranger(caller: &Caller) {
    let what = "this server asks for a key: send `authenticate` with it as `token` before anything else";
    let rejection = Rejection::new(AUTHENTICATION_REQUIRED, what);
    if caller.wants_answer() {
        caller.answer(&Refused::from(&rejection));
    } else {
        caller.emit(AuthenticationFailed::EVENT, &AuthenticationFailed::from(&rejection));
    }
}

/// What somebody is told whose key does not reach as far as the event.
pub(in crate::socket) fn denied(session: &Session, event: &str, least: Role) -> Rejection {
    let principal = session.principal().unwrap_or_else(|| Principal::admin("nobody"));
    principal.denied(&format!("`{event}`"), least.name())
}
