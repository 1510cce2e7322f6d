//! The database service: rows into a real `SQLite` file, and back.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Mutex;

use rusqlite::types::{Value as Cell, ValueRef};
use rusqlite::{Connection, OptionalExtension as _, params, params_from_iter};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Report;
use super::fault::Fault;

/// One task's rows go into one transaction.
const MAX_ROWS: usize = 100_000;
/// `SQLite` allows 2,000 columns; a table of a demo has a handful.
const MAX_COLUMNS: usize = 100;
const MAX_NAME_BYTES: usize = 63;
const DEFAULT_LIMIT: u32 = 100;
/// More rows than this do not belong into the result of a task.
const MAX_LIMIT: u32 = 10_000;

/// What a task asks for, in the form the workflow builders give it.
#[derive(Debug, Deserialize)]
#[serde(tag = "operation", content = "query_params", rename_all = "snake_case")]
enum Request {
    /// Adds rows to a table, which is made when there is none.
    Store { table: String, rows: Vec<Map<String, Value>> },
    /// Reads rows of a table, those with the given values only.
    Query {
        table: String,
        #[serde(default, rename = "where")]
        equal: Map<String, Value>,
        #[serde(default = "default_limit")]
        limit: u32,
    },
}

fn default_limit() -> u32 {
    DEFAULT_LIMIT
}

#[derive(Debug)]
pub struct DatabaseService {
    connection: Mutex<Connection>,
}

impl DatabaseService {
    pub fn open(path: &Path) -> rusqlite::Result<Self> {
        let connection = Connection::open(path)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        // A task that was reported as done must be in the file, also after a power cut.
        connection.pragma_update(None, "synchronous", "FULL")?;
        Ok(Self { connection: Mutex::new(connection) })
    }

    pub fn handle(&self, task_id: &str, parameters: Value, report: Report) -> Result<Value, Fault> {
        let request = serde_json::from_value(parameters).map_err(|error| {
            Fault::refuse(format!("the database service cannot read the task's external_parameters: {error}"))
        })?;
        let mut connection = self.connection.lock().expect("no holder of the lock panics");
        match request {
            Request::Store { table, rows } => store(&mut connection, task_id, &table, &rows, report),
            Request::Query { table, equal, limit } => query(&connection, &table, &equal, limit, report),
        }
    }
}

/// A name that may stand in SQL between quotes. Names cannot be parameters of a statement.
fn checked(name: &str) -> Result<&str, Fault> {
    let mut bytes = name.bytes();
    let begins = bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic());
    if begins
        && name.len() <= MAX_NAME_BYTES
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    {
        Ok(name)
    } else {
        Err(Fault::refuse(format!(
            "{name:?} cannot name a table or column; use a letter, then letters, digits and underscores, at \
             most {MAX_NAME_BYTES}"
        )))
    }
}

/// A locked or full database is another time's success; all else is ours or the task's mistake.
fn sql_fault(error: &rusqlite::Error) -> Fault {
    use rusqlite::ErrorCode::{DatabaseBusy, DatabaseLocked, DiskFull, SystemIoFailure};
    match error.sqlite_error_code() {
        Some(DatabaseBusy | DatabaseLocked | DiskFull | SystemIoFailure) => {
            Fault::fail(format!("SQLite cannot do it now: {error}"))
        }
        Some(_) | None => Fault::refuse(format!("SQLite refuses: {error}")),
    }
}

/// The rows carry the task and their position as primary key: a task that runs twice stores them once.
fn store(
    connection: &mut Connection,
    task_id: &str,
    table: &str,
    rows: &[Map<String, Value>],
    report: Report,
) -> Result<Value, Fault> {
    let table = checked(table)?;
    if rows.len() > MAX_ROWS {
        return Err(Fault::refuse(format!(
            "`rows` has {} rows and may have {MAX_ROWS}; store them in several tasks",
            rows.len()
        )));
    }
    let columns: BTreeSet<&str> = rows.iter().flat_map(Map::keys).map(String::as_str).collect();
    if columns.len() > MAX_COLUMNS {
        return Err(Fault::refuse(format!(
            "the rows have {} different columns and may have {MAX_COLUMNS}",
            columns.len()
        )));
    }
    let transaction = connection.transaction().map_err(|error| sql_fault(&error))?;
    prepare_table(&transaction, table, &columns)?;
    report(
        30,
        &format!("table {table} has the columns {}", columns.iter().copied().collect::<Vec<_>>().join(", ")),
    )?;

    let names = columns.iter().fold(String::new(), |names, column| names + ", \"" + column + "\"");
    let places = ", ?".repeat(columns.len());
    let mut inserted = 0;
    {
        let insert =
            format!("INSERT OR IGNORE INTO \"{table}\" (_task_id, _row{names}) VALUES (?, ?{places})");
        let mut statement = transaction.prepare(&insert).map_err(|error| sql_fault(&error))?;
        for (position, row) in rows.iter().enumerate() {
            let position = i64::try_from(position).expect("the number of rows is bounded");
            let key = [Cell::Text(task_id.to_owned()), Cell::Integer(position)];
            let cells = columns.iter().map(|column| to_cell(row.get(*column).unwrap_or(&Value::Null)));
            inserted += statement
                .execute(params_from_iter(key.into_iter().chain(cells)))
                .map_err(|error| sql_fault(&error))?;
        }
    }
    report(80, &format!("{inserted} rows are inserted"))?;
    let total: i64 = transaction
        .query_row(&format!("SELECT count(*) FROM \"{table}\""), params![], |row| row.get(0))
        .map_err(|error| sql_fault(&error))?;
    transaction.commit().map_err(|error| sql_fault(&error))?;
    Ok(json!({
        "table": table,
        "inserted": inserted,
        "already_stored": rows.len() - inserted,
        "total_rows": total,
    }))
}

