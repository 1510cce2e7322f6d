"""What a service does when the server or the network goes away, comes late, or asks it to leave."""

import asyncio
import json
import signal
import subprocess
import sys
import threading
import time
import urllib.request

import pytest

from gleitzeit_cluster import TokenRefused

from conftest import PACKAGE, work
from support.patience import PATIENCE, until
from support.server import Server


async def test_the_first_connect_is_retried(house):
    """The service is started first, and the server afterwards."""
    network = await house.network()
    network.cut()

    async def handler(task):
        return "found it"

    node = house.node("early", handler, cluster_url=network.url)
    await node.open()
    await until(lambda: node.get_status()["last_error"], "it has tried")
    assert "gleitzeit serve" in node.get_status()["last_error"]
    await network.open()
    await node.registered(PATIENCE)
    assert await house.api.completed(await house.api.submit([work()])) == {"work": "found it"}


async def test_what_finishes_offline_is_delivered_after_the_reconnect(house):
    release = asyncio.Event()
    starts = []

    async def handler(task):
        starts.append(task["task_name"])
        await release.wait()
        return f"{task['task_name']} finished offline"

    node = await house.serve(handler)
    workflow = await house.api.submit([work("a"), work("b"), work("after", "a")])
    await until(lambda: node.get_status()["active_tasks"] == 2, "both run")
    await house.server.kill()
    release.set()
    await until(lambda: node.get_status()["undelivered_results"] == 2, "the results are kept")
    await house.server.start()
    results = await house.api.completed(workflow)
    assert results == {name: f"{name} finished offline" for name in ("a", "b", "after")}
    assert sorted(starts) == ["a", "after", "b"], "nothing ran twice"
    assert node.get_status()["registrations"] >= 2


async def test_a_handler_runs_through_a_restart_of_the_server(house):
    release, starts = asyncio.Event(), []

    async def handler(task):
        starts.append(task["attempt"])
        await release.wait()
        return "through the restart"

    node = await house.serve(handler)
    workflow = await house.api.submit([work()])
    await until(lambda: starts, "it runs")
    code, _ = await house.server.stop()
    assert code == 0
    await house.server.start()
    await until(lambda: node.get_status()["registrations"] >= 2, "it came back by itself")
    release.set()
    assert await house.api.completed(workflow) == {"work": "through the restart"}
    assert starts == [1]


async def test_cuts_in_the_middle_of_many_tasks_lose_nothing(house):
    network = await house.network()

    async def handler(task):
        await asyncio.sleep(0.01)
        return task["task_name"]

    node = await house.serve(handler, cluster_url=network.url, max_concurrent_tasks=5)
    workflow = await house.api.submit([work(f"t{n}") for n in range(200)])
    for _ in range(3):
        seen = node.tasks_completed
        await until(lambda seen=seen: node.tasks_completed > seen + 5, "it works again")
        network.cut()
        await network.open()
    assert await house.api.completed(workflow) == {f"t{n}": f"t{n}" for n in range(200)}


async def test_heartbeats_go_on_while_a_handler_blocks_the_loop(house):
    """The handler is async and blocks; it waits, blocking, until the server has heard two more heartbeats."""

    def last_heartbeat() -> str:
        with urllib.request.urlopen(f"{house.url}/api/v1/services/{node.service_id}", timeout=20) as answer:
            return json.load(answer)["last_heartbeat_at"]

    async def handler(task):
        heard = set()
        for _ in range(600):
            heard.add(last_heartbeat())
            if len(heard) >= 3:
                return "heard of all the time"
            time.sleep(0.1)
        return f"only {heard}"

    node = house.node("blocking", handler, heartbeat_interval=0.2)
    await node.open()
    await node.registered(PATIENCE)
    assert await house.api.completed(await house.api.submit([work()]), 90) == {"work": "heard of all the time"}


async def test_polling_only(house):
    async def handler(task):
        return task["external_parameters"]

    node = await house.serve(handler, transports=("polling",))
    tasks = [work(f"t{n}", parameters={"text": "x" * (1 << 20 if n == 0 else 10)}) for n in range(20)]
    results = await house.api.completed(await house.api.submit(tasks))
    assert len(results) == 20 and len(results["t0"]["text"]) == 1 << 20
    release = asyncio.Event()

    async def waits(task):
        await release.wait()
        return "after the cut"

    node.register_task_handler("custom_processing", waits)
    workflow = await house.api.submit([work("late")])
    await until(lambda: node.get_status()["active_tasks"] == 1, "it runs")
    await house.server.crash_and_restart()
    release.set()
    assert await house.api.completed(workflow) == {"late": "after the cut"}


async def test_a_wrong_token_is_told_and_a_right_one_works(guarded_house):
    async def handler(task):
        return "inside"

    outsider = guarded_house.node("outsider", handler, auth_token="wrong")
    with pytest.raises(TokenRefused, match="GLEITZEIT_TOKEN"):
        await outsider.start()
    await guarded_house.serve(handler, "insider")
    assert await guarded_house.api.completed(await guarded_house.api.submit([work()])) == {"work": "inside"}


