//! `gleitzeit errors`: the catalogue of errors, without a server.

use anyhow::bail;
use clap::{Args, Subcommand};

use super::output::{Output, pairs, table};
use super::{Exit, usage};
use crate::core::errors::{CATALOGUE, CatalogueEntry, Code};

/// List the errors, explain one, or look for a word.
#[derive(Debug, Args)]
pub(super) struct Errors {
    #[command(subcommand)]
    verb: Option<Verb>,
    /// Explain this code, such as GZ3003, or look for this word.
    code: Option<String>,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List all of them.
    List,
    /// Explain one.
    Show {
        /// A code such as GZ3003.
        code: String,
    },
    /// List those that have a word in their name, their description or their fix.
    Search { word: String },
}

impl Errors {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        match (self.verb, self.code) {
            (Some(_), Some(word)) => return Err(usage(format!("`{word}` means nothing before a verb"))),
            (None | Some(Verb::List), None) => {
                list(&self.output, &CATALOGUE.iter().collect::<Vec<_>>())?;
            }
            (Some(Verb::Show { code }), None) => match Code::parse(&code) {
                Some(code) => show(&self.output, code)?,
                None => bail!("{code:?} is no code of this program; `gleitzeit errors` lists them all"),
            },
            (Some(Verb::Search { word }), None) => search(&self.output, &word)?,
            (None, Some(wanted)) => match Code::parse(&wanted) {
                Some(code) => show(&self.output, code)?,
                None => search(&self.output, &wanted)?,
            },
        }
        Ok(Exit::Ok)
    }
}

fn show(output: &Output, code: Code) -> anyhow::Result<()> {
    let entry = code.entry();
    output.one(entry, &entry.code.to_string(), || described(entry))
}

fn search(output: &Output, word: &str) -> anyhow::Result<()> {
    let folded = word.to_lowercase();
    let holds = |entry: &&CatalogueEntry| {
        [entry.name, entry.what, entry.fix].iter().any(|text| text.to_lowercase().contains(&folded))
    };
    let found: Vec<_> = CATALOGUE.iter().filter(holds).collect();
    if found.is_empty() {
        bail!("no error has the code or the word {word:?}; `gleitzeit errors` lists them all");
    }
    list(output, &found)
}

fn list(output: &Output, entries: &[&CatalogueEntry]) -> anyhow::Result<()> {
    let names: Vec<String> = entries.iter().map(|entry| entry.code.to_string()).collect();
    output.print(&entries, Some(entries), names, || {
        let mut head = vec!["CODE", "NAME", "WHAT HAPPENED"];
        let wide = output.is_wide();
        head.extend(if wide { ["WHAT TO DO"].as_slice() } else { &[] });
        let row = |entry: &&CatalogueEntry| {
            let mut row = vec![entry.code.to_string(), entry.name.to_owned(), entry.what.to_owned()];
            row.extend(wide.then(|| entry.fix.to_owned()));
            row
        };
        table(&head, entries.iter().map(row))
    })
}

fn described(entry: &CatalogueEntry) -> String {
    let word = |value: &dyn std::fmt::Debug| format!("{value:?}").to_lowercase();
    pairs(&[
        ("code", entry.code.to_string()),
        ("name", entry.name.to_owned()),
        ("what", entry.what.to_owned()),
        ("fix", entry.fix.to_owned()),
        ("category", word(&entry.category)),
        ("severity", word(&entry.severity)),
        ("retryable", entry.retryable.to_string()),
        ("http status", entry.http_status.to_string()),
    ])
}
