"""Damages the committed fixtures, and loads and calls what comes of it: `main` is for a process of its own, which a crash would end.

It prints what became of them. Before each it writes the seed to standard error, so that the last line names the one that crashed.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from random import Random

from bext_host import ModuleRefused
from fuzz.hosted import EVENT, Hosted
from support.raw_guest import ENGINES, FIXTURES

SMALLEST, LARGEST = 60, 40_000


def originals() -> list[bytes]:
    """The fixtures that a few damaged bytes are much of."""
    paths = sorted(FIXTURES.rglob("*.wasm"))
    return [path.read_bytes() for path in paths if SMALLEST < path.stat().st_size < LARGEST]


def damaged(rng: Random, module: bytes, other: bytes) -> bytes:
    """`module` with a few bytes changed, moved, repeated or left out, or with a piece of another."""
    wasm = bytearray(module)
    for _ in range(rng.choice((1, 1, 1, 2, 5))):
        at = rng.randrange(8 if rng.random() < 0.95 else 0, len(wasm))
        kind = rng.randrange(8)
        if kind < 3:
            wasm[at] ^= 1 << rng.randrange(8)
        elif kind == 3:
            wasm[at] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
        elif kind == 4:
            del wasm[at : at + rng.randrange(1, 9)]
        elif kind == 5:
            wasm[at:at] = wasm[at : at + rng.randrange(1, 40)]
        elif kind == 6:
            start = rng.randrange(len(other))
            wasm[at:at] = other[start : start + rng.randrange(1, 60)]
        else:
            del wasm[rng.randrange(8, len(wasm)) :]
        if len(wasm) < 9:
            return bytes(wasm)
    return bytes(wasm)


def try_one(rng: Random, modules: list[bytes], engine: str, folder: Path) -> str:
    """Load one, call what it has, and tell what became of it; anything but a refusal or a PluginError is raised."""
    module = damaged(rng, rng.choice(modules), rng.choice(modules))
    hosted = Hosted(engine, folder)
    try:
        plugin = hosted.load(module)
    except ModuleRefused as refused:
        return _judged(str(refused))
    finally:
        hosted.serve_neighbour()
    for hook in plugin.hooks if plugin is not None else ():
        takes = {"on_cache_write": ["k", ["t"]], "on_cache_invalidate": ["k", 3], "on_request_complete": [EVENT], "on_server_start": [{}]}
        hosted.call(plugin, hook, *takes.get(hook, []))
    hosted.close()
    hosted.check_counters()
    hosted.check_spans()
    return "failed at start-up" if plugin is None else "loaded"


def _judged(words: str) -> str:
    assert words.isprintable(), words
    assert len(words) < 4000
    return "refused"


def main(first: str, count: str, folder: str) -> None:
    """Try so many, from this seed on, each on one engine and then on the other."""
    outcomes: Counter[str] = Counter()
    modules = originals()
    for seed in range(int(first), int(first) + int(count)):
        print("seed", seed, file=sys.stderr, flush=True)
        results = {try_one(Random(seed), modules, engine, Path(folder)) for engine in ENGINES}
        assert len(results) == 1, results
        outcomes[results.pop()] += 1
    print(json.dumps(outcomes))
