//! The log waits for webhooks that have yet to be told of it, and not for ever; and they outlive it.

use std::sync::Arc;
use std::time::Duration;

use gleitzeit::config::HttpConfig;
use gleitzeit::core::command::Command;
use gleitzeit::core::event::DeliveryOutcome;
use gleitzeit::core::ids::{Seq, SubscriptionId};
use gleitzeit::core::subscription::{
    Again, DisabledFor, EndFilter, EndKind, Occasion, ResumeFrom, Subscription, SubscriptionOrder,
    SubscriptionStatus, Terms, Told, Tried,
};
use gleitzeit::engine::EngineHandle;
use gleitzeit::executor::Subscriptions;
use gleitzeit::executor::outbound::Outbound;
use gleitzeit::signing::{SealKey, WebhookSecret};
use serde_json::json;

use super::{Engine, PATIENCE, release, submit, text};

const HOOK: SubscriptionId = SubscriptionId(7);

async fn order(engine: &EngineHandle, order: SubscriptionOrder) {
    engine.submit(Command::OrderSubscription { subscription: HOOK, order }).await.unwrap();
}

async fn run(engine: &EngineHandle, number: usize) {
    let task = json!({"name": "Encode", "function": "encode_base64", "args": [text(number)]});
    let id = submit(engine, number, task).await;
    engine.wait_for_end(id, PATIENCE).await.unwrap();
}

fn key() -> SealKey {
    SealKey::new([7; 32])
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_waits_for_a_webhook_unless_it_is_disabled_and_what_it_missed_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let engine = Engine::open(directory.path()).await;
    let handle = engine.handle();
    let terms = Terms {
        url: Arc::from("http://127.0.0.1:9/"),
        description: None,
        events: [EndKind::WorkflowCompleted].into(),
        filter: EndFilter::default(),
        secret: key().seal(&WebhookSecret::generate(), HOOK),
    };
    order(&handle, SubscriptionOrder::Create { terms: Box::new(terms) }).await;
    order(&handle, SubscriptionOrder::Pause).await;
    for number in 0..300 {
        run(&handle, number).await;
    }
    let (before, waits_at) = (engine.log.first_seq(), handle.subscription(HOOK).await.unwrap().cursor);
    let up_to = Seq(engine.log.durable_end().0 / 2);
    release(&engine, up_to);
    assert_eq!(engine.log.first_seq(), before, "the first segment holds what has yet to be told");
    let (kept, _) = handle.read_events(waits_at, 1, |_| true).await.unwrap();
    assert_eq!(kept.first().map(|(seq, _)| *seq), Some(waits_at));

    // Its receiver is gone for good, so nobody waits for it any longer.
    order(&handle, SubscriptionOrder::Resume { from: ResumeFrom::Cursor }).await;
    let (found, _) =
        handle.read_events(waits_at, 1, |record| EndKind::of(&record.event).is_some()).await.unwrap();
    let (seq, record) = &found[0];
    let workflow = record.event.workflow().unwrap();
    let told = Told { seq: *seq, kind: EndKind::WorkflowCompleted, workflow, task: None };
    let outcome = DeliveryOutcome::Refused { status: 410 };
    let tried = Tried { outcome, asked_ms: 0, again: Again::MayHelp };
    order(&handle, SubscriptionOrder::RecordTry { told, occasion: Occasion::InTurn, tried }).await;
    let known = handle.subscription(HOOK).await.unwrap();
    assert_eq!(known.status, SubscriptionStatus::Disabled(DisabledFor::Gone));
    release(&engine, up_to);
    assert!(engine.log.first_seq() > before);
    engine.close().await;

    // The log alone is enough, without the part in which the webhook was made.
    std::fs::remove_dir_all(directory.path().join("store")).unwrap();
    let engine = Engine::open(directory.path()).await;
    let handle = engine.handle();
    assert_eq!(handle.subscription(HOOK).await.unwrap(), known);
    let outbound = Outbound::new(&HttpConfig::default());
    let serving = Subscriptions::new(handle.clone(), outbound, key(), 1_000, "http://x.example".to_owned());
    let serving = tokio::spawn(serving.run());
    order(&handle, SubscriptionOrder::Resume { from: ResumeFrom::Cursor }).await;
    let told = until(&handle, |known| known.deliveries.len() > 1).await;
    let missed = told.missed.expect("a part of the log was released before it was told");
    assert_eq!((missed.from, missed.up_to), (known.cursor, engine.log.first_seq()));
    assert!(told.deliveries.iter().skip(1).all(|note| note.told.seq >= missed.up_to));
    serving.abort();
    engine.close().await;
}

/// Waits until the webhook is like this.
async fn until(engine: &EngineHandle, like_this: impl Fn(&Subscription) -> bool) -> Arc<Subscription> {
    for _ in 0..6_000 {
        let known = engine.subscription(HOOK).await.unwrap();
        if like_this(&known) {
            return known;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it never came to that");
}
