//! Webhooks.

use serde_json::json;
use utoipa::openapi::Required;

use super::conditions;
use super::document::{Document, Tag};
use super::examples::{self, WEBHOOK};
use crate::core::errors::{
    ADDRESS_DENIED, DISK_SPACE_FULL, REQUIRED_FIELD_MISSING, TOO_MANY_WEBHOOKS, WEBHOOK_DELIVERY_NOT_FOUND,
    WEBHOOK_NOT_FOUND,
};
use crate::protocol::rest::{
    DeliveryView, Done, ResumeRequest, TestView, WebhookMade, WebhookRequest, WebhookView,
};

pub fn list() -> Document {
    Document::new(Tag::Webhooks, "list_webhooks", "List webhooks")
        .lists::<WebhookView>("All of them, in the order of their creation.", &examples::webhook())
}

pub fn create() -> Document {
    let new = json!({
        "url": "https://shop.example/hooks/gleitzeit", "events": ["workflow.*", "task.failed"],
        "filter": {"name": "order", "tag": ["paid"], "metadata": {"team": "billing"}},
        "description": "tells the shop",
    });
    Document::new(Tag::Webhooks, "create_webhook", "Be told when workflows and tasks end")
        .describe("The `secret` that the messages are signed with is told in this answer and in no other.")
        .takes::<WebhookRequest>(Required::True, &[("new", "Orders that were paid", new)])
        .answers::<WebhookMade>(201, "It is stored.", examples::webhook_made())
        .answer_header(201, "Location", "The path of the webhook.")
        .refuses([ADDRESS_DENIED, DISK_SPACE_FULL, REQUIRED_FIELD_MISSING, TOO_MANY_WEBHOOKS])
}

pub fn detail() -> Document {
    of_one("get_webhook", "Read a webhook").answers::<WebhookView>(200, "The webhook.", examples::webhook())
}

pub fn change() -> Document {
    of_one("change_webhook", "Change a webhook")
        .describe("Any of the members of a new one; `secret` sets one of your own.")
        .takes::<WebhookRequest>(
            Required::False,
            &[("events", "Other events", json!({"events": ["workflow.failed"]}))],
        )
        .answers::<WebhookMade>(200, "As it is now.", examples::with(examples::webhook(), json!({"seq": 42})))
        .refuses([ADDRESS_DENIED, DISK_SPACE_FULL])
}

pub fn delete() -> Document {
    verb("delete_webhook", "Delete a webhook", "deleted").describe("For good.")
}

pub fn pause() -> Document {
    verb("pause_webhook", "Pause a webhook", "paused").describe("Sends nothing until it is resumed.")
}

pub fn resume() -> Document {
    verb("resume_webhook", "Let a webhook go on", "enabled")
        .describe("At the cursor, which tells what happened meanwhile, or from now on.")
        .takes::<ResumeRequest>(Required::False, &[("now", "From now on", json!({"from": "now"}))])
}

pub fn rotate() -> Document {
    of_one("rotate_webhook_secret", "Give a webhook another secret")
        .describe("It is told in this answer and in no other. The old one counts no longer.")
        .answers::<WebhookMade>(200, "With its `secret`.", examples::webhook_made())
        .refuses([DISK_SPACE_FULL])
}

pub fn test() -> Document {
    of_one("test_webhook", "Send one message that tells of nothing")
        .describe("Answers when the receiver has, so that a mistake in the URL or the secret shows at once.")
        .answers::<TestView>(
            200,
            "What the receiver said.",
            json!({"delivered": true, "response_status": 204, "error": null}),
        )
}

pub fn deliveries() -> Document {
    of_one("list_deliveries", "List the latest deliveries of a webhook")
        .query("cursor", conditions::number(0), "The `next_cursor` of the page before.")
        .query("limit", conditions::number(0), "Items of this page at most.")
        .lists::<DeliveryView>("The latest first, 50 at most.", &examples::delivery())
}

pub fn redeliver() -> Document {
    of_one("redeliver", "Send a delivery once more")
        .path("delivery", "The `id` of the delivery.", "41")
        .answers::<DeliveryView>(200, "How it went.", examples::delivery())
        .refuses([WEBHOOK_DELIVERY_NOT_FOUND])
}

fn of_one(id: &'static str, summary: &'static str) -> Document {
    Document::new(Tag::Webhooks, id, summary)
        .path("id", "The id of the webhook.", WEBHOOK)
        .refuses([WEBHOOK_NOT_FOUND])
}

fn verb(id: &'static str, summary: &'static str, status: &str) -> Document {
    of_one(id, summary)
        .answers::<Done>(200, "It is done.", examples::done(WEBHOOK, status))
        .refuses([DISK_SPACE_FULL])
}
