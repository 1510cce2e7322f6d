"""The soak: one server under a steady load for as long as wanted, while its services come and go.

    .venv/bin/python tests/long/soak --minutes 60

Every result of every workflow is compared with what it must be, and the server's own count of completed tasks with the
number that was submitted. Memory, descriptors, threads and the size of log and store are read every ten seconds, shown,
and kept in `samples.jsonl` of the folder; the end says whether they are flat. The exit code is 0 when all is well.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from statistics import quantiles

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "clients"))

import aiohttp
import figures
from crew import Crew
from load import TASKS, Load
from support.server import Server

EVERY_SECONDS = 10
ACCIDENT_SECONDS = 7


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests/long/soak", description=__doc__.split("\n\n")[0])
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--rate", type=float, default=500, help="tasks a second")
    parser.add_argument("--retention-log-size", help="as in the settings, for a log that must stay below a size")
    parser.add_argument("--folder", type=Path, help="where data and samples are kept; a temporary one is removed")
    return parser.parse_args()


async def completed(url: str) -> tuple[int, int]:
    """How many tasks the server says have completed, and failed for good."""
    async with aiohttp.ClientSession() as session, session.get(f"{url}/metrics") as response:
        lines = dict(line.rsplit(" ", 1) for line in (await response.text()).splitlines() if line[:1] != "#")
    return int(lines["gleitzeit_tasks_completed_total"]), int(lines["gleitzeit_tasks_failed_total"])


async def watch(server: Server, load: Load, crew: Crew, samples: list, file: Path) -> None:
    begin = time.monotonic()
    with file.open("w") as out:
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            second = time.monotonic() - begin
            sample = await asyncio.to_thread(
                figures.take, second, load.checked * TASKS, load.open, server.pid, server.data
            )
            samples.append(sample)
            print(sample.line(), crew.turns, flush=True)
            out.write(json.dumps(asdict(sample)) + "\n")
            out.flush()


async def soak(options: argparse.Namespace, folder: Path) -> list[str]:
    config = 'segment_size = "16MiB"\n'
    if options.retention_log_size:
        config += f'retention_log_size = "{options.retention_log_size}"\n'
    server = await Server(folder, config=config).start()
    load, crew, samples = Load(server.url, options.rate), Crew(server.port, folder), []
    await crew.start()
    beside = [
        asyncio.create_task(crew.trouble(ACCIDENT_SECONDS)),
        asyncio.create_task(watch(server, load, crew, samples, folder / "samples.jsonl")),
    ]
    begin = time.monotonic()
    try:
        await load.run(options.minutes * 60)
        wrong = list(load.wrong)
        for task in beside:
            if task.done():
                wrong.append(f"the soak itself has failed: {task.exception()!r}")
        count = await completed(server.url)
    finally:
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)
        await crew.stop()
        code, seconds = await server.stop()
    if code != 0:
        wrong.append(f"the server ended with {code}")
    if "panicked at" in server.log():
        wrong.append("the server's log tells of a panic")
    if count != (load.submitted * TASKS, 0):
        wrong.append(f"of {load.submitted * TASKS} tasks the server has completed {count[0]} and failed {count[1]}")
    proof = subprocess.run(
        [server.command()[0], "store", "verify", "--data-dir", str(server.data)], capture_output=True, text=True
    )
    if proof.returncode != 0:
        wrong.append(f"store verify: {proof.stdout[-500:]} {proof.stderr[-500:]}")
    told, not_flat = figures.verdict(samples)
    print(f"\n{options.minutes:g} minutes at {options.rate:g} tasks/s, {time.monotonic() - begin:.0f} s in all; {server.command()[0]}")
    print(f"{load.submitted} workflows, {load.checked * TASKS} results checked, {len(load.wrong)} wrong; accidents: {crew.turns}")
    if len(load.seconds) > 100:
        cuts = quantiles(load.seconds, n=1000)
        print(f"a workflow took {cuts[499]:.2f} s at p50, {cuts[989]:.2f} s at p99, {cuts[998]:.2f} s at p99.9, {max(load.seconds):.1f} s at most")
    print("\n".join(told))
    return wrong + not_flat


def main() -> int:
    options = arguments()
    with tempfile.TemporaryDirectory(prefix="soak-") as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        wrong = asyncio.run(soak(options, folder))
    for line in wrong:
        print(f"WRONG  {line}")
    print("flat, and every result was there once" if not wrong else f"{len(wrong)} things are wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
