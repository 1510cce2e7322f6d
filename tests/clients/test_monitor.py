"""Metrics: numbers are numbers, with and without nodes, heartbeats and work."""

from typing import Any

from support.earlier import echo
from support.patience import until
from support.scripted import task

SHAPE = {
    "cluster_metrics": {
        "connected_clients", "executor_nodes", "external_service_nodes", "active_workflows", "monitoring_clients",
    },
    "queue_metrics": {"urgent_queue", "high_queue", "normal_queue", "low_queue", "total_queued"},
    "system_metrics": {"server_cpu", "server_memory", "server_disk"},
    "aggregate_metrics": {"avg_node_cpu", "avg_node_memory", "total_active_tasks", "cluster_utilization"},
}
NODE_NUMBERS = {"cpu_usage", "memory_usage", "active_tasks", "max_tasks", "uptime_seconds"}


def nulls(value: Any, path: str = "") -> list[str]:
    if value is None:
        return [path]
    if isinstance(value, dict):
        return [found for key, each in value.items() for found in nulls(each, f"{path}.{key}")]
    if isinstance(value, list):
        return [found for place, each in enumerate(value) for found in nulls(each, f"{path}[{place}]")]
    return []


def check(metrics: dict) -> None:
    assert nulls(metrics) == []
    assert "T" in metrics["timestamp"]
    for part, fields in SHAPE.items():
        assert fields <= set(metrics[part]), part
        assert all(isinstance(metrics[part][field], int | float) for field in fields), metrics[part]
    for node in metrics["node_metrics"]:
        assert {"node_id", "name", "node_type", "status", "last_heartbeat", "has_gpu"} <= set(node)
        assert all(isinstance(node[field], int | float) for field in NODE_NUMBERS), node
        if node["node_type"] == "external_service":
            assert isinstance(node["capabilities"], list)
            assert isinstance(node["tasks_completed"], int) and isinstance(node["tasks_failed"], int)


async def test_metrics_before_the_first_heartbeat_and_with_nobody_there(house):
    monitor = await house.observer()
    await monitor.emit("monitor:get_metrics", {"type": "all"})
    check((await monitor.next("monitor:metrics_response"))["current_metrics"])
    service = await house.service("service", {"custom_processing": echo})
    node = await house.executor("node", {"text": echo})
    await until(lambda: monitor.seen("node:registered") and monitor.seen("external_service:registered"), "both are told")
    await monitor.emit("monitor:get_metrics", {"type": "all", "history_minutes": 5})
    answer = await monitor.next("monitor:metrics_response")
    check(answer["current_metrics"])
    assert isinstance(answer["historical_metrics"], list) and answer["timestamp"]
    by_id = {each["node_id"]: each for each in answer["current_metrics"]["node_metrics"]}
    assert by_id[service.node_id]["max_tasks"] == 10 and by_id[service.node_id]["capabilities"] == ["custom_processing"]
    assert by_id[node.node_id]["node_type"] == "executor"


async def test_a_subscription_is_fed_until_it_ends(house):
    monitor = await house.observer()
    await monitor.emit("monitor:subscribe", {"types": ["all"]})
    first = await monitor.next("monitor:initial_metrics")
    check(first["metrics"])
    assert first["update_interval_seconds"] == 2.0 and first["subscription_types"]
    await monitor.next("monitor:subscribed")
    await house.service("service", {"custom_processing": echo}, heartbeat=0.3)
    workflow = await house.api.submit([task("waits", kind="ml_training", priority="high")])

    async def both_are_shown() -> bool:
        update = await monitor.next("monitor:metrics_update")
        metrics = update.get("metrics", update)
        check(metrics)
        return metrics["queue_metrics"]["high_queue"] == 1 and metrics["cluster_metrics"]["external_service_nodes"] == 1

    await until(both_are_shown, "the update shows the queue and the service")
    await monitor.emit("monitor:unsubscribe", {})
    await monitor.next("monitor:unsubscribed")
    monitor.inbox.clear()
    await monitor.never("monitor:metrics_update", seconds=3)
    await house.api.post(f"/workflows/{workflow}/cancel")


async def test_work_and_heartbeats_show_up(house):
    worker = await house.worker("worker", capacity=4)
    workflow = await house.api.submit([task("a"), task("b")])
    got = [await worker.assigned(), await worker.assigned()]
    for assignment in got:
        await worker.accept(assignment)
    await worker.heartbeat(active_tasks=2, max_tasks=4, tasks_completed=3, tasks_failed=1, uptime_seconds=12.5)
    monitor = await house.observer()
    await monitor.emit("monitor:get_metrics", {"type": "all"})
    metrics = (await monitor.next("monitor:metrics_response"))["current_metrics"]
    check(metrics)
    node = next(node for node in metrics["node_metrics"] if node["node_id"] == worker.node_id)
    assert (node["active_tasks"], node["max_tasks"]) == (2, 4)
    assert metrics["aggregate_metrics"]["total_active_tasks"] == 2
    assert metrics["cluster_metrics"]["active_workflows"] == 1
    for assignment in got:
        await worker.complete(assignment)
    await house.api.completed(workflow)


async def test_task_metrics_of_an_executor_are_broadcast(house):
    monitor = await house.observer()
    node = await house.worker("node", task_types=["text"])
    await node.heartbeat(status="healthy", task_metrics={"t": {"duration": 1.5}}, cpu_usage=1, memory_usage=2)
    assert (await monitor.next("monitor:task_metrics"))["node_id"] == node.node_id


async def test_the_thin_heartbeat_counts_too(house):
    node = await house.worker("thin", task_types=["text"])
    answer = await node.call("node:heartbeat", {"node_id": node.node_id, "status": "healthy", "current_tasks": 0})
    assert answer["ok"] is True
