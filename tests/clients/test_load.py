"""R9: reports of 10,000 tasks, each sent 1 to 4 times, shuffled, also after a reassignment."""

import asyncio
import collections
import random

import pytest

from conftest import open_house
from support.patience import until
from support.peer import NAMESPACE
from support.scripted import Worker, held, task
from support.server import Server

TASKS = 10_000
SEED = 20_250_601
# Reports that one worker mixes before it sends them.
SHUFFLE = 400
# How long a slow machine may take for all of them.
SECONDS = 1200


@pytest.fixture
async def house(tmp_path):
    """Takes reports of what was never accepted for as long as the test lasts: here nobody is to be too slow."""
    async for house in open_house(Server(tmp_path, config=f"[limits]\naccept_timeout_seconds = {SECONDS}\n")):
        yield house


class Repeater(Worker):
    """Takes whatever comes and reports each attempt 1 to 4 times in a shuffled order, with a result of its own each."""

    def __init__(self, url: str, name: str, random_numbers: random.Random, **options):
        super().__init__(url, name, **options)
        self.random = random_numbers
        self.reports: list[tuple[dict, str]] = []
        self.accepted_results: dict[str, list[str]] = collections.defaultdict(list)
        self.answers: collections.Counter = collections.Counter()
        self.sent = 0

    async def _record(self, event, *payload):
        if event != "task:assign":
            await super()._record(event, *payload)
            return
        assignment = payload[0]
        for copy in range(self.random.randint(1, 4)):
            result = f"{assignment['task_name']}/{self.name}/{assignment['attempt']}/{copy}"
            self.reports.append((assignment, result))

    async def pump(self) -> None:
        """Sends what has been collected, in disorder, until it is cancelled."""
        while True:
            await asyncio.sleep(0.01)
            batch, self.reports = self.reports[:SHUFFLE], self.reports[SHUFFLE:]
            self.random.shuffle(batch)
            for assignment, result in batch:
                await self.report(assignment, result)

    async def report(self, assignment: dict, result: str) -> None:
        self.sent += 1

        def answered(answer: dict) -> None:
            self.answers[answer.get("code", "ok")] += 1
            if answer["ok"]:
                self.accepted_results[assignment["task_name"]].append(result)

        payload = self._report(assignment, {"result": result})
        await self.sio.emit("task:completed", payload, namespace=NAMESPACE, callback=answered)


@pytest.mark.timeout(SECONDS + 300)
async def test_ten_thousand_tasks_reported_up_to_four_times_are_accepted_once(house):
    numbers = random.Random(SEED)
    # One that leaves with everything it holds, comes back, and reports the attempts it had.
    leaver = await house.worker("leaver", capacity=500)
    workflow = await house.api.submit([task(f"t{n}", attempts=1) for n in range(TASKS)])
    await until(lambda: len(leaver.seen("task:assign")) == 500, "the leaver holds 500")
    old = [payload for name, payload in leaver.inbox if name == "task:assign"]
    await leaver.close()

    repeaters = [Repeater(house.url, f"r{n}", numbers, capacity=500) for n in range(4)]
    for repeater in repeaters:
        await house.keep(repeater).start()
    late = await house.keep(Repeater(house.url, "late", numbers, node_id=leaver.node_id)).start(active=held())
    pumps = [asyncio.create_task(repeater.pump()) for repeater in [*repeaters, late]]
    numbers.shuffle(old)
    for assignment in old:
        await late.report(assignment, f"{assignment['task_name']}/stale")

    results = await house.api.completed(workflow, SECONDS)
    everybody = [*repeaters, late]
    await until(lambda: all(not r.reports and sum(r.answers.values()) == r.sent for r in everybody), "all answers are in", seconds=SECONDS)
    for pump in pumps:
        pump.cancel()

    assert len(results) == TASKS
    said_ok = collections.defaultdict(set)
    for repeater in everybody:
        for name, accepted in repeater.accepted_results.items():
            said_ok[name].update(accepted)
    # The stored result is one that was acknowledged, and no attempt of another worker was acknowledged beside it.
    wrong = {name: (result, said_ok[name]) for name, result in results.items() if result not in said_ok[name]}
    assert wrong == {}
    workers = {name: {result.rsplit("/", 1)[0] for result in accepted} for name, accepted in said_ok.items()}
    assert all(len(each) == 1 for each in workers.values())
    stale = [result for results in late.accepted_results.values() for result in results if result.endswith("/stale")]
    assert stale == [], "a report of an attempt that was reassigned"
    print({repeater.name: dict(repeater.answers) for repeater in everybody})
