"""Thousands of services in one process: Engine.IO and Socket.IO over websockets, spoken by hand.

    python fleet.py PORT PREFIX HEARTBEAT_SECONDS

A command a line comes in, and an answer in JSON a line goes out:

    open N        opens N more services and registers them, at most `AT_ONCE` of them on the way at a time
    drop          resets every connection, at once
    back          opens them again, all at the same time, each with what it holds
    finish        completes every task that is held
    tell          the figures so far
"""

import asyncio
import base64
import json
import os
import sys
import time

AT_ONCE = 200
TRIES = 20
SMALL, MEDIUM = 126, 127


class Service(asyncio.Protocol):
    """One service. `registered` resolves when the server has said so."""

    def __init__(self, fleet: "Fleet", number: int):
        self.fleet, self.number = fleet, number
        self.node_id = f"{fleet.prefix}-{number}"
        self.held: dict | None = None
        self.acks: dict[int, tuple[str, float]] = {}
        self.next_ack = 0
        self._reset()

    def _reset(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.buffer = b""
        self.upgraded = False
        self.acks.clear()
        self.registered = asyncio.get_running_loop().create_future()

    async def open(self) -> None:
        self._reset()
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: self, "127.0.0.1", self.fleet.port)
        await asyncio.wait_for(asyncio.shield(self.registered), self.fleet.patience)

    # The connection.

    def connection_made(self, transport) -> None:
        self.transport = transport
        key = base64.b64encode(os.urandom(16)).decode()
        transport.write((
            f"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1:{self.fleet.port}\r\n"
            f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
        ).encode())

    def connection_lost(self, error) -> None:
        if not self.registered.done():
            self.registered.set_exception(error or ConnectionError("closed before it was registered"))
            # Whoever waits for it sees it; nobody else has to.
            self.registered.exception()
        elif not self.fleet.dropping:
            self.fleet.lost += 1
        self.transport = None

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        if not self.upgraded:
            head, end, rest = self.buffer.partition(b"\r\n\r\n")
            if not end:
                return
            if b" 101 " not in head.split(b"\r\n", 1)[0] + b" ":
                self.transport.abort()
                return
            self.upgraded, self.buffer = True, rest
        while (frame := self._frame()) is not None:
            opcode, payload = frame
            if opcode == 1:
                self._packet(payload.decode())
            elif opcode == 8:
                self.transport.close()
                return
            elif opcode == 9:
                self._write(10, payload)

    def _frame(self) -> tuple[int, bytes] | None:
        data = self.buffer
        if len(data) < 2:
            return None
        length, begin = data[1] & 0x7F, 2
        if length == SMALL:
            length, begin = int.from_bytes(data[2:4], "big"), 4
        elif length == MEDIUM:
            length, begin = int.from_bytes(data[2:10], "big"), 10
        if len(data) < begin + length:
            return None
        self.buffer = data[begin + length :]
        return data[0] & 0x0F, data[begin : begin + length]

    def _write(self, opcode: int, payload: bytes) -> None:
        """A mask of zeros is a mask, and leaves the text as it is."""
        length = len(payload)
        if length < SMALL:
            head = bytes([0x80 | opcode, 0x80 | length])
        else:
            head = bytes([0x80 | opcode, 0x80 | SMALL]) + length.to_bytes(2, "big")
        if self.transport:
            self.transport.write(head + bytes(4) + payload)

    def _say(self, text: str) -> None:
        self._write(1, text.encode())

    # The packets.

    def _packet(self, text: str) -> None:
        if text[0] == "0":
            self._say("40/cluster,")
        elif text[0] == "2":
            self.fleet.pings += 1
            self._say("3")
        elif text.startswith("40/cluster"):
            return
        elif text.startswith("42/cluster,["):
            name, payload = json.loads(text[len("42/cluster,") :])[:2]
            self._event(name, payload)
        elif text.startswith("43/cluster,"):
            number, _, rest = text[len("43/cluster,") :].partition("[")
            self._answered(*self.acks.pop(int(number)), json.loads("[" + rest)[0])

    def _event(self, name: str, payload: dict) -> None:
        if name == "connected":
            self.emit("authenticate", {"token": "demo_token", "client_type": "external_service"})
        elif name == "authenticated":
            active = [{"task_id": self.held["task_id"], "attempt": self.held["attempt"]}] if self.held else []
            self.ask("node:register", {
                "node_id": self.node_id, "name": self.fleet.prefix, "node_type": "external_service", "active": active,
                "capabilities": {
                    "task_types": ["external_custom", "custom_processing"], "max_concurrent_tasks": 1,
                    "external_service": True, "service_capabilities": ["custom_processing"],
                },
            })
        elif name == "task:assign":
            self.fleet.assigned += 1
            self.held = payload
            self.report("task:accepted", {})

    def _answered(self, event: str, at: float, answer: dict) -> None:
        fleet = self.fleet
        if not answer["ok"]:
            fleet.refused.append(f"{event}: {answer}"[:300])
        elif event == "node:register":
            if not self.registered.done():
                self.registered.set_result(None)
                # Spread over the interval, as those of services are that started at different times.
                after = fleet.heartbeat * (self.number % 997) / 997
                asyncio.get_running_loop().call_later(after, self._beat, self.transport)
        elif event == "node:heartbeat":
            fleet.beats.append(time.monotonic() - at)
        elif event == "task:accepted":
            fleet.accepted += 1
        elif event == "task:completed":
            fleet.completed += 1

    def _beat(self, transport) -> None:
        if transport is not self.transport:
            return
        self.ask("node:heartbeat", {
            "node_id": self.node_id, "status": "ready", "node_type": "external_service",
            "active_tasks": 1 if self.held else 0, "max_tasks": 1,
        })
        asyncio.get_running_loop().call_later(self.fleet.heartbeat, self._beat, transport)

    def emit(self, event: str, payload: dict) -> None:
        self._say(f"42/cluster,{json.dumps([event, payload])}")

    def ask(self, event: str, payload: dict) -> None:
        self.acks[self.next_ack] = (event, time.monotonic())
        self._say(f"42/cluster,{self.next_ack}{json.dumps([event, payload])}")
        self.next_ack += 1

    def report(self, event: str, more: dict) -> None:
        held = self.held
        names = {key: held[key] for key in ("task_id", "workflow_id", "attempt")}
        self.ask(event, {**names, "node_id": self.node_id, **more})


