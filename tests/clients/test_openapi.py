"""The description of the interface is true: every operation is called on a real server, and each answer fits."""

import asyncio
import json

import pytest

from conftest import TOKEN, House
from support.contract import Caller, Contract
from support.receiver import Receiver
from support.rest import until
from support.server import Server, binary

CONFIG = """
[http]
allow = ["127.0.0.1"]
"""
NOBODY = "00000000-0000-7000-8000-000000000000"
IMPORTED = "0192f0c0-0000-7000-8000-0000000000a1"
COUNT = {"name": "Count", "function": "count_words", "args": ["to be or not to be"]}
BROKEN = {"name": "Broken", "function": "decode_base64", "args": ["not base64!"], "max_retries": 0}
WAITS = {"name": "Waits", "external": "custom", "service": "nobody", "external_parameters": {"n": 1}}


@pytest.fixture
async def receiver():
    receiver = await Receiver().start()
    yield receiver
    await receiver.stop()


@pytest.fixture
async def caller(tmp_path):
    server = await Server(tmp_path, token=TOKEN, config=CONFIG).start()
    house = House(server)
    caller = Caller(Contract(), server.url, TOKEN)
    caller.house = house
    yield caller
    await caller.close()
    await house.close()
    if server.running:
        await server.stop()
    assert "panicked at" not in server.log()


def test_every_example_fits_its_schema_and_shows_all_of_it():
    contract = Contract()
    checked = 0
    for name, (_, _, operation) in contract.operations.items():
        bodies = [(f"{name} request", operation["requestBody"], False)] if "requestBody" in operation else []
        answers = operation["responses"].items()
        bodies += [(f"{name} {status}", contract.resolve(answer), status[0] == "2") for status, answer in answers]
        for what, body, whole in bodies:
            for content in body["content"].values():
                examples = [example["value"] for example in content.get("examples", {}).values()]
                if "example" in content:
                    examples.append(content["example"])
                assert examples, f"{what} has no example"
                for example in examples:
                    contract.check(example, content["schema"], what)
                    checked += 1
                    if whole and isinstance(example, dict) and operation["operationId"] not in PARTLY_SHOWN:
                        missing = contract.members(content["schema"]) - example.keys()
                        assert not missing, f"{what} does not show {missing}"
    assert checked > 200


# Members that are there only sometimes.
PARTLY_SHOWN = {"get_definition", "change_webhook"}


async def test_every_operation_answers_as_it_says(caller: Caller, receiver: Receiver):
    await submissions(caller)
    done = await caller.call("submit_workflow", 201, json={"name": "Done", "tasks": [COUNT, BROKEN]})
    await looking(caller, done["id"])
    await imports(caller, done["id"])
    await waiting(caller)
    await many(caller)
    await webhooks(caller, receiver)
    await callbacks(caller, receiver)
    await services(caller)
    await access(caller)
    await server(caller)
    good = {name for name, status in caller.answered if status < 300}
    assert good == set(caller.contract.operations), set(caller.contract.operations) - good
    assert {status for _, status in caller.answered} >= {200, 201, 202, 400, 401, 403, 404, 409, 415, 422}


