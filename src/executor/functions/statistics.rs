//! Describing lists of numbers.

use std::cmp::Ordering;

use serde_json::{Number, Value, json};

use super::signature::{DefaultValue, Kind, Parameter};
use super::{Bound, CallContext, Example, Function, FunctionError, Outcome, Run, bind};

/// A list of this many numbers is about as large as a result may be (8 MiB).
const MAX_NUMBERS: usize = 1_000_000;
/// More bars than a screen has columns show nothing.
const MAX_BINS: i64 = 1_000;

const NUMBERS: Parameter = Parameter::required("numbers", Kind::Numbers { max_items: MAX_NUMBERS });

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "analyze_numbers",
        summary: "Describes a list of numbers: {count, sum, mean, median, mode, min, max, range, variance \
                  (of the population), std_deviation, unique_count}. The mode is a list when several values \
                  are equally frequent, and null when none repeats.",
        signature: &[NUMBERS],
        example: Example {
            args: "[[2, 4, 4, 4, 5, 5, 7, 9]]",
            result: r#"{"count": 8, "sum": 40, "mean": 5.0, "median": 4.5, "mode": 4, "min": 2, "max": 9,
                        "range": 7, "variance": 4.0, "std_deviation": 2.0, "unique_count": 5}"#,
        },
        run: Run::Heavy(analyze_numbers),
    },
    Function {
        name: "histogram",
        summary: "Counts numbers in bins of equal width: {bins: [{range: [from, to], count}], total, \
                  bin_width}. The last bin includes its upper end. Equal numbers give one bin of width 0.",
        signature: &[
            NUMBERS,
            Parameter::optional("bins", Kind::Integer { min: 1, max: MAX_BINS }, DefaultValue::Integer(10)),
        ],
        example: Example {
            args: "[[1, 2, 3, 4, 9], 2]",
            result: r#"{"bins": [{"range": [1.0, 5.0], "count": 4}, {"range": [5.0, 9.0], "count": 1}],
                        "total": 5, "bin_width": 4.0}"#,
        },
        run: Run::Heavy(histogram),
    },
];

/// Numbers in ascending order, and whether all of them are whole. Whole ones stay whole in what is made of
/// them: the sum of 1 and 2 is 3, not 3.0.
struct Sorted {
    floats: Vec<f64>,
    whole: Option<Vec<i128>>,
}

/// A result that is no number (an overflow) is an error: JSON would make it null, without a word.
pub(super) fn finite(value: f64) -> Result<Number, FunctionError> {
    Number::from_f64(value).ok_or_else(|| {
        FunctionError::bad_argument("the numbers are so large that the result exceeds the range of a float")
    })
}

/// A float in place of a count, exact up to 2^53.
#[expect(clippy::cast_precision_loss, reason = "counts of items in memory stay far below 2^53")]
pub(super) fn float(count: usize) -> f64 {
    count as f64
}

pub(super) fn mean(floats: &[f64]) -> f64 {
    floats.iter().sum::<f64>() / float(floats.len())
}

#[expect(clippy::cast_precision_loss, reason = "rounded once, where a float is what is asked for")]
fn rounded(whole: i128) -> f64 {
    whole as f64
}

/// A whole number as it is, and as a float where 64 bits do not hold it.
fn exact(whole: i128) -> Result<Number, FunctionError> {
    Number::from_i128(whole).map_or_else(|| finite(rounded(whole)), Ok)
}

/// Half of a whole number: a float, but a whole number where the float would be another one.
fn half(sum: i128) -> Result<Number, FunctionError> {
    let float = rounded(sum) / 2.0;
    let is_right = matches!(Magnitude::of_float(float), Magnitude::Whole(whole) if whole == sum / 2);
    if sum % 2 == 0 && !is_right { exact(sum / 2) } else { finite(float) }
}

impl Sorted {
    fn new(numbers: &[Number], bound: &Bound) -> Result<Self, FunctionError> {
        if numbers.is_empty() {
            return Err(bound.refuse("expects at least one number in `numbers`, and an empty list was given"));
        }
        let mut whole: Option<Vec<i128>> = numbers.iter().map(Number::as_i128).collect();
        if let Some(whole) = &mut whole {
            whole.sort_unstable();
        }
        let mut floats: Vec<f64> = numbers.iter().filter_map(Number::as_f64).collect();
        floats.sort_unstable_by(f64::total_cmp);
        Ok(Self { floats, whole })
    }

    fn at(&self, index: usize) -> Result<Number, FunctionError> {
        match &self.whole {
            Some(whole) => exact(*whole.get(index).expect("index below the count")),
            None => finite(*self.floats.get(index).expect("index below the count")),
        }
    }

    /// 128 bits hold the sum of more whole numbers than any list has.
    fn whole_sum(&self) -> Option<i128> {
        self.whole.as_ref().map(|whole| whole.iter().sum())
    }

    fn sum(&self) -> Result<Number, FunctionError> {
        match self.whole_sum() {
            Some(sum) => exact(sum),
            None => finite(self.floats.iter().sum()),
        }
    }

    fn mean(&self) -> f64 {
        match self.whole_sum() {
            Some(sum) => rounded(sum) / float(self.floats.len()),
            None => mean(&self.floats),
        }
    }

    fn range(&self) -> Result<Number, FunctionError> {
        match self.whole.as_ref().and_then(|whole| whole.first().zip(whole.last())) {
            Some((min, max)) => exact(max - min),
            None => finite(self.max() - self.min()),
        }
    }

    fn min(&self) -> f64 {
        *self.floats.first().expect("never empty")
    }

    fn max(&self) -> f64 {
        *self.floats.last().expect("never empty")
    }

