//! The three ways to draw a graph.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::super::output::table;
use super::drawing::Drawing;

/// Fewer tasks that are alike are drawn one by one.
const ALIKE_MIN: usize = 6;
/// Rows of the table, unless all are asked for: more than fit on any screen, and few enough to scroll through.
const ROWS_MAX: usize = 200;
/// Names of what a row waits for.
const AFTER_SHOWN: usize = 4;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Grouping {
    /// Many tasks that wait for the same and are waited for by the same become one.
    Many,
    Never,
}

/// A graph of tasks, or of groups of them.
pub(super) struct Picture<'d> {
    drawing: &'d Drawing,
    /// In the order of their first members.
    groups: Vec<Group>,
    rows_max: usize,
}

struct Group {
    members: Vec<usize>,
    /// Places of groups.
    after: Vec<usize>,
}

impl<'d> Picture<'d> {
    pub(super) fn of(drawing: &'d Drawing, grouping: Grouping) -> Self {
        let count = drawing.nodes.len();
        let alike = match grouping {
            Grouping::Never => (0..count).map(|at| vec![at]).collect(),
            Grouping::Many => alike(drawing),
        };
        let mut group_of = vec![0; count];
        for (place, members) in alike.iter().enumerate() {
            for member in members {
                *group_of.get_mut(*member).expect("a member is a place") = place;
            }
        }
        let after = |members: &[usize]| {
            let first = members.first().and_then(|first| drawing.dependencies.get(*first));
            let places = first.into_iter().flatten().filter_map(|at| group_of.get(*at).copied());
            let mut places: Vec<usize> = places.collect();
            places.sort_unstable();
            places.dedup();
            places
        };
        let groups = alike.into_iter().map(|members| Group { after: after(&members), members }).collect();
        let rows_max = if grouping == Grouping::Never { usize::MAX } else { ROWS_MAX };
        Self { drawing, groups, rows_max }
    }

    /// Steps, one below the other.
    pub(super) fn text(&self) -> String {
        let mut order: Vec<&Group> = self.groups.iter().collect();
        order.sort_by_key(|group| self.step(group));
        let known = self.drawing.nodes.iter().any(|node| node.status.is_some());
        let row = |group: &&Group| {
            let mut row = vec![(self.step(group) + 1).to_string(), self.label(group)];
            row.extend(known.then(|| self.status(group)));
            row.push(self.after(group));
            row
        };
        let head: &[&str] =
            if known { &["STEP", "TASK", "STATUS", "AFTER"] } else { &["STEP", "TASK", "AFTER"] };
        let steps = order.last().map_or(0, |group| self.step(group) + 1);
        let mut text =
            format!("{}: tasks: {}, steps: {steps}\n\n", self.drawing.name, self.drawing.nodes.len());
        text += &table(head, order.iter().take(self.rows_max).map(row));
        if order.len() > self.rows_max {
            writeln!(text, "and {} more rows; --all draws them", order.len() - self.rows_max)
                .expect("a text takes any text");
        }
        text
    }

    /// A flowchart; GitHub, GitLab and most editors draw it.
    pub(super) fn mermaid(&self) -> String {
        let mut text = "flowchart TD\n".to_owned();
        for (place, group) in self.groups.iter().enumerate() {
            // The entity is the one way to write a quote inside a label.
            let label = self.label(group).replace('"', "#quot;");
            let class = self.one_status(group).map(|status| format!(":::{status}")).unwrap_or_default();
            writeln!(text, "  t{place}[\"{label}\"]{class}").expect("a text takes any text");
        }
        for (place, group) in self.groups.iter().enumerate() {
            for before in &group.after {
                writeln!(text, "  t{before} --> t{place}").expect("a text takes any text");
            }
        }
        for (status, style) in [
            ("completed", "fill:#d3f2d3,stroke:#2e7d32"),
            ("processing", "fill:#d6e8fb,stroke:#1565c0"),
            ("failed", "fill:#fad4d4,stroke:#c62828"),
            ("cancelled", "fill:#e6e6e6,stroke:#757575"),
            ("skipped", "fill:#f3f3f3,stroke:#9e9e9e,stroke-dasharray:4"),
        ] {
            if self.groups.iter().any(|group| self.one_status(group) == Some(status)) {
                writeln!(text, "  classDef {status} {style}").expect("a text takes any text");
            }
        }
        text
    }

