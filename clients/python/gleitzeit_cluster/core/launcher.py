"""Finds the `gleitzeit` program and starts a server with it."""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import List, Optional
from urllib.parse import urlsplit

from .errors import ServerStartFailed

# A server that replays a large log takes a moment; one that does not listen by then has a problem.
START_SECONDS = 30.0
STOP_SECONDS = 10.0
LOG_LINES_SHOWN = 12


def find_binary(given: Optional[str] = None) -> str:
    """The program that was given, that `GLEITZEIT_BIN` names, that lies beside the package, or that is on the PATH."""
    name = "gleitzeit.exe" if os.name == "nt" else "gleitzeit"
    for source, path in (("binary=", given), ("GLEITZEIT_BIN", os.environ.get("GLEITZEIT_BIN"))):
        if path:
            if os.access(path, os.X_OK) and os.path.isfile(path):
                return path
            raise ServerStartFailed(f"{source} names {path}, which is no program")
    package = Path(__file__).resolve().parent.parent
    beside: List[Path] = [package / "bin" / name, package.parent / name, Path(sys.executable).parent / name]
    # A checkout of the sources, where it has been built.
    beside += [package.parents[2] / "target" / kind / name for kind in ("release", "debug")]
    for candidate in beside:
        if candidate.is_file() and os.access(candidate, os.X_OK):
            return str(candidate)
    found = shutil.which(name)
    if found:
        return found
    raise ServerStartFailed(
        "no server answers, and there is no `gleitzeit` program to start one with. Install it (it is one file) and put "
        "it on the PATH, or say where it is: GLEITZEIT_BIN=/path/to/gleitzeit"
    )


class LaunchedServer:
    """A server in a process of its own, which outlives this one unless it is stopped."""

    def __init__(self, process: subprocess.Popen[bytes], log_path: Path):
        self._process = process
        self.log_path = log_path

    @classmethod
    def launch(cls, url: str, *, binary: Optional[str] = None, data_dir: Optional[str] = None) -> LaunchedServer:
        parts = urlsplit(url)
        host = "127.0.0.1" if parts.hostname in (None, "localhost") else str(parts.hostname)
        command = [find_binary(binary), "serve", "--host", host, "--port", str(parts.port or 80)]
        if data_dir is not None:
            command += ["--data-dir", data_dir]
        handle, name = tempfile.mkstemp(prefix="gleitzeit-", suffix=".log")
        try:
            # A session of its own, so that a Ctrl-C at this program does not end it.
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=handle, stderr=handle, start_new_session=True
            )
        except OSError as error:
            raise ServerStartFailed(f"{command[0]} cannot be started: {error}") from None
        finally:
            os.close(handle)
        return cls(process, Path(name))

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def log(self) -> str:
        """The last lines that it wrote."""
        try:
            lines = self.log_path.read_text(errors="replace").splitlines()
        except OSError:
            return ""
        return "\n".join(lines[-LOG_LINES_SHOWN:])

    def let_go_at_exit(self) -> None:
        """It may outlive this program. Python would complain about a process that nobody has waited for."""
        atexit.register(setattr, self._process, "returncode", 0)

    def stop(self) -> None:
        """As SIGTERM does: what is running is stored, and services come back by themselves. Blocks until it is gone."""
        if not self.running:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(STOP_SECONDS)

    def failure(self, began: float) -> Optional[ServerStartFailed]:
        """Why it will not listen any more, once that is certain."""
        code = self._process.poll()
        if code is not None:
            return ServerStartFailed(f"the server ended with code {code} before it listened:\n{self.log()}")
        if time.monotonic() - began > START_SECONDS:
            self.stop()
            return ServerStartFailed(f"the server did not listen within {START_SECONDS:.0f} s:\n{self.log()}")
        return None
