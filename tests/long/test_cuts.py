"""R10: the network between a service and the server fails in the middle of a task, in many ways. The task ends once."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "clients" / "python"))

from conftest import House, open_house
from gleitzeit_cluster import ExternalServiceCapability, ExternalServiceNode
from measured import noted
from support.patience import PATIENCE, until
from support.proxy import Proxy, Way
from support.scripted import task
from support.server import Server

# Shows the figures at the end.
pytest_plugins = ["measured"]

# Longer than the server waits for whoever is silent (60 s), with its two heartbeats.
SILENT_SECONDS = 75
SECONDS = 4 * PATIENCE
# An earlier service is known by its heartbeats: the server waits for those who were not heard twice ten times as long.
KNOWN_SECONDS = 5


@pytest.fixture
async def house(tmp_path):
    async for house in open_house(Server(tmp_path)):
        yield house


@dataclass
class Trouble:
    """What happens to the network while the handler runs, and for how long."""

    name: str
    begin: Callable[[Proxy], None]
    seconds: float
    end: Callable[[Proxy], Awaitable[object] | None]
    # The earlier clients try ten times to come back, and then somebody has to start them again.
    earlier_gives_up: bool = False


def cut(seconds: float) -> Trouble:
    return Trouble(f"cut for {seconds:g} s", Proxy.cut, seconds, Proxy.open)


TROUBLES = [
    cut(1),
    cut(10),
    # Longer than the grace of 30 s: the attempt is lost, and goes out again.
    cut(40),
    Trouble("silent for 20 s", Proxy.stall, 20, Proxy.heal),
    Trouble(f"silent for {SILENT_SECONDS} s", Proxy.stall, SILENT_SECONDS, Proxy.heal),
    Trouble("deaf", lambda network: network.stall(Way.TO_CLIENT), SILENT_SECONDS, Proxy.heal),
    Trouble("dumb", lambda network: network.stall(Way.TO_SERVER), SILENT_SECONDS, Proxy.heal, earlier_gives_up=True),
    Trouble("a byte a second", lambda network: network.trickle(1), 20, Proxy.heal),
    Trouble("half a second late", lambda network: network.delay(0.5), 20, Proxy.heal),
]


class Handler:
    """Is in the middle of it while the network fails, and finishes while it still does."""

    def __init__(self, trouble: Trouble):
        self.seconds = trouble.seconds / 2
        self.runs = 0
        self.running = asyncio.Event()

    async def run(self, number: int) -> str:
        self.runs += 1
        mine = self.runs
        self.running.set()
        if mine == 1:
            await asyncio.sleep(self.seconds)
        return f"{number} in run {mine}"


async def survives(house: House, number: int, kind: str, trouble: Trouble) -> str:
    name = f"{kind} {number}"
    network = await house.network()
    handler = Handler(trouble)
    node = None
    if kind == "package":
        node = ExternalServiceNode(
            name, cluster_url=network.url, capabilities=[ExternalServiceCapability.CUSTOM_PROCESSING], max_concurrent_tasks=2
        )

        async def handle(_task: dict) -> str:
            return await handler.run(number)

        node.register_task_handler("custom_processing", handle)
        await node.open()
        await node.registered(PATIENCE)
    else:

        async def handle_earlier(_assignment, _progress) -> str:
            return await handler.run(number)

        async def start_earlier():
            handlers = {"custom_processing": handle_earlier}
            return await house.service(name, handlers, url=network.url, heartbeat=1, capacity=2)

        service = await start_earlier()
        await asyncio.sleep(KNOWN_SECONDS)
    try:
        workflow = await house.api.submit([task("work", attempts=1, service=name), task("after", "work", service=name)])
        await asyncio.wait_for(handler.running.wait(), PATIENCE)

        async def accepted() -> bool:
            return await house.api.task_status(workflow, "work") == "processing"

        await until(accepted, f"{name}: the task is accepted")
        trouble.begin(network)
        await asyncio.sleep(trouble.seconds)
        ended = trouble.end(network)
        if ended is not None:
            await ended
        if kind == "earlier" and trouble.earlier_gives_up:
            await service.stop()
            await service.sio.shutdown()
            service = await start_earlier()
        results = await house.api.completed(workflow, SECONDS)
        events = await house.api.events(workflow)
        completions = [event for event in events if event["type"] == "task_completed"]
        assert len(completions) == 2, f"{name}, {trouble.name}: {completions}"
        assert all(result.startswith(f"{number} in run ") for result in results.values()), results
        if kind == "earlier":
            assert service.duplicates == [], f"{name}, {trouble.name}: the same task was started twice at once"
        attempts = (await house.api.tasks(workflow))["work"]["attempt"]
        return f"{trouble.name}, {kind}: attempt {attempts} counted, the handlers ran {handler.runs} times for two tasks"
    finally:
        if node is not None:
            await node.stop()


@pytest.mark.timeout(1200)
async def test_a_task_ends_once_however_the_network_fails(house):
    cases = [(kind, trouble) for trouble in TROUBLES for kind in ("package", "earlier")]
    runs = [survives(house, number, *case) for number, case in enumerate(cases)]
    told = await asyncio.gather(*runs, return_exceptions=True)
    failed = [repr(one) for one in told if isinstance(one, BaseException)]
    assert failed == []
    for line in told:
        noted("R10", line)