class Fleet:
    def __init__(self, port: int, prefix: str, heartbeat: float, patience: float = 300):
        self.port, self.prefix, self.heartbeat, self.patience = port, prefix, heartbeat, patience
        self.services: list[Service] = []
        self.dropping = False
        self.lost = self.pings = self.assigned = self.accepted = self.completed = self.tries = 0
        self.beats: list[float] = []
        self.refused: list[str] = []

    async def _all(self, services: list[Service], at_once: int) -> dict:
        gate, begin = asyncio.Semaphore(at_once), time.monotonic()

        async def one(service: Service) -> None:
            async with gate:
                for tries in range(TRIES):
                    self.tries += 1
                    try:
                        return await service.open()
                    except OSError:
                        if tries + 1 == TRIES:
                            raise
                        # As every client: a little later, and not all at the same moment.
                        await asyncio.sleep(0.1 + 0.9 * (service.number % 97) / 97)

        await asyncio.gather(*map(one, services))
        return {"seconds": time.monotonic() - begin, "services": len(services)}

    async def open(self, count: int) -> dict:
        first = len(self.services)
        fresh = [Service(self, number) for number in range(first, first + count)]
        self.services += fresh
        return await self._all(fresh, AT_ONCE)

    async def drop(self) -> dict:
        self.dropping = True
        for service in self.services:
            if service.transport:
                service.transport.abort()
        await asyncio.sleep(0)
        return {"services": len(self.services)}

    async def back(self) -> dict:
        answer = await self._all(self.services, len(self.services))
        self.dropping = False
        return answer

    async def finish(self) -> dict:
        before, held = self.completed, [service for service in self.services if service.held]
        for service in held:
            service.report("task:completed", {"result": service.node_id})
            service.held = None
        deadline = time.monotonic() + self.patience
        while self.completed < before + len(held) and not self.refused and time.monotonic() < deadline:
            await asyncio.sleep(0.05)
        return {"held": len(held), "completed": self.completed - before}

    async def tell(self) -> dict:
        beats, self.beats = self.beats, []
        names = ("lost", "pings", "assigned", "accepted", "completed", "tries", "refused")
        connected = sum(service.transport is not None for service in self.services)
        return {"beats": beats, "connected": connected, **{name: getattr(self, name) for name in names}}


async def main(port: str, prefix: str, heartbeat: str) -> None:
    fleet = Fleet(int(port), prefix, float(heartbeat))
    lines = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while words := (await lines.readline()).decode().split():
        answer = await getattr(fleet, words[0])(*map(int, words[1:]))
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
