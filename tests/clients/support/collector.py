"""A collector of traces: takes OTLP in its JSON form, and nothing that the protocol's own schema does not know."""

import asyncio
import base64
import json

from aiohttp import web
from google.protobuf.json_format import ParseDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from .rest import until


def bytes_of_ids(node):
    """OTLP writes ids in hexadecimal digits where the JSON form of protobuf has base64."""
    if isinstance(node, list):
        return [bytes_of_ids(each) for each in node]
    if not isinstance(node, dict):
        return node
    ids = {"traceId": 32, "spanId": 16, "parentSpanId": 16}
    for key, digits in ids.items():
        if key in node:
            assert len(node[key]) == digits and node[key] == node[key].lower(), node
    decoded = {key: base64.b64encode(bytes.fromhex(node[key])).decode() for key in ids.keys() & node.keys()}
    return {key: decoded.get(key, bytes_of_ids(value)) for key, value in node.items()}


def attributes(span) -> dict:
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in span.attributes}


class Collector:
    """`answers` are the statuses of the first requests; all others are 200."""

    def __init__(self, answers: tuple[int, ...] = (), stalls: bool = False):
        self.spans: list = []
        self.services: set[str] = set()
        self.requests = 0
        self.answers = list(answers)
        self.stalls = stalls
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> "Collector":
        app = web.Application()
        app.router.add_post("/v1/traces", self._take)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        self.port = self._runner.addresses[0][1]
        return self

    async def _take(self, request: web.Request) -> web.Response:
        self.requests += 1
        if self.stalls:
            await asyncio.sleep(3_600)
        if self.answers:
            return web.Response(status=self.answers.pop(0))
        assert request.headers["Content-Type"] == "application/json"
        message = ParseDict(bytes_of_ids(json.loads(await request.read())), ExportTraceServiceRequest())
        for resource in message.resource_spans:
            self.services.add(attributes(resource.resource)["service.name"])
            for scope in resource.scope_spans:
                self.spans.extend(scope.spans)
        return web.json_response({})

    def named(self, name: str) -> list:
        return [span for span in self.spans if span.name == name]

    async def span(self, name: str, seconds: float = 30):
        await until(lambda: self.named(name), seconds, f"span {name}")
        return self.named(name)[-1]

    async def stop(self) -> None:
        await self._runner.cleanup()