    fn median(&self) -> Result<Number, FunctionError> {
        let middle = self.floats.len() / 2;
        if self.floats.len() % 2 == 1 {
            return self.at(middle);
        }
        match &self.whole {
            Some(whole) => half(whole.iter().skip(middle - 1).take(2).sum()),
            None => finite(mean(self.floats.get(middle - 1..=middle).expect("an even count has two"))),
        }
    }

    /// The values in ascending order: where each first stands, and how often it occurs.
    fn runs(&self) -> Vec<(usize, usize)> {
        let lengths: Vec<usize> = if let Some(whole) = &self.whole {
            whole.chunk_by(|left, right| left == right).map(<[_]>::len).collect()
        } else {
            let is_same = |left: &f64, right: &f64| left.total_cmp(right) == Ordering::Equal;
            self.floats.chunk_by(is_same).map(<[_]>::len).collect()
        };
        let mut start = 0;
        lengths
            .into_iter()
            .map(|length| {
                start += length;
                (start - length, length)
            })
            .collect()
    }

    fn mode(&self, runs: &[(usize, usize)]) -> Result<Value, FunctionError> {
        let most = runs.iter().map(|(_, count)| *count).max().expect("never empty");
        if most == 1 && runs.len() > 1 {
            return Ok(Value::Null);
        }
        let modes: Vec<Number> = runs
            .iter()
            .filter(|(_, count)| *count == most)
            .map(|(start, _)| self.at(*start))
            .collect::<Result<_, _>>()?;
        match modes.as_slice() {
            [only] => Ok(json!(only)),
            several => Ok(json!(several)),
        }
    }
}

fn analyze_numbers(mut bound: Bound, _: CallContext) -> Outcome {
    let numbers = bound.numbers("numbers");
    let sorted = Sorted::new(&numbers, &bound)?;
    let mean = sorted.mean();
    let squares: f64 = sorted.floats.iter().map(|value| (value - mean).powi(2)).sum();
    let variance = squares / float(sorted.floats.len());
    let runs = sorted.runs();
    Ok(json!({
        "count": sorted.floats.len(),
        "sum": sorted.sum()?,
        "mean": finite(mean)?,
        "median": sorted.median()?,
        "mode": sorted.mode(&runs)?,
        "min": sorted.at(0)?,
        "max": sorted.at(sorted.floats.len() - 1)?,
        "range": sorted.range()?,
        "variance": finite(variance)?,
        "std_deviation": finite(variance.sqrt())?,
        "unique_count": runs.len(),
    }))
}

fn histogram(mut bound: Bound, _: CallContext) -> Outcome {
    let numbers = bound.numbers("numbers");
    let bins = bound.count("bins");
    let sorted = Sorted::new(&numbers, &bound)?;
    let (min, max, total) = (sorted.min(), sorted.max(), sorted.floats.len());
    if min.total_cmp(&max) == Ordering::Equal {
        let bins = json!([{ "range": [finite(min)?, finite(max)?], "count": total }]);
        return Ok(json!({ "bins": bins, "total": total, "bin_width": 0.0 }));
    }
    let width = (max - min) / float(bins);
    finite(width)?;
    let edge = |index: usize| if index == bins { max } else { min + width * float(index) };
    // The numbers are in order, so each bin is the stretch between the positions of its two edges.
    let below = |index: usize| match index {
        0 => 0,
        _ if index == bins => total,
        _ => sorted.floats.partition_point(|value| *value < edge(index)),
    };
    let bins: Vec<Value> = (0..bins)
        .map(|index| {
            json!({ "range": [edge(index), edge(index + 1)], "count": below(index + 1) - below(index) })
        })
        .collect();
    Ok(json!({ "bins": bins, "total": total, "bin_width": width }))
}

/// The numbers a table function finds in cells: numbers, and text that reads as one.
pub(super) fn cell_number(cell: &Value) -> Option<f64> {
    match cell {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => bind::parse_number(text).and_then(|number| number.as_f64()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A number that compares exactly. Floats alone tell whole numbers apart only up to 2^53, and identifiers are
/// often larger.
#[derive(Debug, Clone, Copy)]
pub(super) enum Magnitude {
    Whole(i128),
    /// What has a fraction, or is out of the range of the others.
    Float(f64),
}

impl Magnitude {
    fn of_float(float: f64) -> Self {
        /// 2^127, the first whole number above the range.
        const LIMIT: f64 = 170_141_183_460_469_231_731_687_303_715_884_105_728.0;
        if float.fract() != 0.0 || float.abs() >= LIMIT {
            return Self::Float(float);
        }
        #[expect(clippy::cast_possible_truncation, reason = "whole and in range, checked above")]
        Self::Whole(float as i128)
    }

    fn of_number(number: &Number) -> Option<Self> {
        let whole = number.as_i128().map(Self::Whole);
        whole.or_else(|| number.as_f64().map(Self::of_float))
    }

    pub(super) fn of_text(text: &str) -> Option<Self> {
        let whole = text.trim().parse().ok().map(Self::Whole);
        whole.or_else(|| bind::parse_number(text).as_ref().and_then(Self::of_number))
    }

    pub(super) fn of_cell(cell: &Value) -> Option<Self> {
        match cell {
            Value::Number(number) => Self::of_number(number),
            Value::String(text) => Self::of_text(text),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        }
    }

    /// A whole number that is rounded for this is so much larger than any fraction that the order stays.
    pub(super) fn compare(self, other: Self) -> Ordering {
        match (self, other) {
            (Self::Whole(left), Self::Whole(right)) => left.cmp(&right),
            (Self::Whole(left), Self::Float(right)) => rounded(left).total_cmp(&right),
            (Self::Float(left), Self::Whole(right)) => left.total_cmp(&rounded(right)),
            (Self::Float(left), Self::Float(right)) => left.total_cmp(&right),
        }
    }
}
