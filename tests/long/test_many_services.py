"""R11: ten thousand idle services. R12: half of them drop at once and come back together, each with a task in hand."""

import asyncio
import json
import sys
import time
from pathlib import Path
from urllib.parse import urlencode

import pytest

from conftest import House, open_house
from measured import noted, p99, sized, timed
from support.patience import until
from support.scripted import task
from support.server import Server

# Shows the figures at the end.
pytest_plugins = ["measured"]

FLEET = 5_000
HEARTBEAT_SECONDS = 30
# Every service is heard twice in it.
IDLE_SECONDS = 2.5 * HEARTBEAT_SECONDS
PROBE_SECONDS = 0.05
# The promise is that of a release build; one without optimisation holds a little more for each connection.
FAILS_AT_MB = 420
SECONDS = 600


@pytest.fixture
async def house(tmp_path):
    """Nobody is too slow to accept: services and server share one machine."""
    async for house in open_house(Server(tmp_path, config=f"[limits]\naccept_timeout_seconds = {SECONDS}\n")):
        yield house


class Fleet:
    """Services in a process of their own; see fleet.py."""

    def __init__(self, name: str):
        self.name = name

    async def start(self, port: int) -> "Fleet":
        program = Path(__file__).with_name("fleet.py")
        command = [sys.executable, str(program), str(port), self.name, str(HEARTBEAT_SECONDS)]
        # All heartbeats of a fleet stand in one line.
        self.process = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=1 << 26
        )
        return self

    async def say(self, *words) -> dict:
        self.process.stdin.write((" ".join(map(str, words)) + "\n").encode())
        line = await asyncio.wait_for(self.process.stdout.readline(), SECONDS)
        assert line, f"the fleet {self.name} has ended"
        return json.loads(line)

    async def stop(self) -> None:
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()


@pytest.fixture
async def fleets(house):
    both = [await Fleet(name).start(house.server.port) for name in ("calm", "wave")]
    yield both
    for fleet in both:
        await fleet.stop()


def resident_mb(house: House) -> float:
    for line in Path(f"/proc/{house.server.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise AssertionError("the server has no memory")


async def connected(house: House, count: int) -> None:
    async def all_there() -> bool:
        return (await house.api.get("/stats"))["connected_services"] == count

    await until(all_there, f"{count} services are connected", seconds=SECONDS)


async def probe(house: House, seconds: float) -> list[float]:
    """How long answers take, in milliseconds."""
    taken, end = [], time.monotonic() + seconds
    paths = ["/stats", "/workflows?limit=20", "/errors/GZ2008"]
    while time.monotonic() < end:
        begin = time.monotonic()
        await house.api.get(paths[len(taken) % len(paths)])
        taken.append((time.monotonic() - begin) * 1e3)
        await asyncio.sleep(PROBE_SECONDS)
    return taken


@pytest.mark.timeout(2 * SECONDS)
async def test_ten_thousand_idle_services_and_a_wave_of_them(house, fleets):
    calm, wave = fleets
    opened = await asyncio.gather(*(fleet.say("open", FLEET) for fleet in fleets))
    timed("R11", f"registering {2 * FLEET} services", max(each["seconds"] for each in opened), "s")
    await connected(house, 2 * FLEET)
    for fleet in fleets:
        await fleet.say("tell")

    answers = await probe(house, IDLE_SECONDS)
    sized("R11", f"resident memory with {2 * FLEET} idle services", resident_mb(house), "MB", at_most=350, fails_at=FAILS_AT_MB)
    begin, listed, cursor = time.monotonic(), 0, {}
    while cursor is not None:
        page = await house.api.get(f"/services?{urlencode(cursor)}")
        listed += len(page["items"])
        cursor = page["next_cursor"] and {"cursor": page["next_cursor"]}
    assert listed >= 2 * FLEET
    timed("R11", f"the list of all {listed} of them, in pages", (time.monotonic() - begin) * 1e3, "ms")
    beats = []
    for fleet in fleets:
        figures = await fleet.say("tell")
        assert (figures["connected"], figures["lost"], figures["refused"]) == (FLEET, 0, []), figures
        assert len(figures["beats"]) >= 2 * FLEET, f"{len(figures['beats'])} heartbeats were answered"
        beats += figures["beats"]
    timed("R11", f"{len(beats)} heartbeats, answered at p99 within", p99(beats) * 1e3, "ms")
    timed("R11", f"{len(answers)} answers of REST meanwhile, p99", p99(answers), "ms", at_most=50)

    workflow = await house.api.submit([task(f"t{n}", service="wave") for n in range(FLEET)])

    async def all_accepted() -> bool:
        return (await wave.say("tell"))["accepted"] == FLEET

    await until(all_accepted, "each service of the wave has accepted a task", seconds=SECONDS)
    await wave.say("drop")
    await connected(house, FLEET)
    back = await wave.say("back")
    timed("R12", f"{FLEET} services are registered again after", back["seconds"], "s", at_most=15)
    finished = await wave.say("finish")
    figures = await wave.say("tell")
    assert figures["refused"] == [] and figures["connected"] == FLEET, figures
    assert finished == {"held": FLEET, "completed": FLEET}, finished
    results = await house.api.completed(workflow, SECONDS)
    # Each service has kept its own task: nothing was lost, and nothing was given out twice.
    assert sorted(results.values()) == sorted(f"wave-{n}" for n in range(FLEET))
    assert figures["assigned"] == FLEET, figures
    noted("R12", f"resident memory afterwards: {resident_mb(house):.0f} MB")
    assert (await calm.say("tell"))["lost"] == 0
