"""One connection to the server, from its opening to its end.

It is a python-socketio client. What arrives on a websocket and is an ordinary event or one of our acknowledgements is
taken right where the frame is read, and what is sent goes straight to the websocket: that is several times as fast as
the way through the client's queues and tasks. Everything else, and all of polling, goes that way.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import deque
from typing import Any, Callable, Deque, Dict, List, NoReturn, Optional, Set, Tuple, Type

import aiohttp
import socketio
from engineio.payload import Payload

from ..core.errors import KEY_HINT, TOO_MANY_WRONG_KEYS, GleitzeitError, ServerUnreachable, TokenRefused
from ..core.trust import distrust, trusted

log = logging.getLogger("gleitzeit_cluster")

NAMESPACE = "/cluster"
EVENT = f"42{NAMESPACE},["
ACK = f"43{NAMESPACE},"

# Each step of the handshake is one round trip; a server that needs longer is not usable.
HANDSHAKE_SECONDS = 10.0
# Servers greet at once. One that does not may still take a token.
GREETING_SECONDS = 2.0
# The server's own limit is 16 MiB unless it is configured otherwise, and what is meant for a service travels twice.
LARGEST_MESSAGE_BYTES = 64 * 1024 * 1024
# Beyond this many messages that wait to be sent, progress is dropped.
BACKLOG_MAX = 2_000
# Acknowledgements are numbered from here, so that they are told from those of python-socketio itself.
FIRST_ACK = 1_000_000_000

# The Engine.IO client gives up on an answer to a poll that holds more packets than this, unless it is told otherwise;
# ten assignments with what everybody is told come near its own limit of 16.
POLLED_PACKETS = 10_000
Payload.max_decode_packets = max(Payload.max_decode_packets, POLLED_PACKETS)

OnEvent = Callable[[str, Any], None]
OnAck = Callable[[Any], None]


class Encoded:
    """JSON text that stands for itself."""

    __slots__ = ("text",)

    def __init__(self, text: str):
        self.text = text


class WireJson:
    """The JSON module of the Socket.IO client: what is encoded already is not encoded again."""

    @staticmethod
    def dumps(value: Any, **options: Any) -> str:
        if isinstance(value, list) and len(value) == 2 and isinstance(value[1], Encoded):
            return f"[{json.dumps(value[0])},{value[1].text}]"
        return json.dumps(value, **options)

    @staticmethod
    def loads(text: Any, **options: Any) -> Any:
        return json.loads(text, **options)


def _websocket_class(link: Link) -> Type[aiohttp.ClientWebSocketResponse]:
    class Websocket(aiohttp.ClientWebSocketResponse):
        def __init__(self, *arguments: Any, **options: Any):
            super().__init__(*arguments, **options)
            link.websocket = self

        async def receive(self, timeout: Optional[float] = None) -> Any:
            while True:
                message = await super().receive(timeout)
                if message.type is aiohttp.WSMsgType.TEXT and link.take(message.data):
                    continue
                return message

    return Websocket


class Link:
    """Events come in by `on_event`, on the loop of the caller. `lost` has the reason once the connection has ended."""

    def __init__(self, on_event: OnEvent, on_lost: Callable[[], None]):
        self._loop = asyncio.get_running_loop()
        self._on_event = on_event
        self._on_lost = on_lost
        self.lost: Optional[GleitzeitError] = None
        self.websocket: Any = None
        self._acks: Dict[int, OnAck] = {}
        self._waiting: Set[asyncio.Future[Any]] = set()
        self._next_ack = FIRST_ACK
        self._outgoing: Deque[Tuple[str, str, Optional[OnAck]]] = deque()
        self._wanted: Optional[asyncio.Future[None]] = None
        self._greeting: asyncio.Future[None] = self._loop.create_future()
        # What the server said against the key; nothing, where it was let in.
        self._verdict: asyncio.Future[Optional[Dict[str, Any]]] = self._loop.create_future()
        self._sender: Optional[asyncio.Task[None]] = None
        self._http: Optional[aiohttp.ClientSession] = None
        self._sio: Any = None

    @classmethod
    async def open(
        cls, url: str, hello: Dict[str, Any], transports: List[str], on_event: OnEvent, on_lost: Callable[[], None]
    ) -> Link:
        """Connects and authenticates."""
        link = cls(on_event, on_lost)
        try:
            await link._connect(url, transports)
            await link._authenticate(url, hello)
        except BaseException:
            await link.close()
            raise
        return link

    async def _connect(self, url: str, transports: List[str]) -> None:
        context = trusted()
        self._http = aiohttp.ClientSession(
            ws_response_class=_websocket_class(self),
            timeout=aiohttp.ClientTimeout(total=60, sock_connect=10),
            connector=None if context is None else aiohttp.TCPConnector(ssl=context),
        )
        self._sio = socketio.AsyncClient(
            reconnection=False,
            json=WireJson,
            http_session=self._http,
            handle_sigint=False,
            websocket_extra_options={"max_msg_size": LARGEST_MESSAGE_BYTES},
        )
        self._sio.on("*", self._taken, namespace=NAMESPACE)
        self._sio.on("disconnect", self._ended, namespace=NAMESPACE)
        try:
            await self._sio.connect(url, namespaces=[NAMESPACE], transports=transports, wait_timeout=HANDSHAKE_SECONDS)
        except (socketio.exceptions.SocketIOError, aiohttp.ClientError, OSError, asyncio.TimeoutError) as error:
            _unreachable(url, error)
        self._sender = self._loop.create_task(self._send())

    async def _authenticate(self, url: str, hello: Dict[str, Any]) -> None:
        await asyncio.wait([self._greeting], timeout=GREETING_SECONDS)
        self.send("authenticate", json.dumps(hello))
        try:
            answer = await asyncio.wait_for(self._verdict, HANDSHAKE_SECONDS)
        except asyncio.TimeoutError:
            raise ServerUnreachable(
                f"{url} did not answer to `authenticate` within {HANDSHAKE_SECONDS:.0f} s"
            ) from None
        if self.lost:
            raise self.lost
        if answer is None:
            return
        reason, code = answer.get("error"), answer.get("code")
        if code == TOO_MANY_WRONG_KEYS:
            raise GleitzeitError(f"{url} listens to no key from here for a while: {reason}", code)
        raise TokenRefused(f"{url} refused the key: {reason}. {KEY_HINT}", code)

    def take(self, text: str) -> bool:
        """One frame of the websocket. Whether it was dealt with; if not, it goes the usual way."""
        try:
            if text.startswith(EVENT):
                event = json.loads(text[len(EVENT) - 1 :])
                name, data = event[0], event[1] if len(event) > 1 else None
            elif text.startswith(ACK):
                begin = text.index("[", len(ACK))
                ident = int(text[len(ACK) : begin])
                if ident < FIRST_ACK:
                    return False
                answer = json.loads(text[begin:])
            else:
                return False
        except (ValueError, IndexError):
            log.warning("a message of the server cannot be read: %.100s", text)
            return False
        # A mistake in what is done about a message must not end the reading of others.
        try:
            if text.startswith(EVENT):
                self._event(name, data)
            else:
                self._answered(ident, answer[0] if answer else None)
        except Exception:
            log.exception("a message of the server could not be dealt with: %.100s", text)
        return True

    def _taken(self, event: str, *arguments: Any) -> None:
        self._event(event, arguments[0] if arguments else None)

    def _event(self, name: str, data: Any) -> None:
        if name == "connected":
            if not self._greeting.done():
                self._greeting.set_result(None)
        elif name == "authenticated":
            if not self._verdict.done():
                self._verdict.set_result(None)
        elif name == "authentication_failed":
            refusal = data if isinstance(data, dict) else {"error": str(data)}
            if not self._verdict.done():
                self._verdict.set_result(refusal)
            else:
                # The key was revoked or has expired, or is worth something else than it was.
                reason, code = refusal.get("error"), refusal.get("code")
                self.fail(GleitzeitError(f"the server has ended the connection: {reason}", code))
        else:
            self._on_event(name, data)

    def _ended(self, reason: Any = None) -> None:
        self.fail(ServerUnreachable(f"the connection has ended ({reason or 'no reason was given'})"))

    def fail(self, error: GleitzeitError) -> None:
        """Ends the connection as far as its owner is concerned; the first reason counts."""
        if self.lost is None:
            self.lost = error
            self._acks.clear()
            self._outgoing.clear()
            if not self._verdict.done():
                self._verdict.set_result(None)
            for answer in self._waiting:
                if not answer.done():
                    answer.set_exception(error)
            self._on_lost()

    def _answered(self, ident: int, answer: Any) -> None:
        on_ack = self._acks.pop(ident, None)
        if on_ack is not None:
            on_ack(answer)

    @property
    def backlog(self) -> int:
        return len(self._outgoing)

    def send(self, event: str, payload: str, on_ack: Optional[OnAck] = None) -> None:
        """Sends JSON text, in order. Never waits."""
        if self.lost is not None:
            return
        self._outgoing.append((event, payload, on_ack))
        if self._wanted is not None and not self._wanted.done():
            self._wanted.set_result(None)

    async def call(self, event: str, payload: str, seconds: float, at_once: OnAck) -> Any:
        """Sends, and waits for the acknowledgement. `at_once` sees it before anything that comes after it."""
        answer: asyncio.Future[Any] = self._loop.create_future()

        def answered(data: Any) -> None:
            if not answer.done():
                at_once(data)
                answer.set_result(data)

        self._waiting.add(answer)
        self.send(event, payload, answered)
        try:
            return await asyncio.wait_for(answer, seconds)
        except asyncio.TimeoutError:
            raise ServerUnreachable(
                f"`{event}` was not answered within {seconds:.0f} s; a server that never answers it is too old"
            ) from None
        finally:
            self._waiting.discard(answer)

    async def _send(self) -> None:
        try:
            while True:
                while self._outgoing:
                    event, payload, on_ack = self._outgoing.popleft()
                    await self._send_one(event, payload, on_ack)
                self._wanted = self._loop.create_future()
                await self._wanted
        except (socketio.exceptions.SocketIOError, aiohttp.ClientError, OSError, RuntimeError) as error:
            self.fail(ServerUnreachable(f"the connection broke: {error or type(error).__name__}"))

    async def _send_one(self, event: str, payload: str, on_ack: Optional[OnAck]) -> None:
        if self._sio.transport() != "websocket":
            # A callback that is given is one more thing to keep: python-socketio counts them.
            await self._sio.emit(event, Encoded(payload), namespace=NAMESPACE, callback=on_ack)
            return
        number = ""
        if on_ack is not None:
            self._acks[self._next_ack] = on_ack
            number = str(self._next_ack)
            self._next_ack += 1
        await self.websocket.send_str(f'42{NAMESPACE},{number}["{event}",{payload}]')

    async def close(self) -> None:
        """Says goodbye if there is still somebody to say it to. Takes a few seconds at most."""
        self.fail(ServerUnreachable("the connection was closed"))
        if self._sender is not None:
            self._sender.cancel()
        if self._sio is not None:
            try:
                await asyncio.wait_for(self._sio.disconnect(), 5)
            except (Exception, asyncio.CancelledError) as error:
                log.debug("while the connection was closed: %r", error)
        if self._http is not None:
            await self._http.close()


def _unreachable(url: str, error: BaseException) -> NoReturn:
    distrusted = distrust(url, error)
    if distrusted is not None:
        raise distrusted from None
    words = str(error) or type(error).__name__
    raise ServerUnreachable(
        f"no Gleitzeit server answers at {url} ({words}). Start one with `gleitzeit serve`, or give its address"
    ) from None
