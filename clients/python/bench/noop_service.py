"""A service that does nothing, to measure how many tasks one Python process takes: from a durable server, or from
`gleitzeit conformance --null`, which stores nothing.

    gleitzeit bench --service-command "python bench/noop_service.py"

    gleitzeit conformance --null --tasks 100000 &
    python bench/noop_service.py

It takes the address from GLEITZEIT_URL (http://localhost:8000 unless set), its name from GLEITZEIT_SERVICE_NAME, the
type of its tasks from GLEITZEIT_TASK_TYPE (custom_processing), and the number of tasks it holds at once from
GLEITZEIT_WINDOW (100); `gleitzeit bench` sets all of them. With `--blocking` the handler is an ordinary function,
which runs on a thread.
The measurement ends it.
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
    os.environ.get("GLEITZEIT_SERVICE_NAME", "Nothing"),
    cluster_url=os.environ.get("GLEITZEIT_URL", "http://localhost:8000"),
    capabilities=[ExternalServiceCapability.CUSTOM_PROCESSING],
    max_concurrent_tasks=int(os.environ.get("GLEITZEIT_WINDOW", "100")),
)
node.register_task_handler(
    os.environ.get("GLEITZEIT_TASK_TYPE", "custom_processing"),
    nothing_blocking if "--blocking" in sys.argv else nothing,
)
node.run()
