"""A service of the soak, by the Python package: computes one number from another."""

import asyncio
import os
import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "clients" / "python"))

from gleitzeit_cluster import ExternalServiceCapability, ExternalServiceNode, Retryable

# One in so many attempts fails and is tried again, so that retries are part of every run.
FAILS_ONE_IN = 500


def value_of(number: int) -> int:
    return (number * 31 + 7) % 1_000_003


async def compute(task: dict) -> dict:
    await asyncio.sleep(random.uniform(0, 0.02))
    if random.randrange(FAILS_ONE_IN) == 0:
        raise Retryable("one of the failures that belong to the soak", after=0.1)
    return {"value": value_of(task["external_parameters"]["n"])}


if __name__ == "__main__":
    node = ExternalServiceNode(
        "Soak",
        cluster_url=os.environ["GLEITZEIT_URL"],
        capabilities=[ExternalServiceCapability.CUSTOM_PROCESSING],
        max_concurrent_tasks=int(os.environ["GLEITZEIT_WINDOW"]),
    )
    node.register_task_handler("custom_processing", compute)
    node.run()
