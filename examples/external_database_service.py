"""A database service: stores rows in SQLite, and answers queries.

    pip install ./clients/python
    DATABASE=results.db python examples/external_database_service.py

The server is the one at GLEITZEIT_URL, http://localhost:8000 unless set.

    store    query_params {table, rows: [{column: value}]}    -> {table, stored, total_rows}
    query    query_params {sql, parameters}                   -> {rows, count}

A task that runs twice, because the service died between the commit and its answer, stores its rows once: the key of the
task is written in the same transaction.
"""

import json
import os
import re
import sqlite3

from gleitzeit_cluster import ExternalServiceCapability, ExternalServiceNode, Fatal

DATABASE = os.environ.get("DATABASE", "results.db")
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
ROWS_MAX = 10_000


def name(text) -> str:
    """Names cannot be parameters of a statement, so they are checked."""
    if not isinstance(text, str) or not NAME.fullmatch(text):
        raise Fatal(f"{text!r} is no name of a table or column")
    return text


def connect(read_only: bool = False) -> sqlite3.Connection:
    connection = sqlite3.connect(DATABASE, timeout=30)
    connection.row_factory = sqlite3.Row
    connection.execute("create table if not exists gleitzeit_done (key text primary key, result text not null)")
    connection.commit()
    if read_only:
        connection.execute("pragma query_only = on")
    return connection


def store(params: dict, key: str) -> dict:
    table, rows = name(params.get("table")), params.get("rows")
    if not isinstance(rows, list) or not all(isinstance(row, dict) and row for row in rows) or not rows:
        raise Fatal("query_params.rows is no list of objects")
    columns = [name(column) for column in rows[0]]
    connection = connect()
    try:
        with connection:
            connection.execute("begin immediate")
            done = connection.execute("select result from gleitzeit_done where key = ?", (key,)).fetchone()
            if done:
                return json.loads(done["result"])
            connection.execute(f"create table if not exists {table} ({', '.join(columns)})")
            marks = ", ".join("?" for _ in columns)
            connection.executemany(
                f"insert into {table} ({', '.join(columns)}) values ({marks})",
                [[plain(row.get(column)) for column in columns] for row in rows],
            )
            total = connection.execute(f"select count(*) from {table}").fetchone()[0]
            result = {"table": table, "stored": len(rows), "total_rows": total}
            connection.execute("insert into gleitzeit_done values (?, ?)", (key, json.dumps(result)))
            return result
    finally:
        connection.close()


def plain(value):
    """Lists and objects are stored as JSON."""
    return json.dumps(value) if isinstance(value, (list, dict)) else value


def query(params: dict) -> dict:
    connection = connect(read_only=True)
    try:
        rows = connection.execute(str(params.get("sql")), params.get("parameters") or []).fetchmany(ROWS_MAX)
        return {"rows": [dict(row) for row in rows], "count": len(rows)}
    finally:
        connection.close()


def handle(task: dict, ctx) -> dict:
    """Not async, because SQLite blocks; it runs on a thread."""
    operation, params = ctx.parameters.get("operation"), ctx.parameters.get("query_params") or {}
    try:
        if operation == "store":
            return store(params, ctx.idempotency_key)
        if operation == "query":
            return query(params)
    except sqlite3.OperationalError as error:
        # Somebody else writes for long: that passes. A statement that makes no sense does not.
        if "locked" in str(error):
            raise
        raise Fatal(str(error)) from None
    raise Fatal(f"there is no operation {operation!r}; there are store and query")


if __name__ == "__main__":
    node = ExternalServiceNode(
        "Database Service",
        cluster_url=os.environ.get("GLEITZEIT_URL", "http://localhost:8000"),
        capabilities=[ExternalServiceCapability.DATABASE_OPERATIONS],
    )
    node.register_task_handler("database_operations", handle)
    node.run()
