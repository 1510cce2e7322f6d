//! `watch` and `unwatch`: frames with all that happens to one workflow, or to all of them.

use crate::core::rejection::Rejection;
use crate::protocol::socket::{Acknowledged, WatchPayload};
use crate::socket::Server;
use crate::socket::caller::Caller;
use crate::socket::rooms::Room;

/// The acknowledgement names the last record that no frame will hold: whoever reads the state up to there misses
/// nothing.
pub(super) fn watch(server: &Server, caller: &Caller, payload: &WatchPayload<'_>) -> Result<(), Rejection> {
    let session = caller.connection.session.id;
    let next = server.engine.feed().durable_end();
    server.rooms.join(session, Room::Watched(payload.workflow()), next)?;
    caller.answer(&Acknowledged::before(next));
    Ok(())
}

pub(super) fn unwatch(server: &Server, caller: &Caller, payload: &WatchPayload<'_>) {
    server.rooms.leave(caller.connection.session.id, Room::Watched(payload.workflow()));
    caller.answer(&Acknowledged::before(server.engine.feed().durable_end()));
}
