//! Records from CSV: reading, filtering, describing a column, checking types. A record is an object by
//! column name. A cell stays the text it is in the file; functions that calculate read numbers out of it.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use serde_json::{Map, Value, json};

use super::signature::{DefaultValue, Kind, Parameter};
use super::statistics::{Magnitude, cell_number, finite, float, mean};
use super::text::MAX_TEXT_BYTES;
use super::{Bound, CallContext, Example, Function, FunctionError, Outcome, Run, bind};

/// Records of eight bytes each, the smallest there are, fill a result of 8 MiB with this many.
pub(super) const MAX_RECORDS: usize = 1_000_000;
/// How many of the most frequent texts `csv_stats` names.
const TOP_VALUES: usize = 5;
/// How many offences `validate_types` lists; their number is given in any case.
const MAX_LISTED_ERRORS: usize = 100;

pub(super) const RECORDS: Parameter =
    Parameter::required("records", Kind::Records { max_items: MAX_RECORDS });
pub(super) const NAME: Kind = Kind::Text { max_bytes: 256 };

pub(super) type Record = Map<String, Value>;

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "csv_parse",
        summary: "Reads CSV (RFC 4180) whose first row names the columns: {success, records, count, columns}. \
                  Cells stay text.",
        signature: &[
            Parameter::required("csv_string", Kind::Text { max_bytes: MAX_TEXT_BYTES }),
            Parameter::optional("delimiter", Kind::Text { max_bytes: 1 }, DefaultValue::Text(",")),
        ],
        example: Example {
            args: r#"["name,age\nAda,36\n\"Lovelace, A.\",37\n"]"#,
            result: r#"{"success": true, "count": 2, "columns": ["name", "age"],
                        "records": [{"name": "Ada", "age": "36"}, {"name": "Lovelace, A.", "age": "37"}]}"#,
        },
        run: Run::Heavy(csv_parse),
    },
    Function {
        name: "csv_stats",
        summary: "Describes one column: {column, total_values, numeric_values, text_values}, numeric_stats \
                  {min, max, mean, sum} if there are numbers, text_stats {unique_values, most_common: [[text, \
                  count]]} if there is text. Null and empty cells do not count.",
        signature: &[RECORDS, Parameter::required("column", NAME)],
        example: Example {
            args: r#"[[{"age": "36"}, {"age": "38"}, {"age": "?"}], "age"]"#,
            result: r#"{"column": "age", "total_values": 3, "numeric_values": 2, "text_values": 1,
                        "numeric_stats": {"min": 36.0, "max": 38.0, "mean": 37.0, "sum": 74.0},
                        "text_stats": {"unique_values": 1, "most_common": [["?", 1]]}}"#,
        },
        run: Run::Heavy(csv_stats),
    },
    Function {
        name: "csv_filter",
        summary: "The records that pass every filter, by column: `>=5`, `<=5`, `>5`, `<5`, `!=x`, `=x` or just \
                  the value, `~x` (contains x). Numbers compare as numbers, all else as text.",
        signature: &[RECORDS, Parameter::required("filters", Kind::Object)],
        example: Example {
            args: r#"[[{"name": "Ada", "age": "36"}, {"name": "Bo", "age": "9"}], {"age": ">=18"}]"#,
            result: r#"[{"name": "Ada", "age": "36"}]"#,
        },
        run: Run::Heavy(csv_filter),
    },
    Function {
        name: "validate_types",
        summary: "Checks cells against a schema of int, float, str, bool or date by column: {total_records, \
                  valid_records, invalid_records, error_count, errors: [{record_index, field, value, \
                  expected_type}] (the first 100), success_rate}. A missing or null cell is right.",
        signature: &[RECORDS, Parameter::required("schema", Kind::Object)],
        example: Example {
            args: r#"[[{"age": "36"}, {"age": "old"}], {"age": "int"}]"#,
            result: r#"{"total_records": 2, "valid_records": 1, "invalid_records": 1, "error_count": 1,
                        "errors": [{"record_index": 1, "field": "age", "value": "old", "expected_type": "int"}],
                        "success_rate": 0.5}"#,
        },
        run: Run::Heavy(validate_types),
    },
];

