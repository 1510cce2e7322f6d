//! The desk that hands tasks on: it posts each attempt to the receiver that the task names, until that has taken it,
//! and then leaves it alone. The receiver answers by the callback, which does not come here.
//!
//! What was posted is recorded, so that an attempt that was taken is never posted again, and one that was not is
//! posted again after a restart, under the same id.

mod backoff;
mod gate;
mod letter;

use std::sync::Arc;

use tokio::sync::oneshot;

use super::outbound::{Outbound, OutboundError, Request};
use crate::config::WebhookConfig;
use crate::core::command::{Command, FailureReport};
use crate::core::errors::{self, Code};
use crate::core::event::{Delivery, DeliveryOutcome};
use crate::core::ids::{SessionId, WorkerId};
use crate::core::rejection::Rejection;
use crate::engine::{Assigned, EngineHandle, Reply};
use crate::signing::{CallbackKey, WebhookSecret};
pub(super) use backoff::retry_after_ms;
pub(super) use gate::Gate;
use letter::Letter;
pub(super) use letter::origin_of;

/// Nobody reads more of an answer than this; a receiver that sends more is not one.
pub(super) const ANSWER_BYTES_MAX: usize = 1 << 20;
/// As much of a refusal as its failure repeats.
const SHOWN_ANSWER_CHARS: usize = 200;

/// What the desk works with.
#[derive(Debug)]
pub struct Courier {
    outbound: Outbound,
    key: CallbackKey,
    config: WebhookConfig,
    /// What callback URLs begin with.
    public_url: String,
    gate: Gate,
}

/// What follows from one try.
enum Then {
    Wait,
    TryAgain { after_ms: u64 },
    Fail(FailureReport),
}

impl Courier {
    /// `address` is what callbacks go to unless the configuration says otherwise.
    pub fn new(outbound: Outbound, key: CallbackKey, config: WebhookConfig, address: &str) -> Self {
        let public_url = config.public_url.clone().unwrap_or_else(|| address.to_owned());
        Self { outbound, key, config, public_url, gate: Gate::default() }
    }

    /// Returns when the receiver has taken the attempt, or when the attempt is over without it.
    ///
    /// # Errors
    /// The failure that ends the attempt: the receiver refuses it, or it cannot be sent at all.
    pub(super) async fn deliver(
        &self,
        engine: &EngineHandle,
        session: SessionId,
        assigned: &Assigned,
    ) -> Result<(), FailureReport> {
        let letter = Letter::write(self, assigned)?;
        let (task, attempt) = (assigned.task, assigned.attempt);
        for number in 1.. {
            let (outcome, then) = self.post(&letter, number).await?;
            let next = match &then {
                Then::TryAgain { after_ms } => Some(engine.now().plus(*after_ms)),
                Then::Wait | Then::Fail(_) => None,
            };
            let delivery = Delivery { number, outcome, next };
            // A refusal says that the attempt is over, or that the server is.
            if tell(engine, Command::RecordDelivery { session, task, attempt, delivery }).await.is_err() {
                return Ok(());
            }
            match then {
                Then::Wait => return Ok(()),
                Then::Fail(report) => return Err(report),
                Then::TryAgain { after_ms } => {
                    tokio::time::sleep(std::time::Duration::from_millis(after_ms)).await;
                }
            }
            // The callback may have come although the answer did not.
            let desk = WorkerId::new(WorkerId::WEBHOOKS);
            let held = engine.query(move |view| {
                view.state.grants.get(&desk, task, attempt).is_some_and(|grant| grant.phase.is_current())
            });
            if !held.await.unwrap_or(false) {
                return Ok(());
            }
        }
        Ok(())
    }

    async fn post(&self, letter: &Letter, number: u32) -> Result<(DeliveryOutcome, Then), FailureReport> {
        let request = letter.request()?;
        let target = request.target();
        let _turn = self.gate.turn(&letter.origin).await;
        let response = match self.outbound.send(request).await {
            Ok(response) => response,
            Err(error) if error.is_transient() => {
                let reason = Arc::from(error.to_string());
                return Ok((DeliveryOutcome::Unanswered { reason }, self.again(letter, number, 0)));
            }
            Err(error) => {
                let reason = Arc::from(error.to_string());
                return Ok((DeliveryOutcome::Unanswered { reason }, Then::Fail(impossible(&error))));
            }
        };
        let status = response.status;
        Ok(match status {
            200..=299 => (DeliveryOutcome::Taken { status }, Then::Wait),
            408 | 425 | 429 | 500..=599 => {
                let asked_ms = retry_after_ms(&response.headers);
                (DeliveryOutcome::Refused { status }, self.again(letter, number, asked_ms))
            }
            _ => {
                let said: String =
                    String::from_utf8_lossy(&response.body).chars().take(SHOWN_ANSWER_CHARS).collect();
                let error = format!("{target} answered {status} and does not take the task: {said}");
                (DeliveryOutcome::Refused { status }, Then::Fail(failure(errors::DELIVERY_REFUSED, error)))
            }
        })
    }

    fn again(&self, letter: &Letter, number: u32, asked_ms: u64) -> Then {
        let own_ms =
            backoff::delay_ms(self.config.retry_base_ms, self.config.retry_max_ms, number, &letter.id);
        Then::TryAgain { after_ms: own_ms.max(asked_ms) }
    }
}

/// The headers of the Standard Webhooks specification. Without a secret there is no signature.
pub(super) fn sign(
    request: &mut Request,
    id: &str,
    body: &[u8],
    secret: Option<&WebhookSecret>,
) -> Result<(), OutboundError> {
    let sent_at_seconds = crate::clock::wall().0 / 1_000;
    request.header("webhook-id", id)?;
    request.header("webhook-timestamp", &sent_at_seconds.to_string())?;
    if let Some(secret) = secret {
        request.header("webhook-signature", &secret.signature(id, sent_at_seconds, body))?;
    }
    Ok(())
}

/// A report whose answer is awaited. Reports are taken when requests no longer are.
async fn tell(engine: &EngineHandle, command: Command) -> Result<(), Rejection> {
    let (sender, receiver) = oneshot::channel();
    let reply: Reply = Box::new(move |answer| {
        let _ = sender.send(answer);
    });
    engine.report(command, Some(reply))?;
    let stopped = || Rejection::new(errors::SHUTTING_DOWN, "the server is stopping");
    receiver.await.unwrap_or_else(|_| Err(stopped())).map(drop)
}

fn impossible(error: &OutboundError) -> FailureReport {
    failure(errors::DELIVERY_IMPOSSIBLE, error.to_string())
}

fn failure(code: Code, error: String) -> FailureReport {
    FailureReport {
        error: Arc::from(error),
        code: Some(Arc::from(code.to_string())),
        ..FailureReport::default()
    }
}
