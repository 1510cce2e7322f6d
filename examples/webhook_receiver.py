"""A receiver of webhook tasks, with the standard library alone: counts the pages that a text takes.

    WEBHOOK_SECRET=whsec_... python examples/webhook_receiver.py

It listens at PORT (9000 unless set, 0 takes a free one). It answers a task at once and does the work afterwards: the
result goes to the task's `callback_url`. With WEBHOOK_SECRET set it refuses what is not signed with it.

    parameters {text, words_per_page}    -> {pages}
"""

import base64
import hashlib
import hmac
import json
import os
import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SECRET = os.environ.get("WEBHOOK_SECRET", "")
# A signature that is older may have been recorded and sent again by somebody else.
AGE_SECONDS_MAX = 300
CALLBACK_TRIES = 10


def is_signed(headers, body: bytes) -> bool:
    if not SECRET:
        return True
    sent = headers.get("webhook-timestamp", "")
    if not sent.isdigit() or abs(time.time() - int(sent)) > AGE_SECONDS_MAX:
        return False
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    signed = f"{headers.get('webhook-id')}.{sent}.".encode() + body
    wanted = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return any(hmac.compare_digest(wanted, given) for given in headers.get("webhook-signature", "").split())


def outcome(task: dict) -> dict:
    given = task["external_parameters"]
    words, per_page = len(str(given.get("text", "")).split()), given.get("words_per_page", 300)
    if not isinstance(per_page, int) or per_page < 1:
        return {"status": "failed", "error": "words_per_page is no positive number", "retryable": False}
    return {"status": "completed", "result": {"pages": -(-words // per_page)}}


def work(task: dict) -> None:
    """Sends the same outcome until the server has it on its disk."""
    body, headers = json.dumps(outcome(task)).encode(), {"Content-Type": "application/json"}
    for attempt in range(CALLBACK_TRIES):
        try:
            urllib.request.urlopen(urllib.request.Request(task["callback_url"], body, headers), timeout=30).close()
            return
        except urllib.error.HTTPError as error:
            if error.code < 500:
                return print(f"task {task['task_id']}: the server answers {error.code}: {error.read()!r}", flush=True)
        except OSError as error:
            print(f"task {task['task_id']}: {error}", flush=True)
        time.sleep(min(2**attempt, 60))


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        status = 202 if is_signed(self.headers, body) else 401
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()
        if status == 202:
            threading.Thread(target=work, args=(json.loads(body),), daemon=True).start()

    def log_message(self, *_) -> None:
        pass


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "9000"))), Receiver)
    print(f"listening on http://127.0.0.1:{server.server_port}/jobs", flush=True)
    server.serve_forever()
