"""A receiver of webhooks, which keeps what it is sent."""

import asyncio

from aiohttp import web

from .patience import PATIENCE


class Receiver:
    """Answers 200 to everything that is posted to it."""

    def __init__(self):
        self.received: asyncio.Queue[tuple[dict[str, str], bytes]] = asyncio.Queue()
        self.url = ""

    async def start(self) -> "Receiver":
        app = web.Application()
        app.router.add_post("/{path:.*}", self._take)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        port = self._runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{port}/hook?key=canary-in-a-url"
        return self

    async def _take(self, request: web.Request) -> web.Response:
        self.received.put_nowait((dict(request.headers), await request.read()))
        return web.Response()

    async def next(self) -> tuple[dict[str, str], bytes]:
        return await asyncio.wait_for(self.received.get(), PATIENCE)

    async def stop(self) -> None:
        await self._runner.cleanup()
