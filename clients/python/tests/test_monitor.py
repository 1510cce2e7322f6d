"""The live monitor, by the path that it has always had."""

import json
import os
import pty
import re
import signal
import subprocess
import sys

from conftest import PACKAGE, TOKEN, work
from programs import environment, free_port, run
from support.patience import until

MONITOR = "gleitzeit_cluster/cli_monitor_live.py"


async def test_one_picture(house):
    async def handler(task):
        return 1

    node = await house.serve(handler, "Shown Service", max_concurrent_tasks=7, heartbeat_interval=0.3)
    await house.api.completed(await house.api.submit([work("a"), work("b")]))

    async def counted() -> bool:
        # What a service has done is shown as its heartbeats say it.
        return (await house.api.get(f"/services/{node.service_id}"))["reported"]["tasks_completed"] == 2

    await until(counted, "a heartbeat after the work")
    await house.api.submit([{**work("waits", kind="ml_training"), "priority": "high"}])
    code, out, err = await run(MONITOR, "--once", "--url", house.url, folder=PACKAGE, PYTHONPATH="")
    assert code == 0 and err == "", err
    assert f"Gleitzeit at {house.url}" in out and "high 1" in out and "services 1" in out
    row = next(line for line in out.splitlines() if "Shown Service" in line)
    assert re.search(r"service +healthy +0/7 +2 +0 ", row) and "custom_processing" in row
    assert "\x1b" not in out, "no colours outside a terminal"
    code, out, _ = await run(MONITOR, "--once", "--json", folder=PACKAGE, PYTHONPATH="", GLEITZEIT_URL=house.url)
    assert code == 0 and json.loads(out)["queue_metrics"]["high_queue"] == 1


async def test_live_on_a_terminal_until_ctrl_c(house):
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, MONITOR, "--url", house.url],
        cwd=PACKAGE,
        env={**environment(TERM="xterm"), "PYTHONPATH": ""},
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    )
    os.close(slave)
    os.set_blocking(master, False)
    seen = b""

    def shown(text: str) -> bool:
        nonlocal seen
        try:
            seen += os.read(master, 1 << 20)
        except (BlockingIOError, OSError):
            pass
        return text in seen.decode(errors="replace")

    async def handler(task):
        return 1

    try:
        await until(lambda: shown("Gleitzeit at"), "the first picture")
        await house.serve(handler, "Came later")
        await until(lambda: shown("Came later registered"), "it is told that a service has come")
        await until(lambda: shown("0/10"), "and shown in the next picture")
        assert "\x1b[H\x1b[J" in seen.decode(), "each picture takes the place of the last one"
        process.send_signal(signal.SIGINT)
        await until(lambda: process.poll() is not None, "Ctrl-C ends it")
        assert process.returncode == 0
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        os.close(master)


async def test_it_says_what_is_wrong(guarded_house):
    code, _, err = await run(MONITOR, "--once", "--url", f"http://127.0.0.1:{free_port()}", folder=PACKAGE)
    assert code == 6 and "gleitzeit serve" in err
    code, _, err = await run(MONITOR, "--once", "--url", guarded_house.url, folder=PACKAGE)
    assert code == 7 and "GLEITZEIT_TOKEN" in err
    code, out, err = await run(MONITOR, "--once", "--url", guarded_house.url, "--token", TOKEN, folder=PACKAGE)
    assert code == 0 and "services 0" in out, err


def test_names_of_others_cannot_move_the_cursor():
    from gleitzeit_cluster.cli_monitor_live import clean

    assert clean("a\x1b[2Jb\nc\u202e") == "a?[2Jb?c?"
