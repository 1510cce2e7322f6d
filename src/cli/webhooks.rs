//! `gleitzeit webhooks`: who is told when workflows and tasks end.

use anyhow::Context;
use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::output::{Output, pairs, table, text};
use super::remote::Remote;
use super::{Exit, receipt, usage};
use crate::client::{Client, Delivery, NewWebhook, Page, PageRequest, ResumeAt, Webhook};

/// List the webhooks, make and delete them, and see what became of what they were sent.
#[derive(Debug, Args)]
pub(super) struct Webhooks {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List all of them.
    List,
    /// Show one.
    Show { webhook: String },
    /// Make one. The secret that its messages are signed with is printed once.
    Add(Add),
    /// Delete one.
    Remove { webhook: String },
    /// Send nothing until it is resumed; what happens meanwhile is kept.
    Pause { webhook: String },
    /// Go on where it stopped.
    Resume {
        webhook: String,
        /// Leave out what happened meanwhile.
        #[arg(long)]
        now: bool,
    },
    /// Send one message that tells of nothing; ends with 0 when the receiver took it.
    Test { webhook: String },
    /// What became of the latest ends, the latest first.
    Deliveries {
        webhook: String,
        #[arg(long)]
        limit: Option<u32>,
        /// Where the page before ended.
        #[arg(long)]
        cursor: Option<String>,
    },
    /// Send an end once more; ends with 0 when the receiver took it.
    Redeliver { webhook: String, delivery: String },
}

#[derive(Debug, Args)]
struct Add {
    /// Where the messages are posted.
    target: String,
    /// What to tell: `workflow.completed`, `workflow.failed`, `workflow.cancelled`, `task.completed`, `task.failed`,
    /// `task.cancelled`, `task.skipped`, `workflow.*`, `task.*` or `*`. Several with commas.
    #[arg(long = "event", value_name = "EVENT", value_delimiter = ',', default_value = "workflow.*")]
    events: Vec<String>,
    /// Only of workflows with this in their name.
    #[arg(long)]
    name: Option<String>,
    /// Only of workflows with this tag; several must all be there.
    #[arg(long = "tag")]
    tags: Vec<String>,
    /// Only of workflows with this member of their metadata.
    #[arg(long = "metadata", value_name = "KEY=VALUE")]
    metadata: Vec<String>,
    #[arg(long)]
    description: Option<String>,
    /// A secret of your own; without it the server makes one. Prefer the environment: flags can be seen by others.
    #[arg(long, env = "GLEITZEIT_WEBHOOK_SECRET", hide_env_values = true)]
    secret: Option<String>,
}

impl Webhooks {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        let verb = self.verb.unwrap_or(Verb::List);
        let output = self.output;
        self.remote.run(async |client| perform(&client, &output, verb).await)
    }
}

async fn perform(client: &Client, output: &Output, verb: Verb) -> anyhow::Result<Exit> {
    match verb {
        Verb::List => list(output, &client.webhooks().await?)?,
        Verb::Show { webhook } => shown(output, &client.webhook(&webhook).await?)?,
        Verb::Add(add) => shown(output, &client.add_webhook(&add.webhook()?).await?)?,
        Verb::Remove { webhook } => return receipt::print(output, &client.remove_webhook(&webhook).await?),
        Verb::Pause { webhook } => return receipt::print(output, &client.pause_webhook(&webhook).await?),
        Verb::Resume { webhook, now } => {
            let at = if now { ResumeAt::Now } else { ResumeAt::Cursor };
            return receipt::print(output, &client.resume_webhook(&webhook, at).await?);
        }
        Verb::Test { webhook } => {
            let test = client.test_webhook(&webhook).await?;
            output.one(&test, &webhook, || {
                pairs(&[
                    ("delivered", test.delivered.to_string()),
                    ("answer", text(&test.more, "response_status")),
                    ("error", text(&test.more, "error")),
                ])
            })?;
            return Ok(if test.delivered { Exit::Ok } else { Exit::Error });
        }
        Verb::Deliveries { webhook, limit, cursor } => {
            let request = PageRequest { cursor, limit };
            deliveries(output, &client.deliveries(&webhook, &request).await?)?;
        }
        Verb::Redeliver { webhook, delivery } => {
            let delivery = client.redeliver(&webhook, &delivery).await?;
            output.one(&delivery, &delivery.id, || table(&HEAD, [row(&delivery)]))?;
            let answer = delivery.more.get("response_status").and_then(Value::as_u64).unwrap_or_default();
            return Ok(if (200..300).contains(&answer) { Exit::Ok } else { Exit::Error });
        }
    }
    Ok(Exit::Ok)
}

