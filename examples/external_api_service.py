"""An API service: calls an HTTP interface on behalf of workflows.

    pip install ./clients/python
    API_BASE_URL=https://api.example.com python examples/external_api_service.py

The server is the one at GLEITZEIT_URL, http://localhost:8000 unless set. A task has `endpoint`, `method`, `payload` and
`headers`; the result is {status_code, headers, response}. Whoever calls twice for one task sends the same
`Idempotency-Key`. A status of 429 or 503 is tried again when the other side says so, other ones below 500 never.
"""

import os

import httpx

from gleitzeit_cluster import ExternalServiceCapability, ExternalServiceNode, Fatal, Retryable

BASE_URL = os.environ.get("API_BASE_URL", "http://localhost:8080")
# When a crowded interface does not say how long to wait.
PAUSE_SECONDS = 5.0


def seconds(retry_after: str) -> float:
    return float(retry_after) if retry_after.replace(".", "", 1).isdigit() else PAUSE_SECONDS


async def call(task: dict, ctx) -> dict:
    wanted = ctx.parameters
    endpoint = str(wanted.get("endpoint") or "")
    if not endpoint.startswith("/"):
        raise Fatal(f"the endpoint {endpoint!r} does not begin with /; the base address is the service's own")
    headers = {**(wanted.get("headers") or {}), "Idempotency-Key": ctx.idempotency_key}
    if ctx.traceparent:
        headers["traceparent"] = ctx.traceparent
    method = str(wanted.get("method") or "POST").upper()
    ctx.progress(10, f"{method} {endpoint}")
    async with httpx.AsyncClient(timeout=30) as client:
        body = None if method in ("GET", "HEAD", "DELETE") else wanted.get("payload")
        response = await client.request(method, BASE_URL + endpoint, json=body, headers=headers)
    if response.status_code in (429, 503):
        raise Retryable(
            f"{endpoint} answers {response.status_code}", after=seconds(response.headers.get("Retry-After", ""))
        )
    if 400 <= response.status_code < 500:
        raise Fatal(f"{endpoint} answers {response.status_code}: {response.text[:500]}", code="API_REFUSED")
    response.raise_for_status()
    is_json = "json" in response.headers.get("Content-Type", "")
    return {
        "status_code": response.status_code,
        "headers": dict(response.headers),
        "response": response.json() if is_json else response.text,
    }


if __name__ == "__main__":
    node = ExternalServiceNode(
        "API Service",
        cluster_url=os.environ.get("GLEITZEIT_URL", "http://localhost:8000"),
        capabilities=[ExternalServiceCapability.API_INTEGRATION],
        max_concurrent_tasks=20,
    )
    node.register_task_handler("api_integration", call)
    node.run()
