"""Signatures are those of the Standard Webhooks specification, by its own library; secrets are in no log line."""

import re
from pathlib import Path

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from conftest import House
from support.patience import until
from support.receiver import Receiver
from support.server import Server

CONFIG = """
[http]
allow = ["127.0.0.1"]
[webhooks]
secret = "whsec_Y2FuYXJ5LW9mLXRoZS1zZXJ2ZXItaXRzZWxm"
"""
OF_THE_SERVER = "whsec_Y2FuYXJ5LW9mLXRoZS1zZXJ2ZXItaXRzZWxm"
OF_A_TASK = "whsec_Y2FuYXJ5LW9mLWEtdGFzay1hbG9uZSEhISE="
OF_A_HOOK = "whsec_Y2FuYXJ5LW9mLWEtaG9vay1hbG9uZSEhISE="
COUNT = {"name": "Count", "function": "count_words", "args": ["to be or not to be"]}


@pytest.fixture
async def house(tmp_path, monkeypatch):
    """As talkative as it can be."""
    monkeypatch.setenv("GLEITZEIT_LOG", "trace")
    server = await Server(tmp_path, config=CONFIG).start()
    house = House(server)
    yield house
    await house.close()
    await server.stop()
    assert "panicked at" not in server.log()


@pytest.fixture
async def receiver():
    receiver = await Receiver().start()
    yield receiver
    await receiver.stop()


async def test_subscriptions_are_signed_as_the_specification_says(house, receiver):
    body = {"url": receiver.url, "events": ["task.completed", "workflow.completed"]}
    made = await house.api.post("/webhooks", json=body)
    workflow = await house.api.submit([COUNT])
    for kind in ["task.completed", "workflow.completed"]:
        headers, body = await receiver.next()
        event = Webhook(made["secret"]).verify(body, headers)
        assert event["type"] == f"dev.gleitzeit.{kind}"
        assert event["id"] == {key.lower(): value for key, value in headers.items()}["webhook-id"]
        assert event["subject"].startswith(workflow)
        with pytest.raises(WebhookVerificationError):
            Webhook(OF_A_HOOK).verify(body, headers)
        with pytest.raises(WebhookVerificationError):
            Webhook(made["secret"]).verify(body.replace(b"completed", b"cancelled"), headers)
    answer = await house.api.post(f"/webhooks/{made['id']}/test")
    assert answer["delivered"]
    headers, body = await receiver.next()
    assert Webhook(made["secret"]).verify(body, headers)["type"] == "dev.gleitzeit.webhook.test"


async def test_tasks_that_are_handed_on_are_signed_as_the_specification_says(house, receiver):
    for own, secret in [({"webhook_token": OF_A_TASK}, OF_A_TASK), ({}, OF_THE_SERVER)]:
        task = {"name": "Print", "external": "webhook", "service_url": receiver.url, "parameters": {"n": 1}, **own}
        workflow = await house.api.submit([task])
        headers, body = await receiver.next()
        handed = Webhook(secret).verify(body, headers)
        await house.api.session.post(handed["callback_url"], json={"result": 1})
        assert await house.api.completed(workflow) == {"Print": 1}


async def test_the_receiver_of_the_documentation_receives(house, receiver):
    page = (Path(__file__).parents[2] / "docs" / "webhooks.md").read_text()
    namespace: dict = {}
    exec(re.search(r"```python\n(.*?)```", page, re.DOTALL)[1], namespace)
    made = await house.api.post("/webhooks", json={"url": receiver.url, "events": ["workflow.completed"]})
    workflow = await house.api.submit([COUNT])
    headers, body = await receiver.next()
    kind, data = namespace["receive"](made["secret"], headers, body)
    assert (kind, data["workflow"]["id"]) == ("dev.gleitzeit.workflow.completed", workflow)
    assert namespace["receive"](made["secret"], headers, body) is None
    with pytest.raises(WebhookVerificationError):
        namespace["receive"](OF_A_HOOK, headers, body)


async def test_no_log_line_holds_a_secret(house, receiver):
    body = {"url": receiver.url, "events": ["*"], "secret": OF_A_HOOK}
    own = await house.api.post("/webhooks", json=body)
    generated = await house.api.post("/webhooks", json={"url": receiver.url, "events": ["*"]})
    task = {"name": "Print", "external": "webhook", "service_url": receiver.url, "webhook_token": OF_A_TASK}
    workflow = await house.api.submit([task])
    headers, body = await receiver.next()
    callback = Webhook(OF_A_TASK).verify(body, headers)["callback_url"]
    await house.api.session.post(callback, json={"status": "progress", "progress": 1})
    await house.api.session.post(callback + "A", json={"result": 1})
    await house.api.session.post(callback, json={"result": 1})
    await house.api.completed(workflow)
    for hook in [own, generated]:
        path = f"/webhooks/{hook['id']}/deliveries"

        async def told() -> bool:
            page = await house.api.get(path)
            return len(page["items"]) == 2 and all(item["status"] == "delivered" for item in page["items"])

        await until(told, "both ends are delivered")
    await house.server.stop()
    log = house.server.log()
    assert "TRACE" in log, "the server was to tell everything"
    secrets = {
        "callback token": callback.rsplit("/", 1)[1],
        "the server's secret": OF_THE_SERVER.removeprefix("whsec_"),
        "a task's secret": OF_A_TASK.removeprefix("whsec_"),
        "a webhook's own secret": OF_A_HOOK.removeprefix("whsec_"),
        "a generated secret": generated["secret"].removeprefix("whsec_"),
        "the query of a URL": "canary-in-a-url",
    }
    found = [f"{name}: {line}" for name, secret in secrets.items() for line in log.splitlines() if secret in line]
    assert not found, "\n".join(found[:5])