/// Makes the table, or the columns it lacks.
fn prepare_table(connection: &Connection, table: &str, columns: &BTreeSet<&str>) -> Result<(), Fault> {
    let create = format!(
        "CREATE TABLE IF NOT EXISTS \"{table}\" (_task_id TEXT NOT NULL, _row INTEGER NOT NULL, \
         PRIMARY KEY (_task_id, _row))"
    );
    connection.execute(&create, params![]).map_err(|error| sql_fault(&error))?;
    let known = columns_of(connection, table)?;
    for column in columns {
        let column = checked(column)?;
        if !known.iter().any(|known| known.eq_ignore_ascii_case(column)) {
            let add = format!("ALTER TABLE \"{table}\" ADD COLUMN \"{column}\"");
            connection.execute(&add, params![]).map_err(|error| sql_fault(&error))?;
        }
    }
    Ok(())
}

fn columns_of(connection: &Connection, table: &str) -> Result<Vec<String>, Fault> {
    let mut statement =
        connection.prepare("SELECT name FROM pragma_table_info(?)").map_err(|error| sql_fault(&error))?;
    let names = statement.query_map(params![table], |row| row.get(0)).map_err(|error| sql_fault(&error))?;
    names.collect::<rusqlite::Result<_>>().map_err(|error| sql_fault(&error))
}

fn to_cell(value: &Value) -> Cell {
    match value {
        Value::Null => Cell::Null,
        Value::Bool(flag) => Cell::Integer(i64::from(*flag)),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => Cell::Integer(whole),
            (None, Some(float)) => Cell::Real(float),
            (None, None) => Cell::Text(number.to_string()),
        },
        Value::String(text) => Cell::Text(text.clone()),
        nested @ (Value::Array(_) | Value::Object(_)) => Cell::Text(nested.to_string()),
    }
}

fn from_cell(cell: ValueRef<'_>) -> Value {
    match cell {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(whole) => json!(whole),
        ValueRef::Real(float) => json!(float),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => json!(String::from_utf8_lossy(bytes)),
    }
}

fn query(
    connection: &Connection,
    table: &str,
    equal: &Map<String, Value>,
    limit: u32,
    report: Report,
) -> Result<Value, Fault> {
    let table = checked(table)?;
    if limit > MAX_LIMIT {
        return Err(Fault::refuse(format!("`limit` is {limit} and may be {MAX_LIMIT}; narrow `where`")));
    }
    let exists: Option<i64> = connection
        .query_row("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?", params![table], |row| {
            row.get(0)
        })
        .optional()
        .map_err(|error| sql_fault(&error))?;
    if exists.is_none() {
        return Err(Fault::refuse(format!("there is no table {table:?}; store rows in it first")));
    }
    let columns = columns_of(connection, table)?;
    let columns: Vec<&String> = columns.iter().filter(|column| !column.starts_with('_')).collect();
    let names: Vec<String> = columns.iter().map(|column| format!("\"{column}\"")).collect();
    let mut conditions = String::from("1 = 1");
    for column in equal.keys() {
        conditions = conditions + " AND \"" + checked(column)? + "\" IS ?";
    }
    let select = format!(
        "SELECT {} FROM \"{table}\" WHERE {conditions} ORDER BY rowid LIMIT {limit}",
        if names.is_empty() { "NULL".to_owned() } else { names.join(", ") }
    );
    let mut statement = connection.prepare(&select).map_err(|error| sql_fault(&error))?;
    let mut found =
        statement.query(params_from_iter(equal.values().map(to_cell))).map_err(|error| sql_fault(&error))?;
    let mut rows = Vec::new();
    while let Some(row) = found.next().map_err(|error| sql_fault(&error))? {
        let record: Map<String, Value> = columns
            .iter()
            .enumerate()
            .map(|(index, column)| Ok(((*column).clone(), from_cell(row.get_ref(index)?))))
            .collect::<rusqlite::Result<_>>()
            .map_err(|error| sql_fault(&error))?;
        rows.push(Value::Object(record));
    }
    report(90, &format!("{} rows are read", rows.len()))?;
    Ok(json!({ "table": table, "count": rows.len(), "rows": rows }))
}
