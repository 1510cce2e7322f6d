//! What is measured: by real work, in the text that collectors read, in JSON, in the statistics and in the last hour.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use tokio::task::block_in_place;

use super::{ended, posted, submit};
use crate::harness::{Rest, Server, until};
use crate::socket::house::{Peer, registration, report};

const DOCS: &str = include_str!("../../../docs/metrics.md");

/// A family: its kind, its unit, and the labels that its samples have.
#[derive(Debug, Default, PartialEq, Eq)]
struct Family {
    kind: String,
    unit: String,
    labels: BTreeSet<String>,
}

/// The metrics as they were told.
#[derive(Debug)]
pub struct Scrape {
    pub text: String,
    families: BTreeMap<String, Family>,
    samples: BTreeMap<String, f64>,
}

impl Scrape {
    /// Checks that every line is well-formed: a type before its samples, no family and no series twice, an end.
    pub fn of(server: &Server) -> Self {
        let mut answer = ureq::get(format!("{}/metrics", server.url())).call().unwrap();
        let kind = answer.headers()["content-type"].to_str().unwrap().to_owned();
        assert!(kind.starts_with("application/openmetrics-text"), "{kind}");
        let text = answer.body_mut().read_to_string().unwrap();
        assert!(text.ends_with("# EOF\n"), "{text}");
        let mut families: BTreeMap<String, Family> = BTreeMap::new();
        let mut samples = BTreeMap::new();
        let mut current = String::new();
        for line in text.lines() {
            let words: Vec<&str> = line.splitn(4, ' ').collect();
            match words.as_slice() {
                ["#", "TYPE", name, kind] => {
                    current = (*name).to_owned();
                    let family = Family { kind: (*kind).to_owned(), ..Family::default() };
                    assert!(families.insert(current.clone(), family).is_none(), "{name} comes twice");
                }
                ["#", "UNIT", name, unit] => {
                    assert!(*name == current && name.ends_with(&format!("_{unit}")), "{line}");
                    families.get_mut(*name).unwrap().unit = (*unit).to_owned();
                }
                ["#", "HELP", name, _] => assert_eq!(*name, current),
                ["#", "EOF"] => {}
                _ => {
                    let (series, value) = line.rsplit_once(' ').unwrap();
                    let family = families.get_mut(&current).expect("samples follow their family");
                    let name = series.split('{').next().unwrap();
                    let suffix = name.strip_prefix(&current).expect("a sample is of its family");
                    assert!(suffixes(&family.kind).contains(&suffix), "{line}");
                    family.labels.extend(labels_of(series));
                    let value = value.parse().unwrap_or_else(|_| panic!("{line}"));
                    assert!(samples.insert(series.to_owned(), value).is_none(), "{series} comes twice");
                }
            }
        }
        Self { text, families, samples }
    }

    fn value(&self, series: &str) -> f64 {
        *self.samples.get(series).unwrap_or_else(|| panic!("{series} is not in {}", self.text))
    }
}

fn suffixes(kind: &str) -> &'static [&'static str] {
    match kind {
        "gauge" | "stateset" => &[""],
        "counter" => &["_total"],
        "info" => &["_info"],
        "histogram" => &["_bucket", "_count", "_sum"],
        other => panic!("{other} is no kind of metric"),
    }
}

/// The names of a series' labels, without those that the format itself asks for.
fn labels_of(series: &str) -> Vec<String> {
    let Some((name, rest)) = series.split_once('{') else { return Vec::new() };
    let pairs = rest.trim_end_matches('}').split("\",").filter_map(|pair| pair.split_once('='));
    pairs.map(|(label, _)| label.to_owned()).filter(|label| label != "le" && *label != name).collect()
}

/// The tables of the documentation.
fn documented() -> BTreeMap<String, Family> {
    let ticked =
        |cell: &str| -> BTreeSet<String> { cell.split('`').skip(1).step_by(2).map(str::to_owned).collect() };
    let rows = DOCS.lines().filter(|line| line.starts_with("| `gleitzeit_"));
    rows.map(|row| {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let labels = ticked(cells[4]);
        (
            ticked(cells[1]).pop_first().unwrap(),
            Family { kind: cells[2].to_owned(), unit: cells[3].to_owned(), labels },
        )
    })
    .collect()
}

