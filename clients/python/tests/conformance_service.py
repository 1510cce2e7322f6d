"""A service that does what `gleitzeit conformance` asks of it."""

import asyncio
import os

from gleitzeit_cluster import ExternalServiceCapability, ExternalServiceNode, Fatal, Retryable, TaskContext

# The event loop itself has only weak references to its tasks.
leaving: list = []


async def conformance(task: dict, ctx: TaskContext) -> object:
    asked = ctx.parameters
    if asked.get("do") == "sleep":
        await asyncio.sleep(asked["ms"] / 1000)
    elif asked.get("do") == "progress":
        ctx.progress(50, "half way")
    elif asked.get("do") == "drain":
        leaving.append(asyncio.ensure_future(node.drain()))
    elif asked.get("do") == "fail":
        kind = Retryable if asked.get("retryable", True) else Fatal
        raise kind(asked["message"], code=asked.get("code"))
    elif asked.get("do") != "echo":
        raise Fatal("this is not known here")
    return asked.get("value")


node = ExternalServiceNode(
    "Conformance",
    cluster_url=os.environ["GLEITZEIT_URL"],
    capabilities=[ExternalServiceCapability.CUSTOM_PROCESSING],
)
node.register_task_handler("conformance", conformance)
node.run()