async def submissions(caller: Caller) -> None:
    body = {"id": "batch", "name": "Named", "tasks": [COUNT]}
    await caller.call("submit_workflow", 201, json=body)
    await caller.call("submit_workflow", 200, json=body)
    await caller.call("submit_workflow", 409, json={**body, "name": "Other"})
    for name in ("cancel", "retry"):
        await caller.call("submit_workflow", 201, json={**body, "id": name}, headers={"Prefer": "wait=20"})
    for name in ("batch", "cancel", "retry"):
        await caller.call(f"get_workflow_named_{name}")
    await caller.call("submit_workflow", 422, json={"name": "x", "tasks": [{"functoin": "y"}]})
    await caller.call("submit_workflow", 400, data="{", headers={"Content-Type": "application/json"})
    await caller.call("submit_workflow", 415, data="{}", headers={"Content-Type": "text/html"})
    await caller.call("submit_workflow", 401, json=body, headers={"Authorization": "Bearer wrong"})
    await caller.call("submit_workflow", 403, json=body, headers={"Origin": "https://elsewhere.example"})
    yaml = "name: Yaml\ntasks:\n  - {function: count_words, args: [a b]}\n"
    await caller.call("submit_workflow", 201, data=yaml, headers={"Content-Type": "application/yaml"})
    await caller.call("validate_workflow", json={"name": "x", "tasks": [COUNT]}, params={"graph": "true"})
    await caller.call("validate_workflow", json={"name": "x", "tasks": [{"function": "cuont_words"}]})
    lines = f"{json.dumps({'name': 'Line', 'tasks': [COUNT]})}\n{{\n"
    answers = await caller.call("submit_workflows", data=lines, headers={"Content-Type": "application/x-ndjson"})
    codes = []
    for line in answers.splitlines():
        caller.contract.check(json.loads(line), {"$ref": "#/components/schemas/BatchAnswer"}, line)
        codes.append(json.loads(line)["code"])
    assert codes == [201, 400]


async def looking(caller: Caller, workflow: str) -> None:
    await until(lambda: has_ended(caller, workflow), 30, "end of the workflow")
    one = {"path": {"id": workflow}}
    listed = await caller.call("list_workflows", params={"limit": 1, "status": "failed,completed", "text": "do"})
    assert listed["next_cursor"] is None or listed["items"]
    await caller.call("list_workflows", params=every_parameter(caller, "list_workflows"))
    await caller.call("list_workflows", 400, params={"stauts": "failed"})
    for name in ("get_graph", "get_definition", "get_results", "list_workflow_events"):
        await caller.call(name, **one)
        await caller.call(name, 404, path={"id": NOBODY})
    await caller.call("list_workflow_events", params={"since": 0, "limit": 2}, **one)
    await caller.call("list_tasks", params={"limit": 1}, **one)
    failed = (await caller.call("list_tasks", params={"status": "failed"}, **one))["items"][0]
    await caller.call("list_tasks", 400, params={"limit": "many"}, **one)
    await caller.call("get_task", path={"id": failed["id"]})
    await caller.call("get_task", 404, path={"id": NOBODY})
    await caller.call("get_task", 400, path={"id": b"\xff"})
    await caller.call("why_task", path={"id": failed["id"]})
    await caller.call("list_dead_letters", params=every_parameter(caller, "list_dead_letters"))
    await caller.call("list_dead_letters", params={"code": "GZ2001"})
    await caller.call("complete_task", path={"id": failed["id"]}, json={"result": 7, "by": "ada"})
    await caller.call("complete_task", 409, path={"id": failed["id"]}, json={"result": 8})
    await caller.call("complete_task", 422, path={"id": failed["id"]}, json={})
    await caller.call("cancel_workflow", 409, **one)


async def imports(caller: Caller, workflow: str) -> None:
    exporting = await asyncio.create_subprocess_exec(
        binary(), "export", workflow, "--url", caller.house.server.url, "--token", TOKEN, stdout=asyncio.subprocess.PIPE
    )
    exported, _ = await exporting.communicate()
    assert exporting.returncode == 0
    await caller.call("import_workflow", 409, json=json.loads(exported))
    elsewhere = json.loads(exported.replace(workflow.encode(), IMPORTED.encode()))
    assert (await caller.call("import_workflow", 201, json=elsewhere))["id"] == IMPORTED
    await caller.call("import_workflow", 200, json=elsewhere)
    assert (await caller.call("get_workflow", path={"id": IMPORTED}))["imported"]["status"] == "completed"
    await caller.call("import_workflow", 422, json={"workflow": {}})


def every_parameter(caller: Caller, operation: str) -> dict:
    """What is described is taken."""
    values = {"status": "failed", "limit": "1", "code": "GZ2002", "metadata.team": "billing"}
    parameters = caller.contract.operations[operation][2]["parameters"]
    names = [parameter["name"] for parameter in parameters if parameter["in"] == "query"]
    times = {name: "2026-11-01T00:00:00Z" for name in names if name.endswith(("after", "before"))}
    return {name: {**values, **times}.get(name, "x") for name in names if name != "cursor"}


