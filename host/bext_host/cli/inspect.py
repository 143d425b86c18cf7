"""`bext-tracer inspect`: what a module imports and exports, and whether it conforms."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bext_abi import TRACER_IMPORT_MODULE
from bext_host.boundary import ModuleItem, ModuleRefused
from bext_host.boundary.check import compile_module
from bext_host.boundary.signatures import IMPORTS
from bext_host.escape import escape
from bext_host.runtime.hooks import HOOKS, function_exports
from bext_host.runtime.loading import plugin_report
from bext_host.runtime.plugin_engine import plugin_engine
from bext_host.runtime.plugin_limits import PluginLimits

from .failure import FAULT, CommandFailed

_EXAMPLES = """\
examples:
  bext-tracer inspect plugin.wasm
  bext-tracer inspect plugin.wasm --json | jq .faults

exit codes: 0 the module conforms, 1 it does not or cannot be read, 2 wrong usage
"""


def add_parser(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "inspect",
        help="say whether a module conforms to the tracer ABI",
        description="Report what a module imports and exports, and whether it can be loaded. Nothing of it runs.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("module", metavar="MODULE", help="a .wasm file")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.set_defaults(run=run)


@dataclass(frozen=True)
class _Report:
    """What is printed; its fields are the keys of the JSON."""

    module: str
    size_bytes: int
    conforms: bool
    abi_version: int | None
    uses_tracer: bool
    hooks: tuple[str, ...]
    imports: tuple[ModuleItem, ...]
    exports: tuple[ModuleItem, ...]
    faults: tuple[str, ...]


def run(arguments: argparse.Namespace) -> int:
    """Print the report."""
    report = _report(Path(arguments.module))
    print(json.dumps(asdict(report), indent=2) if arguments.json else _text(report))
    return 0 if report.conforms else FAULT


def _report(path: Path) -> _Report:
    name = escape(path.name)
    try:
        size = path.stat().st_size
        module = compile_module(path, plugin_engine(), path.name, PluginLimits().module_bytes)
    except OSError as error:
        raise CommandFailed(f"cannot read {escape(str(path))}: {error.strerror}") from None
    except ModuleRefused as refused:
        return _Report(name, size, False, None, False, (), (), (), refused.faults)
    found = plugin_report(module)
    functions = function_exports(module)
    hooks = tuple(hook for hook in HOOKS if hook in functions)
    return _Report(name, size, not found.faults, found.abi_version, found.uses_tracer, hooks, found.imports, found.exports, found.faults)


def _text(report: _Report) -> str:
    lines = [f"{report.module}: {report.size_bytes:,} bytes"]
    if report.exports or report.imports:
        version = "no marker" if report.abi_version is None else f"version {report.abi_version}"
        lines.append(f"  tracer ABI  {version}{'' if report.uses_tracer else ' (imports nothing of the tracer)'}")
        lines.append(f"  hooks       {', '.join(report.hooks) or 'none'}")
        lines += _section("imports", [(item, _provider(item.name)) for item in report.imports])
        lines += _section("exports", [(item, "") for item in report.exports])
    if report.conforms:
        return "\n".join([*lines, "conforms: it can be loaded"])
    return "\n".join([*lines, *(f"fault: {fault}" for fault in report.faults)])


def _section(title: str, items: list[tuple[ModuleItem, str]]) -> list[str]:
    width = max((len(item.name) for item, _ in items), default=0)
    head = f"  {title:<10}"
    return [
        f"{head if row == 0 else ' ' * len(head)}  {item.name:<{width}}  {item.type}{note}" for row, (item, note) in enumerate(items)
    ] or [f"{head}  none"]


def _provider(name: str) -> str:
    module, _, function = name.partition(".")
    if module == TRACER_IMPORT_MODULE and function in IMPORTS:
        return "  (tracer)"
    return "  (WASI)" if module.startswith("wasi_") else ""
