//! The server that only assigns: the Rust client and a client of the earlier kind keep up with it.

use gleitzeit::client::node::{Capability, ExternalServiceNode, TaskError};
use gleitzeit::client::wire::{ConnectOptions, Socket};
use serde_json::json;

use super::kit::{Kit, documented_service, python};
use crate::harness::PATIENCE;

fn node(url: &str) -> ExternalServiceNode {
    ExternalServiceNode::new("Null").url(url).capability(Capability::CustomProcessing)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_task_is_counted_once_over_two_services() {
    let kit = Kit::start(&["--null", "--tasks", "3000", "--services", "2", "--window", "40"]);
    let start = || {
        node(&kit.url).max_concurrent_tasks(100).handler("conformance", |_, input| async move { Ok(input) })
    };
    let nodes = [start().start().expect("it starts"), start().start().expect("it starts")];
    for node in &nodes {
        // The server says in the end that its services may go.
        node.stopped().await;
    }
    let completed: u64 = nodes.iter().map(|node| node.status().completed).sum();
    let (code, report) = kit.report();
    assert_eq!((code, completed), (0, 3_000), "{report}");
    assert_eq!(
        (&report["tasks"], &report["completed"], &report["measured_tasks"]),
        (&json!(3_000), &json!(3_000), &json!(2_700))
    );
    assert_eq!((&report["services"], &report["window"]), (&json!(2), &json!(40)));
    assert_eq!((&report["failed"], &report["stray_reports"]), (&json!(0), &json!(0)));
    assert!(report["tasks_per_s"].as_f64().is_some_and(|figure| figure > 0.0), "{report}");
    assert!(nodes.iter().all(|node| node.status().completed > 0), "both have worked");
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_are_counted_and_told() {
    let kit = Kit::start(&["--null", "--tasks", "50"]);
    let failing = |_, _| async { Err(TaskError::new("no such operation")) };
    let node = node(&kit.url).handler("conformance", failing).start().expect("it starts");
    node.stopped().await;
    let (code, report) = kit.report();
    assert_eq!((code, &report["failed"], &report["completed"]), (1, &json!(50), &json!(0)), "{report}");
    assert_eq!(report["errors"], json!(["no such operation"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_lost_connection_held_goes_to_the_next() {
    let kit = Kit::start(&["--null", "--tasks", "100"]);
    let (socket, mut events) = Socket::connect(&ConnectOptions::new(&kit.url)).await.expect("it connects");
    let register = json!({
        "node_id": "idle", "name": "Idle", "node_type": "external_service",
        "capabilities": {"task_types": ["external_custom"], "max_concurrent_tasks": 30},
    });
    let answer = socket.emit_with_ack("node:register", &register, PATIENCE).await;
    assert!(answer.is_ok_and(|answer| answer.as_str().contains("\"ok\":true")));
    let mut held = 0;
    while held < 30 {
        let event = events.next().await.expect("it is given its whole window");
        held += usize::from(event.name == "task:assign");
    }
    socket.close().await;
    let node = node(&kit.url)
        .handler("conformance", |_, input| async move { Ok(input) })
        .start()
        .expect("it starts");
    node.stopped().await;
    let (code, report) = kit.report();
    assert_eq!((code, &report["completed"]), (0, &json!(100)), "{report}");
}

#[test]
fn a_service_without_extensions_is_measured_too() {
    let kit = Kit::start(&["--null", "--tasks", "500"]);
    let script = "import asyncio, sys\nsys.path.insert(0, 'tests/clients')\n\
        from support.earlier import EarlierService\n\
        async def nothing(assignment, progress):\n    return None\n\
        async def main():\n\
        \x20   service = EarlierService(sys.argv[1], 'Earlier', ['custom_processing'], {'conformance': nothing})\n\
        \x20   await service.start()\n\
        \x20   while not service.stopped_for_good: await asyncio.sleep(0.01)\n\
        asyncio.run(main())";
    let ended = python().args(["-c", script, &kit.url]).status().expect("run tests/run first");
    let (code, report) = kit.report();
    assert!(ended.success());
    assert_eq!((code, &report["completed"], &report["window"]), (0, &json!(500), &json!(10)), "{report}");
}

#[test]
fn the_service_of_the_documentation_works() {
    let kit = Kit::start(&["--null", "--tasks", "500"]);
    let ended = documented_service(&kit.url).status().expect("run tests/run first");
    let (code, report) = kit.report();
    assert!(ended.success());
    assert_eq!((code, &report["completed"]), (0, &json!(500)), "{report}");
}
