"""Takes the version of the package from the manifest of the server, the one place where it stands."""

import re
from pathlib import Path

from hatchling.metadata.plugin.interface import MetadataHookInterface


class CustomMetadataHook(MetadataHookInterface):
    def update(self, metadata: dict) -> None:
        root = Path(self.root)
        manifest = root.parent.parent / "Cargo.toml"
        # An unpacked source distribution has no server beside it, and says the version itself.
        source, pattern = (
            (manifest, r'^version = "([^"]+)"') if manifest.is_file() else (root / "PKG-INFO", r"^Version: (.+)$")
        )
        found = re.search(pattern, source.read_text(encoding="utf-8"), re.MULTILINE)
        if found is None:
            raise ValueError(f"{source} names no version")
        metadata["version"] = found[1].strip()
