"""A model server that says what the test wants, in the words of Ollama."""

import json
from typing import Callable

from aiohttp import web


class Model:
    """Speaks `/api/tags`, `/api/generate` and `/api/chat`; the answer is made from the prompt."""

    def __init__(self, name: str = "llama3", answer: Callable[[str], str] = lambda prompt: f"An answer to: {prompt}"):
        self.name = name
        self.answer = answer
        self.prompts: list[str] = []
        self.images = 0

    async def start(self) -> "Model":
        app = web.Application(client_max_size=1 << 26)
        app.router.add_get("/api/tags", self._tags)
        app.router.add_post("/api/generate", self._generate)
        app.router.add_post("/api/chat", self._chat)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = site._server.sockets[0].getsockname()[1]
        return self

    async def stop(self) -> None:
        await self._runner.cleanup()

    def config(self) -> str:
        """The server's configuration that names this model."""
        return (
            '[[models.endpoints]]\nname = "scripted"\nkind = "ollama"\n'
            f'url = "http://127.0.0.1:{self.port}"\nconcurrency = 4\n'
        )

    async def _tags(self, request: web.Request) -> web.Response:
        return web.json_response({"models": [{"name": self.name, "model": self.name}]})

    async def _generate(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.images += len(body.get("images") or [])
        return await self._stream(request, body["prompt"], lambda text: {"response": text})

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        said = lambda text: {"message": {"role": "assistant", "content": text}}  # noqa: E731
        return await self._stream(request, body["messages"][-1]["content"], said)

    async def _stream(self, request: web.Request, prompt: str, piece: Callable[[str], dict]) -> web.StreamResponse:
        self.prompts.append(prompt)
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        await response.prepare(request)
        text = self.answer(prompt)
        half = len(text) // 2
        for part in (text[:half], text[half:]):
            await response.write((json.dumps({"model": self.name, **piece(part), "done": False}) + "\n").encode())
        end = {"model": self.name, **piece(""), "done": True, "prompt_eval_count": 3, "eval_count": 5}
        await response.write((json.dumps(end) + "\n").encode())
        return response
