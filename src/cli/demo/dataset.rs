//! Records as a model reads them: rows of numbers, with or without the class of each.

use std::collections::BTreeSet;

use rand::SeedableRng as _;
use rand::rngs::ChaCha8Rng;
use rand::seq::SliceRandom as _;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use smartcore::linalg::basic::matrix::DenseMatrix;

use super::fault::Fault;

/// A demo on one machine: above this a fit takes minutes.
const MAX_ROWS: usize = 10_000;
const MAX_FEATURES: usize = 100;
const MAX_CLASSES: usize = 100;

pub type Record = Map<String, Value>;
pub type Matrix = DenseMatrix<f64>;

/// Which columns a model reads, which one it predicts, and the values that one has.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Schema {
    pub features: Vec<String>,
    pub target: String,
    pub classes: Vec<String>,
}

/// Refuses a table that no model could be made of or asked about.
pub fn check_size(records: &[Record]) -> Result<(), Fault> {
    if records.is_empty() || records.len() > MAX_ROWS {
        return Err(Fault::refuse(format!(
            "`data_params.records` must have 1 to {MAX_ROWS} rows, and it has {}",
            records.len()
        )));
    }
    Ok(())
}

impl Schema {
    /// Learns from all columns of the first record but the target. Classes are in alphabetical order.
    pub fn of(records: &[Record], target: String) -> Result<Self, Fault> {
        check_size(records)?;
        let features: Vec<String> =
            records.iter().take(1).flat_map(Record::keys).filter(|name| **name != target).cloned().collect();
        if features.is_empty() || features.len() > MAX_FEATURES {
            return Err(Fault::refuse(format!(
                "a model needs 1 to {MAX_FEATURES} columns besides the target `{target}`, and there are {}",
                features.len()
            )));
        }
        let mut schema = Self { features, target, classes: Vec::new() };
        let classes: BTreeSet<&str> = schema.labels(records)?.into_iter().collect();
        if !(2..=MAX_CLASSES).contains(&classes.len()) {
            return Err(Fault::refuse(format!(
                "the target column must have 2 to {MAX_CLASSES} different values, and it has {}",
                classes.len()
            )));
        }
        schema.classes = classes.into_iter().map(str::to_owned).collect();
        Ok(schema)
    }

    /// The cells of the features, a row for each record.
    pub fn matrix(&self, records: &[Record]) -> Result<Matrix, Fault> {
        let rows = records
            .iter()
            .enumerate()
            .map(|(row, record)| self.features.iter().map(|name| number(record, row, name)).collect())
            .collect::<Result<Vec<Vec<f64>>, Fault>>()?;
        DenseMatrix::from_2d_vec(&rows).map_err(Fault::refuse)
    }

    /// The class of each record as its text.
    pub fn labels<'a>(&self, records: &'a [Record]) -> Result<Vec<&'a str>, Fault> {
        let label = |(row, record): (usize, &'a Record)| {
            record.get(&self.target).and_then(Value::as_str).ok_or_else(|| {
                Fault::refuse(format!("record {row} has no text in the target column `{}`", self.target))
            })
        };
        records.iter().enumerate().map(label).collect()
    }

    /// Which class each label is, by its position among the classes.
    pub fn class_numbers(&self, labels: &[&str]) -> Result<Vec<u32>, Fault> {
        let number = |label: &&str| {
            self.classes
                .iter()
                .position(|class| class == label)
                .and_then(|index| u32::try_from(index).ok())
                .ok_or_else(|| Fault::refuse(format!("the model knows no class `{label}`")))
        };
        labels.iter().map(number).collect()
    }
}

/// Cells that came from a CSV are text.
fn number(record: &Record, row: usize, name: &str) -> Result<f64, Fault> {
    let cell = record.get(name).unwrap_or(&Value::Null);
    let number = match cell {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    number.filter(|number: &f64| number.is_finite()).ok_or_else(|| {
        Fault::refuse(format!(
            "record {row} has no number in column `{name}`, but {cell}; clean the data first"
        ))
    })
}

/// Divides the records at random into those to learn from and those to be judged by. The same seed divides
/// the same records alike.
pub fn split(
    mut records: Vec<Record>,
    test_fraction: f64,
    seed: u64,
) -> Result<(Vec<Record>, Vec<Record>), Fault> {
    if !(0.05..=0.95).contains(&test_fraction) {
        return Err(Fault::refuse(format!(
            "`data_params.test_fraction` must be from 0.05 to 0.95, and it is {test_fraction}"
        )));
    }
    records.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of at most 10,000 rows, between none and all of them"
    )]
    let held_out = (records.len() as f64 * test_fraction).round() as usize;
    if held_out == 0 || held_out == records.len() {
        return Err(Fault::refuse(format!(
            "{} records cannot be divided into two parts at `test_fraction` {test_fraction}",
            records.len()
        )));
    }
    let training = records.split_off(held_out);
    Ok((training, records))
}

/// A count as a float; all counts here are far below 2^53.
#[expect(clippy::cast_precision_loss, reason = "counts of rows and repeats stay far below 2^53")]
pub fn float(count: usize) -> f64 {
    count as f64
}
