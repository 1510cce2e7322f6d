"""The version, which is that of the server and stands in its Cargo.toml alone."""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path


def _version() -> str:
    # A checkout of the sources comes first: an installed package beside it may be another one.
    manifest = Path(__file__).resolve().parents[3] / "Cargo.toml"
    if manifest.is_file():
        found = re.search(r'^version = "([^"]+)"', manifest.read_text(encoding="utf-8"), re.MULTILINE)
        if found:
            return found[1]
    try:
        return metadata.version("gleitzeit-cluster")
    except metadata.PackageNotFoundError:
        return "0.0.0"


__version__ = _version()
