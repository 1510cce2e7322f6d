"""Where the server is, unless a program says so."""

import os
from typing import Optional

DEFAULT_URL = "http://localhost:8000"


def server_url(*given: Optional[str]) -> str:
    """The first address that is given, else GLEITZEIT_URL of the environment, else this machine."""
    named = next((url for url in given if url), None)
    return (named or os.environ.get("GLEITZEIT_URL") or DEFAULT_URL).rstrip("/")
