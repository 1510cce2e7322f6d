"""`docs/limits.md` names every setting that bounds something and none that is not there, each with a value that it takes."""

import re
import subprocess
from pathlib import Path

import pytest

from support.server import binary

PAGE = Path(__file__).resolve().parents[2] / "docs" / "limits.md"
PROCESS_SECONDS = 60
TABLES = ("limits", "connections", "rates", "webhooks.subscriptions")
# What is in tables beside limits: where things are and what they may reach, not how much of anything.
OTHERS = {
    "webhooks": {"secret", "public_url", "subscriptions"},
    "http": {"allow"},
    "files": {"root"},
    "models": {"strategy", "default_model", "pull", "endpoints"},
}
UNITS = {"ms": 0.001, "s": 1, "min": 60, "h": 3_600}


def show(folder: Path, text: str) -> subprocess.CompletedProcess:
    path = folder / "gleitzeit.toml"
    path.write_text(text)
    command = [binary(), "config", "show", "--config", str(path)]
    return subprocess.run(command, capture_output=True, text=True, timeout=PROCESS_SECONDS, env={"HOME": str(folder)})


def rows() -> dict[str, str]:
    """What stands in the second column for each setting of the file that the third one names."""
    found = {}
    for line in PAGE.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split(" | ")]
        if line.startswith("|") and len(cells) == 3 and re.fullmatch(r"`[a-z_]+(\.[a-z_]+)+`", cells[2]):
            found.setdefault(cells[2].strip("`"), cells[1])
    return found


def value(setting: str, text: str) -> str:
    """The default as the file takes it, or something of its kind where there is none."""
    said = re.match(r"([\d,.]+) ?(MiB|GiB|KiB|ms|s|min|h)?", text)
    if not said:
        return {"none": "1", "`false`": "false"}[text]
    number, unit = said[1].replace(",", ""), said[2]
    if unit and unit.endswith("iB"):
        return f'"{number}{unit}"'
    if setting.endswith("_hours"):
        assert unit == "h"
    elif setting.endswith("_seconds") and setting != "rates.burst_seconds":
        return str(float(number) * UNITS[unit])
    return number


def test_every_setting_of_the_page_is_one_and_takes_what_stands_there(tmp_path):
    settings = rows()
    assert len(settings) >= 40, sorted(settings)
    for setting, default in settings.items():
        table, _, name = setting.rpartition(".")
        shown = show(tmp_path, f"[{table}]\n{name} = {value(setting, default)}\n")
        assert shown.returncode == 0, f"{setting}: {default}: {shown.stderr}"


@pytest.mark.parametrize("table", [*TABLES, *OTHERS])
def test_no_setting_that_bounds_something_is_missing(tmp_path, table):
    shown = show(tmp_path, f"[{table}]\nno_such_setting = 1\n")
    assert shown.returncode != 0 and "no_such_setting" in shown.stderr, shown.stderr
    # The refusal lists what there is.
    there = set(re.findall(r"`([a-z_]+)`", shown.stderr.split("expected one of", 1)[1]))
    named = {setting.rpartition(".")[2] for setting in rows() if setting.rpartition(".")[0] == table}
    assert there - OTHERS.get(table, set()) == named
