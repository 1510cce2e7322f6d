//! Who sent an event, and the ways to answer it.

use std::borrow::Cow;
use std::convert::Infallible;
use std::sync::Arc;

use serde::Serialize;
use socketioxide::adapter::LocalAdapter;
use socketioxide::extract::AckSender;
use socketioxide::handler::{FromMessageParts, Value};
use tracing::debug;

use super::sessions::Connection;
use crate::core::rejection::Rejection;
use crate::engine::Reply;
use crate::protocol::socket::{Acknowledged, ErrorEvent, Refused};

/// An event's sender. An answer goes into the acknowledgement where one was asked for.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    pub connection: Connection,
    pub event: Cow<'static, str>,
    pub ack_id: Option<i64>,
}

impl Caller {
    pub(super) const fn wants_answer(&self) -> bool {
        self.ack_id.is_some()
    }

    /// Sends the acknowledgement, where one was asked for.
    pub(super) fn answer<T: Serialize + ?Sized>(&self, answer: &T) {
        if self.ack_id.is_none() {
            return;
        }
        // The extractor is the one way to an acknowledgement; it does not look at the value.
        let mut unused = Value::Str("".into(), None);
        let sender: Result<AckSender<LocalAdapter>, Infallible> =
            AckSender::from_message_parts(&self.connection.socket, &mut unused, &self.ack_id);
        let Ok(sender) = sender;
        // A full buffer has been noted; whoever does not hear the answer asks again.
        let _ = self.connection.sent(&self.event, sender.send(answer));
    }

    /// Says no: by the acknowledgement, or by an `error` event to whoever asked for none.
    pub(super) fn refuse(&self, rejection: &Rejection) {
        self.refuse_about(rejection, None);
    }

    pub(super) fn refuse_about(&self, rejection: &Rejection, workflow_id: Option<&str>) {
        debug!(session = self.connection.session.id.0, event = &*self.event, %rejection, "refused");
        if self.wants_answer() {
            self.answer(&Refused::from(rejection));
        } else {
            self.emit(ErrorEvent::EVENT, &ErrorEvent::new(&self.event, rejection, workflow_id));
        }
    }

    /// Says no to a report. Without an acknowledgement nobody waits for the word: the earlier clients report
    /// what they no longer hold as a matter of course.
    pub(super) fn refuse_report(&self, rejection: &Rejection) {
        debug!(session = self.connection.session.id.0, event = &*self.event, %rejection, "a report was refused");
        self.answer(&Refused::from(rejection));
    }

    /// Answers a report after the commit.
    pub(super) fn reply_to_report(&self) -> Option<Reply> {
        self.wants_answer().then(|| {
            let caller = self.clone();
            let reply: Reply = Box::new(move |answer| match answer {
                Ok(accepted) => caller.answer(&Acknowledged::at(accepted.seq)),
                Err(rejection) => caller.refuse_report(&rejection),
            });
            reply
        })
    }

    /// Answers a request after the commit.
    pub(super) fn reply_to_request(&self, workflow_id: Option<Arc<str>>) -> Reply {
        let caller = self.clone();
        Box::new(move |answer| match answer {
            Ok(accepted) => caller.answer(&Acknowledged::at(accepted.seq)),
            Err(rejection) => caller.refuse_about(&rejection, workflow_id.as_deref()),
        })
    }

    pub(super) fn emit<T: Serialize + ?Sized>(&self, event: &str, data: &T) {
        // A full buffer has been noted; an answer is not worth more than that.
        let _ = self.connection.emit(event, data);
    }
}
