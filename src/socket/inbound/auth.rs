//! `authenticate`, and what those are told who have not done it.

use std::sync::Arc;

use tracing::info;

use super::optional;
use crate::core::errors::AUTHENTICATION_REQUIRED;
use crate::core::rejection::Rejection;
use crate::protocol::socket::{AuthenticatePayload, Authenticated, AuthenticationFailed, Refused};
use crate::socket::Server;
use crate::socket::caller::Caller;
use crate::socket::session::WRONG_TOKENS_MAX;

pub(in crate::socket) fn authenticate(server: &Arc<Server>, caller: &Caller, payload: Option<&str>) {
    let session = &caller.connection.session;
    let Err(rejection) = check(server, payload) else {
        session.authenticate();
        caller.emit(Authenticated::EVENT, &Authenticated::SUCCESS);
        caller.answer(&Authenticated::SUCCESS);
        return;
    };
    caller.emit(AuthenticationFailed::EVENT, &AuthenticationFailed::from(&rejection));
    caller.answer(&Refused::from(&rejection));
    if session.count_wrong_token() >= WRONG_TOKENS_MAX {
        info!(session = session.id.0, "a client sent {WRONG_TOKENS_MAX} wrong tokens and is disconnected");
        // A socket that is too full to be told goes at its next ping.
        let _ = Arc::clone(&caller.connection.socket).disconnect();
    }
}

fn check(server: &Server, payload: Option<&str>) -> Result<(), Rejection> {
    let payload: AuthenticatePayload<'_> = optional(payload)?;
    let Some(token) = &server.config.token else { return Ok(()) };
    let wrong = match payload.token.0.as_deref() {
        Some(given) if token.matches(given) => return Ok(()),
        Some(_) => "the token is not the server's",
        None => "`authenticate` carries no token, and this server asks for one",
    };
    Err(Rejection::new(AUTHENTICATION_REQUIRED, wrong))
}

/// Refuses whatever a stranger says.
pub(in crate::socket) fn refuse_stranger(caller: &Caller) {
    let what = "this server asks for a token: send `authenticate` with it before anything else";
    let rejection = Rejection::new(AUTHENTICATION_REQUIRED, what);
    if caller.wants_answer() {
        caller.answer(&Refused::from(&rejection));
    } else {
        caller.emit(AuthenticationFailed::EVENT, &AuthenticationFailed::from(&rejection));
    }
}