SERVICE = """
import asyncio, sys, threading, time
sys.path.insert(0, {package!r})
from gleitzeit_cluster import ExternalServiceNode, ExternalServiceCapability

async def handler(task, ctx):
    print("begun", flush=True)
    for _ in range(6000):
        if go.is_set():
            return "finished before leaving"
        await asyncio.sleep(0.05)

go = threading.Event()
# The end of the input is no word.
threading.Thread(target=lambda: sys.stdin.readline() and go.set(), daemon=True).start()
node = ExternalServiceNode("leaving", service_id="leaving-1", cluster_url={url!r},
                           capabilities=[ExternalServiceCapability.CUSTOM_PROCESSING])
node.register_task_handler("custom_processing", handler)
asyncio.run(node.start())
print("status", node.get_status()["tasks_completed"], node.get_status()["tasks_cancelled"], flush=True)
"""


class Leaving:
    """A service in a process of its own, whose one task is under way."""

    def __init__(self, house):
        self.house = house

    async def __aenter__(self):
        code = SERVICE.format(package=str(PACKAGE), url=self.house.url)
        self.process = subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.workflow = await self.house.api.submit([work("under way")])
        assert await asyncio.to_thread(self.process.stdout.readline) == "begun\n"
        return self

    async def ended(self) -> "tuple[int, str, str]":
        out, err = await asyncio.to_thread(self.process.communicate, None, PATIENCE)
        return self.process.returncode, out, err

    async def __aexit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


async def test_sigterm_finishes_what_runs_and_takes_nothing_new(house):
    async with Leaving(house) as leaving:
        leaving.process.send_signal(signal.SIGTERM)
        await until(lambda: is_draining(house), "the server is told")
        later = await house.api.submit([work("later")])
        assert await house.api.task_status(later, "later") == "queued"
        leaving.process.stdin.write("go\n")
        leaving.process.stdin.flush()
        assert await house.api.completed(leaving.workflow) == {"under way": "finished before leaving"}
        code, out, err = await leaving.ended()
        assert code == 0 and "status 1 0" in out, err
        assert "is registered at" in err, "a program without logging sees that it is connected"
        assert await house.api.task_status(later, "later") == "queued"


async def test_a_second_sigterm_and_ctrl_c_hand_the_task_back_at_once(patient_house):
    house = patient_house
    for signals in ((signal.SIGTERM, signal.SIGTERM), (signal.SIGINT,)):
        async with Leaving(house) as leaving:
            for number, each in enumerate(signals):
                if number > 0:
                    # Two signals at the same moment are one.
                    await until(lambda: is_draining(house), "the first one is understood")
                leaving.process.send_signal(each)
            code, out, err = await leaving.ended()
            assert code in (0, -signal.SIGINT, 130, 1), err
            assert "finished before leaving" not in str(await house.api.get(f"/workflows/{leaving.workflow}/results"))
            await until(lambda: is_queued(house, leaving.workflow, "under way"), f"it is handed back: {out} {err}")
            await house.api.post(f"/workflows/{leaving.workflow}/cancel")


async def is_draining(house) -> bool:
    return (await house.api.get("/services/leaving-1"))["status"] == "draining"


async def is_queued(house, workflow: str, name: str) -> bool:
    return await house.api.task_status(workflow, name) == "queued"


async def test_the_end_of_all_services_ends_the_service(house):
    async def handler(task):
        return 1

    node = house.node("obedient", handler)
    serving = asyncio.create_task(node.start())
    await until(lambda: node.running and node.get_status()["registered"], "it is registered")
    await house.api.post("/shutdown", json={"services": True})
    await asyncio.wait_for(serving, PATIENCE)
    assert not node.running


async def test_stop_may_be_called_at_any_time_and_again(patient_house):
    house = patient_house

    async def handler(task):
        await asyncio.sleep(3600)

    never = house.node("never", handler)
    await never.stop()
    away = house.node("away", handler, cluster_url="http://127.0.0.1:9")
    await away.open()
    await asyncio.wait_for(away.stop(), PATIENCE)
    busy = await house.serve(handler, "busy")
    workflow = await house.api.submit([work()])
    await until(lambda: busy.get_status()["active_tasks"] == 1, "it runs")
    await asyncio.wait_for(busy.stop(), PATIENCE)
    await busy.stop()
    await until(lambda: is_queued(house, workflow, "work"), "it is handed back")
    assert threading.active_count() < 20


async def test_a_service_registers_what_its_machine_has(tmp_path):
    server = await Server(tmp_path).start()
    from conftest import House

    house = House(server)
    try:

        async def handler(task):
            return "here"

        workflow = await house.api.submit(
            [{**work("tagged"), "requirements": {"node_tags": ["gpu-room"], "required_models": ["m1"], "cpu_cores": 1}}]
        )
        await house.serve(handler, "plain")
        assert await house.api.task_status(workflow, "tagged") == "queued"
        await house.serve(handler, "tagged", tags=["gpu-room"], models=["m1"])
        assert await house.api.completed(workflow) == {"tagged": "here"}
    finally:
        await house.close()
        await server.stop()


async def test_a_stopped_service_leaves_no_threads_behind(house):
    before = {thread.name for thread in threading.enumerate()}
    for place in range(3):
        node = await house.serve(lambda task: threading.current_thread().name, f"brief-{place}")
        results = await house.api.completed(
            await house.api.submit([work(f"t{n}", service=f"brief-{place}") for n in range(5)])
        )
        assert all(name.startswith("gleitzeit-brief") for name in results.values())
        await node.stop()

    def ended() -> bool:
        return not [each for each in threading.enumerate() if "brief" in each.name and each.name not in before]

    await until(ended, "all of them have ended")
