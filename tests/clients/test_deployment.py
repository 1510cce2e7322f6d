"""What `examples/deploy` says about running the server is true: under systemd, from an image, behind nginx."""

import asyncio
import json
import os
import re
import shutil
import ssl
import subprocess
from pathlib import Path

import aiohttp
import pytest

from conftest import TOKEN
from support.rest import until
from support.scripted import Worker, task
from support.server import Server, binary

DEPLOY = Path(__file__).resolve().parents[2] / "examples" / "deploy"
TLS = Path(__file__).resolve().parent / "tls"
PROCESS_SECONDS = 60


def program(name: str, package: str) -> str:
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin:/usr/bin:/bin")
    if not found:
        pytest.skip(f"there is no {name}: install Debian's {package}")
    return found


def test_the_unit_is_one_that_systemd_takes_and_keeps_in(tmp_path):
    analyze = program("systemd-analyze", "systemd")
    unit = tmp_path / "gleitzeit.service"
    text = (DEPLOY / "gleitzeit.service").read_text()
    # Neither an installed binary nor its man page is a matter of the unit.
    text = re.sub(r"^Documentation=.*\n", "", text, flags=re.MULTILINE)
    unit.write_text(text.replace("ExecStart=gleitzeit ", f"ExecStart={os.path.realpath(binary())} "))
    checked = subprocess.run([analyze, "verify", str(unit)], capture_output=True, text=True, timeout=PROCESS_SECONDS)
    assert checked.returncode == 0 and not checked.stderr.strip(), checked.stdout + checked.stderr
    rated = [analyze, "security", "--offline=true", "--threshold=20", str(unit)]
    rated = subprocess.run(rated, capture_output=True, text=True, timeout=PROCESS_SECONDS)
    assert rated.returncode == 0, f"more exposed than 2.0 of 10: {rated.stdout[-500:]}"


def test_the_settings_that_are_installed_say_what_counts_without_them(tmp_path):
    text = (DEPLOY / "config.toml").read_text()
    settings = re.findall(r"^# (\w+ = .*)$", text, flags=re.MULTILINE)
    assert len(settings) >= 5
    shown = []
    for lines in ([], settings):
        path = tmp_path / "config.toml"
        path.write_text("\n".join(lines) + "\n")
        command = [binary(), "config", "show", "--config", str(path)]
        ran = subprocess.run(command, capture_output=True, text=True, timeout=PROCESS_SECONDS, env={"HOME": str(tmp_path)})
        assert ran.returncode == 0, ran.stderr
        # The days of retention are shown only where somebody has set them.
        shown.append([line.split() for line in ran.stdout.splitlines() if not line.startswith("retention_days")])
    assert shown[0] == shown[1]


async def test_the_image_holds_all_that_the_server_needs(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("only root may change the root directory")
    root = tmp_path / "image"
    made = [str(DEPLOY / "image-root"), binary(), str(root)]
    subprocess.run(made, check=True, capture_output=True, timeout=PROCESS_SECONDS)
    inside = [program("chroot", "coreutils"), "--userspec=65532:65532", str(root), "/gleitzeit"]
    environment = {"GLEITZEIT_DATA_DIR": "/data", "GLEITZEIT_PORT": "0"}
    server = subprocess.Popen([*inside, "serve"], stdout=subprocess.PIPE, text=True, env=environment)
    try:
        line = await asyncio.wait_for(asyncio.to_thread(server.stdout.readline), PROCESS_SECONDS)
        url = line.split()[-1]
        asked = subprocess.run([*inside, "health", "--url", url], timeout=PROCESS_SECONDS, env={}, capture_output=True)
        assert asked.returncode == 0, asked.stderr
        work = [*inside, "run", "-f", "fibonacci", "30", "-o", "json", "--url", url]
        ran = subprocess.run(work, timeout=PROCESS_SECONDS, env={"HOME": "/tmp"}, capture_output=True, text=True)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        assert json.loads(ran.stdout)["results"]["fibonacci"][-1] == 514229
    finally:
        server.terminate()
        assert server.wait(PROCESS_SECONDS) == 0
    # Whoever is not root in the image has written there, and nowhere else.
    owned = [path for path in root.rglob("*") if path.stat().st_uid == 65532]
    assert owned and all(path.is_relative_to(root / "data") for path in owned)


class Nginx:
    """nginx with the configuration of the examples, on ports of this test."""

    def __init__(self, folder: Path, server: Server, port: int, *changes: tuple[str, str]):
        program_path = program("nginx", "nginx-light")
        text = (DEPLOY / "nginx.conf").read_text()
        for old, new in (
            *changes,
            ("127.0.0.1:8000", f"127.0.0.1:{server.port}"),
            ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
            ("/etc/ssl/gleitzeit/fullchain.pem", str(TLS / "certificate.pem")),
            ("/etc/ssl/gleitzeit/privkey.pem", str(TLS / "key.pem")),
        ):
            assert old in text, f"{old} is not in nginx.conf"
            text = text.replace(old, new)
        (folder / "site.conf").write_text(text)
        main = folder / "nginx.conf"
        temporary = "".join(f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        main.write_text(
            f"daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log; events {{}}\n"
            f"http {{ access_log off; {temporary} include {folder}/site.conf; }}\n"
        )
        self.log = folder / "error.log"
        self.process = subprocess.Popen([program_path, "-c", str(main), "-p", str(folder)], stderr=subprocess.PIPE)

    async def stop(self) -> None:
        self.process.terminate()
        await asyncio.to_thread(self.process.wait, PROCESS_SECONDS)


@pytest.fixture
async def proxied(request, guarded_house, tmp_path, unused_tcp_port_factory):
    """The URL of nginx, and sessions that trust it. A parameter changes its configuration."""
    port = unused_tcp_port_factory()
    nginx = Nginx(tmp_path, guarded_house.server, port, *getattr(request, "param", ()))
    trusted = ssl.create_default_context(cafile=str(TLS / "certificate.pem"))
    sessions = []

    def session(**options) -> aiohttp.ClientSession:
        sessions.append(aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trusted), **options))
        return sessions[-1]

    url = f"https://localhost:{port}"

    async def answers() -> bool:
        assert nginx.process.poll() is None, nginx.process.stderr.read().decode()
        try:
            async with session().get(f"{url}/livez") as response:
                return response.status == 200
        except aiohttp.ClientConnectionError:
            return False

    try:
        await until(answers, 30, "nginx passes requests on")
        yield url, session
    finally:
        for each in sessions:
            await each.close()
        await nginx.stop()


