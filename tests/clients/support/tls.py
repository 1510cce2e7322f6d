"""Certificates that a server makes for itself, and connections that trust them."""

import ssl
import subprocess
from pathlib import Path

import aiohttp

NAMES = "subjectAltName=IP:127.0.0.1,DNS:localhost"


def self_signed(folder: Path) -> tuple[Path, Path]:
    """A certificate and its key, by the command that the documentation names."""
    folder.mkdir()
    certificate, key = folder / "cert.pem", folder / "key.pem"
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=flows"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*made, *files, "-addext", NAMES], check=True, capture_output=True)
    return certificate, key


def trusting(ca: Path) -> aiohttp.TCPConnector:
    """Trusts these certificates and no others."""
    return aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=str(ca)))
