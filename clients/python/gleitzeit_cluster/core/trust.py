"""Whom to believe that a server is the one that was asked for."""

from __future__ import annotations

import os
import ssl
from typing import Any, Dict, Optional


def trusted() -> Optional[ssl.SSLContext]:
    """Trusts the certificates in the file that GLEITZEIT_CA names, and no others; nothing where it names none."""
    path = os.environ.get("GLEITZEIT_CA")
    return ssl.create_default_context(cafile=path) if path else None


def websocket_options() -> Dict[str, Any]:
    """What the websocket of a Socket.IO client is opened with."""
    context = trusted()
    return {} if context is None else {"ssl": context}
