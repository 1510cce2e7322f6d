//! The words about webhooks. A story has one, which is told of whatever ends.

use std::sync::Arc;

use gleitzeit::core::command::Command;
use gleitzeit::core::event::DeliveryOutcome;
use gleitzeit::core::ids::{Seq, SubscriptionId};
use gleitzeit::core::subscription::{
    Again, EndFilter, EndKind, Occasion, ResumeFrom, SealedSecret, SubscriptionOrder, Terms, TermsChange,
    Told, Tried,
};

use super::Teller;

const HOOK: SubscriptionId = SubscriptionId(7);

impl Teller {
    pub(super) fn hook(&mut self, rest: &[&str]) {
        let order = match rest {
            [] => SubscriptionOrder::Create {
                terms: Box::new(Terms {
                    url: Arc::from("https://receiver.example/"),
                    description: None,
                    events: EndKind::ALL.into_iter().collect(),
                    filter: EndFilter::default(),
                    secret: SealedSecret(Arc::from([1, 2, 3])),
                }),
            },
            ["off"] => SubscriptionOrder::Pause,
            ["on"] => SubscriptionOrder::Resume { from: ResumeFrom::Cursor },
            ["anew"] => SubscriptionOrder::Resume { from: ResumeFrom::Now },
            ["gone"] => SubscriptionOrder::Delete,
            ["same"] => SubscriptionOrder::Change { change: Box::default() },
            ["to", url] => {
                let change = TermsChange { url: Some(Arc::from(*url)), ..TermsChange::default() };
                SubscriptionOrder::Change { change: Box::new(change) }
            }
            ["pass", seq] => SubscriptionOrder::Pass { up_to: self.place(seq) },
            ["miss", seq] => SubscriptionOrder::Miss { up_to: self.place(seq) },
            ["takes", seq] => self.tried(seq, Occasion::InTurn, DeliveryOutcome::Taken { status: 200 }, 0),
            ["refuses", seq] => {
                self.tried(seq, Occasion::InTurn, DeliveryOutcome::Refused { status: 500 }, 0)
            }
            ["begs", seq] => {
                self.tried(seq, Occasion::InTurn, DeliveryOutcome::Refused { status: 429 }, 100_000)
            }
            ["leaves", seq] => self.tried(seq, Occasion::InTurn, DeliveryOutcome::Refused { status: 410 }, 0),
            ["again", seq] => self.tried(seq, Occasion::ByHand, DeliveryOutcome::Taken { status: 200 }, 0),
            ["invain", seq] => self.tried(seq, Occasion::ByHand, DeliveryOutcome::Refused { status: 500 }, 0),
            other => panic!("no story has the words hook {other:?}"),
        };
        self.command(Command::OrderSubscription { subscription: HOOK, order });
    }

    /// `e1` is the first end of the story, `e2` the second; `end` is the end of the log.
    fn place(&self, text: &str) -> Seq {
        if text == "end" {
            return self.engine.state.next_seq;
        }
        let number: usize =
            text.strip_prefix('e').and_then(|text| text.parse().ok()).expect("ends are counted");
        let ends = (1..).zip(&self.records).filter(|(_, record)| EndKind::of(&record.event).is_some());
        let (seq, _) = ends.take(number).last().expect("the story has as many ends");
        Seq(seq)
    }

    fn tried(
        &self,
        end: &str,
        occasion: Occasion,
        outcome: DeliveryOutcome,
        asked_ms: u64,
    ) -> SubscriptionOrder {
        let seq = self.place(end);
        let (_, record) = (1..).zip(&self.records).find(|(at, _)| *at == seq.0).expect("it is in the log");
        let kind = EndKind::of(&record.event).expect("it is an end");
        let workflow = record.event.workflow().expect("ends are those of workflows");
        let told = Told { seq, kind, workflow, task: record.event.task().map(|task| task.index) };
        SubscriptionOrder::RecordTry {
            told,
            occasion,
            tried: Tried { outcome, asked_ms, again: Again::MayHelp },
        }
    }

    /// What is remembered of the webhook.
    pub(super) fn show_hook(&self) -> String {
        let Some(known) = self.engine.state.subscriptions.get(&HOOK) else { return "no hook".to_owned() };
        let ends: Vec<u64> = (1..)
            .zip(&self.records)
            .filter(|(_, record)| EndKind::of(&record.event).is_some())
            .map(|(seq, _)| seq)
            .collect();
        let left = ends.iter().filter(|seq| **seq >= known.cursor.0).count();
        let notes: Vec<String> = known
            .deliveries
            .iter()
            .map(|note| {
                let place = ends.iter().position(|seq| *seq == note.told.seq.0).expect("it is an end") + 1;
                format!("e{place} {:?} after {}", note.then, note.tries)
            })
            .collect();
        let state = format!("{:?}, {left} ends left, {} given up in a row", known.status, known.given_up);
        format!("hook {state}: {}", notes.join("; "))
    }
}