fn csv_parse(mut bound: Bound, _: CallContext) -> Outcome {
    let (text, delimiter) = (bound.text("csv_string"), bound.text("delimiter"));
    let [delimiter] = delimiter.as_bytes() else {
        return Err(bound.refuse("expects one character as `delimiter`, and an empty text was given"));
    };
    let unreadable =
        |error: csv::Error| bound.refuse(&format!("cannot read `csv_string`: {error}; mend that row"));
    let mut reader =
        csv::ReaderBuilder::new().delimiter(*delimiter).has_headers(true).from_reader(text.as_bytes());
    let columns: Vec<String> = reader.headers().map_err(unreadable)?.iter().map(str::to_owned).collect();
    let mut seen = BTreeSet::new();
    if let Some(twice) = columns.iter().find(|column| !seen.insert(column.as_str())) {
        return Err(bound.refuse(&format!("found the column `{twice}` twice in the first row; rename one")));
    }
    let mut records = Vec::new();
    for row in reader.records() {
        let row = row.map_err(unreadable)?;
        let record: Record =
            columns.iter().cloned().zip(row.iter().map(|cell| Value::String(cell.to_owned()))).collect();
        records.push(Value::Object(record));
    }
    Ok(json!({ "success": true, "count": records.len(), "columns": columns, "records": records }))
}

/// A cell as the text that comparing, grouping and counting go by.
pub(super) fn cell_text(cell: &Value) -> String {
    match cell {
        Value::String(text) => text.clone(),
        other @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
            other.to_string()
        }
    }
}

fn is_blank(cell: &Value) -> bool {
    match cell {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => false,
    }
}

/// Refuses a column that no record has, which is a misspelling and not an empty column.
pub(super) fn require_column(bound: &Bound, records: &[Record], column: &str) -> Result<(), FunctionError> {
    if records.is_empty() || records.iter().any(|record| record.contains_key(column)) {
        return Ok(());
    }
    let known: Vec<&str> = records.iter().take(1).flat_map(Record::keys).map(String::as_str).collect();
    Err(bound.refuse(&format!("finds no column `{column}` in any record; there are {}", known.join(", "))))
}

fn csv_stats(mut bound: Bound, _: CallContext) -> Outcome {
    let (records, column) = (bound.records("records"), bound.text("column"));
    require_column(&bound, &records, &column)?;
    let cells: Vec<&Value> =
        records.iter().filter_map(|record| record.get(&column)).filter(|cell| !is_blank(cell)).collect();
    let numbers: Vec<f64> = cells.iter().filter_map(|cell| cell_number(cell)).collect();
    let mut texts: BTreeMap<String, usize> = BTreeMap::new();
    for cell in cells.iter().filter(|cell| cell_number(cell).is_none()) {
        *texts.entry(cell_text(cell)).or_default() += 1;
    }
    let mut stats = Map::from_iter([
        ("column".to_owned(), json!(column)),
        ("total_values".to_owned(), json!(cells.len())),
        ("numeric_values".to_owned(), json!(numbers.len())),
        ("text_values".to_owned(), json!(cells.len() - numbers.len())),
    ]);
    if !numbers.is_empty() {
        let described = json!({
            "min": numbers.iter().copied().fold(f64::INFINITY, f64::min),
            "max": numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            "mean": finite(mean(&numbers))?,
            "sum": finite(numbers.iter().sum())?,
        });
        stats.insert("numeric_stats".to_owned(), described);
    }
    if !texts.is_empty() {
        let unique = texts.len();
        let mut common: Vec<(String, usize)> = texts.into_iter().collect();
        common.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        common.truncate(TOP_VALUES);
        let described = json!({ "unique_values": unique, "most_common": common });
        stats.insert("text_stats".to_owned(), described);
    }
    Ok(Value::Object(stats))
}

#[derive(Debug, Clone, Copy)]
enum Comparison {
    AtLeast,
    AtMost,
    Above,
    Below,
    Unequal,
    Equal,
    Contains,
}

#[derive(Debug)]
struct Filter {
    column: String,
    comparison: Comparison,
    operand: String,
    /// The operand as a number, if it is one.
    number: Option<Magnitude>,
}

impl Filter {
    fn parse(column: String, criterion: &Value) -> Self {
        /// The longer signs first: `>=` also begins with `>`.
        const SIGNS: [(&str, Comparison); 8] = [
            (">=", Comparison::AtLeast),
            ("<=", Comparison::AtMost),
            ("!=", Comparison::Unequal),
            ("==", Comparison::Equal),
            (">", Comparison::Above),
            ("<", Comparison::Below),
            ("=", Comparison::Equal),
            ("~", Comparison::Contains),
        ];
        let text = cell_text(criterion);
        let (comparison, operand) = SIGNS
            .iter()
            .find_map(|(sign, comparison)| Some((*comparison, text.strip_prefix(sign)?.trim())))
            .unwrap_or((Comparison::Equal, text.as_str()));
        let number = Magnitude::of_text(operand);
        Self { column, comparison, operand: operand.to_owned(), number }
    }

