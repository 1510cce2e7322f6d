"""Whom to believe that a server is the one that was asked for."""

from __future__ import annotations

import os
import re
import ssl
from typing import Any, Dict, Optional

from .errors import TRUST_HINT, ServerNotTrusted

# Libraries in between hand on the words of OpenSSL, and not always the error itself.
WORDS = re.compile(r"CERTIFICATE_VERIFY_FAILED\]? certificate verify failed: (.+?)(?: \(_ssl|$)")
# An error that some layer has put into another one; more layers than these are a loop.
LAYERS_MAX = 20


def trusted() -> Optional[ssl.SSLContext]:
    """Trusts the certificates in the file that GLEITZEIT_CA names, and no others; nothing where it names none."""
    path = os.environ.get("GLEITZEIT_CA")
    if not path:
        return None
    try:
        return ssl.create_default_context(cafile=path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ServerNotTrusted(
            f"GLEITZEIT_CA names {path}, which is no file of certificates in PEM ({reason}). Name one, or leave it out"
        ) from None


def websocket_options() -> Dict[str, Any]:
    """What the websocket of a Socket.IO client is opened with."""
    context = trusted()
    return {} if context is None else {"ssl": context}


def distrust(url: str, error: BaseException) -> Optional[ServerNotTrusted]:
    """What is wrong with the certificate of the other side, if that is why something failed."""
    layer: Optional[BaseException] = error
    for _ in range(LAYERS_MAX):
        if layer is None:
            return None
        found = WORDS.search(str(layer))
        if found:
            return ServerNotTrusted(f"{url} is not trusted: {found.group(1)}. {TRUST_HINT}")
        layer = layer.__cause__ or layer.__context__
    return None
