"""Keys: what a service and a program may do with theirs, and what becomes of a service whose key counts no longer."""

import asyncio

import pytest

from gleitzeit_cluster import GleitzeitCluster, PermissionDenied, RegistrationRefused, TokenRefused

from conftest import House, work
from support.patience import PATIENCE, until


async def key_for(house: House, **fields) -> dict:
    body = {"user": "admin", "name": "for a test", "role": "service", "services": ["press"]}
    return await house.api.post("/keys", json={**body, **fields})


async def test_a_service_key_serves_its_service_and_nothing_else(keyed_house):
    async def press(task):
        return "pressed"

    key = (await key_for(keyed_house, capabilities=["custom_processing"]))["secret"]
    await keyed_house.serve(press, "press", auth_token=key)
    assert await keyed_house.api.completed(await keyed_house.api.submit([work()])) == {"work": "pressed"}
    for name, capability in (("mill", "custom_processing"), ("press", "ml_training")):
        other = keyed_house.node(name, press, capability, auth_token=key)
        with pytest.raises(RegistrationRefused) as refused:
            await other.start()
        assert refused.value.code == "GZ4021"
    with pytest.raises(PermissionDenied) as denied:
        await GleitzeitCluster(keyed_house.url, auth_token=key).start()
    assert denied.value.code == "GZ4021" and denied.value.status == 403


async def test_what_is_wrong_with_a_key_is_told_apart(keyed_house):
    async def press(task):
        return "pressed"

    revoked, expired = await key_for(keyed_house), await key_for(keyed_house, expires_in_seconds=1)
    assert (await keyed_house.api.ask("DELETE", f"/keys/{revoked['id']}")).status == 200

    async def has_expired() -> bool:
        headers = {"Authorization": f"Bearer {expired['secret']}"}
        return (await keyed_house.api.ask("GET", "/whoami", headers=headers)).status == 401

    await until(has_expired, "the key has expired")
    wrong = {"": "GZ4001", "gzt_wrong": "GZ4010", revoked["secret"]: "GZ4010", expired["secret"]: "GZ4002"}
    for key, code in wrong.items():
        with pytest.raises(TokenRefused, match="GLEITZEIT_TOKEN") as refused:
            await keyed_house.node("press", press, auth_token=key).start()
        assert refused.value.code == code
        with pytest.raises(TokenRefused, match="GLEITZEIT_TOKEN") as refused:
            await GleitzeitCluster(keyed_house.url, auth_token=key).start()
        assert refused.value.code == code


async def test_a_readonly_key_looks_and_does_not_submit(keyed_house):
    key = (await key_for(keyed_house, role="readonly", services=[]))["secret"]
    async with GleitzeitCluster(keyed_house.url, auth_token=key) as cluster:
        assert await cluster.list_workflows() == []
        workflow = cluster.create_workflow("Denied")
        workflow.add_external_task("Work", "custom_processing", "press")
        with pytest.raises(PermissionDenied, match="asks for the role user"):
            await cluster.submit_workflow(workflow)


async def test_a_service_whose_key_is_revoked_says_so_and_keeps_what_it_has(keyed_house, caplog):
    release, begun = asyncio.Event(), asyncio.Event()

    async def press(task):
        begun.set()
        await release.wait()
        return "pressed"

    key = await key_for(keyed_house)
    node = await keyed_house.serve(press, "press", auth_token=key["secret"])
    await keyed_house.api.submit([work()])
    await asyncio.wait_for(begun.wait(), PATIENCE)
    assert (await keyed_house.api.ask("DELETE", f"/keys/{key['id']}")).status == 200
    await until(lambda: "refused the key" in (node.get_status()["last_error"] or ""), "it has tried again")
    assert "was revoked" in node.get_status()["last_error"]
    status = node.get_status()
    assert (status["registered"], status["active_tasks"], node.running) == (False, 1, True)
    said = [record for record in caplog.records if "was revoked" in record.getMessage()]
    assert [record.levelname for record in said[:2]] == ["WARNING", "ERROR"]
    assert "the server has ended the connection" in said[0].getMessage()
    # Whoever asks why another task waits is told the same.
    waiting = await keyed_house.api.submit([work()])
    why = await keyed_house.api.get(f"/tasks/{waiting}.0/why")
    assert (why["reasons"][0]["gone"]["service"], why["reasons"][0]["gone"]["left"]) == ("press", "refused"), why
    release.set()
    await until(lambda: node.get_status()["undelivered_results"] == 1, "the result is kept")
    await node.stop()


async def test_a_service_is_back_when_its_user_has_the_role_again(keyed_house):
    async def press(task):
        return "pressed"

    await keyed_house.api.post("/users", json={"name": "anna", "role": "operator"})
    key = await key_for(keyed_house, user="anna", role="operator", services=[])
    node = await keyed_house.serve(press, "press", auth_token=key["secret"])

    async def role(name: str) -> None:
        assert (await keyed_house.api.ask("PATCH", "/users/anna", json={"role": name})).status == 200

    await role("readonly")
    await until(lambda: "asks for the role service" in (node.get_status()["last_error"] or ""), "it may not register")
    await role("operator")
    await until(lambda: node.get_status()["registered"], "it is registered again")
    assert await keyed_house.api.completed(await keyed_house.api.submit([work()])) == {"work": "pressed"}


async def test_too_many_wrong_keys_are_waited_out(keyed_house):
    """Also by a service that has just been started: its own key may be good."""

    async def press(task):
        return "pressed"

    async def has_to_wait() -> bool:
        headers = {"Authorization": "Bearer guessed"}
        return (await keyed_house.api.ask("GET", "/whoami", headers=headers)).status == 429

    async def start_one() -> bool:
        await until(has_to_wait, "the address has to wait")
        node = keyed_house.node("press", press, auth_token="not made here")
        await node.open()
        await until(lambda: node.get_status()["last_error"] or not node.running, "it was told so")
        # The minute may have ended in between, and then its key is wrong for good.
        return node.running and "for a while" in node.get_status()["last_error"]

    await until(start_one, "a service that waits")