async def has_ended(caller: Caller, workflow: str) -> bool:
    found = await caller.call("get_workflow", path={"id": workflow})
    return found["status"] in {"completed", "failed", "cancelled"}


async def waiting(caller: Caller) -> None:
    submitted = await caller.call("submit_workflow", 201, json={"name": "Waiting", "tasks": [
        WAITS, {**WAITS, "name": "Fails"}, {**WAITS, "name": "After", "dependencies": ["Waits"]},
        {**WAITS, "name": "Cancelled"}]})
    one = {"path": {"id": submitted["id"]}}
    tasks = {task["name"]: task["id"] for task in (await caller.call("list_tasks", **one))["items"]}
    for name in ("Waits", "After"):
        await caller.call("why_task", path={"id": tasks[name]})
    await caller.call("pause_workflow", **one)
    await caller.call("why_task", path={"id": tasks["Waits"]})
    await caller.call("resume_workflow", **one)
    await caller.call("cancel_task", path={"id": tasks["Cancelled"]})
    await caller.call("retry_task", path={"id": tasks["Cancelled"]}, json={"by": "ada"})
    await caller.call("fail_task", path={"id": tasks["Fails"]}, json={"error": "no", "details": {"n": 1}})
    await caller.call("skip_task", path={"id": tasks["Waits"]}, json={"with": {"n": 2}})
    await caller.call("cancel_workflow", **one)
    await caller.call("retry_workflow", 404, path={"id": NOBODY})
    await caller.call("retry_workflow", json={"parameters": {"Fails": {"external_parameters": {"n": 2}}}}, **one)
    await caller.call("get_workflow", **one)
    await caller.call("get_graph", **one)


async def many(caller: Caller) -> None:
    for _ in range(3):
        await caller.call("submit_workflow", 201, json={"name": "Many", "tags": ["red"], "tasks": [WAITS]})
    await caller.call("cancel_workflows", json={"filter": {"tag": "red"}, "dry_run": True, "limit": 1})
    await caller.call("cancel_workflows", json={"filter": {"tag": "red"}})
    await caller.call("cancel_workflows", 400, json={"filter": {}})
    await caller.call("retry_workflows", json={"filter": {"status": "cancelled", "tag": "red"}})
    await caller.call("retry_tasks", json={"filter": {"code": "GZ2001"}})


async def webhooks(caller: Caller, receiver: Receiver) -> None:
    made = await caller.call("create_webhook", 201, json={"url": receiver.url, "events": ["*"], "filter": {"tag": "b"}})
    one = {"path": {"id": made["id"]}}
    await caller.call("create_webhook", 400, json={"url": receiver.url, "events": ["nothing"]})
    await caller.call("create_webhook", 422, json={"url": receiver.url})
    await caller.call("create_webhook", 403, json={"url": "http://10.0.0.1/", "events": ["*"]})
    await caller.call("submit_workflow", 201, json={"name": "Told", "tags": ["b"], "tasks": [COUNT]})
    await receiver.next()
    await until(lambda: deliveries(caller, one), 30, "a delivery that is recorded")
    await caller.call("list_webhooks")
    await caller.call("get_webhook", **one)
    await caller.call("get_webhook", 404, path={"id": "x"})
    await caller.call("change_webhook", json={"description": "changed", "enabled": False}, **one)
    await caller.call("resume_webhook", json={"from": "now"}, **one)
    await caller.call("rotate_webhook_secret", **one)
    await caller.call("test_webhook", **one)
    delivery = (await deliveries(caller, one))[0]["id"]
    await caller.call("redeliver", path={"id": made["id"], "delivery": delivery})
    await caller.call("redeliver", 404, path={"id": made["id"], "delivery": "1"})
    await caller.call("pause_webhook", **one)
    await caller.call("delete_webhook", **one)


async def deliveries(caller: Caller, one: dict) -> list[dict]:
    return (await caller.call("list_deliveries", params={"limit": 5}, **one))["items"]


