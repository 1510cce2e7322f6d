"""A Socket.IO server on python-socketio, and an HTTP server beside it, that do what the lines on its standard input say.

It plays the engine's side of the protocol in tests of clients, so that a client is tested against an
implementation that is not ours. The first line on standard output is {"port": n}; after that one line for each
event that arrives: {"event": name, "data": ..., "sid": ..., "acked": bool}. Connections show up as the events
"connect" and "disconnect", and answers to the pings that it sends every second as "pong". It ends when standard
input ends.

Commands, one JSON object a line:
  {"do": "emit", "event": name, "data": ...}           to every registered client
  {"do": "call", "event": name, "data": ...}           the same, and reports the acknowledgement as "answered"
  {"do": "answer", "event": name, "with": [...]}       the next answers to this event; null withholds one
  {"do": "token", "value": text}                       the only token to accept from now on
  {"do": "cut"}                                        ends every connection without a word
  {"do": "binary"}                                     sends a binary event
  {"do": "respond", "with": [...]}                     the answers to the next HTTP requests, see `http`

An HTTP request is reported as the event "http" with its method, path, query, headers and body.
"""

import argparse
import asyncio
import collections
import json
import ssl
import sys

import socketio
from aiohttp import web
from engineio import packet
from engineio.async_socket import AsyncSocket

NAMESPACE = "/cluster"

# Asks often, and waits long: a client that a busy machine holds up is not gone.
server = socketio.AsyncServer(async_mode="aiohttp", namespaces=[NAMESPACE], ping_interval=1, ping_timeout=60)
answers = collections.defaultdict(collections.deque)
responses = collections.deque()
state = {"token": None, "sessions": 0, "sids": set()}


def report(**line):
    print(json.dumps(line), flush=True)


async def receive(socket, received, otherwise=AsyncSocket.receive):
    if received.packet_type == packet.PONG:
        report(event="pong", data=None, sid=None)
    await otherwise(socket, received)


AsyncSocket.receive = receive


def default_answer(event, data):
    if event != "node:register":
        return {"ok": True, "seq": 1}
    state["sessions"] += 1
    return {
        "ok": True,
        "node_id": data["node_id"],
        "session": f"s{state['sessions']}",
        "lease_ms": 60000,
        "heartbeat_ms": 30000,
        "held": [task["task_id"] for task in data["active"]],
    }


@server.on("connect", namespace=NAMESPACE)
async def connect(sid, environ, auth):
    report(event="connect", data=auth, sid=sid)
    state["sids"].add(sid)
    await server.emit("connected", {"message": "hello", "sid": sid}, to=sid, namespace=NAMESPACE)


@server.on("disconnect", namespace=NAMESPACE)
async def disconnect(sid, reason):
    state["sids"].discard(sid)
    report(event="disconnect", data=str(reason), sid=sid)


@server.on("authenticate", namespace=NAMESPACE)
async def authenticate(sid, data):
    report(event="authenticate", data=data, sid=sid)
    if state["token"] in (None, data["token"]):
        await server.emit("authenticated", {"success": True}, to=sid, namespace=NAMESPACE)
    else:
        await server.emit("authentication_failed", {"error": "bad token"}, to=sid, namespace=NAMESPACE)


@server.on("*", namespace=NAMESPACE)
async def anything(event, sid, data):
    scripted = answers[event]
    answer = scripted.popleft() if scripted else default_answer(event, data)
    report(event=event, data=data, sid=sid)
    if answer is None:
        await asyncio.Event().wait()
    return answer


async def http(request):
    """Answers with {"status", "headers", "json"}, or with {"chunks": [text]} as a stream; null cuts the connection."""
    body = await request.text()
    data = {
        "method": request.method,
        "path": request.raw_path.split("?")[0],
        "query": dict(request.query),
        "headers": {name.lower(): value for name, value in request.headers.items()},
        "body": body,
    }
    answer = responses.popleft() if responses else {"status": 404, "json": {"message": "no answer is scripted"}}
    report(event="http", data=data, sid=None)
    if answer is None:
        request.transport.abort()
        return web.Response()
    if "chunks" not in answer:
        status, headers = answer.get("status", 200), answer.get("headers")
        return web.json_response(answer.get("json"), status=status, headers=headers)
    stream = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await stream.prepare(request)
    for chunk in answer["chunks"]:
        await stream.write(chunk.encode())
        await asyncio.sleep(0.02)
    return stream


async def obey(command):
    match command["do"]:
        case "emit":
            await server.emit(command["event"], command["data"], namespace=NAMESPACE)
        case "call":
            for sid in list(state["sids"]):
                answer = await server.call(command["event"], command["data"], to=sid, namespace=NAMESPACE)
                report(event="answered", data=answer, sid=sid)
        case "answer":
            answers[command["event"]].extend(command["with"])
        case "token":
            state["token"] = command["value"]
        case "cut":
            for sid in list(state["sids"]):
                environ = server.get_environ(sid, namespace=NAMESPACE)
                environ["aiohttp.request"].transport.abort()
        case "binary":
            await server.emit("blob", b"\x00\x01", namespace=NAMESPACE)
        case "respond":
            responses.extend(command["with"])
            report(event="scripted", data=len(responses), sid=None)
        case other:
            raise ValueError(f"unknown command {other!r}")


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--certificate")
    parser.add_argument("--key")
    arguments = parser.parse_args()
    tls = None
    if arguments.certificate:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(arguments.certificate, arguments.key)

    app = web.Application()
    server.attach(app)
    app.router.add_route("*", "/{path:.*}", http)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    report(port=site._server.sockets[0].getsockname()[1])

    lines = asyncio.StreamReader(limit=64 * 1024 * 1024)
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(lines), sys.stdin
    )
    calls = set()
    while line := await lines.readline():
        command = json.loads(line)
        if command["do"] == "call":
            # Its answer may take a while; everything else is done in the order in which it was said.
            call = asyncio.create_task(obey(command))
            calls.add(call)
            call.add_done_callback(calls.discard)
        else:
            await obey(command)


asyncio.run(main())
