"""The log of the server: its forms, its levels, the ids of requests, and what never stands in it."""

import json
import os
import re
import signal
import subprocess

import pytest

from conftest import House
from support.rest import until
from support.server import Server, binary

COUNT = {"function": "count_words", "args": ["to be or not to be"]}
CANARY = "gzt_canary_0123456789abcdef"
TEXT = re.compile(r"^\d{4}-\d\d-\d\dT[\d:.]+Z +(TRACE|DEBUG|INFO|WARN|ERROR) \S")
LEVELS = {"TRACE", "DEBUG", "INFO", "WARN", "ERROR"}


@pytest.fixture
async def started(tmp_path, monkeypatch):
    """Starts servers; those that still run are stopped at the end."""
    houses = []

    async def start(args: tuple[str, ...] = (), token: str | None = None, config: str = "", **environment: str) -> House:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        server = await Talkative(tmp_path, token=token, args=args, config=config).start()
        houses.append(House(server))
        return houses[-1]

    yield start
    for house in houses:
        await house.close()
        if house.server.running:
            await house.server.stop()
        assert "panicked at" not in house.server.log()


class Talkative(Server):
    """All that concerns the log passes from the environment."""

    def environment(self) -> dict[str, str]:
        told = {name: value for name, value in os.environ.items() if name.startswith("GLEITZEIT_LOG")}
        return {**super().environment(), **told}


def lines(house: House) -> list[dict]:
    """Every line of a log in JSON."""
    found = [json.loads(line) for line in house.server.log().splitlines()]
    for line in found:
        assert line.keys() <= {"time", "level", "target", "message", "request_id", "fields"}, line
        assert {"time", "level", "target", "message"} <= line.keys(), line
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"]), line
        assert line["level"] in LEVELS and line["target"] and line["message"] is not None, line
    assert found
    return found


async def asked(house: House, path: str, **headers: str) -> tuple[int, str, dict]:
    answer = await house.api.ask("GET", path, headers=headers)
    return answer.status, answer.headers["x-request-id"], answer.body


@pytest.mark.parametrize("how", ["flag", "environment", "file"])
async def test_every_line_is_json_where_it_is_asked_for(started, how):
    if how == "flag":
        house = await started(("--log-format", "json", "--log", "trace"))
    elif how == "environment":
        house = await started(GLEITZEIT_LOG_FORMAT="json", GLEITZEIT_LOG="trace")
    else:
        house = await started(config='log = "trace"\nlog_format = "json"\n')
    worker = await house.worker("logged")
    workflow = await house.api.submit([COUNT, {"name": "Odd", "function": "decode_base64", "args": ['"\n\\\u0007']}])
    await until(lambda: ended(house, workflow), 30, "end of the workflow")
    await worker.close()
    await house.server.stop()
    found = lines(house)
    assert {"INFO", "DEBUG", "TRACE"} <= {line["level"] for line in found}
    ready = next(line for line in found if line["message"] == "ready")
    assert ready["level"] == "INFO" and ready["target"] == "gleitzeit::cli::serve" and ready["fields"]["replayed"] == 0


async def ended(house: House, workflow: str) -> bool:
    return await house.api.status(workflow) in {"completed", "failed"}


async def test_a_request_is_found_by_its_id(started):
    house = await started(("--log-format", "json", "--log", "info,gleitzeit::http=debug"))
    made = await asked(house, "/stats")
    assert made[0] == 200 and re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]+", made[1])
    given = "6f1d2c1e-8f5b-4a51-9f0e-0f3f5b0c9a11"
    status, echoed, problem = await asked(house, "/workflows/nobody", **{"x-request-id": given})
    assert (status, echoed, problem["request_id"]) == (404, given, given)
    for unsafe in ('two words', '"quoted"', "x" * 129):
        status, other, problem = await asked(house, "/no-such-path", **{"x-request-id": unsafe})
        assert status == 404 and other != unsafe and problem["request_id"] == other
    found = [line for line in lines(house) if line.get("request_id") == given]
    assert [line["message"] for line in found] == ["answered"]
    assert found[0]["fields"]["route"] == "/api/v1/workflows/{id}" and found[0]["fields"]["status"] == 404
    ids = [line["request_id"] for line in lines(house) if line["message"] == "answered"]
    assert len(ids) == len(set(ids)) == 5
    assert all("request_id" not in line for line in lines(house) if line["message"] == "ready")


