"""Checks that external tasks work: a service, a workflow across it and the server, and their results.

    python examples/test_external_tasks.py

It talks to the server at GLEITZEIT_URL (http://localhost:8000 unless set), or starts one for as long as it runs. It
ends with 0 when everything came out as it should.
"""

import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from gleitzeit_cluster import (
    ExternalServiceCapability,
    ExternalServiceNode,
    GleitzeitCluster,
    Retryable,
    TaskContext,
)


def statistics(task: dict, ctx: TaskContext) -> dict:
    """Runs on a thread, because it is not async."""
    numbers = ctx.parameters["numbers"]
    ctx.progress(50, f"{len(numbers)} numbers read")
    return {"count": len(numbers), "sum": sum(numbers)}


async def unsteady(task: dict, ctx: TaskContext) -> dict:
    """Succeeds with the second try."""
    if ctx.attempt == 1:
        raise Retryable("not yet", after=0.1)
    return {"attempt": ctx.attempt}


async def main() -> int:
    cluster = GleitzeitCluster()
    await cluster.start()
    service = ExternalServiceNode(
        "Test Service",
        cluster_url=cluster.url,
        capabilities=[ExternalServiceCapability.DATA_PROCESSING, ExternalServiceCapability.CUSTOM_PROCESSING],
    )
    service.register_task_handler("data_processing", statistics)
    service.register_task_handler("custom_processing", unsteady)
    await service.open()
    cluster.on("task_completed", lambda done: print(f"  {done['task_name']}: {str(done['result'])[:80]}"))

    workflow = cluster.create_workflow("External tasks")
    workflow.add_python_task("Numbers", "random_data", ["numbers", 1000, 1, 6])
    workflow.add_external_task(
        "Statistics", "data_processing", "Test Service", {"numbers": "{{Numbers.result}}"}, dependencies=["Numbers"]
    )
    workflow.add_external_task("Unsteady", "custom_processing", "Test Service", max_retries=2)
    workflow.add_python_task("Check", "analyze_numbers", ["{{Numbers.result}}"], dependencies=["Statistics"])

    print(f"workflow {workflow.id} at {cluster.url}")
    result = await cluster.execute_workflow(workflow, timeout=60)
    await service.stop()
    await cluster.stop()

    expected = {
        "the workflow completed": result.ok,
        "the service and the server count alike": result.ok
        and (result.results["Statistics"]["count"], result.results["Statistics"]["sum"])
        == (result.results["Check"]["count"], result.results["Check"]["sum"]),
        "the failed try was repeated": result.ok and result.results["Unsteady"] == {"attempt": 2},
    }
    for what, is_so in expected.items():
        print(f"{'ok    ' if is_so else 'FAILED'} {what}")
    return 0 if all(expected.values()) else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
