"""Services that come and go: told to stop, killed, frozen, cut off from the server."""

import asyncio
import itertools
import os
import signal
import subprocess
import sys
from pathlib import Path

from support.proxy import Proxy

HERE = Path(__file__).resolve().parent
WINDOW = 50
# Every other service reaches the server by a network that can be cut.
MEMBERS = 6
FROZEN_SECONDS = CUT_SECONDS = 5
STOP_SECONDS = 40


class Crew:
    def __init__(self, port: int, folder: Path):
        self._port, self._folder = port, folder
        self._members: list[subprocess.Popen] = []
        self._networks: list[Proxy] = []
        self.turns: dict[str, int] = dict.fromkeys(("stopped", "killed", "frozen", "cut"), 0)

    async def start(self) -> None:
        for place in range(MEMBERS):
            network = await Proxy(self._port).open()
            self._networks.append(network)
            self._members.append(self._launch(place))

    def _launch(self, place: int) -> subprocess.Popen:
        network = self._networks[place]
        url = network.url if place % 2 else f"http://127.0.0.1:{self._port}"
        environment = {**os.environ, "GLEITZEIT_URL": url, "GLEITZEIT_WINDOW": str(WINDOW)}
        with open(self._folder / "services.log", "ab") as log:
            return subprocess.Popen([sys.executable, str(HERE / "service.py")], env=environment, stdout=log, stderr=log)

    async def trouble(self, every_seconds: float) -> None:
        """One of them has an accident every so often, in turn, until this is cancelled."""
        for turn in itertools.count():
            await asyncio.sleep(every_seconds)
            place, kind = turn % MEMBERS, turn // MEMBERS % 3
            member = self._members[place]
            if kind == 0:
                await self._replace(place, member, signal.SIGTERM, "stopped")
            elif kind == 1:
                await self._replace(place, member, signal.SIGKILL, "killed")
            elif place % 2:
                self._networks[place].cut()
                await asyncio.sleep(CUT_SECONDS)
                await self._networks[place].open()
                self.turns["cut"] += 1
            else:
                member.send_signal(signal.SIGSTOP)
                await asyncio.sleep(FROZEN_SECONDS)
                member.send_signal(signal.SIGCONT)
                self.turns["frozen"] += 1

    async def _replace(self, place: int, member: subprocess.Popen, by: signal.Signals, kind: str) -> None:
        member.send_signal(by)
        await asyncio.to_thread(member.wait, STOP_SECONDS)
        self._members[place] = self._launch(place)
        self.turns[kind] += 1

    def gone(self) -> list[int]:
        """The exit codes of those who have left of their own accord."""
        return [code for member in self._members if (code := member.poll()) is not None]

    async def stop(self) -> None:
        for member in self._members:
            member.send_signal(signal.SIGCONT)
            member.terminate()
        for member in self._members:
            try:
                await asyncio.to_thread(member.wait, STOP_SECONDS)
            except subprocess.TimeoutExpired:
                member.kill()
        for network in self._networks:
            network.cut()
