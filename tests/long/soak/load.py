"""Workflows at a steady rate; every result of every one of them is compared with what it must be."""

import asyncio
import time

import aiohttp
from service import value_of

TASKS = 10
# Of a workflow: this many tasks stand alone, the others wait for one another.
ALONE = 8
TICK_SECONDS = 0.1
# Far more than wait when services vanish and their attempts have their grace; what is above is load that the server
# could not take, and ends the soak.
OPEN_MAX = 3_000
WAIT_SECONDS = 60
ENDED = {"completed", "failed", "cancelled"}


def workflow(number: int) -> dict:
    def task(name: str, n, *dependencies: str) -> dict:
        parameters = {"external_task_type": "custom_processing", "external_parameters": {"n": n}}
        return {
            "name": name, "task_type": "external_custom", "parameters": parameters, "dependencies": list(dependencies),
            "retry": {"max_attempts": 10, "strategy": "fixed", "base_delay": 0.1, "max_delay": 0.1},
        }

    alone = [task(f"t{n}", number * TASKS + n) for n in range(ALONE)]
    chain = [task("then", "{{t0.result.value}}", "t0"), task("last", "{{then.result.value}}", "then")]
    return {"name": f"soak {number}", "tasks": alone + chain}


def expected(number: int) -> dict:
    results = {f"t{n}": {"value": value_of(number * TASKS + n)} for n in range(ALONE)}
    results["then"] = {"value": value_of(results["t0"]["value"])}
    results["last"] = {"value": value_of(results["then"]["value"])}
    return results


class Load:
    """`wrong` says what was not as it must be; a soak that is well leaves it empty."""

    def __init__(self, url: str, tasks_per_second: float):
        self.base = f"{url}/api/v1"
        self.workflows_per_second = tasks_per_second / TASKS
        self.submitted = self.checked = 0
        self.wrong: list[str] = []
        self.seconds: list[float] = []
        self._open: set[asyncio.Task] = set()

    @property
    def open(self) -> int:
        return len(self._open)

    async def run(self, seconds: float) -> None:
        """Submits for so long, then waits until the last one has been checked."""
        limits = aiohttp.ClientTimeout(total=2 * WAIT_SECONDS)
        async with aiohttp.ClientSession(timeout=limits, connector=aiohttp.TCPConnector(limit=0)) as session:
            begin = last = time.monotonic()
            due = 0.0
            while (now := time.monotonic()) - begin < seconds and len(self.wrong) < 20:
                # A machine that had no time for a while does not make up for it by a flood.
                due += min(now - last, 1) * self.workflows_per_second
                last = now
                while self.submitted < int(due):
                    if self.open >= OPEN_MAX:
                        self.wrong.append(f"{OPEN_MAX} workflows are open: the load is more than the machine can take")
                        break
                    task = asyncio.create_task(self._one(session, self.submitted))
                    self.submitted += 1
                    self._open.add(task)
                    task.add_done_callback(self._open.discard)
                await asyncio.sleep(TICK_SECONDS)
            # Whatever is still open ends within the grace of a lost service and a few retries.
            for _ in range(4):
                if self._open:
                    await asyncio.wait(list(self._open), timeout=WAIT_SECONDS)
            self.wrong += ["a workflow has not ended"] * self.open
            for task in self._open:
                task.cancel()

    async def _one(self, session: aiohttp.ClientSession, number: int) -> None:
        begin = time.monotonic()
        try:
            headers = {"Prefer": f"wait={WAIT_SECONDS}"}
            async with session.post(f"{self.base}/workflows", json=workflow(number), headers=headers) as response:
                receipt = await response.json()
                assert response.status == 201, receipt
            status = receipt["status"]
            while status not in ENDED:
                await asyncio.sleep(1)
                async with session.get(f"{self.base}/workflows/{receipt['id']}") as response:
                    status = (await response.json())["status"]
            self.seconds.append(time.monotonic() - begin)
            async with session.get(f"{self.base}/workflows/{receipt['id']}/results") as response:
                got = await response.json()
            assert (got["status"], got["results"]) == ("completed", expected(number)), got
            self.checked += 1
        except (AssertionError, aiohttp.ClientError, TimeoutError) as error:
            self.wrong.append(f"workflow {number}: {error!r}"[:500])
