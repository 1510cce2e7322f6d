"""A live view of services, queues and nodes, fed by the server itself.

python gleitzeit_cluster/cli_monitor_live.py            follows; Ctrl-C ends it
python gleitzeit_cluster/cli_monitor_live.py --once     prints one picture
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import sys
from collections import deque
from pathlib import Path
from typing import Any, Deque, Dict, List, Optional

import socketio

if __package__ in (None, ""):
    # Run by its path, without an installation.
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from gleitzeit_cluster.core.errors import GleitzeitError, ServerUnreachable, TokenRefused
from gleitzeit_cluster.core.rest import unreachable
from gleitzeit_cluster.core.trust import websocket_options

NAMESPACE = "/cluster"
ANSWER_SECONDS = 10
REMARKS_SHOWN = 6

# The exit codes of the `gleitzeit` command line.
OK, NO_SERVER, DENIED = 0, 6, 7

CLEAR = "\x1b[H\x1b[J"
BOLD, DIM, RED, GREEN, YELLOW, PLAIN = "\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[0m"

STATUS_COLOURS = {"ready": GREEN, "healthy": GREEN, "busy": GREEN, "draining": YELLOW, "overloaded": YELLOW}

REMARKS = {
    "external_service:registered": "registered",
    "external_service:disconnected": "is gone",
    "node:registered": "registered",
    "node:disconnected": "is gone",
    "node:status_change": "changed",
}


def main(arguments: Optional[List[str]] = None) -> int:
    parser = argparse.ArgumentParser(prog="cli_monitor_live.py", description=__doc__.splitlines()[0])
    url = os.environ.get("GLEITZEIT_URL") or "http://localhost:8000"
    parser.add_argument("--url", default=url, help="the address of the server (GLEITZEIT_URL)")
    parser.add_argument("--token", default=os.environ.get("GLEITZEIT_TOKEN"), help="a key of it (GLEITZEIT_TOKEN)")
    parser.add_argument("--once", action="store_true", help="print one picture and end")
    parser.add_argument("--json", action="store_true", help="one JSON document for each picture")
    given = parser.parse_args(arguments)
    screen = Screen(given.url, as_json=given.json, on_terminal=sys.stdout.isatty() and not given.once)
    try:
        asyncio.run(follow(given.url, given.token, screen, once=given.once))
    except KeyboardInterrupt:
        return OK
    except GleitzeitError as error:
        print(f"error: {error}", file=sys.stderr)
        return DENIED if isinstance(error, TokenRefused) else NO_SERVER
    return OK


async def follow(url: str, token: Optional[str], screen: Screen, *, once: bool) -> None:
    """Until it is interrupted, or with `once` until one picture is shown. A server that restarts is waited for."""
    sio = socketio.AsyncClient(
        reconnection_delay=0.5,
        reconnection_delay_max=5,
        handle_sigint=False,
        websocket_extra_options=websocket_options(),
    )
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def fail(error: GleitzeitError) -> None:
        if not done.done():
            done.set_exception(error)

    async def connected() -> None:
        screen.remark(f"connected to {url}")
        try:
            hello = {"token": token or "", "client_type": "monitor"}
            answer = await sio.call("authenticate", hello, namespace=NAMESPACE, timeout=ANSWER_SECONDS)
            if not answer.get("ok"):
                words = f"{url} refused the key: {answer.get('message')}. Give --token or GLEITZEIT_TOKEN"
                raise TokenRefused(words, answer.get("code"))
            await sio.emit("monitor:subscribe", {"types": ["all"]}, namespace=NAMESPACE)
        except GleitzeitError as error:
            fail(error)
        except socketio.exceptions.SocketIOError as error:
            fail(ServerUnreachable(f"{url} does not answer: {error}"))

    async def event(name: str, data: Any = None) -> None:
        if name == "monitor:initial_metrics":
            screen.show(data["metrics"])
            if once and not done.done():
                done.set_result(None)
        elif name == "monitor:metrics_update":
            # The metrics themselves, or an object around them.
            screen.show(data.get("metrics", data))
        elif name in REMARKS:
            screen.remark_node(name, data)

    sio.on("connect", connected, namespace=NAMESPACE)
    sio.on("disconnect", lambda reason=None: screen.lost(), namespace=NAMESPACE)
    sio.on("*", event, namespace=NAMESPACE)
    try:
        await sio.connect(url, namespaces=[NAMESPACE], transports=["websocket"], wait_timeout=ANSWER_SECONDS)
    except socketio.exceptions.SocketIOError as error:
        raise unreachable(url, error) from None
    try:
        await done
    finally:
        await sio.shutdown()


class Screen:
    """Draws a picture again and again on a terminal, and prints one after the other elsewhere."""

    def __init__(self, url: str, *, as_json: bool, on_terminal: bool):
        self._url = url
        self._as_json = as_json
        self._on_terminal = on_terminal and not as_json
        self._colours = self._on_terminal and "NO_COLOR" not in os.environ
        self._remarks: Deque[str] = deque(maxlen=REMARKS_SHOWN)
        self._metrics: Optional[Dict[str, Any]] = None

    def show(self, metrics: Dict[str, Any]) -> None:
        self._metrics = metrics
        if self._as_json:
            print(json.dumps(metrics), flush=True)
            return
        lines = self._picture(metrics)
        if self._on_terminal:
            columns = shutil.get_terminal_size().columns
            print(CLEAR + "\n".join(lines if self._colours else [line[:columns] for line in lines]), flush=True)
        else:
            print("\n".join(lines) + "\n", flush=True)

    def remark(self, text: str) -> None:
        if self._on_terminal:
            self._remarks.append(clean(text))

    def remark_node(self, event: str, data: Dict[str, Any]) -> None:
        name = data.get("service_name") or data.get("name") or data.get("node_id")
        more = f" to {data.get('new_status')}" if event == "node:status_change" else ""
        at = str(data.get("timestamp") or "")[11:19]
        self.remark(f"{at} {name} {REMARKS[event]}{more}")

    def lost(self) -> None:
        self.remark("the connection is lost; trying again")
        if self._on_terminal and self._metrics is not None:
            self.show(self._metrics)

    def _paint(self, text: str, colour: str) -> str:
        return f"{colour}{text}{PLAIN}" if self._colours else text

    def _picture(self, metrics: Dict[str, Any]) -> List[str]:
        cluster, queues = metrics["cluster_metrics"], metrics["queue_metrics"]
        system, together = metrics["system_metrics"], metrics["aggregate_metrics"]
        nodes = metrics["node_metrics"]
        slots = sum(node["max_tasks"] for node in nodes)
        lines = [
            self._paint(f"Gleitzeit at {self._url}", BOLD) + f"   {metrics['timestamp'][:19].replace('T', ' ')} UTC",
            f"workflows {cluster['active_workflows']}   services {cluster['external_service_nodes']}   executors "
            f"{cluster['executor_nodes']}   clients {cluster['connected_clients']}",
            f"queued    urgent {queues['urgent_queue']}   high {queues['high_queue']}   normal {queues['normal_queue']}"
            f"   low {queues['low_queue']}   together {queues['total_queued']}",
            f"slots     {together['total_active_tasks']} of {slots} in use ({together['cluster_utilization']:.0f} %)",
            f"server    cpu {system['server_cpu']:.0f} %   memory {system['server_memory']:.0f} %   disk "
            f"{system['server_disk']:.0f} %",
            "",
            self._paint(ROW.format("NAME", "TYPE", "STATUS", "TASKS", "DONE", "FAILED", "CPU", "MEMORY", "SEEN"), DIM),
        ]
        for node in sorted(nodes, key=lambda node: (node["node_type"], node["name"])):
            lines.append(self._row(node))
        if self._remarks:
            lines += ["", *(self._paint(remark, DIM) for remark in self._remarks)]
        return lines

    def _row(self, node: Dict[str, Any]) -> str:
        status = clean(str(node["status"]))
        row = ROW.format(
            clean(str(node["name"]))[:30],
            "service" if node["node_type"] == "external_service" else clean(str(node["node_type"]))[:9],
            status[:10],
            f"{node['active_tasks']}/{node['max_tasks']}",
            node.get("tasks_completed", ""),
            node.get("tasks_failed", ""),
            f"{node['cpu_usage']:.0f} %",
            f"{node['memory_usage']:.0f} %",
            str(node["last_heartbeat"])[11:19],
        )
        what = clean(" ".join(node.get("capabilities") or []))
        return self._paint(row, STATUS_COLOURS.get(status, RED)) + (f"  {what}" if what else "")


ROW = "{:<30}  {:<9}  {:<10}  {:>9}  {:>8}  {:>6}  {:>5}  {:>6}  {:<8}"


def clean(text: str) -> str:
    """Names come from others: what would move the cursor is left out."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


if __name__ == "__main__":
    sys.exit(main())
