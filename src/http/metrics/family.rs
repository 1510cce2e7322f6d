//! Families of metrics, as text in the format of `OpenMetrics` and as JSON.

use std::fmt::Write;

use serde_json::{Map, Value, json};

use crate::figures::Counts;

/// What the numbers of a family are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Gauge,
    Counter,
    Histogram,
    Info,
    StateSet,
}

/// Samples that belong together. A unit is the end of the name.
#[derive(Debug)]
pub(super) struct Family {
    name: &'static str,
    kind: Kind,
    unit: Option<&'static str>,
    help: &'static str,
    samples: Vec<Sample>,
}

#[derive(Debug)]
struct Sample {
    labels: Vec<(&'static str, String)>,
    value: Number,
}

#[derive(Debug)]
pub(super) enum Number {
    Whole(u64),
    Real(f64),
    Histogram { counts: Counts, bounds: Bounds },
}

/// Which doublings a histogram shows as `le`, and how many of its values are one of the family's unit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub from: u32,
    pub to: u32,
    pub per_unit: f64,
}

impl From<u64> for Number {
    fn from(value: u64) -> Self {
        Self::Whole(value)
    }
}

impl From<usize> for Number {
    fn from(value: usize) -> Self {
        Self::Whole(value as u64)
    }
}

impl From<f64> for Number {
    fn from(value: f64) -> Self {
        Self::Real(value)
    }
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Gauge => "gauge",
            Self::Counter => "counter",
            Self::Histogram => "histogram",
            Self::Info => "info",
            Self::StateSet => "stateset",
        }
    }

    /// What the name of a sample has behind that of its family.
    const fn suffix(self) -> &'static str {
        match self {
            Self::Gauge | Self::StateSet | Self::Histogram => "",
            Self::Counter => "_total",
            Self::Info => "_info",
        }
    }
}

impl Family {
    pub fn new(name: &'static str, kind: Kind, help: &'static str) -> Self {
        let unit = ["seconds", "bytes", "records"].into_iter().find(|unit| {
            name.strip_suffix(unit).is_some_and(|rest| rest.ends_with('_')) && kind != Kind::StateSet
        });
        // A number of records is a count of something, not an amount in records, unless it is distributed.
        let unit = unit.filter(|unit| *unit != "records" || kind == Kind::Histogram);
        Self { name, kind, unit, help, samples: Vec::new() }
    }

    /// A family of one number.
    pub fn single(name: &'static str, kind: Kind, help: &'static str, value: impl Into<Number>) -> Self {
        Self::new(name, kind, help).with(&[], value)
    }

