"""Programs in processes of their own, and servers that they start."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from conftest import PACKAGE
from support.address import Reserved
from support.patience import PATIENCE
from support.server import binary

# For programs that hang: what they do takes seconds on a quiet machine.
SECONDS = 500
# Those that were given away, until the tests end.
_reserved: "list[Reserved]" = []


def free_port() -> int:
    """A port where nobody listens, and that nobody is given who does not ask for it."""
    _reserved.append(Reserved())
    return _reserved[-1].port


def environment(**more: str) -> dict:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("GLEITZEIT_")}
    return {**kept, "PYTHONPATH": str(PACKAGE), "PYTHONUNBUFFERED": "1", "GLEITZEIT_BIN": binary(), **more}


async def run(*command: str, folder: Path, **more: str) -> "tuple[int, str, str]":
    """Code, standard output and standard error of a Python program that ends."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, cwd=folder, env=environment(**more), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        out, err = await asyncio.wait_for(process.communicate(), SECONDS)
    finally:
        if process.returncode is None:
            process.kill()
    return process.returncode, out.decode(), err.decode()


class Running:
    """A Python program that goes on until the test ends it."""

    def __init__(self, *command: str, folder: Path, **more: str):
        self._log = folder / f"program-{time.monotonic_ns()}.log"
        with open(self._log, "wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, *command], cwd=folder, env=environment(**more), stdout=log, stderr=log
            )

    def output(self) -> str:
        return self._log.read_text(errors="replace")

    def __enter__(self) -> "Running":
        return self

    def __exit__(self, *_) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        # Shown by pytest when the test failed.
        print(self.output()[-4000:])


def end(pid: int) -> None:
    """Ends a server that a test's program has started and left behind."""
    os.kill(pid, signal.SIGTERM)
    for _ in range(20 * PATIENCE):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    os.kill(pid, signal.SIGKILL)