@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_a_service_works_through_the_proxy(guarded_house, proxied, transport):
    url, session = proxied
    worker = Worker(url, transports=(transport,), token=TOKEN)
    worker.sio.eio.http, worker.sio.eio.external_http = session(), True
    guarded_house.keep(worker)
    await worker.start()
    large = {"text": "x" * 1_000_000}
    workflow = await guarded_house.api.submit([task("a"), task("b", "a")])
    await worker.run(large)
    await worker.run("done")
    assert (await guarded_house.api.ended(workflow))["results"] == {"a": large, "b": "done"}


async def test_events_come_through_the_proxy_as_they_happen(guarded_house, proxied):
    url, session = proxied
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    rest = session(headers=bearer)
    async with rest.get(f"{url}/api/v1/events") as stream:
        assert stream.status == 200
        body = {"name": "Through the proxy", "tasks": [{"name": "Add", "function": "fibonacci", "args": [10]}]}
        async with rest.post(f"{url}/api/v1/workflows", json=body) as answer:
            workflow = (await answer.json())["id"]
        seen = b""
        # The stream goes on, so that only a proxy that holds nothing back lets the end be seen.
        while b"workflow_ended" not in seen:
            piece = await asyncio.wait_for(stream.content.readany(), PROCESS_SECONDS)
            assert piece, seen
            seen += piece
        assert workflow.encode() in seen


async def test_pages_of_others_are_kept_out_behind_the_proxy(guarded_house, proxied):
    url, session = proxied
    rest = session(headers={"Authorization": f"Bearer {TOKEN}"})
    for origin, status in ((url, 200), ("https://evil.example", 403)):
        async with rest.get(f"{url}/api/v1/stats", headers={"Origin": origin}) as answer:
            assert answer.status == status, await answer.text()


async def test_a_body_that_is_too_large_is_refused_by_the_server_itself(guarded_house, proxied):
    url, session = proxied
    rest = session(headers={"Authorization": f"Bearer {TOKEN}"})
    async with rest.post(f"{url}/api/v1/workflows", data=b"x" * (32 * 1024 * 1024 + 1)) as answer:
        assert answer.status == 413 and (await answer.json())["code"].startswith("GZ"), await answer.text()


# One request a minute comes back, which no machine is slow enough to notice among sixty.
SELDOM = (("rate=500r/s", "rate=1r/m"), ("burst=5000", "burst=40"))


@pytest.mark.parametrize("proxied", [SELDOM], indirect=True)
async def test_the_proxy_counts_requests_because_the_server_counts_none_of_its_machine(proxied):
    url, session = proxied
    rest = session()

    async def ask() -> int:
        async with rest.get(f"{url}/livez") as answer:
            return answer.status

    seen = [await ask() for _ in range(60)]
    assert seen[0] == 200 and seen.count(429) > 1 and set(seen) == {200, 429}, seen


@pytest.mark.parametrize("proxied", [(("gleitzeit_connections 1000", "gleitzeit_connections 2"),)], indirect=True)
async def test_the_proxy_counts_connections_of_one_address(proxied):
    url, session = proxied
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    rest = session(headers=bearer)
    # A stream of events stays open, and so does its place.
    async with rest.get(f"{url}/api/v1/events") as first, rest.get(f"{url}/api/v1/events") as second:
        assert (first.status, second.status) == (200, 200)
        async with rest.get(f"{url}/livez") as third:
            assert third.status == 429

    async def has_room() -> bool:
        async with rest.get(f"{url}/livez") as answer:
            return answer.status == 200

    await until(has_room, 30, "places are free again")


def test_the_context_of_the_image_holds_everything_that_is_tracked():
    """What `.dockerignore` leaves out is what builds and tests have made, and never a file of the repository."""
    root = DEPLOY.parents[1]
    if not (root / ".git").exists():
        pytest.skip("this is no working tree of git")
    lines = (root / ".dockerignore").read_text().splitlines()
    patterns = [line for line in lines if line and not line.startswith("#")]
    tracked = subprocess.run(["git", "ls-files"], cwd=root, check=True, capture_output=True, text=True).stdout.splitlines()
    assert "Cargo.lock" in tracked and len(patterns) >= 5

    def leaves_out(pattern: str, path: str) -> bool:
        # Each pattern names a file or folder of the root, or with `**/` of any folder; none has another wildcard.
        anywhere, name = pattern.startswith("**/"), pattern.removeprefix("**/")
        assert not set("*?[!\\") & set(name), f"{pattern}: this test does not know such a pattern"
        parents = path.split("/")
        return name in parents if anywhere else path == name or path.startswith(f"{name}/")

    lost = [path for path in tracked for pattern in patterns if leaves_out(pattern, path)]
    assert not lost, lost
    made = ("target/debug/gleitzeit", ".git/config", "tests/clients/node/node_modules/x/index.js", "gleitzeit-data/log/1")
    for path in made:
        assert any(leaves_out(pattern, path) for pattern in patterns), f"{path} would be sent to the builder"