    pub fn with(mut self, labels: &[(&'static str, &str)], value: impl Into<Number>) -> Self {
        let labels = labels.iter().map(|(label, value)| (*label, (*value).to_owned())).collect();
        self.samples.push(Sample { labels, value: value.into() });
        self
    }

    fn write(&self, text: &mut String) -> std::fmt::Result {
        writeln!(text, "# TYPE {} {}", self.name, self.kind.name())?;
        if let Some(unit) = self.unit {
            writeln!(text, "# UNIT {} {unit}", self.name)?;
        }
        writeln!(text, "# HELP {} {}", self.name, self.help)?;
        for Sample { labels, value } in &self.samples {
            let suffix = self.kind.suffix();
            match value {
                Number::Whole(value) => line(text, self.name, suffix, labels, None, value)?,
                Number::Real(value) => line(text, self.name, suffix, labels, None, value)?,
                Number::Histogram { counts, bounds } => {
                    for (bound, count) in bounds.cumulated(counts) {
                        line(text, self.name, "_bucket", labels, Some(&bound), count)?;
                    }
                    line(text, self.name, "_count", labels, None, counts.total())?;
                    line(text, self.name, "_sum", labels, None, bounds.sum(counts))?;
                }
            }
        }
        Ok(())
    }

    fn json(&self) -> Value {
        let sample = |Sample { labels, value }: &Sample| {
            let labels: Map<String, Value> =
                labels.iter().map(|(label, value)| ((*label).to_owned(), json!(value))).collect();
            match value {
                Number::Whole(value) => json!({"labels": labels, "value": value}),
                Number::Real(value) => json!({"labels": labels, "value": value}),
                Number::Histogram { counts, bounds } => json!({
                    "labels": labels,
                    "count": counts.total(),
                    "sum": bounds.sum(counts),
                    "p50": bounds.quantile(counts, 500),
                    "p95": bounds.quantile(counts, 950),
                    "p99": bounds.quantile(counts, 990),
                }),
            }
        };
        let samples: Vec<Value> = self.samples.iter().map(sample).collect();
        json!({"type": self.kind.name(), "unit": self.unit, "help": self.help, "samples": samples})
    }
}

impl Bounds {
    fn cumulated(self, counts: &Counts) -> impl Iterator<Item = (String, u64)> {
        let bound = move |doublings: u32| (decimal(self.in_unit(1 << doublings)), counts.up_to(doublings));
        (self.from..=self.to).map(bound).chain([("+Inf".to_owned(), counts.total())])
    }

    fn sum(self, counts: &Counts) -> f64 {
        self.in_unit(counts.sum())
    }

    #[expect(clippy::cast_precision_loss, reason = "a sum of times is not known to 53 bits")]
    fn in_unit(self, value: u64) -> f64 {
        value as f64 / self.per_unit
    }

    fn quantile(self, counts: &Counts, permille: u64) -> Option<f64> {
        counts.quantile(permille).map(|value| value / self.per_unit)
    }
}

/// As the format wants bounds: with a point, and without an exponent.
fn decimal(value: f64) -> String {
    let text = value.to_string();
    if text.contains('.') { text } else { format!("{text}.0") }
}

fn line(
    text: &mut String,
    name: &str,
    suffix: &str,
    labels: &[(&'static str, String)],
    bound: Option<&str>,
    value: impl std::fmt::Display,
) -> std::fmt::Result {
    write!(text, "{name}{suffix}")?;
    let bound = bound.map(|bound| ("le", bound));
    let labels = labels.iter().map(|(label, value)| (*label, value.as_str())).chain(bound);
    let mut before = '{';
    for (label, value) in labels {
        write!(text, "{before}{label}=\"{}\"", escaped(value))?;
        before = ',';
    }
    if before == ',' {
        text.push('}');
    }
    writeln!(text, " {value}")
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// All of them as text.
pub(super) fn text_of(families: &[Family]) -> String {
    let mut text = String::new();
    for family in families {
        family.write(&mut text).expect("writing to a string");
    }
    text.push_str("# EOF\n");
    text
}

/// All of them by name.
pub(super) fn json_of(families: &[Family]) -> Value {
    families.iter().map(|family| (family.name.to_owned(), family.json())).collect::<Map<_, _>>().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::Histogram;

    #[test]
    fn names_of_services_cannot_break_out_of_their_label() {
        let family = Family::new("x", Kind::Gauge, "Help.").with(&[("service", "a\"}\\\nb")], 1.5);
        assert_eq!(
            text_of(&[family]),
            "# TYPE x gauge\n# HELP x Help.\nx{service=\"a\\\"}\\\\\\nb\"} 1.5\n# EOF\n"
        );
    }

    #[test]
    fn a_histogram_has_cumulated_buckets_a_count_and_a_sum() {
        let histogram = Histogram::default();
        for value in [1, 2, 3, 9_000_000] {
            histogram.record(value);
        }
        let number = || Number::Histogram {
            counts: histogram.counts(),
            bounds: Bounds { from: 0, to: 1, per_unit: 1_000_000.0 },
        };
        let family = || Family::single("x_seconds", Kind::Histogram, "Help.", number());
        let text = text_of(&[family()]);
        let expected = "# TYPE x_seconds histogram\n# UNIT x_seconds seconds\n# HELP x_seconds Help.\n\
            x_seconds_bucket{le=\"0.000001\"} 1\nx_seconds_bucket{le=\"0.000002\"} 2\n\
            x_seconds_bucket{le=\"+Inf\"} 4\nx_seconds_count 4\nx_seconds_sum 9.000006\n# EOF\n";
        assert_eq!(text, expected);
        let json = json_of(&[family()]);
        assert_eq!(
            (&json["x_seconds"]["unit"], &json["x_seconds"]["samples"][0]["count"]),
            (&json!("seconds"), &json!(4))
        );
    }
}
