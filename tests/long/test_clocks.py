"""R7: the wall clock jumps by a day either way, and the process gets no time for ten seconds: no deadline passes early,
and none is lost. The clock is that of libfaketime, the pause is SIGSTOP."""

import asyncio
import os
import signal
import time
from datetime import datetime
from pathlib import Path

import pytest

from conftest import open_house
from measured import timed
from support.patience import until
from support.scripted import task
from support.server import Server

# Shows the figures at the end.
pytest_plugins = ["measured"]

LIBRARY = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1")
TIMEOUT_SECONDS = 6
PAUSE_SECONDS = 10.5
DAY_SECONDS = 86_400


class Wrong(Server):
    """A server that believes what a file says about the time of day."""

    def __init__(self, folder: Path):
        super().__init__(folder)
        self.offset = folder / "offset"
        self.offset.write_text("+0")

    def environment(self) -> dict[str, str]:
        return {
            **super().environment(),
            "LD_PRELOAD": str(LIBRARY),
            "FAKETIME_TIMESTAMP_FILE": str(self.offset),
            # The file is read each time; what counts seconds since the start is left alone, as by the real clock.
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def jump(self, offset: str) -> None:
        # By one rename, so that nobody reads half of it.
        fresh = self.offset.with_suffix(".new")
        fresh.write_text(offset)
        fresh.rename(self.offset)


@pytest.fixture
async def house(tmp_path):
    if not LIBRARY.exists():
        pytest.skip(f"there is no {LIBRARY}: install Debian's faketime")
    async for house in open_house(Wrong(tmp_path)):
        yield house


async def believed(house) -> float:
    """The wall clock of the server, in seconds from that of this test, as its log shows it."""
    before = len(house.server.log().splitlines())
    os.kill(house.server.pid, signal.SIGHUP)
    await until(lambda: len(house.server.log().splitlines()) > before, "the server says that it was hung up")
    at = house.server.log().splitlines()[-1].split()[0]
    return datetime.fromisoformat(at).timestamp() - time.time()


@pytest.mark.parametrize("offset", ["+1d", "-1d"])
async def test_a_jump_of_the_wall_clock_ends_nothing_and_loses_nothing(house, offset):
    worker = await house.worker("steady")
    workflow = await house.api.submit([
        task("long", attempts=1), task("short", attempts=1, timeout_seconds=TIMEOUT_SECONDS), task("offered", attempts=1),
    ])
    got = {}
    for _ in range(3):
        assignment = await worker.assigned()
        got[assignment["task_name"]] = assignment
    begin = time.monotonic()
    await worker.accept(got["long"])
    await worker.accept(got["short"])
    house.server.jump(offset)

    async def jumped() -> bool:
        return abs(await believed(house) - int(offset[:-1]) * DAY_SECONDS) < 60

    await until(jumped, "the server's wall clock has jumped")
    # The one deadline that passes is the one of six seconds, after six seconds by the clock on the wall of the test.
    cancelled = await worker.next("task:cancel")
    passed = time.monotonic() - begin
    assert cancelled["task_id"] == got["short"]["task_id"]
    assert passed > TIMEOUT_SECONDS - 0.1, f"its timeout of {TIMEOUT_SECONDS} s has passed after {passed} s"
    timed("R7", f"jump of {offset}: a timeout of {TIMEOUT_SECONDS} s has passed after", passed, "s")
    assert (await worker.accept(got["offered"]))["ok"] is True, "ten seconds to accept have not passed"
    await worker.fail(got["short"], "Task cancelled")
    for name in ("long", "offered"):
        assert (await worker.complete(got[name], name))["ok"] is True
    results = await house.api.ended(workflow)
    assert results["results"] == {"long": "long", "offered": "offered"}
    assert results["errors"]["short"]["code"] == "GZ2002"

    # The clock goes back to where it was, over a restart, and work goes on in order.
    house.server.jump("+0")
    await house.server.crash_and_restart()
    again = await house.worker("steady", node_id=worker.node_id)
    workflow = await house.api.submit([task("after")])
    await again.run("after all")
    assert await house.api.completed(workflow) == {"after": "after all"}


async def test_a_pause_blames_nobody_and_loses_no_deadline(house):
    worker = await house.worker("steady")
    workflow = await house.api.submit([
        task("offered", attempts=1), task("short", attempts=1, timeout_seconds=TIMEOUT_SECONDS),
    ])
    got = {}
    for _ in range(2):
        assignment = await worker.assigned()
        got[assignment["task_name"]] = assignment
    await worker.accept(got["short"])
    os.kill(house.server.pid, signal.SIGSTOP)
    await asyncio.sleep(PAUSE_SECONDS)
    os.kill(house.server.pid, signal.SIGCONT)
    # The server has given no time to anybody; the time in which it stood still counts for the run and not for the answer.
    assert (await worker.accept(got["offered"]))["ok"] is True
    assert (await worker.next("task:cancel"))["task_id"] == got["short"]["task_id"]
    assert (await worker.complete(got["offered"], 1))["ok"] is True
    await worker.fail(got["short"], "Task cancelled")
    results = await house.api.ended(workflow)
    assert results["results"] == {"offered": 1} and results["errors"]["short"]["code"] == "GZ2002"
