//! `gleitzeit auth user`: who there is, and what each may do.

use clap::{Args, Subcommand};

use crate::cli::output::{Output, table, text};
use crate::cli::remote::Remote;
use crate::cli::{Exit, receipt};
use crate::client::{Client, User as Known};

/// List the users, add and remove them, and say what each may do.
#[derive(Debug, Args)]
pub(super) struct User {
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
    /// Add one. It can do nothing before it has a key.
    Add {
        user: String,
        /// `readonly`, `user`, `service`, `operator` or `admin`.
        #[arg(long, default_value = "user")]
        role: String,
    },
    /// Give one another role. Keys that reached further reach only as far as it does now.
    Role { user: String, role: String },
    /// Remove one, with all keys.
    Remove { user: String },
}

impl User {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        let (verb, output) = (self.verb.unwrap_or(Verb::List), self.output);
        self.remote.run(async |client| perform(&client, &output, verb).await)
    }
}

async fn perform(client: &Client, output: &Output, verb: Verb) -> anyhow::Result<Exit> {
    match verb {
        Verb::List => {
            let page = client.users().await?;
            let names = page.items.iter().map(|user| user.name.clone());
            output.print(&page, Some(&page.items), names, || table(&HEAD, page.items.iter().map(row)))?;
        }
        Verb::Add { user, role } => shown(output, &client.add_user(&user, &role).await?)?,
        Verb::Role { user, role } => shown(output, &client.change_role(&user, &role).await?)?,
        Verb::Remove { user } => return receipt::print(output, &client.remove_user(&user).await?),
    }
    Ok(Exit::Ok)
}

const HEAD: [&str; 4] = ["USER", "ROLE", "KEYS", "CREATED"];

fn shown(output: &Output, user: &Known) -> anyhow::Result<()> {
    output.one(user, &user.name, || table(&HEAD, [row(user)]))
}

fn row(user: &Known) -> Vec<String> {
    let [keys, created] = ["keys", "created_at"].map(|name| text(&user.more, name));
    vec![user.name.clone(), user.role.clone(), keys, created]
}
