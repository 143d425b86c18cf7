"""A disk that is really full, a small tmpfs: what was there stays whole, errors are in words, and with room again all goes on.

What a limit of the file's size does (RLIMIT_FSIZE), which needs no root, is tested beside the spool, the file and the module cache.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from bext_abi import FlushError, SpanStart
from bext_host import SpanRecorder
from bext_host.exporters import FileExporter
from bext_host.exporters.spool import Spool
from bext_host.runtime.module_cache import ModuleCache
from host.exporters.finished_files import lines
from host.exporters.http.http_spans import accounts, failure, otlp
from host.exporters.otlp_messages import spans_of
from receivers.otlp_ledger import Ledger
from support.compiled import counts, load
from support.raw_guest import ENGINES

SMALL = 512 * 1024


@pytest.fixture
def disk(tmp_path) -> Iterator[Path]:
    """A file system of half a megabyte."""
    place = tmp_path / "disk"
    place.mkdir(mode=0o700)
    command = ["mount", "-t", "tmpfs", "-o", f"size={SMALL},mode=0700", "tmpfs", str(place)]
    try:
        made = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        pytest.skip(f"no command to mount with: {error}")
    if made.returncode != 0:
        pytest.skip(f"this user may not mount a tmpfs: {made.stderr.strip()}")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def fill(disk: Path, left: int = 0) -> Path:
    """A file that takes all the room but so many bytes."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        with suppress(OSError):
            while True:
                file.write(bytes(4096))
        os.truncate(ballast, max(0, file.tell() - left))
    return ballast


@pytest.mark.parametrize("left", [0, 8192])
def test_a_spool_on_a_full_disk_keeps_what_it_had_and_takes_more_when_there_is_room(disk, left):
    spool = Spool(disk / "spool")
    spool.put(b"before", 1)
    ballast = fill(disk, left)
    with pytest.raises(OSError, match="No space left"):
        spool.put(bytes(20_000), 7)
    assert spool.spans == 1
    ballast.unlink()
    spool.put(b"after", 2)
    spool.close()
    later = Spool(disk / "spool")
    found = []
    while (oldest := later.oldest()) is not None:
        found.append(oldest.body)
        later.remove(oldest)
    assert (found, later.damaged) == ([b"before", b"after"], 0)
    assert [path for path in (disk / "spool").rglob("*") if path.suffix in (".batch", ".part")] == []


@pytest.mark.parametrize("engine", ENGINES)
def test_an_outage_with_a_full_disk_loses_spans_that_are_counted_and_told_and_the_others_arrive(disk, tmp_path, engine):
    ledger = Ledger(tmp_path / "ledger")
    ledger.start()
    ledger.kill()
    exporter = otlp(ledger.url, spool=disk / "spool", timeout_seconds=0.2)
    recorder = SpanRecorder(exporter, engine=engine)
    handles = [recorder.start_span(SpanStart("s", attributes={"text": "x" * 3000})) for _ in range(30)]
    for handle in handles[:10]:
        recorder.end_span(handle)
    assert "wait to be sent again" in failure(recorder.flush)
    ballast = fill(disk)
    for handle in handles[10:20]:
        recorder.end_span(handle)
    assert "No space left" in failure(recorder.flush)
    ballast.unlink()
    for handle in handles[20:]:
        recorder.end_span(handle)
    ledger.start()
    try:
        recorder.flush()
        arrived = ledger.span_ids()
    finally:
        ledger.kill()
    taken, waiting, lost = accounts(recorder, exporter)
    assert (taken, waiting, lost) == (len(arrived), 0, 30 - len(arrived))
    assert {handle.span_id_hex for handle in (*handles[:10], *handles[20:])} <= set(arrived)
    assert set(arrived.values()) == {1}
    recorder.close()


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("left", [0, 4096])
def test_a_file_on_a_full_disk_has_whole_lines_and_the_lost_spans_are_counted(disk, engine, left):
    path = disk / "traces.jsonl"
    exporter = FileExporter(path)
    recorder = SpanRecorder(exporter, engine=engine)

    def spans(count: int) -> None:
        for _ in range(count):
            recorder.end_span(recorder.start_span(SpanStart("s", attributes={"text": "x" * 3000})))

    spans(1)
    recorder.flush()
    ballast = fill(disk, left)
    spans(20)
    with pytest.raises(FlushError, match="No space left on device"):
        recorder.flush()
    ballast.unlink()
    spans(2)
    recorder.flush()
    assert len(spans_of(lines(path))) == 3
    assert (recorder.stats.exported["file"], recorder.stats.dropped["export_failed"]) == (3, 20)


def test_a_module_cache_on_a_full_disk_fails_nothing_and_keeps_entries_when_there_is_room(disk):
    folder = disk / "modules"
    load(ModuleCache(folder), 1)
    ballast = fill(disk)
    cache = ModuleCache(folder)
    assert (load(cache, 1), load(cache, 2)) == (1, 2)
    assert counts(cache) == {"hits_disk": 1, "compiled": 1}
    assert [path.suffix for path in folder.iterdir()] == [".module"]
    ballast.unlink()
    assert (load(ModuleCache(folder), 2), load(ModuleCache(folder), 2)) == (2, 2)
    assert len(list(folder.iterdir())) == 2
