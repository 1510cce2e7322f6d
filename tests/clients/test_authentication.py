"""With a token: a socket that has not authenticated may do nothing but authenticate."""

import re
import uuid
from pathlib import Path

import pytest

from conftest import TOKEN
from support.earlier import echo
from support.peer import POLLING, WEBSOCKET, wire_task
from support.scripted import service_registration, task

# Every event a client may send, with a payload that would do something.
WORKFLOW = str(uuid.uuid4())
EVENTS = {
    "node:register": service_registration("intruder", "intruder", ["custom_processing"], 10),
    "node:heartbeat": {"node_id": "intruder", "status": "ready", "active_tasks": 0},
    "node:status": {"node_id": "intruder", "status": "draining"},
    "task:accepted": {"task_id": "t", "node_id": "intruder"},
    "task:progress": {"task_id": "t", "workflow_id": "w", "progress": 1, "message": ""},
    "task:completed": {"task_id": "t", "workflow_id": "w", "result": 1, "node_id": "intruder"},
    "task:failed": {"task_id": "t", "workflow_id": "w", "error": "e", "node_id": "intruder"},
    "workflow:submit": {"workflow_id": WORKFLOW, "name": "w", "tasks": [wire_task("t")], "metadata": {}},
    "workflow:cancel": {"workflow_id": WORKFLOW},
    "workflow:status": {"workflow_id": WORKFLOW},
    "cluster:stats": {"request_id": "r"},
    "monitor:subscribe": {"types": ["all"]},
    "monitor:get_metrics": {"type": "all"},
    "monitor:unsubscribe": {},
    "watch": {},
    "unwatch": {},
}
# What the server asks for each event; a test of its own holds this table to the server's list.
SECURITY = (Path(__file__).parents[2] / "docs/security.md").read_text()


def test_no_event_is_left_out():
    told = set(re.findall(r"^\| `([a-z_]+(?::[a-z_]+)?)` \| \w+ \|$", SECURITY, re.MULTILINE))
    assert "node:register" in told and "unwatch" in told, "the table is read"
    assert set(EVENTS) == told - {"authenticate"}


@pytest.mark.parametrize("transports", [WEBSOCKET, POLLING], ids=["websocket", "polling"])
async def test_every_event_is_refused_before_authentication(guarded_house, transports):
    stranger = await guarded_house.stranger(transports=transports)
    for event, payload in EVENTS.items():
        answer = await stranger.call(event, payload)
        assert answer["ok"] is False and answer["code"] == "GZ4001", (event, answer)
    answered = {name for name, _ in stranger.inbox} - {"connected", "authentication_failed"}
    assert answered == set(), "nothing is told to a stranger"
    assert (await guarded_house.api.ask("GET", f"/workflows/{WORKFLOW}")).status == 404
    assert (await guarded_house.api.ask("GET", "/services/intruder")).status == 404


async def test_strangers_hear_no_broadcasts(guarded_house):
    stranger = await guarded_house.stranger()
    await guarded_house.service("echo", {"custom_processing": echo}, token=TOKEN)
    await guarded_house.api.completed(await guarded_house.api.submit([task("secret")]))
    await stranger.never("external_service:registered")
    assert {name for name, _ in stranger.inbox} <= {"connected"}


@pytest.mark.parametrize("token", ["demo_token", "", None, f"{TOKEN}x", TOKEN[:-1], 5, {"a": 1}])
async def test_a_wrong_token_is_refused(guarded_house, token):
    stranger = await guarded_house.stranger()
    await stranger.emit("authenticate", {"token": token, "client_type": "wire_test"})
    refusal = await stranger.next("authentication_failed")
    assert refusal["error"] and TOKEN not in str(refusal)
    answer = await stranger.call("cluster:stats", {})
    assert answer["ok"] is False and answer["code"] == "GZ4001"


async def test_the_earlier_client_is_told_and_stays_out(guarded_house):
    outsider = await guarded_house.service("outsider", {"custom_processing": echo})
    assert outsider.authentication_error and outsider.registrations == 0


async def test_the_right_token_opens_the_house(guarded_house):
    service = await guarded_house.service("insider", {"custom_processing": echo}, token=TOKEN)
    results = await guarded_house.api.completed(await guarded_house.api.submit([task("work")]))
    assert results == {"work": {"echo": {"step": "work"}}} and len(service.assignments) == 1


async def test_who_came_in_after_a_refusal_is_in(guarded_house):
    peer = await guarded_house.stranger(token=TOKEN)
    await peer.emit("authenticate", {"token": "wrong"})
    await peer.next("authentication_failed")
    await peer.authenticate()
    await peer.emit("cluster:stats", {"request_id": "r"})
    assert (await peer.next("cluster:stats_response"))["request_id"] == "r"


async def test_rest_asks_for_the_token(guarded_house):
    api = guarded_house.api
    for path in ("/workflows", "/services", "/stats", "/events"):
        answer = await api.ask("GET", path, headers={"Authorization": "Bearer wrong"})
        assert answer.status == 401 and answer.body["code"] == "GZ4010", path
    answer = await api.ask("POST", "/workflows", json={}, headers={"Authorization": ""})
    assert answer.status == 401


async def test_the_token_is_in_no_log(guarded_house):
    await guarded_house.service("insider", {"custom_processing": echo}, token=TOKEN)
    await guarded_house.api.completed(await guarded_house.api.submit([task("work")]))
    stranger = await guarded_house.stranger()
    await stranger.emit("authenticate", {"token": "canary-wrong-token"})
    await stranger.next("authentication_failed")
    assert TOKEN not in guarded_house.server.log()
    assert "canary-wrong-token" not in guarded_house.server.log()
