"""R5: from some moment on the disk fails to sync, under the real binary. After that nothing is acknowledged, the process
ends by itself with an error, and whatever was acknowledged before is there at the next start.

The failures come from libfiu, which stands between the process and `fdatasync`.
"""

import asyncio
import os
import random
import time
from pathlib import Path

import aiohttp
import pytest

from conftest import House
from measured import noted, p99, timed
from support.patience import PATIENCE
from support.scripted import function
from support.server import Server

# Shows the figures at the end.
pytest_plugins = ["measured"]

LIBRARIES = [Path("/usr/lib/fiu") / name for name in ("fiu_run_preload.so", "fiu_posix_preload.so")]
POINT = "name=posix/io/sync/fdatasync,failnum=1,failinfo=5"
RUNS = int(os.environ.get("GLEITZEIT_SYNC_RUNS", "200"))
SUBMITTERS = 4
SEED = 8


class Failing(Server):
    """A server whose syncs can be made to fail."""

    def __init__(self, folder: Path):
        # A small segment, so that the log rolls over as well.
        super().__init__(folder, args=("--segment-size", "1MiB"))
        self.pipe = folder / "fiu"
        self.faults = True

    def environment(self) -> dict[str, str]:
        environment = super().environment()
        if self.faults:
            environment["LD_PRELOAD"] = " ".join(map(str, LIBRARIES))
            environment["FIU_CTRL_FIFO"] = str(self.pipe)
        return environment

    async def fail(self, command: str) -> None:
        """When this returns the process has the order."""

        def say() -> str:
            with open(f"{self.pipe}-{self.pid}.in", "w") as pipe:
                pipe.write(f"{command}\n")
            with open(f"{self.pipe}-{self.pid}.out") as pipe:
                return pipe.read()

        assert (await asyncio.to_thread(say)).strip() == "0"


@pytest.fixture
def server(tmp_path):
    missing = [path for path in LIBRARIES if not path.exists()]
    if missing:
        pytest.skip(f"there is no {missing[0]}: install Debian's fiu-utils")
    server = Failing(tmp_path)
    yield server
    if server.running:
        asyncio.run(server.kill())
    # Shown by pytest when the test failed.
    print("\n".join(server.log().splitlines()[-40:]))


class Submitters:
    """Submits as fast as it is answered, and keeps a journal of what was answered and when it was asked."""

    def __init__(self, url: str):
        self.url = url
        self.acknowledged: list[tuple[str, float]] = []

    async def run(self) -> None:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=PATIENCE)) as session:
            await asyncio.gather(*(self._submit(session, number) for number in range(SUBMITTERS)))

    async def _submit(self, session: aiohttp.ClientSession, number: int) -> None:
        while True:
            body = {"name": f"w{number}", "tasks": [function("one", "fibonacci", n=5)]}
            asked = time.monotonic()
            try:
                async with session.post(f"{self.url}/api/v1/workflows", json=body) as response:
                    told = await response.json()
                    if response.status == 201:
                        self.acknowledged.append((told["id"], asked))
                    else:
                        assert response.status == 503, told
            except aiohttp.ClientError:
                return


@pytest.mark.timeout(3600)
async def test_after_a_failed_sync_nothing_is_acknowledged_and_nothing_is_lost(server):
    numbers = random.Random(SEED)
    everything: list[str] = []
    exits: list[float] = []
    for run in range(RUNS):
        server.faults = True
        await server.start()
        submitters = Submitters(server.url)
        load = asyncio.create_task(submitters.run())
        await asyncio.sleep(numbers.uniform(0, 0.3))
        # In every second run all syncs fail from one moment on; in the others one in ten, so that it is not known which.
        certain = run % 2 == 0
        await server.fail(f"enable {POINT}" if certain else f"enable_random {POINT},probability=0.1")
        from_then_on = time.monotonic()
        code = await server.ended()
        exits.append(time.monotonic() - from_then_on)
        assert code not in (0, -9), f"run {run}: the server ended with {code}"
        await asyncio.wait_for(load, PATIENCE)
        if certain:
            late = [one for one in submitters.acknowledged if one[1] > from_then_on]
            assert late == [], f"run {run}: acknowledged although no sync succeeds any more"

        server.faults = False
        await server.start()
        house = House(server)
        for workflow, _ in submitters.acknowledged:
            assert (await house.api.get(f"/workflows/{workflow}"))["id"] == workflow
        everything += [workflow for workflow, _ in submitters.acknowledged]
        await house.close()
        code, _ = await server.stop()
        assert code == 0
    assert "panicked at" not in server.log()

    await server.start()
    house = House(server)
    for workflow in everything:
        assert (await house.api.get(f"/workflows/{workflow}"))["id"] == workflow
    await house.close()
    assert (await server.stop())[0] == 0
    noted("R5", f"{RUNS} failures of the disk, {len(everything)} workflows acknowledged, none lost, none afterwards")
    timed("R5", "the process has ended after the first failing sync, p99", p99(exits[0::2]), "s", at_most=1)
