"""The tables of figures in guest_sdk/README.md: measured here, written there, and held to what is measured by a test.

    cd tests && python -m guest_sdk.figures            what a fresh measurement says
    cd tests && python -m guest_sdk.figures --write    put it into the README

The test leaves a few per cent: Debian may mend its clang, and a small id takes fewer instructions to write.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

TESTS: Final = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS), str(TESTS.parent / "wasm-fixtures")]

from build_error import BuildError  # noqa: E402 - the paths above are pytest's; a command has to add them

from guest_sdk.conformance import Guest  # noqa: E402
from guest_sdk.sizes import BUILDS, SDK, Build  # noqa: E402
from support.plugin_host import Hosting  # noqa: E402

README: Final = SDK / "README.md"
COMMAND: Final = "cd tests && python -m guest_sdk.figures --write"
NOT_BUILT: Final = "?"
NAMES: Final = {"c": "C", "cpp": "C++", "rust": "Rust", "zig": "Zig", "assemblyscript": "AssemblyScript", "go": "Go"}
SPANS: Final = 9
"""How many spans `nested_spans` starts and ends; it does nothing else."""

Row = tuple[str, ...]


def added_row(build: Build) -> Row:
    """A build of everything; its numbers are `?` where the toolchain is not there."""
    try:
        build.check()
        numbers = build.added - build.own, build.own, build.added, build.optimized
    except BuildError:
        return build.language, f"`{build.command}`", *[NOT_BUILT] * 4
    return build.language, f"`{build.command}`", *map("{:,}".format, numbers)


def fixture_row(language: str) -> Row:
    """What the committed fixtures of a language take."""
    hello, nested = Guest(language, "hello_span"), Guest(language, "nested_spans")
    return NAMES[language], f"{hello.wasm.stat().st_size:,}", f"{fuel_of(hello):,}", f"{round(fuel_of(nested) / SPANS):,}"


def fuel_of(guest: Guest) -> int:
    """The fuel of a fixture's second call, about one unit an instruction: in the first one Go sets itself up."""
    hosting = Hosting()
    plugin = hosting.load(guest.wasm.read_bytes())
    for _ in range(2):
        plugin.call("on_request_complete", json.dumps(guest.event))
    fuel = hosting.last().attributes["bext.plugin.fuel_consumed"]
    assert isinstance(fuel, int)
    return fuel


TABLES: Final[dict[str, tuple[Row, Callable[[], list[Row]]]]] = {
    "added": (
        ("SDK", "built with", "the SDK", "the guest's own", "together", "`wasm-opt -Oz`"),
        lambda: [added_row(build) for build in BUILDS],
    ),
    "fixtures": (
        ("SDK", "`hello_span.wasm`, bytes", "`hello_span`, instructions", "a span, instructions"),
        lambda: [fixture_row(language) for language in NAMES],
    ),
}


# --- The README -------------------------------------------------------------------------------------------------------


def block_of(name: str, text: str) -> str:
    """A table with the comments round it, as it stands in a text."""
    found = re.search(rf"<!-- figures: {name} -->\n.*?<!-- end -->", text, flags=re.DOTALL)
    assert found is not None, f"the README has no place for the table {name}"
    return found[0]


def rows_of(name: str, text: str) -> list[Row]:
    """The rows of a table in a text, without its head."""
    lines = [line for line in block_of(name, text).splitlines() if line.startswith("|")]
    return [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in lines[2:]]


def render(name: str, head: Row, rows: Iterable[Row]) -> str:
    """The table in Markdown, with the comments round it; what stands right of the words is numbers."""
    words = 2 if name == "added" else 1
    rule = ["---" if at < words else "---:" for at in range(len(head))]
    lines = ["| " + " | ".join(row) + " |" for row in (head, *rows)]
    return "\n".join([f"<!-- figures: {name} -->", lines[0], "|" + "|".join(rule) + "|", *lines[1:], "<!-- end -->"])


def keep_unbuilt(measured: Sequence[Row], written: Sequence[Row]) -> list[Row]:
    """The measured rows; the written one where this machine could not build."""
    before = {row[:2]: row for row in written}
    return [before.get(row[:2], row) if NOT_BUILT in row else row for row in measured]


def refreshed(text: str) -> str:
    """The README's text with fresh figures."""
    for name, (head, measure) in TABLES.items():
        rows = keep_unbuilt(measure(), rows_of(name, text))
        text = text.replace(block_of(name, text), render(name, head, rows))
    return text


def main(arguments: Sequence[str]) -> int:
    """The command line; the exit code."""
    if arguments == ["--write"]:
        README.write_text(refreshed(README.read_text(encoding="utf-8")), encoding="utf-8")
        return 0
    for name, (head, measure) in TABLES.items():
        print(render(name, head, measure()), end="\n\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
