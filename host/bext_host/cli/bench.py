"""`bext-tracer bench`: what recording costs here, side by side with the peers."""

from __future__ import annotations

import argparse
import json
from typing import Any

from rich.console import Console

from bext_host.bench import BenchInvalid, run_bench

from .bench_tables import print_tables
from .failure import CommandFailed

_EXAMPLES = """\
examples:
  bext-tracer bench                            all rounds, about a minute
  bext-tracer bench --quick                    fewer and shorter rounds, with wider spreads
  bext-tracer bench --json > figures.json      for machines

The peers are measured where they are installed: pip install 'bext-tracer[bench]'
Figures are medians of interleaved rounds, with quartiles. Compare ratios, not times: times are this machine's.

exit codes: 0 measured, 1 a contender did not do its work, 2 wrong usage
"""


def add_parser(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "bench",
        help="measure what recording costs, against the peers",
        description="Measure both engines, plain define_func host functions, extism and the OpenTelemetry SDK in interleaved rounds.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds: within a minute")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Measure, then print."""
    console = Console(stderr=True)
    try:
        with console.status("starting") as status:  # shown on terminals only
            report = run_bench(quick=arguments.quick, progress=status.update)
    except BenchInvalid as invalid:
        raise CommandFailed(f"the run is invalid: {invalid}") from None
    if arguments.json:
        print(json.dumps(report.as_json(), indent=2, allow_nan=False))
    else:
        print_tables(report)
    return 0
