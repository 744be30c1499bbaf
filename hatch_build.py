"""Make README's links absolute in the package's metadata: PyPI has no page for relative ones."""

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface


class ReadmeHook(MetadataHookInterface):
    """Reads README.md for the metadata."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Set the metadata's readme. Without a `Source` in `project.urls`, links stay relative."""
        text = Path(self.root, "README.md").read_text("utf-8")
        if source := metadata.get("urls", {}).get("Source"):
            text = re.sub(r"\]\((?!https://|#)", f"]({source}/blob/HEAD/", text)
        metadata["readme"] = {"content-type": "text/markdown", "text": text}
