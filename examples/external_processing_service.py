"""A data processing service: tidies records, and leaves out those that it has seen already.

    pip install ./clients/python
    python examples/external_processing_service.py

The server is the one at GLEITZEIT_URL, http://localhost:8000 unless set.

    parameters {records: [{...}], unique_by: [column]}    -> {records, received, dropped}

White space in texts is reduced to single spaces; two records are the same when the columns of `unique_by` are, whatever
the case of their letters.
"""

import os

from gleitzeit_cluster import ExternalServiceCapability, ExternalServiceNode, Fatal

PROGRESS_RECORDS = 10_000


def tidy(value):
    return " ".join(value.split()) if isinstance(value, str) else value


def clean(task: dict, ctx) -> dict:
    """Not async, because it computes; it runs on a thread."""
    records, columns = ctx.parameters.get("records"), ctx.parameters.get("unique_by")
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise Fatal("`records` is no list of objects")
    if not isinstance(columns, list) or not columns:
        raise Fatal("`unique_by` is no list of columns")
    kept: dict = {}
    for number, record in enumerate(records):
        if number % PROGRESS_RECORDS == 0:
            ctx.progress(100 * number / len(records), f"record {number}")
        tidied = {column: tidy(value) for column, value in record.items()}
        key = tuple(str(tidied.get(column)).casefold() for column in columns)
        kept.setdefault(key, tidied)
    return {"records": list(kept.values()), "received": len(records), "dropped": len(records) - len(kept)}


if __name__ == "__main__":
    node = ExternalServiceNode(
        "Processing Service",
        cluster_url=os.environ.get("GLEITZEIT_URL", "http://localhost:8000"),
        capabilities=[ExternalServiceCapability.DATA_PROCESSING],
    )
    node.register_task_handler("data_processing", clean)
    node.run()
