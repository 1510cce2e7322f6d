"""The real binary, as a process of its own."""

import asyncio
import os
import queue
import re
import signal
import subprocess
import threading
import time
from pathlib import Path

from .address import Reserved
from .patience import PATIENCE
from .tls import self_signed

LISTENING = re.compile(r"gleitzeit listening on (https?://127\.0\.0\.1:(\d+))")
# Generous: a debug build on a loaded machine.
START_SECONDS = STOP_SECONDS = PATIENCE


def binary() -> str:
    path = os.environ.get("GLEITZEIT_BIN")
    if not path:
        root = Path(__file__).resolve().parents[3]
        target = Path(os.environ.get("CARGO_TARGET_DIR", root / "target"))
        path = str(target / "debug" / "gleitzeit")
    if not os.access(path, os.X_OK):
        raise FileNotFoundError(f"{path} is not there: run tests/run, or build first and set GLEITZEIT_BIN")
    return path


class Server:
    """One `gleitzeit serve`, which can be killed, stopped and started again on its data."""

    def __init__(self, folder: Path, token: str | None = None, args: tuple[str, ...] = (), config: str = ""):
        self.data = folder / "data"
        self.token = token
        self.args = list(args)
        self.log_path = folder / "server.log"
        self.url = ""
        self._address = Reserved()
        self.port = self._address.port
        self.ca: Path | None = None
        self._process: subprocess.Popen | None = None
        if config:
            path = folder / "gleitzeit.toml"
            path.write_text(config)
            self.args += ["--config", str(path)]

    def encrypt(self, folder: Path) -> "Server":
        """It speaks TLS, with a certificate of its own that is `ca`."""
        self.ca, key = self_signed(folder)
        self.args += ["--tls-cert", str(self.ca), "--tls-key", str(key)]
        return self

    def command(self) -> list[str]:
        port = str(self.port)
        return [binary(), "serve", "--port", port, "--data-dir", str(self.data), *self.args]

    def first_key(self) -> str:
        """Makes the first admin, before the server runs. It is asked for keys from then on."""
        made = subprocess.run(
            [binary(), "auth", "init", "--data-dir", str(self.data)],
            env=self.environment(),
            capture_output=True,
            text=True,
            check=True,
        )
        return made.stdout.strip()

    def environment(self) -> dict[str, str]:
        # Only the log level passes: whoever looks for an error sets it.
        kept = (item for item in os.environ.items() if not item[0].startswith("GLEITZEIT_") or item[0] == "GLEITZEIT_LOG")
        env = dict(kept)
        if self.token:
            env["GLEITZEIT_TOKEN"] = self.token
        return env

    async def start(self) -> "Server":
        """Starts on the same port each time, so that clients find it again."""
        await asyncio.to_thread(self._start)
        return self

    def _start(self) -> None:
        with open(self.log_path, "ab") as log:
            self._process = subprocess.Popen(
                self.command(), stdout=subprocess.PIPE, stderr=log, env=self.environment(), text=True
            )
        lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=_drain, args=(self._process.stdout, lines), daemon=True).start()
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            try:
                line = lines.get(timeout=0.1)
            except queue.Empty:
                if self._process.poll() is not None:
                    raise AssertionError(f"the server ended with {self._process.returncode}:\n{self.log()}") from None
                continue
            if found := LISTENING.search(line):
                self.url, self.port = found[1], int(found[2])
                return
        self._process.kill()
        raise AssertionError(f"no line 'gleitzeit listening on' within {START_SECONDS} s:\n{self.log()}")

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    async def kill(self) -> None:
        """kill -9: no time for anything."""
        assert self._process is not None
        self._process.kill()
        await asyncio.to_thread(self._process.wait)

    async def stop(self) -> tuple[int, float]:
        """SIGTERM; the exit code and the seconds it took."""
        assert self._process is not None
        begin = time.monotonic()
        self._process.send_signal(signal.SIGTERM)
        try:
            code = await asyncio.to_thread(self._process.wait, STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise AssertionError(f"still running {STOP_SECONDS} s after SIGTERM") from None
        return code, time.monotonic() - begin

    async def ended(self) -> int:
        """The exit code of a server that was asked to stop."""
        assert self._process is not None
        return await asyncio.to_thread(self._process.wait, 4 * STOP_SECONDS)

    async def crash_and_restart(self) -> None:
        await self.kill()
        await self.start()

    def log(self) -> str:
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""


def _drain(pipe, lines: queue.Queue) -> None:
    """Reads on after the first line, so that the server never blocks on a full pipe."""
    for line in pipe:
        lines.put(line)
