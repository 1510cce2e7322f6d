"""What a registry would get, and what a user of it would find."""

import ast
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import gleitzeit_cluster

from conftest import PACKAGE, REPOSITORY
from programs import SECONDS, Running, environment, free_port, run

SOURCES = PACKAGE / "gleitzeit_cluster"


def version() -> str:
    manifest = (REPOSITORY / "Cargo.toml").read_text()
    return re.search(r'^version = "([^"]+)"', manifest, re.MULTILINE)[1]


def tool(*command: str, folder: Path = PACKAGE) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-m", *command], cwd=folder, capture_output=True, text=True, timeout=SECONDS)


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """The source distribution, and the wheel that is made from it."""
    folder = tmp_path_factory.mktemp("dist")
    made = tool("build", "--no-isolation", "--outdir", str(folder))
    assert made.returncode == 0, made.stdout + made.stderr
    return folder


def test_the_version_stands_in_one_place(built):
    assert gleitzeit_cluster.__version__ == version()
    names = sorted(path.name for path in built.iterdir())
    assert names == [
        f"gleitzeit_cluster-{version()}-py3-none-any.whl",
        f"gleitzeit_cluster-{version()}.tar.gz",
    ]
    # No file of the package repeats it.
    repeated = [
        path
        for path in [*SOURCES.rglob("*.py"), PACKAGE / "pyproject.toml", PACKAGE / "README.md"]
        if re.search(rf"""["']{re.escape(version())}["']""", path.read_text())
    ]
    assert repeated == []


def test_the_wheel_holds_what_it_needs(built):
    wheel = zipfile.ZipFile(next(built.glob("*.whl")))
    names = wheel.namelist()
    assert "gleitzeit_cluster/py.typed" in names
    assert (
        "gleitzeit_cluster/core/external_service_node.py" in names and "gleitzeit_cluster/cli_monitor_live.py" in names
    )
    assert not [name for name in names if "test" in name or "example" in name]
    metadata = wheel.read(next(name for name in names if name.endswith("METADATA"))).decode()
    assert "License-Expression: MIT" in metadata and "Requires-Python: >=3.9" in metadata
    assert "# Gleitzeit in Python" in metadata, "the readme is the description"
    licence = next(name for name in names if name.endswith("licenses/LICENSE"))
    assert wheel.read(licence) == (REPOSITORY / "LICENSE").read_bytes()
    required = re.findall(r"^Requires-Dist: (\S+)", metadata, re.MULTILINE)
    assert sorted(re.match(r"[\w-]+(\[[\w-]+\])?", each)[0] for each in required) == [
        "aiohttp",
        "httpx",
        "python-socketio[asyncio-client]",
    ]


def test_the_source_distribution_builds_by_itself(built, tmp_path):
    with tarfile.open(next(built.glob("*.tar.gz"))) as archive:
        archive.extractall(tmp_path, filter="data")
    (folder,) = tmp_path.iterdir()
    again = tool(
        "pip", "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(tmp_path / "again"), ".", folder=folder
    )
    assert again.returncode == 0, again.stderr
    assert [path.name for path in (tmp_path / "again").iterdir()] == [f"gleitzeit_cluster-{version()}-py3-none-any.whl"]


def test_the_types_are_sound():
    checked = tool("mypy")
    assert checked.returncode == 0, checked.stdout


def test_the_style_and_the_oldest_python():
    checked = tool("ruff", "check", ".")
    assert checked.returncode == 0, checked.stdout
    formatted = tool("ruff", "format", "--check", ".")
    assert formatted.returncode == 0, formatted.stdout
    # What is used of the language and its library was there in 3.9.
    vermin = Path(sys.executable).with_name("vermin")
    options = ["--target=3.9-", "--no-tips", "--eval-annotations", "--violations"]
    old = subprocess.run([vermin, *options, SOURCES], capture_output=True, text=True, timeout=SECONDS)
    assert old.returncode == 0, old.stdout
    for path in SOURCES.rglob("*.py"):
        ast.parse(path.read_text(), feature_version=(3, 9))


def test_what_is_public_is_there():
    for name in gleitzeit_cluster.__all__:
        assert getattr(gleitzeit_cluster, name) is not None, name


def blocks() -> dict:
    """The programs of the readme, by the name in their first line."""
    found = re.findall(r"```python\n# (\w+\.py)\n(.*?)```", (PACKAGE / "README.md").read_text(), re.DOTALL)
    return dict(found)


async def test_the_five_minutes_of_the_readme(tmp_path):
    for name, text in blocks().items():
        (tmp_path / name).write_text(text.replace('"ML Service", cap', '"ML Service", cluster_url=URL, cap'))
    assert set(blocks()) == {"service.py", "workflow.py"}
    url = f"http://127.0.0.1:{free_port()}"
    service = tmp_path / "service.py"
    service.write_text(f"URL = {url!r}\n" + service.read_text())
    with Running(str(service), folder=tmp_path):
        code, out, err = await run("workflow.py", folder=tmp_path, GLEITZEIT_URL=url)
    assert code == 0 and out.splitlines()[-1] == "completed {'mean': 49.5}", out + err


def test_an_installed_package_needs_no_repository(built, tmp_path):
    """Unpacked as an installer does it: imported from there, with the version of its metadata."""
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        wheel.extractall(tmp_path)
    code = "import gleitzeit_cluster as g; print(g.__file__, g.__version__)"
    said = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment(PYTHONPATH=str(tmp_path)),
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert said.stdout.split() == [str(tmp_path / "gleitzeit_cluster/__init__.py"), version()], said.stderr