async def test_text_is_for_people(started):
    house = await started(("--log", "info,gleitzeit::http=debug"))
    _, made, _ = await asked(house, "/stats")
    log = house.server.log()
    assert all(TEXT.match(line) for line in log.splitlines()), log
    assert re.search(r" INFO ready replayed=0 ms=\d+ data_dir=", log), log
    answered = [line for line in log.splitlines() if "answered" in line]
    assert len(answered) == 1 and answered[0].endswith(f"request_id={made}"), answered
    assert "request_id" not in log.replace(answered[0], "")


async def test_levels_go_by_module(started):
    house = await started(("--log", "warn,gleitzeit::lifecycle=debug", "--log-format", "json"))
    workflow = await house.api.submit([{**COUNT, "name": "Only"}])
    await until(lambda: ended(house, workflow), 30, "end of the workflow")
    events = await house.api.events(workflow)
    await until(lambda: len(steps(house, workflow)) >= len(events), 30, "a line for each step")
    assert [line["message"] for line in steps(house, workflow)] == [event["type"] for event in events]
    assert {line["target"] for line in lines(house)} == {"gleitzeit::lifecycle"}


def steps(house: House, workflow: str) -> list[dict]:
    return [line for line in lines(house) if line.get("fields", {}).get("workflow") == workflow]


async def test_work_adds_no_lines_unless_they_are_asked_for(started):
    house = await started(("--log-format", "json"))
    before = len(lines(house))
    for _ in range(20):
        workflow = await house.api.submit([{**COUNT, "name": f"n{at}"} for at in range(20)])
    await until(lambda: ended(house, workflow), 30, "end of the workflows")
    assert len(lines(house)) - before <= 5, house.server.log()


async def test_no_secret_stands_in_the_log(started):
    house = await started(("--log", "trace", "--log-format", "json"), token=CANARY)
    await house.worker("trusted", token=CANARY)
    wrong = "gzt_wrong_canary_fedcba9876543210"
    answer = await house.api.ask("GET", "/stats", headers={"Authorization": f"Bearer {wrong}"})
    assert answer.status == 401 and wrong not in json.dumps(answer.body)
    callback = "callback-canary-0123456789"
    answer = await house.api.ask("POST", f"/callbacks/{callback}", json={"result": 1})
    assert answer.status == 404 and callback not in json.dumps(answer.body)
    await house.api.ask("GET", f"/nothing/here?token={CANARY}-in-a-query")
    task = {"name": "Signed", "external": "webhook", "service_url": "http://127.0.0.1:1/x", "webhook_token": "whsec_canary"}
    await house.api.submit([task])
    await house.server.stop()
    log = house.server.log()
    assert len(lines(house)) > 20
    for secret in (CANARY, wrong, callback, "whsec_canary"):
        assert secret not in log, next(line for line in log.splitlines() if secret in line)


@pytest.mark.parametrize(
    "flags, said", [(("--log-format", "xml"), "use text or json"), (("--log", "gleitzeit=loud"), "is no list of levels")]
)
def test_mistakes_are_told_before_the_start(tmp_path, flags, said):
    command = [binary(), "serve", "--port", "0", "--data-dir", str(tmp_path / "data"), *flags]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GLEITZEIT_")}
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)
    assert ended.returncode not in (0, -signal.SIGKILL) and said in ended.stderr, ended
    assert not (tmp_path / "data").exists()


async def test_a_service_that_is_turned_away_has_a_line_and_no_secret(started):
    """Bad fields and bad keys, with the address, the node and the reason; a flood of them has a bound."""
    house = await started(("--log-format", "json"), token="gzt_house")
    wrong = await house.stranger()
    await wrong.call("authenticate", {"token": CANARY, "client_type": "external_service", "client_id": "locked-out"})
    peer = await house.observer(token="gzt_house")
    for _ in range(30):
        answer = await peer.call("node:register", {"node_id": "odd-1", "capabilities": {"max_concurrent_tasks": 0}})
        assert answer["ok"] is False
    assert (await peer.call("node:register", {"name": "no id"}))["ok"] is False
    await house.server.stop()
    told = [line for line in lines(house) if line["message"] == "a service was turned away"]
    assert [line["fields"]["node"] for line in told[:2]] == ["locked-out", "odd-1"]
    assert "GZ40" in told[0]["fields"]["reason"] and "max_concurrent_tasks" in told[1]["fields"]["reason"]
    assert all(line["level"] == "WARN" and line["fields"]["address"].startswith("127.0.0.1:") for line in told)
    # Ten a minute; the minute may pass while this test runs.
    assert 10 <= len(told) < 32
    assert CANARY not in house.server.log()
