//! Records brought together: groups, one number for each group, and pivot tables.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::signature::{DefaultValue, Kind, Parameter};
use super::statistics::{cell_number, finite, mean};
use super::tables::{NAME, RECORDS, Record, cell_text, require_column};
use super::{Bound, CallContext, Example, Function, FunctionError, Outcome, Run, bind};

/// Rows times columns of a pivot table; ten times this would not fit a result.
const MAX_PIVOT_CELLS: usize = 100_000;

const OPERATION: Kind = Kind::Choice(&["sum", "count", "avg", "min", "max"]);

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "group_by",
        summary: "The records by the text of one field: {value: [records]}. Records without it are under \
                  `null`.",
        signature: &[RECORDS, Parameter::required("field", NAME)],
        example: Example {
            args: r#"[[{"city": "Ulm", "n": 1}, {"city": "Bonn", "n": 2}, {"city": "Ulm", "n": 3}], "city"]"#,
            result: r#"{"Bonn": [{"city": "Bonn", "n": 2}],
                        "Ulm": [{"city": "Ulm", "n": 1}, {"city": "Ulm", "n": 3}]}"#,
        },
        run: Run::Heavy(group_by),
    },
    Function {
        name: "aggregate",
        summary: "One number for each group that group_by made, over a field: sum, count (of records), avg, \
                  min or max; null for a group in which no record has the field.",
        signature: &[
            Parameter::required("grouped_data", Kind::Object),
            Parameter::required("field", NAME),
            Parameter::optional("operation", OPERATION, DefaultValue::Text("sum")),
        ],
        example: Example {
            args: r#"[{"Ulm": [{"n": 1}, {"n": "3"}], "Bonn": [{"n": 2}]}, "n", "avg"]"#,
            result: r#"{"Bonn": 2.0, "Ulm": 2.0}"#,
        },
        run: Run::Heavy(aggregate),
    },
    Function {
        name: "pivot",
        summary: "A table of one number for each pair of row and column value: {pivot_table: {row: {column: \
                  number}}, index_field, column_field, value_field, aggregation, index_values, \
                  column_values}. A pair without records is 0 for sum and count, else null.",
        signature: &[
            RECORDS,
            Parameter::required("index_field", NAME),
            Parameter::required("column_field", NAME),
            Parameter::required("value_field", NAME),
            Parameter::optional("aggfunc", OPERATION, DefaultValue::Text("sum")),
        ],
        example: Example {
            args: r#"[[{"y": 2024, "q": "a", "n": 1}, {"y": 2024, "q": "b", "n": 2}, {"y": 2025, "q": "a", "n": 4}],
                      "y", "q", "n"]"#,
            result: r#"{"pivot_table": {"2024": {"a": 1.0, "b": 2.0}, "2025": {"a": 4.0, "b": 0.0}},
                        "index_field": "y", "column_field": "q", "value_field": "n", "aggregation": "sum",
                        "index_values": ["2024", "2025"], "column_values": ["a", "b"]}"#,
        },
        run: Run::Heavy(pivot),
    },
];

fn group_by(mut bound: Bound, _: CallContext) -> Outcome {
    let (records, field) = (bound.records("records"), bound.text("field"));
    require_column(&bound, &records, &field)?;
    let mut groups: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for record in records {
        groups.entry(key_of(&record, &field)).or_default().push(Value::Object(record));
    }
    Ok(json!(groups))
}

fn key_of(record: &Record, field: &str) -> String {
    cell_text(record.get(field).unwrap_or(&Value::Null))
}

/// The numbers of a field; absent and null cells are left out, anything else that is no number is refused.
fn numbers<'a>(
    bound: &Bound,
    records: impl Iterator<Item = &'a Record>,
    field: &str,
) -> Result<Vec<f64>, FunctionError> {
    records
        .filter_map(|record| record.get(field))
        .filter(|cell| !cell.is_null())
        .map(|cell| {
            cell_number(cell).ok_or_else(|| {
                bound
                    .refuse(&format!("finds {} in field `{field}`, which is no number", bind::describe(cell)))
            })
        })
        .collect()
}

fn summarise(operation: &str, records: usize, numbers: &[f64], empty: &Value) -> Outcome {
    let summary = match operation {
        "count" => return Ok(json!(records)),
        _ if numbers.is_empty() => return Ok(empty.clone()),
        "avg" => mean(numbers),
        "min" => numbers.iter().copied().fold(f64::INFINITY, f64::min),
        "max" => numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        _ => numbers.iter().sum(),
    };
    Ok(json!(finite(summary)?))
}

fn aggregate(mut bound: Bound, _: CallContext) -> Outcome {
    let (groups, field) = (bound.object("grouped_data"), bound.text("field"));
    let operation = bound.text("operation");
    let mut summaries = Map::new();
    for (group, members) in groups {
        let records: Option<Vec<&Record>> =
            members.as_array().and_then(|items| items.iter().map(Value::as_object).collect());
        let records = records.ok_or_else(|| {
            bound.refuse(&format!(
                "expects a list of records for group `{group}` in `grouped_data`, and {} was given",
                bind::describe(&members)
            ))
        })?;
        let numbers = match operation.as_str() {
            "count" => Vec::new(),
            _ => numbers(&bound, records.iter().copied(), &field)?,
        };
        summaries.insert(group, summarise(&operation, records.len(), &numbers, &Value::Null)?);
    }
    Ok(Value::Object(summaries))
}

fn pivot(mut bound: Bound, _: CallContext) -> Outcome {
    let records = bound.records("records");
    let (index_field, column_field) = (bound.text("index_field"), bound.text("column_field"));
    let (value_field, operation) = (bound.text("value_field"), bound.text("aggfunc"));
    for field in [&index_field, &column_field, &value_field] {
        require_column(&bound, &records, field)?;
    }
    let mut cells: BTreeMap<(String, String), Vec<&Record>> = BTreeMap::new();
    for record in &records {
        let pair = (key_of(record, &index_field), key_of(record, &column_field));
        cells.entry(pair).or_default().push(record);
    }
    let rows: BTreeSet<&String> = cells.keys().map(|(row, _)| row).collect();
    let columns: BTreeSet<&String> = cells.keys().map(|(_, column)| column).collect();
    if rows.len().saturating_mul(columns.len()) > MAX_PIVOT_CELLS {
        return Err(bound.refuse(&format!(
            "would make a table of {} rows and {} columns, and {MAX_PIVOT_CELLS} cells are allowed",
            rows.len(),
            columns.len()
        )));
    }
    let empty = match operation.as_str() {
        "count" => json!(0),
        "sum" => json!(0.0),
        _ => Value::Null,
    };
    let mut table = Map::new();
    for row in &rows {
        let mut line = Map::new();
        for column in &columns {
            let members = cells.get(&((*row).clone(), (*column).clone())).map_or(&[][..], Vec::as_slice);
            let numbers = match operation.as_str() {
                "count" => Vec::new(),
                _ => numbers(&bound, members.iter().copied(), &value_field)?,
            };
            line.insert((*column).clone(), summarise(&operation, members.len(), &numbers, &empty)?);
        }
        table.insert((*row).clone(), Value::Object(line));
    }
    Ok(json!({
        "pivot_table": table,
        "index_field": index_field,
        "column_field": column_field,
        "value_field": value_field,
        "aggregation": operation,
        "index_values": rows,
        "column_values": columns,
    }))
}
