"""Finding or starting the server, and words that help when that fails."""

import asyncio
import os
import re

import pytest
from aiohttp import web

from gleitzeit_cluster import (
    GleitzeitCluster,
    NotAGleitzeitServer,
    ServerStartFailed,
    ServerTooOld,
    ServerUnreachable,
)

from programs import end, free_port, run
from support.server import binary


async def test_a_started_server_ends_with_stop(tmp_path, capfd, monkeypatch):
    monkeypatch.setenv("GLEITZEIT_BIN", binary())
    url = f"http://127.0.0.1:{free_port()}"
    cluster = GleitzeitCluster(url, data_dir=str(tmp_path / "data"))
    await cluster.start()
    assert url in capfd.readouterr().out
    assert (await cluster.get_cluster_stats())["server_started_here"] is True
    workflow = cluster.create_workflow("w")
    workflow.add_python_task("a", "fibonacci", [5])
    assert (await cluster.execute_workflow(workflow)).ok
    await cluster.stop()
    with pytest.raises(ServerUnreachable):
        await GleitzeitCluster(url, start_server=False).start()
    # What it stored is there at the next start.
    async with GleitzeitCluster(url, data_dir=str(tmp_path / "data")) as again:
        assert (await again.get_workflow_status(workflow.id))["status"] == "completed"


async def test_two_programs_that_start_one_at_the_same_time_share_it(tmp_path):
    url = f"http://127.0.0.1:{free_port()}"
    code = (
        "import asyncio\nfrom gleitzeit_cluster import GleitzeitCluster\n"
        f"async def main():\n    cluster = GleitzeitCluster({url!r}, data_dir='data')\n"
        "    await cluster.start()\n    stats = await cluster.get_cluster_stats()\n"
        "    print('here' if stats['server_started_here'] else 'there', stats['pid'])\nasyncio.run(main())\n"
    )
    ends = await asyncio.gather(*[run("-c", code, folder=tmp_path) for _ in range(2)])
    assert [code for code, _, _ in ends] == [0, 0], ends
    said = [re.search(r"(here|there) (\d+)", out) for _, out, _ in ends]
    try:
        assert sorted(each[1] for each in said) == ["here", "there"] and said[0][2] == said[1][2], ends
    finally:
        end(int(said[0][2]))


async def test_a_missing_server_is_told_with_what_to_do(tmp_path):
    with pytest.raises(ServerUnreachable, match=r"gleitzeit serve.*GLEITZEIT_URL"):
        await GleitzeitCluster(f"http://127.0.0.1:{free_port()}", start_server=False).start()


async def test_a_missing_program_is_told_with_what_to_do(tmp_path):
    url = f"http://127.0.0.1:{free_port()}"
    code = f"import asyncio\nfrom gleitzeit_cluster import GleitzeitCluster\nasyncio.run(GleitzeitCluster({url!r}).start())"
    for given, words in (("/no/such/program", "/no/such/program"), (str(tmp_path), "which is no program")):
        status, _, err = await run("-c", code, folder=tmp_path, GLEITZEIT_BIN=given)
        assert status == 1 and "ServerStartFailed" in err and words in err


async def test_a_program_on_the_path_is_found(tmp_path, monkeypatch):
    from gleitzeit_cluster.core import launcher

    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "gleitzeit").symlink_to(binary())
    monkeypatch.delenv("GLEITZEIT_BIN", raising=False)
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
    # As if the package were installed somewhere without a server beside it.
    monkeypatch.setattr(launcher, "__file__", str(tmp_path / "a/b/c/gleitzeit_cluster/core/launcher.py"))
    assert launcher.find_binary() == str(folder / "gleitzeit")
    (folder / "gleitzeit").unlink()
    monkeypatch.setenv("PATH", str(folder))
    with pytest.raises(ServerStartFailed, match="GLEITZEIT_BIN="):
        launcher.find_binary()


async def test_a_server_that_cannot_start_says_why(tmp_path, monkeypatch):
    monkeypatch.setenv("GLEITZEIT_BIN", binary())
    (tmp_path / "file").write_text("no folder")
    cluster = GleitzeitCluster(f"http://127.0.0.1:{free_port()}", data_dir=str(tmp_path / "file"))
    with pytest.raises(ServerStartFailed, match="before it listened") as failure:
        await cluster.start()
    assert "file" in str(failure.value), "with the last lines of its log"


@pytest.fixture
async def stranger():
    """Another program at the address: what it answers to /health is up to the test."""
    answer = {"text": "hello"}

    async def handle(request: web.Request) -> web.Response:
        return web.json_response(answer["json"]) if "json" in answer else web.Response(text=answer["text"])

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}", answer
    await runner.cleanup()


async def test_another_program_at_the_address_is_recognised(stranger):
    url, answer = stranger
    with pytest.raises(NotAGleitzeitServer, match="another program"):
        await GleitzeitCluster(url).start()
    answer["json"] = {"status": "ok"}
    with pytest.raises(NotAGleitzeitServer, match="another program"):
        await GleitzeitCluster(url).start()


async def test_a_server_that_is_too_old_is_recognised(stranger):
    url, answer = stranger
    answer["json"] = {"status": "healthy", "version": "0.0.9"}
    with pytest.raises(ServerTooOld, match=r"0\.0\.9.*Update it"):
        await GleitzeitCluster(url).start()


def test_settings_of_earlier_versions_are_taken(monkeypatch):
    monkeypatch.delenv("GLEITZEIT_URL", raising=False)
    cluster = GleitzeitCluster(
        "redis://localhost:6379",
        enable_redis=True,
        enable_real_execution=True,
        socketio_host="0.0.0.0",
        socketio_port=8123,
    )
    assert cluster.url == "http://localhost:8123"
    assert GleitzeitCluster().url == "http://localhost:8000"
    with pytest.raises(TypeError, match="no_such_setting"):
        GleitzeitCluster(no_such_setting=1)
