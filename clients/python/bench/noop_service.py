"""A service that does nothing, to measure how many tasks one Python process takes.

    gleitzeit conformance --null --tasks 100000 &
    python bench/noop_service.py

It takes the address from GLEITZEIT_URL (http://localhost:8000 unless set), and the number of tasks it holds at once
from WINDOW (100). With `--blocking` the handler is an ordinary function, which runs on a thread. The measurement ends
it.
"""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from gleitzeit_cluster import ExternalServiceCapability, ExternalServiceNode


async def nothing(task: dict) -> dict:
    return task["external_parameters"]


def nothing_blocking(task: dict) -> dict:
    return task["external_parameters"]


node = ExternalServiceNode(
    "Nothing",
    cluster_url=os.environ.get("GLEITZEIT_URL", "http://localhost:8000"),
    capabilities=[ExternalServiceCapability.CUSTOM_PROCESSING],
    max_concurrent_tasks=int(os.environ.get("WINDOW", "100")),
)
node.register_task_handler("custom_processing", nothing_blocking if "--blocking" in sys.argv else nothing)
node.run()