/// A port at which nobody listens any more.
fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Runs tasks in the server and at a service: some succeed, one fails, one is refused, one is lost.
async fn work(server: &Server) -> Peer {
    let rest = server.rest();
    let mut peer = Peer::connect(&server.url()).await;
    let slots = json!({"capabilities": {"task_types": ["external_custom"], "max_concurrent_tasks": 4}});
    assert_eq!(peer.call("node:register", registration("w1", slots)).await["ok"], true);
    let external =
        |name: &str| json!({"name": name, "external": "custom", "max_retries": 0, "priority": "high"});
    let inside = json!({"name": "inside", "function": "fibonacci", "args": [10]});
    let body = json!({"name": "measured", "tasks": [external("good"), external("bad"), inside]});
    let id = block_in_place(|| submit(&rest, &body));
    let refusal = peer.next("task:assign").await;
    peer.call("task:failed", report(&refusal, json!({"error": "Service at capacity"}))).await;
    let mut left = 2;
    while left > 0 {
        let assigned = peer.next("task:assign").await;
        assert_eq!(peer.call("task:accepted", report(&assigned, json!({}))).await["ok"], true);
        let told = if assigned["task_name"] == "good" {
            peer.call("task:completed", report(&assigned, json!({"result": 1}))).await
        } else {
            peer.call("task:failed", report(&assigned, json!({"error": "it broke"}))).await
        };
        assert_eq!(told["ok"], true, "{told}");
        left -= 1;
    }
    assert_eq!(block_in_place(|| ended(&rest, &id))["status"], "failed");
    let lost = block_in_place(|| submit(&rest, &json!({"name": "lost", "tasks": [external("lost")]})));
    let assigned = peer.next("task:assign").await;
    peer.call("task:accepted", report(&assigned, json!({}))).await;
    peer.call("task:failed", report(&assigned, json!({"error": "Task cancelled"}))).await;
    peer.next("task:assign").await;
    block_in_place(|| posted(&rest, &format!("/workflows/{lost}/cancel"), &json!({}), 200));
    block_in_place(|| assert_eq!(rest.get("/nothing/here").unwrap().status, 404));
    peer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_documented_is_told_and_the_other_way_round() {
    let data = tempfile::tempdir().unwrap();
    let nobody = format!("http://127.0.0.1:{}", block_in_place(free_port));
    let server = block_in_place(|| Server::start(data.path(), &["--otlp-endpoint", &nobody]));
    let _peer = work(&server).await;
    let complete = || {
        let families = Scrape::of(&server).families;
        (!families["gleitzeit_trace_spans_dropped"].labels.is_empty()).then_some(families)
    };
    let told = block_in_place(|| until("spans are given up", super::SOON, complete));
    let documented = documented();
    assert!(told.len() >= 40 && told.keys().all(|name| name.starts_with("gleitzeit_")), "{:?}", told.keys());
    let names = |all: &BTreeMap<String, Family>| all.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&told), names(&documented), "told, and documented in docs/metrics.md");
    for (name, family) in &told {
        assert_eq!(family, &documented[name], "{name}: as told, and as documented in docs/metrics.md");
    }
    let most = gleitzeit::figures::LABELLED_MAX;
    assert!(DOCS.contains(&format!("at most {most} combinations")), "docs/metrics.md does not say {most}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn real_work_is_counted_where_it_belongs() {
    let data = tempfile::tempdir().unwrap();
    let server = block_in_place(|| Server::start(data.path(), &[]));
    let mut peer = work(&server).await;
    let scrape = block_in_place(|| Scrape::of(&server));
    for (series, expected) in [
        ("gleitzeit_attempts_started_total", 6.0),
        ("gleitzeit_tasks_completed_total", 2.0),
        ("gleitzeit_tasks_failed_total", 1.0),
        ("gleitzeit_attempts_refused_total", 1.0),
        ("gleitzeit_attempts_failed_total{code=\"GZ2001\"}", 1.0),
        ("gleitzeit_attempts_lost_total{reason=\"abandoned\"}", 1.0),
        ("gleitzeit_workflows_submitted_total", 2.0),
        ("gleitzeit_workflows_ended_total{status=\"failed\"}", 1.0),
        ("gleitzeit_workflows_ended_total{status=\"cancelled\"}", 1.0),
        ("gleitzeit_task_queue_wait_seconds_count{priority=\"high\"}", 5.0),
        ("gleitzeit_task_queue_wait_seconds_count{priority=\"normal\"}", 1.0),
        ("gleitzeit_task_run_seconds_count{task_type=\"external_custom\",service=\"w1\"}", 1.0),
        ("gleitzeit_task_run_seconds_count{task_type=\"function\",service=\"built-in\"}", 1.0),
        ("gleitzeit_service_accept_seconds_count{service=\"w1\"}", 3.0),
        ("gleitzeit_dispatch_seconds_count", 6.0),
        ("gleitzeit_http_request_seconds_count{method=\"POST\",route=\"/api/v1/workflows\"}", 2.0),
        ("gleitzeit_http_request_seconds_count{method=\"GET\",route=\"none\"}", 1.0),
        ("gleitzeit_http_responses_total{class=\"4xx\"}", 1.0),
        ("gleitzeit_leases", 1.0),
    ] {
        assert!((scrape.value(series) - expected).abs() < 0.5, "{series}: {}", scrape.text);
    }
    let (syncs, batches) =
        (scrape.value("gleitzeit_log_sync_seconds_count"), scrape.value("gleitzeit_log_syncs_total"));
    assert!(syncs >= batches && batches > 0.0, "a seal is a sync without records: {syncs}, {batches}");
    for series in [
        "gleitzeit_log_size_bytes",
        "gleitzeit_store_size_bytes",
        "gleitzeit_disk_free_bytes",
        "gleitzeit_process_threads",
    ] {
        assert!(scrape.value(series) > 0.0, "{series}");
    }
    let stopped = peer.next("task:cancel").await;
    peer.call("task:failed", report(&stopped, json!({"error": "Task cancelled"}))).await;
    let freed = || (Scrape::of(&server).value("gleitzeit_leases") < 0.5).then_some(());
    block_in_place(|| until("the slot is free", super::SOON, freed));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statistics_and_services_tell_how_long_things_take_of_late() {
    let data = tempfile::tempdir().unwrap();
    let server = block_in_place(|| Server::start(data.path(), &[]));
    let rest = server.rest();
    let peer = work(&server).await;
    let stats = block_in_place(|| rest.read("/stats"));
    let latency = &stats["latency"];
    for (name, count) in [("dispatch", Some(6)), ("queue_wait", Some(6)), ("sync", None)] {
        let spread = &latency[name];
        assert!(count.is_none_or(|count| spread["count"] == count), "{name}: {latency}");
        let quantiles =
            ["p50_ms", "p95_ms", "p99_ms"].map(|name| spread[name].as_f64().expect("there were values"));
        assert!(quantiles.is_sorted() && quantiles[0] > 0.0, "{name}: {latency}");
    }
    assert!(latency["window_seconds"].as_f64().unwrap() < 600.0, "{latency}");
    assert!(stats["disk"]["log_bytes"].as_u64().unwrap() > 0, "{stats}");
    let recent = block_in_place(|| rest.read("/services/w1"))["recent"].clone();
    assert_eq!(
        (&recent["completed"], &recent["failed"], &recent["success_rate"]),
        (&json!(1), &json!(1), &json!(0.5))
    );
    assert_eq!((&recent["run"]["count"], &recent["round_trip"]["count"]), (&json!(1), &json!(3)), "{recent}");
    let body = block_in_place(|| json_of(&server));
    assert_eq!(body["pid"], stats["pid"], "the figures of /stats are there");
    let dispatch = &body["metrics"]["gleitzeit_dispatch_seconds"];
    assert_eq!((&dispatch["type"], &dispatch["unit"]), (&json!("histogram"), &json!("seconds")));
    assert_eq!(dispatch["samples"][0]["count"], 6, "{dispatch}");
    drop(peer);
}

fn json_of(server: &Server) -> Value {
    let request = ureq::get(format!("{}/metrics", server.url())).header("Accept", "application/json");
    serde_json::from_str(&request.call().unwrap().body_mut().read_to_string().unwrap()).unwrap()
}

fn sum(column: &Value) -> u64 {
    column.as_array().unwrap().iter().map(|count| count.as_u64().unwrap()).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_hour_is_there_in_columns_and_goes_on_where_a_reader_stopped() {
    let data = tempfile::tempdir().unwrap();
    let server = block_in_place(|| Server::start(data.path(), &[]));
    let rest = server.rest();
    let _peer = work(&server).await;
    let complete = |rest: &Rest| {
        let history = rest.read("/stats/history");
        (sum(&history["started"]) == 6).then_some(history)
    };
    let history = block_in_place(|| until("the work is in a sample", super::SOON, || complete(&rest)));
    assert_eq!(
        (sum(&history["completed"]), sum(&history["failed"]), sum(&history["workflows_ended"])),
        (2, 1, 2)
    );
    let times: Vec<u64> =
        history["at_ms"].as_array().unwrap().iter().map(|at| at.as_u64().unwrap()).collect();
    assert!(times.is_sorted() && history["until_ms"].as_u64() == times.last().copied(), "{history}");
    let columns =
        history.as_object().unwrap().values().chain(history["queued"].as_object().unwrap().values());
    assert!(columns.filter_map(Value::as_array).all(|column| column.len() == times.len()), "{history}");
    let at =
        history["started"].as_array().unwrap().iter().rposition(|count| count.as_u64() > Some(0)).unwrap();
    assert!(history["dispatch_p50_ms"][at].as_f64() > Some(0.0), "{history}");
    assert!(history["queued"]["urgent"][at] == 0 && history["running"][at].is_u64(), "{history}");
    let since = |since: u64| rest.read(&format!("/stats/history?since={since}"))["at_ms"].clone();
    let last = *times.last().unwrap();
    let next = block_in_place(|| {
        until("the next sample", super::SOON, || since(last).get(0).and_then(Value::as_u64))
    });
    assert!(next > last);
}

/// Every query of the dashboard that is given as an example, with the variables of its selectors.
fn queries(node: &Value, found: &mut Vec<String>) {
    for (key, value) in node.as_object().into_iter().flatten() {
        if ["expr", "definition", "query"].contains(&key.as_str()) {
            found.extend(value.as_str().map(str::to_owned));
        }
        queries(value, found);
    }
    for item in node.as_array().into_iter().flatten() {
        queries(item, found);
    }
}

/// The words of a query that are names of metrics, and the labels that are matched or grouped by in it.
fn words(query: &str) -> impl Iterator<Item = &str> {
    query.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

#[test]
fn the_dashboard_for_grafana_asks_for_metrics_that_exist() {
    let dashboard: Value =
        serde_json::from_str(include_str!("../../../examples/grafana/gleitzeit.json")).unwrap();
    let mut all = Vec::new();
    queries(&dashboard, &mut all);
    let documented = documented();
    let mut asked = BTreeSet::new();
    for query in &all {
        let metrics: Vec<&str> = words(query).filter(|word| word.starts_with("gleitzeit_")).collect();
        assert!(!metrics.is_empty() || query == "prometheus", "{query}");
        let mut labels: BTreeSet<&str> = BTreeSet::from(["le", "instance"]);
        for metric in metrics {
            let family = |(name, family): &(&String, &Family)| {
                suffixes(&family.kind).iter().any(|suffix| format!("{name}{suffix}") == metric)
            };
            let (name, family) =
                documented.iter().find(family).unwrap_or_else(|| panic!("{metric}: {query}"));
            labels.extend(family.labels.iter().map(String::as_str));
            asked.insert(name.clone());
        }
        for group in query.split("by (").skip(1) {
            let group = words(group.split(')').next().unwrap());
            group.for_each(|label| assert!(labels.contains(label), "{label}: {query}"));
        }
    }
    assert!(all.len() > 30 && asked.len() > 25, "{asked:?}");
    let titles = dashboard["panels"].as_array().unwrap().iter().map(|panel| panel["title"].as_str().unwrap());
    assert!(
        titles.clone().count() == titles.collect::<BTreeSet<_>>().len(),
        "panels have titles of their own"
    );
}
