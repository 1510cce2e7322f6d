"""A service of the earlier kind that does what the tasks of `gleitzeit conformance` ask for."""

import asyncio
import sys

from support.earlier import EarlierService


async def work(assignment, progress):
    asked = assignment["external_parameters"]
    if asked["do"] == "sleep":
        await asyncio.sleep(asked["ms"] / 1000)
    elif asked["do"] == "progress":
        await progress(50, "half way")
    elif asked["do"] != "echo":
        raise ValueError(asked.get("message", "this is not known here"))
    return asked.get("value")


async def main():
    handlers = {"conformance": work}
    service = EarlierService(sys.argv[1], "Earlier", ["custom_processing"], handlers, capacity=4, heartbeat=2)
    await service.start()
    while not service.stopped_for_good:
        await asyncio.sleep(0.05)


asyncio.run(main())
