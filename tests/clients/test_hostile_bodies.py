"""R14: bodies that nobody means well with, and workflows as large as they may be, at the real binary."""

import json

import pytest

from support.scripted import function, task

MEGABYTE = 1 << 20
# As in the table of limits.
BODY_BYTES_MAX = 32 * MEGABYTE
TASKS_MAX = 200_000
DEEP = 10_000
LARGE = 100_000
TOO_MANY = [f"t{n}" for n in range(20_001)]
# A slow machine takes its time for a hundred thousand tasks.
SECONDS = 1200


def nested(depth: int) -> str:
    return "[" * depth + "]" * depth


def workflow(*tasks: dict) -> str:
    return json.dumps({"name": "hostile", "tasks": list(tasks)})


def bare(name: str, *dependencies: str) -> dict:
    return {"name": name, "function": "fibonacci", "args": [1], "dependencies": list(dependencies)}


JSON, YAML = "application/json", "application/yaml"
ONE = '{"name": "w", "tasks": [{"function": "f", "args": %s}]}'
# A few hundred bytes that stand for a thousand million nodes.
BOMB = "name: w\nmetadata:\n  a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"  a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9)
) + "tasks:\n  - function: f\n    args: *a8\n"

CASES = {
    "above the limit": (JSON, '{"name": "' + "x" * BODY_BYTES_MAX + '"}', 413, "GZ7002"),
    "ten thousand deep": (JSON, ONE % nested(DEEP), 400, "GZ3007"),
    "a million deep": (JSON, ONE % nested(1_000_000), 400, "GZ3007"),
    "deep keys": (JSON, ONE % ('{"a":' * DEEP + "1" + "}" * DEEP), 400, "GZ3007"),
    "never closed": (JSON, "[" * 1_000_000, 400, "GZ3007"),
    "deep in YAML": (YAML, f"name: w\ntasks:\n  - function: f\n    args: {nested(DEEP)}\n", 400, "GZ7010"),
    "aliases of aliases": (YAML, BOMB, 400, "GZ7010"),
    "an anchor in itself": (YAML, "name: w\ntasks: &t\n  - function: f\n    args: *t\n", 400, "GZ7010"),
    "cut off": (JSON, '{"name": "w", "tasks": [', 400, "GZ3007"),
    "not UTF-8": (JSON, b'{"name": "\xff"}', 400, "GZ3007"),
    "no JSON": (JSON, "\x00" * 100, 400, "GZ3007"),
    "a circle": (JSON, workflow(bare("a", "b"), bare("b", "a")), 422, "GZ3003"),
    "a long circle": (
        JSON, workflow(*[bare(f"t{n}", f"t{(n + 1) % 1000}") for n in range(1000)]), 422, "GZ3003",
    ),
    "waits for itself": (JSON, workflow(bare("a", "a")), 422, "GZ3003"),
    "an unknown name": (JSON, workflow(bare("a", "b")), 422, None),
    "the same name twice": (JSON, workflow(bare("a"), bare("a"), bare("c", "a")), 422, None),
    "no task": (JSON, '{"name": "w", "tasks": []}', 422, None),
    "more tasks than may be": (JSON, workflow(*[{"function": "f"}] * (TASKS_MAX + 1)), 422, "GZ3001"),
    "more dependencies than may be": (
        JSON, workflow(*[bare(name) for name in TOO_MANY], bare("all", *TOO_MANY)), 422, "GZ3001",
    ),
    "a name too long": (JSON, workflow(bare("x" * 257)), 422, None),
    "a template of nobody": (JSON, workflow(function("a", "fibonacci", n="{{nobody.result}}")), 422, None),
    "a hundred thousand templates of nobody": (
        JSON, workflow(function("a", "fibonacci", n="{{nobody.result}}" * LARGE)), 422, None,
    ),
    "a million braces": (JSON, workflow(function("a", "fibonacci", n="{{" * 1_000_000)), 201, None),
    "another language": ("text/html", "<html>", 415, None),
}


@pytest.mark.timeout(SECONDS)
async def test_every_hostile_body_is_answered_and_stores_nothing(house):
    taken = []
    for name, (language, body, status, code) in CASES.items():
        data = body if isinstance(body, bytes) else body.encode()
        answer = await house.api.ask("POST", "/workflows", data=data, headers={"Content-Type": language})
        assert answer.status == status, f"{name}: {answer.status} {str(answer.body)[:500]}"
        if status == 201:
            taken.append(answer.body["id"])
        else:
            assert answer.body["code"].startswith("GZ") and len(str(answer.body)) < 4_000, name
            assert code in (None, answer.body["code"]), f"{name}: {answer.body}"
    stored = [item["id"] for item in (await house.api.get("/workflows"))["items"]]
    assert sorted(stored) == sorted(taken)


async def test_a_result_is_never_read_as_a_template_and_cannot_multiply_without_end(house):
    """One pass: what a result brings in stays text. What templates make of it has a limit of its own."""
    worker = await house.worker("bomber")
    workflow = await house.api.submit([
        task("seed", attempts=1),
        task("once", "seed", parameters={"got": "{{seed.result}}", "inside": "<{{seed.result}}>"}),
        task("bomb", "seed", attempts=1, parameters={"all": ["{{seed.result}}"] * 20_000}),
    ])
    innocent = "{{once.result}} ${seed.result} " + "x" * 10_000
    first = await worker.assigned(task_name="seed")
    await worker.accept(first)
    await worker.complete(first, innocent)
    once = await worker.assigned(task_name="once")
    assert once["external_parameters"] == {"got": innocent, "inside": f"<{innocent}>"}
    await worker.accept(once)
    await worker.complete(once, 1)
    # Two hundred megabytes for one service: it is told to nobody, and the task has failed with the reason.
    results = await house.api.ended(workflow)
    assert results["status"] == "failed" and list(results["errors"]) == ["bomb"], results["errors"]
    assert results["errors"]["bomb"]["code"].startswith("GZ"), results["errors"]
    assert (await house.api.get("/stats"))["rss_bytes"] < 1 << 30


@pytest.mark.timeout(SECONDS)
async def test_a_hundred_thousand_tasks_in_one_chain_overflow_no_stack(house):
    """Accepted, skipped from the first to the last when the first one fails, and all there again after a crash."""
    worker = await house.worker("first link")
    links = [task("t0", attempts=1)] + [bare(f"t{n}", f"t{n - 1}") for n in range(1, LARGE)]
    workflow = await house.api.submit(links)
    first = await worker.assigned()
    await worker.accept(first)
    await house.server.crash_and_restart()
    again = await house.worker("first link", node_id=worker.node_id, register={"active": [
        {"task_id": first["task_id"], "attempt": first["attempt"]}
    ]})
    assert (await again.fail(first, "the first link breaks", retryable=False))["ok"] is True
    results = await house.api.ended(workflow, SECONDS)
    assert results["status"] == "failed" and list(results["errors"]) == ["t0"]
    ended = await house.api.get(f"/workflows/{workflow}")
    assert (ended["total_tasks"], ended["completed_tasks"], ended["failed_tasks"]) == (LARGE, 0, 1), ended
    # The last of them was reached.
    last = await house.api.get(f"/tasks/{workflow}.{LARGE - 1}")
    assert last["status"] == "skipped", last
