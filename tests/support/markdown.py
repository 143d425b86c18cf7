"""Code blocks of a Markdown file, so that what a document shows is what a test runs."""

import re
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def code_blocks(path: Path, language: str) -> list[str]:
    """The blocks of one language, in order."""
    return [code for name, code in _BLOCK.findall(path.read_text(encoding="utf-8")) if name == language]
