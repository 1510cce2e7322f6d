//! The services by themselves: what they answer, what they refuse, and that a second run changes nothing.

use serde_json::{Value, json};

use super::api::ApiService;
use super::database::DatabaseService;
use super::fault::Fault;
use super::ml::MlService;
use super::receiver::{self, Receiver};

const IRIS: &str = include_str!("../../../examples/data/iris.csv");
const PIPELINE: &str = include_str!("../../../examples/workflows/hybrid_ml_pipeline.yaml");

fn iris() -> Vec<Value> {
    let mut reader = csv::Reader::from_reader(IRIS.as_bytes());
    let rows: csv::Result<Vec<serde_json::Map<String, Value>>> = reader
        .deserialize::<std::collections::BTreeMap<String, String>>()
        .map(|row| Ok(row?.into_iter().map(|(name, cell)| (name, Value::String(cell))).collect()))
        .collect();
    rows.unwrap().into_iter().map(Value::Object).collect()
}

#[expect(clippy::unnecessary_wraps, reason = "a listener may end the task, and this one never does")]
fn quiet(_: u8, _: &str) -> Result<(), Fault> {
    Ok(())
}

fn training() -> Value {
    json!({
        "operation": "train",
        "model_params": { "alphas": [0.01, 1.0], "repeats": 1 },
        "data_params": { "records": iris(), "target": "species", "test_fraction": 0.3, "seed": 7 },
    })
}

#[test]
fn the_data_is_whole() {
    let records = iris();
    assert_eq!(records.len(), 150);
    let inline = IRIS.lines().fold(String::new(), |text, line| text + "        " + line + "\n");
    assert!(PIPELINE.contains(&inline), "the workflow carries another table than examples/data/iris.csv");
    for species in ["setosa", "versicolor", "virginica"] {
        assert_eq!(records.iter().filter(|record| record["species"] == species).count(), 50);
    }
}

#[test]
fn a_model_learns_and_survives_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let service = MlService::open(directory.path().to_owned()).unwrap();
    let mut heard = Vec::new();
    let trained = service
        .handle(training(), &mut |percent, _| {
            heard.push(percent);
            Ok(())
        })
        .unwrap();
    assert!(heard.len() >= 4 && heard.is_sorted(), "{heard:?}");
    assert!(trained["accuracy"].as_f64().unwrap() > 0.9, "{trained}");
    assert_eq!((trained["n_train"].as_u64(), trained["n_test"].as_u64()), (Some(105), Some(45)));
    let total: u64 = trained["confusion_matrix"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|line| line.as_array().unwrap())
        .map(|count| count.as_u64().unwrap())
        .sum();
    assert_eq!(total, 45);

    let ask = json!({
        "operation": "predict",
        "model_params": { "model_id": trained["model_id"] },
        "data_params": { "records": trained["test_records"] },
    });
    let before = service.handle(ask.clone(), &mut quiet).unwrap();
    assert_eq!(before["accuracy"], trained["accuracy"]);
    assert!(before["confidences"].as_array().unwrap().iter().all(|confidence| {
        let confidence = confidence.as_f64().unwrap();
        confidence > 1.0 / 3.0 && confidence <= 1.0
    }));

    // Another process would find only the files.
    let restarted = MlService::open(directory.path().to_owned()).unwrap();
    assert_eq!(restarted.handle(ask, &mut quiet).unwrap(), before);
    assert_eq!(
        restarted.handle(training(), &mut quiet).unwrap(),
        trained,
        "the same task makes the same model"
    );
}

#[test]
fn the_ml_service_says_what_it_cannot_do() {
    let directory = tempfile::tempdir().unwrap();
    let service = MlService::open(directory.path().to_owned()).unwrap();
    let refused = |parameters: Value| {
        let fault = service.handle(parameters, &mut quiet).unwrap_err();
        assert!(!fault.retryable);
        fault.message
    };
    let predict = |id: &str| json!({ "operation": "predict", "model_params": { "model_id": id }, "data_params": { "records": [{}] } });
    assert!(refused(predict("logreg-0123456789ab")).contains("there is no model"));
    assert!(refused(predict("../../etc/passwd")).contains("is no model id"));
    let train = |records: Value| json!({ "operation": "train", "data_params": { "records": records, "target": "y" } });
    assert!(refused(train(json!([]))).contains("1 to 10000 rows"));
    assert!(refused(train(json!([{ "x": "?", "y": "a" }, { "x": "2", "y": "b" }]))).contains("no number"));
    assert!(refused(train(json!([{ "x": 1, "y": "a" }, { "x": 2, "y": "a" }]))).contains("different values"));
    assert!(refused(json!({ "operation": "forget" })).contains("unknown variant"));
}

