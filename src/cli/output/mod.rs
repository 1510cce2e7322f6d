//! How data is printed: on stdout, as a table for people or as text for programs.

mod yaml;

use std::io::{self, Write};

use clap::{Args, ValueEnum};
use serde::Serialize;
#[cfg(feature = "client")]
use serde_json::{Map, Value};

/// The form of what is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Table,
    /// For people with room: more columns, where there are more.
    Wide,
    /// One JSON document, with the members that the REST API gives it.
    Json,
    /// Of a list one JSON document a line; otherwise one line.
    Jsonl,
    /// The same document as YAML.
    Yaml,
    /// Ids or names alone, one a line.
    Name,
}

#[derive(Debug, Args)]
pub struct Output {
    /// How to print.
    #[arg(
        short = 'o',
        long = "output",
        value_enum,
        value_name = "FORMAT",
        default_value = "table",
        global = true
    )]
    pub format: Format,
}

impl Output {
    /// Whether there is room for more columns.
    pub fn is_wide(&self) -> bool {
        self.format == Format::Wide
    }

    /// Prints one thing. `members` are the items of it, where it is a list.
    pub fn print<T: Serialize, I: Serialize>(
        &self,
        value: &T,
        members: Option<&[I]>,
        names: impl IntoIterator<Item = String>,
        table: impl FnOnce() -> String,
    ) -> anyhow::Result<()> {
        match (self.format, members) {
            (Format::Table | Format::Wide, _) => print(&table()),
            (Format::Json, _) => print(&format!("{}\n", serde_json::to_string_pretty(value)?)),
            (Format::Jsonl, None) => print(&line(value)?),
            (Format::Jsonl, Some(items)) => print(&items.iter().map(line).collect::<Result<String, _>>()?),
            (Format::Yaml, _) => print(&yaml::document(&serde_json::to_value(value)?)),
            (Format::Name, _) => print(&names.into_iter().map(|name| name + "\n").collect::<String>()),
        }
        Ok(())
    }

    /// Prints one of many things that come one after the other.
    #[cfg(feature = "client")]
    pub fn item<T: Serialize>(&self, item: &T, name: &str, said: &str) -> anyhow::Result<()> {
        match self.format {
            Format::Table | Format::Wide => print(said),
            Format::Json | Format::Jsonl => print(&line(item)?),
            Format::Yaml => print(&format!("---\n{}", yaml::document(&serde_json::to_value(item)?))),
            Format::Name => print(&format!("{name}\n")),
        }
        Ok(())
    }

    /// Prints one thing that is no list.
    pub fn one<T: Serialize>(
        &self,
        value: &T,
        name: &str,
        table: impl FnOnce() -> String,
    ) -> anyhow::Result<()> {
        self.print(value, None::<&[T]>, [name.to_owned()], table)
    }
}

/// A value as one line of JSON.
pub fn line<T: Serialize>(value: &T) -> serde_json::Result<String> {
    serde_json::to_string(value).map(|text| text + "\n")
}

/// Writes data to stdout. When whoever read it has gone, as `head` does, there is nothing left to do.
pub fn print(text: &str) {
    let mut out = io::stdout().lock();
    if out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_err() {
        std::process::exit(0);
    }
}

/// Columns as wide as their widest cell, two spaces apart. Columns of numbers stand to the right.
pub fn table(head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let rows: Vec<Vec<String>> = rows.into_iter().collect();
    let head: Vec<String> = head.iter().map(|cell| (*cell).to_owned()).collect();
    let columns = 0..head.len();
    let lines = || std::iter::once(&head).chain(&rows);
    let width = |column| {
        lines().filter_map(|row| row.get(column)).map(|cell: &String| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = columns.clone().map(width).collect();
    let numeric: Vec<bool> = columns.map(|column| is_numeric(&rows, column)).collect();
    let mut text = String::new();
    for row in lines() {
        let cells = row.iter().zip(&widths).zip(&numeric).map(|((cell, width), numeric)| {
            if *numeric { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
        });
        let line = cells.collect::<Vec<_>>().join("  ");
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Names and values, one pair a line; values that are empty are left out.
pub fn pairs(pairs: &[(&str, String)]) -> String {
    let width = pairs.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let given = pairs.iter().filter(|(_, value)| !value.is_empty());
    lines(given.map(|(name, value)| format!("{name:<width$}  {value}")))
}

/// Lines one below the other, each with its end.
pub fn lines(lines: impl IntoIterator<Item = String>) -> String {
    let mut text = String::new();
    for line in lines {
        text.push_str(&line);
        text.push('\n');
    }
    text
}

/// A member as text; nothing where it is absent or null.
#[cfg(feature = "client")]
pub fn text(members: &Map<String, Value>, name: &str) -> String {
    match members.get(name) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

fn is_numeric(rows: &[Vec<String>], column: usize) -> bool {
    let mut cells = rows.iter().filter_map(|row| row.get(column)).peekable();
    cells.peek().is_some() && cells.all(|cell| cell.parse::<f64>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_aligned() {
        let rows = [["a", "7"], ["ünlang", "12"]].map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(table(&["NAME", "N"], rows), "NAME     N\na        7\nünlang  12\n");
        assert_eq!(table(&["NAME", "N"], []), "NAME  N\n");
    }

    #[test]
    fn pairs_leave_out_what_is_not_known() {
        let shown = pairs(&[("id", "w".to_owned()), ("ended", String::new()), ("name", "x".to_owned())]);
        assert_eq!(shown, "id     w\nname   x\n");
    }
}
