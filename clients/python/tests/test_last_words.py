"""What the program of a service says when it ends by an error that somebody has to mend outside of it."""

import pytest

from conftest import TOKEN, House, open_house
from programs import run
from support.server import Server
from support.tls import self_signed

SERVICE = """
import asyncio
from gleitzeit_cluster import ExternalServiceNode

async def press(task):
    return "pressed"

node = ExternalServiceNode("press", capabilities=["custom_processing"])
node.register_task_handler("custom_processing", press)
"""
WAYS = {"start": SERVICE + "asyncio.run(node.start())\n", "run": SERVICE + "node.run()\n"}


@pytest.fixture
async def encrypted_house(tmp_path):
    async for house in open_house(Server(tmp_path, token=TOKEN).encrypt(tmp_path / "tls")):
        yield house


async def told(house: House, folder, program: str, **environment: str) -> str:
    """The one line with which the program ends, and nothing else."""
    (folder / "service.py").write_text(program)
    code, out, err = await run("service.py", folder=folder, GLEITZEIT_URL=house.url, **environment)
    lines = err.splitlines()
    assert (code, out, len(lines)) == (1, "", 1), err
    return lines[0]


@pytest.mark.parametrize("way", WAYS)
async def test_a_key_that_is_refused_ends_a_service_with_one_line(guarded_house, tmp_path, way):
    line = await told(guarded_house, tmp_path, WAYS[way], GLEITZEIT_TOKEN="gzt_nobody_made_it")
    assert line.startswith(f"error: {guarded_house.url} refused the key: ") and "GLEITZEIT_TOKEN" in line, line
    assert "nobody_made_it" not in line


@pytest.mark.parametrize("transports", ["websocket", "polling"])
async def test_a_certificate_that_is_not_trusted_ends_a_service_with_one_line(encrypted_house, tmp_path, transports):
    program = WAYS["start"].replace('"press", ', f'"press", transports=("{transports}",), ')
    other, _ = self_signed(tmp_path / "other")
    for ca in ("", str(other)):
        line = await told(encrypted_house, tmp_path, program, GLEITZEIT_TOKEN=TOKEN, GLEITZEIT_CA=ca)
        assert line.startswith(f"error: {encrypted_house.url} is not trusted: ") and "GLEITZEIT_CA" in line, line
        assert "certificate" in line
    nothing = tmp_path / "nothing.pem"
    line = await told(encrypted_house, tmp_path, program, GLEITZEIT_TOKEN=TOKEN, GLEITZEIT_CA=str(nothing))
    assert line.startswith(f"error: GLEITZEIT_CA names {nothing}, which is no file of certificates"), line


async def test_a_mistake_of_the_program_keeps_its_traceback(guarded_house, tmp_path):
    """Also one that shows while a refusal is dealt with, and one that a handler of its own for such errors makes."""
    mistakes = {
        "ZeroDivisionError": SERVICE + "async def main():\n    1 / 0\nasyncio.run(main())\n",
        "KeyError": SERVICE + "try:\n    node.run()\nexcept PermissionError:\n    {}['missing']\n",
        "RuntimeError": SERVICE.replace("node.register", "# ") + "node.run()\n",
    }
    for kind, program in mistakes.items():
        (tmp_path / "service.py").write_text(program)
        code, _, err = await run("service.py", folder=tmp_path, GLEITZEIT_URL=guarded_house.url, GLEITZEIT_TOKEN="no")
        assert code == 1 and "Traceback" in err and err.splitlines()[-1].startswith(kind), err


async def test_a_program_that_shows_errors_in_its_own_way_goes_on_doing_so(guarded_house, tmp_path):
    own = "import sys\nsys.excepthook = lambda kind, error, trace: print('mine:', kind.__name__, file=sys.stderr)\n"
    line = await told(guarded_house, tmp_path, own + WAYS["run"], GLEITZEIT_TOKEN="no")
    assert line == "mine: TokenRefused"