    fn passes(&self, record: &Record) -> bool {
        let Some(cell) = record.get(&self.column) else { return false };
        let text = cell_text(cell);
        let order = match (self.number, Magnitude::of_cell(cell)) {
            (Some(operand), Some(number)) => Some(number.compare(operand)),
            // Text is neither above nor below a number.
            (Some(_), None) => None,
            (None, _) => Some(text.as_str().cmp(&self.operand)),
        };
        match self.comparison {
            Comparison::AtLeast => order.is_some_and(Ordering::is_ge),
            Comparison::AtMost => order.is_some_and(Ordering::is_le),
            Comparison::Above => order.is_some_and(Ordering::is_gt),
            Comparison::Below => order.is_some_and(Ordering::is_lt),
            Comparison::Equal => order.is_some_and(Ordering::is_eq),
            Comparison::Unequal => !order.is_some_and(Ordering::is_eq),
            Comparison::Contains => text.contains(&self.operand),
        }
    }
}

fn csv_filter(mut bound: Bound, _: CallContext) -> Outcome {
    let (records, filters) = (bound.records("records"), bound.object("filters"));
    let filters: Vec<Filter> =
        filters.into_iter().map(|(column, criterion)| Filter::parse(column, &criterion)).collect();
    for filter in &filters {
        require_column(&bound, &records, &filter.column)?;
    }
    Ok(records
        .into_iter()
        .filter(|record| filters.iter().all(|filter| filter.passes(record)))
        .map(Value::Object)
        .collect())
}

fn is_whole(cell: &Value) -> bool {
    match cell {
        Value::Number(number) => bind::whole(number).is_some() || number.is_u64(),
        Value::String(text) => text.trim().parse::<i128>().is_ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => false,
    }
}

fn is_flag(cell: &Value) -> bool {
    const FLAGS: [&str; 4] = ["true", "false", "1", "0"];
    cell.is_boolean() || FLAGS.contains(&cell_text(cell).to_lowercase().as_str())
}

fn is_date(cell: &Value) -> bool {
    cell.as_str().is_some_and(|text| {
        text.parse::<Date>().is_ok() || text.parse::<DateTime>().is_ok() || text.parse::<Timestamp>().is_ok()
    })
}

type Check = fn(&Value) -> bool;

fn check_of(bound: &Bound, column: &str, expected: &Value) -> Result<Check, FunctionError> {
    match expected.as_str() {
        Some("int") => Ok(is_whole),
        Some("float") => Ok(|cell| cell_number(cell).is_some()),
        Some("str") => Ok(Value::is_string),
        Some("bool") => Ok(is_flag),
        Some("date") => Ok(is_date),
        Some(_) | None => Err(bound.refuse(&format!(
            "expects int, float, str, bool or date for column `{column}` in `schema`, and {} was given",
            bind::describe(expected)
        ))),
    }
}

fn validate_types(mut bound: Bound, _: CallContext) -> Outcome {
    let (records, schema) = (bound.records("records"), bound.object("schema"));
    let checks: Vec<(&String, &Value, Check)> = schema
        .iter()
        .map(|(column, expected)| Ok((column, expected, check_of(&bound, column, expected)?)))
        .collect::<Result<_, FunctionError>>()?;
    let (mut errors, mut error_count, mut valid) = (Vec::new(), 0_usize, 0_usize);
    for (index, record) in records.iter().enumerate() {
        let before = error_count;
        for (column, expected, check) in &checks {
            let Some(cell) = record.get(*column) else { continue };
            if cell.is_null() || check(cell) {
                continue;
            }
            error_count += 1;
            if errors.len() < MAX_LISTED_ERRORS {
                errors.push(json!({
                    "record_index": index, "field": column, "value": cell, "expected_type": expected,
                }));
            }
        }
        valid += usize::from(error_count == before);
    }
    let success_rate = if records.is_empty() { 1.0 } else { float(valid) / float(records.len()) };
    Ok(json!({
        "total_records": records.len(),
        "valid_records": valid,
        "invalid_records": records.len() - valid,
        "error_count": error_count,
        "errors": errors,
        "success_rate": success_rate,
    }))
}
