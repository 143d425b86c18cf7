"""Write golden/*.json anew from the C guests. Read the difference before you commit it: every language is held to these files.

    python wasm-fixtures/conformance/bless.py

Needs bext-tracer with its extra `test` installed. tests/guest_sdk/test_golden.py holds the files to what README.md says.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

CONFORMANCE = Path(__file__).resolve().parent
sys.path.insert(0, str(CONFORMANCE.parents[1] / "tests"))

from guest_sdk import golden_calls, golden_traces  # noqa: E402 - found through the line above
from guest_sdk.conformance import GOLDEN, SCENARIOS, Guest  # noqa: E402


def golden(scenario: str) -> dict[str, Any]:
    """What the C guest of a scenario does."""
    guest = Guest("c", scenario)
    return {"scenario": scenario, "calls": golden_calls.recorded(guest), **golden_traces.run(guest, "reference")}


def field(key: str, value: Any) -> str:
    """One field of the file; of a list, one item on each line."""
    if not isinstance(value, list):
        return f'  "{key}": {json.dumps(value)}'
    items = ",\n".join(f"    {json.dumps(item)}" for item in value)
    return f'  "{key}": [\n{items}\n  ]'


def text_of(content: dict[str, Any]) -> str:
    """The file's text."""
    return "{\n" + ",\n".join(field(key, value) for key, value in content.items()) + "\n}\n"


def main() -> None:
    """Write the files, and tell which are new."""
    GOLDEN.mkdir(exist_ok=True)
    for scenario in SCENARIOS:
        path = GOLDEN / f"{scenario}.json"
        text = text_of(golden(scenario))
        same = path.is_file() and path.read_text(encoding="ascii") == text
        path.write_text(text, encoding="ascii")
        print(f"{path.name:<28} {'same' if same else 'written'}")


if __name__ == "__main__":
    main()
