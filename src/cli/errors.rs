//! `gleitzeit errors`: the catalogue of errors, without a server.

use anyhow::bail;
use clap::Args;

use super::Exit;
use super::output::{Output, pairs, table};
use crate::core::errors::{CATALOGUE, CatalogueEntry, Code};

/// List the errors, or explain one.
#[derive(Debug, Args)]
pub(super) struct Errors {
    /// A code such as GZ3003, or a word to look for.
    code: Option<String>,
    #[command(flatten)]
    output: Output,
}

impl Errors {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        let Some(wanted) = &self.code else {
            self.list(&CATALOGUE.iter().collect::<Vec<_>>())?;
            return Ok(Exit::Ok);
        };
        if let Some(code) = Code::parse(wanted) {
            let entry = code.entry();
            self.output.one(entry, &entry.code.to_string(), || described(entry))?;
            return Ok(Exit::Ok);
        }
        let word = wanted.to_lowercase();
        let holds = |entry: &&CatalogueEntry| {
            [entry.name, entry.what, entry.fix].iter().any(|text| text.to_lowercase().contains(&word))
        };
        let found: Vec<_> = CATALOGUE.iter().filter(holds).collect();
        if found.is_empty() {
            bail!("no error has the code or the word {wanted:?}; `gleitzeit errors` lists them all");
        }
        self.list(&found)?;
        Ok(Exit::Ok)
    }

    fn list(&self, entries: &[&CatalogueEntry]) -> anyhow::Result<()> {
        let names: Vec<String> = entries.iter().map(|entry| entry.code.to_string()).collect();
        self.output.print(&entries, Some(entries), names, || {
            let row = |entry: &&CatalogueEntry| {
                vec![entry.code.to_string(), entry.name.to_owned(), entry.what.to_owned()]
            };
            table(&["CODE", "NAME", "WHAT HAPPENED"], entries.iter().map(row))
        })
    }
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