#[test]
fn rows_are_stored_once() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("demo.sqlite");
    let service = DatabaseService::open(&path).unwrap();
    let store = json!({ "operation": "store", "query_params": {
        "table": "runs", "rows": [{ "name": "a", "score": 0.5 }, { "name": "b", "tags": ["x"], "ok": true }],
    }});
    let first = service.handle("task-1", store.clone(), &mut quiet).unwrap();
    assert_eq!(first, json!({ "table": "runs", "inserted": 2, "already_stored": 0, "total_rows": 2 }));
    drop(service);

    let service = DatabaseService::open(&path).unwrap();
    let again = service.handle("task-1", store.clone(), &mut quiet).unwrap();
    assert_eq!(again, json!({ "table": "runs", "inserted": 0, "already_stored": 2, "total_rows": 2 }));
    let other = service.handle("task-2", store, &mut quiet).unwrap();
    assert_eq!(other["total_rows"], 4);

    let query = json!({ "operation": "query", "query_params": {
        "table": "runs", "where": { "name": "b" }, "limit": 1,
    }});
    let found = service.handle("task-3", query, &mut quiet).unwrap();
    assert_eq!(found["rows"], json!([{ "name": "b", "ok": 1, "score": null, "tags": "[\"x\"]" }]));
}

#[test]
fn names_that_are_no_names_never_reach_sql() {
    let directory = tempfile::tempdir().unwrap();
    let service = DatabaseService::open(&directory.path().join("demo.sqlite")).unwrap();
    let refused = |parameters: Value| {
        let fault = service.handle("task-1", parameters, &mut quiet).unwrap_err();
        assert!(!fault.retryable);
        fault.message
    };
    let store = |table: &str, column: &str| json!({ "operation": "store", "query_params": { "table": table, "rows": [{ column: 1 }] } });
    assert!(refused(store("a\"; DROP TABLE b; --", "x")).contains("cannot name"));
    assert!(refused(store("a", "x\" INTEGER")).contains("cannot name"));
    assert!(refused(store("sqlite_master", "x")).contains("SQLite refuses"));
    assert!(
        refused(json!({ "operation": "query", "query_params": { "table": "none" } })).contains("no table")
    );
}

#[tokio::test]
async fn a_notification_is_taken_once() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("notifications.jsonl");
    let notify = json!({ "endpoint": receiver::PATH, "payload": { "text": "done" } });
    {
        let receiver = Receiver::start(&path).await.unwrap();
        let service = ApiService::new(receiver.url()).unwrap();
        let first = service.handle("task-1", notify.clone(), &mut quiet).await.unwrap();
        assert_eq!((&first["status_code"], &first["response"]["receipt"]), (&json!(201), &json!(1)));
        assert_eq!(receiver.count(), 1);
    }
    // The last line of a killed process may be cut short.
    let mut text = std::fs::read(&path).unwrap();
    text.extend_from_slice(b"{\"key\": \"tas");
    std::fs::write(&path, text).unwrap();

    let receiver = Receiver::start(&path).await.unwrap();
    let service = ApiService::new(receiver.url()).unwrap();
    let again = service.handle("task-1", notify.clone(), &mut quiet).await.unwrap();
    assert_eq!(again["response"], json!({ "receipt": 1, "duplicate": true }));
    let other = service.handle("task-2", notify, &mut quiet).await.unwrap();
    assert_eq!(other["response"], json!({ "receipt": 2, "duplicate": false }));
    assert_eq!(receiver.count(), 2);
}

#[tokio::test]
async fn calls_that_cannot_be_made_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(&directory.path().join("notifications.jsonl")).await.unwrap();
    let service = ApiService::new(receiver.url()).unwrap();
    for (parameters, expected, retryable) in [
        (json!({ "endpoint": "http://example.org/" }), "must be a path", false),
        (json!({ "endpoint": "/notifications", "method": "P OST" }), "no HTTP method", false),
        (json!({ "endpoint": "/notifications", "headers": { "a b": "c" } }), "failed", false),
        (json!({ "endpoint": "/elsewhere", "payload": 1 }), "404", false),
        (json!({}), "missing field `endpoint`", false),
    ] {
        let fault = service.handle("task-1", parameters, &mut quiet).await.unwrap_err();
        assert!(fault.message.contains(expected), "{fault}");
        assert_eq!(fault.retryable, retryable, "{fault}");
    }
    let gone = ApiService::new("http://127.0.0.1:9".to_owned()).unwrap();
    let fault = gone.handle("task-1", json!({ "endpoint": "/" }), &mut quiet).await.unwrap_err();
    assert!(fault.retryable, "{fault}");
}
