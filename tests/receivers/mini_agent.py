"""Starts Datadog's own agent core (PyPI `datadog-serverless-compat`, the extra `receivers`) where it can reach nobody, and sends it spans.

It takes traces as every Datadog agent does and forwards them to the site's intake, which here is a receiver of ours. It would also ask its
cloud who it is. So it runs, with the sender and that receiver, in network and process namespaces of their own, whose only network is a
loopback: `unshare` makes them, for root or where users may have namespaces.
"""

from __future__ import annotations

import functools
import importlib.util
import pickle
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from bext_host import FinishedSpan
from receivers.mini_agent_task import Outcome, Task
from support.processes import environment

_NAMESPACES = ("--net", "--pid", "--kill-child")  # the last: when `unshare` is ended, so is all within


def _program() -> Path | None:
    package = importlib.util.find_spec("datadog_serverless_compat")
    if package is None or package.origin is None:
        return None
    program = Path(package.origin).parent / "bin" / "linux-amd64" / "datadog-serverless-compat"
    return program if program.is_file() else None


PROGRAM = _program()


@functools.cache
def _unshare() -> tuple[str, ...]:
    """The command that runs another in namespaces of its own; empty where this machine has none."""
    unshare = shutil.which("unshare")
    if unshare is None:
        return ()
    for command in ((unshare, *_NAMESPACES), (unshare, "--map-root-user", *_NAMESPACES)):
        if subprocess.run([*command, "true"], capture_output=True, timeout=10, check=False).returncode == 0:
            return command
    return ()


def why_not() -> str:
    """Why it cannot be started here; empty where it can."""
    if PROGRAM is None:
        return "datadog-serverless-compat is not installed: pip install '.[receivers]'"
    return "" if _unshare() else "no namespaces for a network of its own: neither root's nor a user's"


def send_to_mini_agent(folder: Path, batches: Sequence[Sequence[FinishedSpan]], bodies: Sequence[bytes] = ()) -> Outcome:
    """Export the batches to it, send it the bodies as they are, and give what came of both. It writes what it writes to `folder`."""
    assert PROGRAM is not None, why_not()
    program = folder / PROGRAM.name
    shutil.copy(PROGRAM, program)  # the package's own is not executable
    program.chmod(0o700)
    task = Task(program, [list(batch) for batch in batches], list(bodies))
    done = subprocess.run(
        [*_unshare(), sys.executable, "-m", "receivers.mini_agent_inside"],
        input=pickle.dumps(task), cwd=folder, env=environment(), capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    outcome: Outcome = pickle.loads(done.stdout)
    return outcome