impl Add {
    fn webhook(self) -> anyhow::Result<NewWebhook> {
        let mut filter = Map::new();
        filter.extend(self.name.map(|name| ("name".to_owned(), Value::from(name))));
        if !self.tags.is_empty() {
            filter.insert("tag".to_owned(), json!(self.tags));
        }
        let pair = |text: &String| {
            let (key, value) =
                text.split_once('=').with_context(|| format!("--metadata {text} has no `=`"))?;
            anyhow::Ok((key.to_owned(), Value::from(value)))
        };
        let metadata = self.metadata.iter().map(pair).collect::<anyhow::Result<Map<_, _>>>();
        let metadata = metadata.map_err(|wrong| usage(wrong.to_string()))?;
        if !metadata.is_empty() {
            filter.insert("metadata".to_owned(), Value::Object(metadata));
        }
        let (url, events) = (self.target, self.events);
        Ok(NewWebhook { url, events, filter, description: self.description, secret: self.secret })
    }
}

fn list(output: &Output, page: &Page<Webhook>) -> anyhow::Result<()> {
    let row = |webhook: &Webhook| {
        let Webhook { id, url, events, .. } = webhook;
        let [since, next, error] = failing(webhook);
        vec![id.clone(), standing(webhook), events.join(" "), url.clone(), since, next, error]
    };
    let names = page.items.iter().map(|webhook| webhook.id.clone());
    let head = ["WEBHOOK", "STATUS", "EVENTS", "URL", "FAILING SINCE", "NEXT TRY", "LAST ERROR"];
    output.print(page, Some(&page.items), names, || table(&head, page.items.iter().map(row)))
}

/// One that is enabled and does not get through is not well.
pub(super) fn standing(webhook: &Webhook) -> String {
    let fails = webhook.failing.is_some() && webhook.status == "enabled";
    if fails { "failing".to_owned() } else { webhook.status.clone() }
}

/// Since when it fails, when it is tried next and what went wrong; nothing where it does not.
pub(super) fn failing(webhook: &Webhook) -> [String; 3] {
    let Some(failing) = &webhook.failing else { return <[String; 3]>::default() };
    let [next, error] = [&failing.next_at, &failing.error].map(|text| text.clone().unwrap_or_default());
    [failing.since.clone(), next, error]
}

/// How many ends wait for it, where that was counted.
fn waiting(webhook: &Webhook) -> Option<String> {
    let failing = webhook.failing.as_ref()?;
    let more = if failing.more_waiting == Some(true) { " or more" } else { "" };
    Some(format!("{}{more}", failing.waiting?))
}

fn shown(output: &Output, webhook: &Webhook) -> anyhow::Result<()> {
    let more = &webhook.more;
    let filter = text(more, "filter");
    let [since, next, error] = failing(webhook);
    output.one(webhook, &webhook.id, || {
        pairs(&[
            ("webhook", webhook.id.clone()),
            ("url", webhook.url.clone()),
            ("description", text(more, "description")),
            ("events", webhook.events.join(" ")),
            ("filter", if filter == "{}" { String::new() } else { filter }),
            ("status", standing(webhook)),
            ("reason", text(more, "reason")),
            ("failing since", since),
            ("last error", error),
            ("waiting", waiting(webhook).unwrap_or_default()),
            ("next try", next),
            ("created", text(more, "created_at")),
            ("cursor", text(more, "cursor")),
            ("given up", text(more, "given_up_in_a_row")),
            ("missed", text(more, "missed")),
            ("secret", text(more, "secret")),
        ])
    })
}

const HEAD: [&str; 7] = ["DELIVERY", "TYPE", "STATUS", "TRIES", "ANSWER", "LAST", "ERROR"];

fn deliveries(output: &Output, page: &Page<Delivery>) -> anyhow::Result<()> {
    let names = page.items.iter().map(|delivery| delivery.id.clone());
    output.print(page, Some(&page.items), names, || table(&HEAD, page.items.iter().map(row)))
}

fn row(delivery: &Delivery) -> Vec<String> {
    let Delivery { id, kind, status, tries, more } = delivery;
    let [answer, last, error] = ["response_status", "last_at", "error"].map(|name| text(more, name));
    vec![id.clone(), kind.clone(), status.clone(), tries.to_string(), answer, last, error]
}
