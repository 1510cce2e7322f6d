"""What happens to those who are silent: accept, grace, liveness and counting, with their real defaults."""

import asyncio
import time
import uuid

from support.patience import until
from support.scripted import held, task


async def test_a_stuck_service_loses_the_task_at_the_accept_timeout(house):
    """R8: 10 s; the late answer changes nothing."""
    stuck = await house.worker("stuck")
    begin = time.monotonic()
    workflow = await house.api.submit([task("work", attempts=1)])
    first = await stuck.assigned()
    quick = await house.worker("quick")
    second = await quick.assigned()
    assert time.monotonic() - begin > 9.9 and second["attempt"] > first["attempt"]
    late = await stuck.accept(first)
    assert late["ok"] is False and late["retryable"] is False
    await quick.accept(second)
    await quick.complete(second, "quick")
    late = await stuck.complete(first, "stuck")
    assert late["ok"] is False and late["retryable"] is False
    assert await house.api.completed(workflow) == {"work": "quick"}


async def test_a_greedy_service_is_capped(house):
    """R8: it asks for 1,000,000 slots; what it holds stays bounded, and all is done."""
    greedy = await house.worker("greedy", capacity=1_000_000)
    workflow = await house.api.submit([task(f"t{i}") for i in range(1500)])
    await greedy.assigned()
    await asyncio.sleep(2)
    assert len(greedy.seen("task:assign")) + 1 <= 1000
    await house.api.post(f"/workflows/{workflow}/cancel")


async def test_a_broken_connection_has_its_grace_and_then_loses_the_task(house):
    network = await house.network()
    lost = await house.worker("lost", url=network.url)
    workflow = await house.api.submit([task("work", attempts=1)])
    first = await lost.assigned()
    await lost.accept(first)
    other = await house.worker("other")
    network.cut()
    begin = time.monotonic()
    second = await other.assigned()
    assert time.monotonic() - begin > 10, "the grace gives it time to come back"
    assert second["attempt"] > first["attempt"]
    await other.accept(second)
    await other.complete(second, "other")
    assert await house.api.completed(workflow) == {"work": "other"}


async def test_who_comes_back_within_the_grace_keeps_the_task(house):
    """R10: cut in the middle of a task; it ends once."""
    network = await house.network()
    worker = await house.worker("back soon", url=network.url)
    workflow = await house.api.submit([task("work", attempts=1)])
    assignment = await worker.assigned()
    await worker.accept(assignment)
    network.cut()
    await asyncio.sleep(5)
    again = await house.worker("back soon", node_id=worker.node_id, register={"active": held(assignment)})
    assert (await again.complete(assignment, "kept"))["ok"] is True
    assert await house.api.completed(workflow) == {"work": "kept"}
    assert again.seen("task:assign") == []


async def test_a_silent_service_is_reassigned_within_two_intervals(house):
    """R8: the connection stands and nothing is heard, pings included."""
    network = await house.network()
    silent = await house.worker("silent", url=network.url)
    workflow = await house.api.submit([task("work", attempts=1)])
    first = await silent.assigned()
    await silent.accept(first)
    other = await house.worker("other")
    network.stall()
    second = await other.assigned()
    assert second["attempt"] > first["attempt"]
    await other.accept(second)
    await other.complete(second, "other")
    assert await house.api.completed(workflow) == {"work": "other"}


async def test_two_counts_below_the_grants_since_the_reconnect_mean_lost(house):
    """An earlier service lost a result while the socket was down: counting is all that tells."""
    node_id = f"counting-{uuid.uuid4().hex[:6]}"
    network = await house.network()
    worker = await house.worker("counting", url=network.url, node_id=node_id, fences=False)
    workflow = await house.api.submit([task("work", attempts=1)])
    first = await worker.assigned()
    await worker.accept(first)
    network.cut()
    again = await house.worker("counting", node_id=node_id, fences=False)
    await again.heartbeat(active_tasks=0, max_tasks=10)
    await again.heartbeat(active_tasks=0, max_tasks=10)
    second = await again.assigned()
    assert second["task_id"] == first["task_id"] and second["attempt"] > first["attempt"]
    await again.accept(second)
    await again.complete(second, "again")
    assert await house.api.completed(workflow) == {"work": "again"}


async def test_one_count_is_not_enough(house):
    node_id = f"counting-{uuid.uuid4().hex[:6]}"
    network = await house.network()
    worker = await house.worker("counting", url=network.url, node_id=node_id, fences=False)
    workflow = await house.api.submit([task("work", attempts=1)])
    first = await worker.assigned()
    await worker.accept(first)
    network.cut()
    again = await house.worker("counting", node_id=node_id, fences=False)
    await again.heartbeat(active_tasks=0, max_tasks=10)
    await again.heartbeat(active_tasks=1, max_tasks=10)
    await again.never("task:assign", seconds=1.5)
    assert (await again.complete(first, "it ran on"))["ok"] is True
    assert await house.api.completed(workflow) == {"work": "it ran on"}


async def test_counts_without_a_reconnect_prove_nothing(house):
    worker = await house.worker("miscounting", fences=False)
    workflow = await house.api.submit([task("work", attempts=1)])
    assignment = await worker.assigned()
    await worker.accept(assignment)
    for _ in range(4):
        await worker.heartbeat(active_tasks=0, max_tasks=10)
    await worker.never("task:assign")
    assert (await worker.complete(assignment, "fine"))["ok"] is True
    assert await house.api.completed(workflow) == {"work": "fine"}


async def test_five_failures_in_a_row_open_the_breaker(house):
    worker = await house.worker("failing")
    workflow = await house.api.submit([task(f"t{i}", attempts=1) for i in range(5)])
    for _ in range(5):
        assignment = await worker.assigned()
        await worker.accept(assignment)
        await worker.fail(assignment, "broken")
    await house.api.ended(workflow)
    waiting = await house.api.submit([task("waits")])
    await worker.never("task:assign")
    assert "GZ1033" in await house.api.why(waiting, "waits") or "breaker" in (await house.api.why(waiting, "waits")).lower()
    await until(lambda: worker.seen("task:assign"), "the breaker closes after its pause")
    await worker.run("mended")
    assert await house.api.completed(waiting) == {"waits": "mended"}