    /// A digraph in the language of Graphviz.
    pub(super) fn dot(&self) -> String {
        let quoted = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
        let mut text = format!("digraph \"{}\" {{\n  node [shape=box];\n", quoted(&self.drawing.name));
        for (place, group) in self.groups.iter().enumerate() {
            writeln!(text, "  t{place} [label=\"{}\"];", quoted(&self.label(group)))
                .expect("a text takes any text");
        }
        for (place, group) in self.groups.iter().enumerate() {
            for before in &group.after {
                writeln!(text, "  t{before} -> t{place};").expect("a text takes any text");
            }
        }
        text.push_str("}\n");
        text
    }

    fn step(&self, group: &Group) -> usize {
        let first = group.members.first().and_then(|first| self.drawing.nodes.get(*first));
        first.map_or(0, |node| node.step)
    }

    /// `process_0`, or `process_0 .. process_99 (100 tasks)`.
    fn label(&self, group: &Group) -> String {
        let name = |at: Option<&usize>| {
            at.and_then(|at| self.drawing.nodes.get(*at)).map(|node| node.label.as_str()).unwrap_or_default()
        };
        let (first, last) = (name(group.members.first()), name(group.members.last()));
        match group.members.len() {
            1 => first.to_owned(),
            count => format!("{first} .. {last} ({count} tasks)"),
        }
    }

    fn after(&self, group: &Group) -> String {
        let labels = group.after.iter().filter_map(|at| self.groups.get(*at)).map(|group| self.label(group));
        let mut shown: Vec<String> = labels.take(AFTER_SHOWN).collect();
        if group.after.len() > shown.len() {
            shown.push(format!("{} more", group.after.len() - shown.len()));
        }
        shown.join(", ")
    }

    fn counts(&self, group: &Group) -> BTreeMap<&str, usize> {
        let mut counts = BTreeMap::new();
        for member in &group.members {
            let node = self.drawing.nodes.get(*member);
            if let Some(status) = node.and_then(|node| node.status.as_deref()) {
                *counts.entry(status).or_default() += 1;
            }
        }
        counts
    }

    /// `completed`, or `98 completed, 2 failed`.
    fn status(&self, group: &Group) -> String {
        if let Some(status) = self.one_status(group) {
            return status.to_owned();
        }
        let parts: Vec<String> =
            self.counts(group).iter().map(|(status, count)| format!("{count} {status}")).collect();
        parts.join(", ")
    }

    /// The status that all members have.
    fn one_status(&self, group: &Group) -> Option<&str> {
        let counts = self.counts(group);
        counts.keys().next().copied().filter(|_| counts.len() == 1)
    }
}

/// The tasks in groups of those that cannot be told apart by their arrows, small groups taken apart again.
fn alike(drawing: &Drawing) -> Vec<Vec<usize>> {
    let mut classes: BTreeMap<(&[usize], &[usize]), Vec<usize>> = BTreeMap::new();
    for (at, arrows) in drawing.dependencies.iter().zip(&drawing.dependents).enumerate() {
        classes.entry((arrows.0, arrows.1)).or_default().push(at);
    }
    let mut groups: Vec<Vec<usize>> = classes
        .into_values()
        .flat_map(|members| {
            if members.len() >= ALIKE_MIN {
                vec![members]
            } else {
                members.into_iter().map(|member| vec![member]).collect()
            }
        })
        .collect();
    groups.sort_unstable();
    groups
}