async def callbacks(caller: Caller, receiver: Receiver) -> None:
    task = {"name": "Print", "external": "webhook", "service_url": receiver.url, "parameters": {"order": 17}}
    submitted = await caller.call("submit_workflow", 201, json={"name": "Order", "tasks": [task]})
    while True:
        _, body = await receiver.next()
        handed_on = json.loads(body)
        if "callback_url" in handed_on:
            break
    token = {"path": {"token": handed_on["callback_url"].rsplit("/", 1)[1]}}
    await caller.call("answer_callback", json={"status": "progress", "progress": 40}, **token)
    await caller.call("answer_callback", json={"result": {"pages": 3}}, **token)
    again = await caller.call("answer_callback", json={"result": {"pages": 3}}, **token)
    assert again["duplicate"]
    await caller.call("answer_callback", 409, json={"result": {"pages": 4}}, **token)
    await caller.call("answer_callback", 404, json={"result": 1}, path={"token": "forged"})
    await until(lambda: has_ended(caller, submitted["id"]), 30, "end of the order")


async def services(caller: Caller) -> None:
    await caller.house.worker("contract", token=TOKEN)
    names = [service["id"] for service in (await caller.call("list_services"))["items"]]
    assert any("contract" in name for name in names), names
    one = {"path": {"id": next(name for name in names if "contract" in name)}}
    for name in ("get_service", "drain_service", "resume_service"):
        await caller.call(name, **one)
    await caller.call("get_service", 404, path={"id": "nobody"})
    await caller.call("drain_service", 404, path={"id": "nobody"})


async def access(caller: Caller) -> None:
    await caller.call("whoami")
    anna, service = {"path": {"name": "anna"}}, {"user": "anna", "name": "ML box", "role": "service"}
    await caller.call("add_user", 201, json={"name": "anna", "role": "operator"})
    await caller.call("add_user", 409, json={"name": "anna", "role": "operator"})
    await caller.call("add_user", 400, json={"name": "ben", "role": "root"})
    await caller.call("list_users")
    made = await caller.call("create_key", 201, json={**service, "services": ["ML Service"], "expires_in_seconds": 60})
    await caller.call("create_key", 404, json={**service, "user": "nobody", "services": ["ML Service"]})
    await caller.call("whoami", headers={"Authorization": f"Bearer {made['secret']}"})
    await caller.call("list_users", 403, headers={"Authorization": f"Bearer {made['secret']}"})
    await caller.call("list_keys")
    await caller.call("revoke_key", path={"id": made["id"]})
    await caller.call("revoke_key", 404, path={"id": NOBODY})
    await caller.call("whoami", 401, headers={"Authorization": f"Bearer {made['secret']}"})
    await caller.call("change_role", json={"role": "readonly"}, **anna)
    await caller.call("remove_user", **anna)
    await caller.call("remove_user", 404, **anna)


async def server(caller: Caller) -> None:
    await caller.call("list_functions", params={"q": "words"})
    await caller.call("list_functions")
    await caller.call("get_function", path={"name": "count_words"})
    await caller.call("get_function", 404, path={"name": "cuont_words"})
    await caller.call("list_errors")
    await caller.call("get_error", path={"code": "3003"})
    await caller.call("get_error", 400, path={"code": "GZ9999"})
    events = await caller.call("follow_events", params={"since": 0, "limit": 1000}, headers={"Accept": "application/json"})
    assert len(events["items"]) > 50
    await caller.call("follow_events", params={"since": 0})
    for name in ("get_stats", "get_metrics", "get_health", "get_livez", "get_readyz"):
        await caller.call(name)
    await caller.call("get_metrics", headers={"Accept": "application/json"})
    await caller.call("get_history", params={"since": 0})
    await caller.call("back_up")
    assert (await caller.call("verify_store"))["whole"]
    served = await caller.call("get_openapi")
    assert served == caller.contract.document
    await caller.call("shut_down", 422, json={"service": True})
    await caller.call("shut_down", 202, json={"services": False})
    assert await caller.house.server.ended() == 0
