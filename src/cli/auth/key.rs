//! `gleitzeit auth key`: the keys of users.

use std::time::Duration;

use clap::{Args, Subcommand};

use super::lifetime::lifetime;
use crate::cli::output::{Output, pairs, table, text};
use crate::cli::remote::Remote;
use crate::cli::{Exit, receipt};
use crate::client::{AccessKey, Client, NewKey};
use crate::core::access::Role;

/// List the keys, make and revoke them.
#[derive(Debug, Args)]
pub(super) struct Key {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List all of them, revoked ones too.
    List,
    Create(Create),
    /// Have a key count no longer, and end what is connected with it.
    Revoke {
        key: String,
    },
}

/// Make a key. It is printed once.
#[derive(Debug, Args)]
struct Create {
    /// Whose key it is to be.
    user: String,
    /// What it is for.
    #[arg(long)]
    name: String,
    /// `readonly`, `user`, `service`, `operator` or `admin`; no further than the user's own. Without it: `user`, or the user's own
    /// where that does not reach as far.
    #[arg(long)]
    role: Option<String>,
    /// A service that a key of the role `service` may register; may be given several times.
    #[arg(long = "service", value_name = "NAME")]
    services: Vec<String>,
    /// A capability that such a service may offer; may be given several times. Without any: all.
    #[arg(long = "capability", value_name = "NAME")]
    capabilities: Vec<String>,
    /// How long it counts, in minutes, hours or days: `30m`, `12h` or `90d`. Without it: until it is revoked.
    #[arg(long, value_name = "TIME", value_parser = lifetime)]
    expires: Option<Duration>,
}

impl Key {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        let (verb, output) = (self.verb.unwrap_or(Verb::List), self.output);
        self.remote.run(async |client| perform(&client, &output, verb).await)
    }
}

async fn perform(client: &Client, output: &Output, verb: Verb) -> anyhow::Result<Exit> {
    match verb {
        Verb::List => {
            let page = client.keys().await?;
            let names = page.items.iter().map(|key| key.id.clone());
            output.print(&page, Some(&page.items), names, || table(&HEAD, page.items.iter().map(row)))?;
        }
        Verb::Create(create) => {
            let role = match create.role.clone() {
                Some(role) => role,
                None => usual_role(client, &create.user).await?,
            };
            let key = client.create_key(&create.key(role)).await?;
            output.one(&key, &key.id, || told(&key))?;
        }
        Verb::Revoke { key } => return receipt::print(output, &client.revoke_key(&key).await?),
    }
    Ok(Exit::Ok)
}

/// What a key is for that nobody asked more of. An unknown user is named by the server.
async fn usual_role(client: &Client, user: &str) -> anyhow::Result<String> {
    let users = client.users().await?.items;
    let own = users.into_iter().find(|known| known.name == user).map(|known| known.role);
    let lower = own.filter(|role| Role::parse(role).is_some_and(|role| !role.covers(Role::User)));
    Ok(lower.unwrap_or_else(|| Role::User.name().to_owned()))
}

impl Create {
    fn key(self, role: String) -> NewKey {
        NewKey {
            user: self.user,
            name: self.name,
            role,
            services: self.services,
            capabilities: self.capabilities,
            expires_in_seconds: self.expires.map(|lasts| lasts.as_secs()),
        }
    }
}

const HEAD: [&str; 7] = ["KEY", "USER", "NAME", "ROLE", "STATUS", "EXPIRES", "LAST USED"];

fn row(key: &AccessKey) -> Vec<String> {
    let AccessKey { id, user, name, role, status, more } = key;
    let [expires, used] = ["expires_at", "last_used_at"].map(|name| text(more, name));
    vec![id.clone(), user.clone(), name.clone(), role.clone(), status.clone(), expires, used]
}

fn told(key: &AccessKey) -> String {
    let more = &key.more;
    pairs(&[
        ("key", key.id.clone()),
        ("user", key.user.clone()),
        ("name", key.name.clone()),
        ("role", key.role.clone()),
        ("services", listed(key, "services")),
        ("capabilities", listed(key, "capabilities")),
        ("expires", text(more, "expires_at")),
        ("secret", text(more, "secret")),
    ])
}

fn listed(key: &AccessKey, name: &str) -> String {
    let texts = key.more.get(name).and_then(serde_json::Value::as_array).into_iter().flatten();
    texts.filter_map(serde_json::Value::as_str).collect::<Vec<_>>().join(" ")
}
