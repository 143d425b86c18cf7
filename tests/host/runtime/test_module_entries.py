"""What is on disk: an entry is used only where it is what was written there, by us. Everything else is counted and built anew."""

from __future__ import annotations

import os
import random
import shutil
import socket
import threading
import time
from pathlib import Path

import pytest
from wasmtime import Module, WasmtimeError

from bext_host.runtime import module_cache, module_entry, module_store
from bext_host.runtime.module_cache import ModuleCache
from bext_host.runtime.module_entry import HEADER_BYTES
from support.compiled import SOMEBODY_ELSE, answering, counts, load, new_engine, only_entry, only_root_can

PATIENCE = 30
DIGEST_BYTES = 32


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "modules"


@pytest.fixture
def entry(folder):
    """The entry of the module that answers 1."""
    load(ModuleCache(folder), 1)
    return only_entry(folder)


def counts_of_loading(folder, number=1) -> dict[str, int]:
    """What a new cache counts when it loads the module, which is right whatever lies there."""
    cache = ModuleCache(folder)
    assert load(cache, number) == number
    return counts(cache)


def is_rebuilt(folder, entry, good) -> bool:
    """Whether the damage was seen, and the entry is as good as it was."""
    counted = counts_of_loading(folder) == {"compiled": 1, "rebuilt": 1}
    return counted and entry.read_bytes() == good and counts_of_loading(folder) == {"hits_disk": 1}


# --- Damage -----------------------------------------------------------------------------------------------------------


def test_an_undamaged_entry_is_used(folder, entry):
    assert counts_of_loading(folder) == {"hits_disk": 1}
    assert entry.stat().st_mode & 0o777 == 0o600


def flipped(good: bytes, bit: int) -> bytes:
    damaged = bytearray(good)
    damaged[bit // 8] ^= 1 << bit % 8
    return bytes(damaged)


def test_a_flipped_bit_in_the_header_or_the_digest_is_seen(folder, entry):
    good = entry.read_bytes()
    for byte in range(HEADER_BYTES):
        entry.write_bytes(flipped(good, 8 * byte + byte % 8))
        assert is_rebuilt(folder, entry, good), byte


def test_a_flipped_bit_in_the_code_is_seen(folder, entry):
    good = entry.read_bytes()
    places = random.Random(1).sample(range(8 * HEADER_BYTES, 8 * len(good)), 40)
    for bit in (8 * HEADER_BYTES, 8 * len(good) - 1, *places):
        entry.write_bytes(flipped(good, bit))
        assert is_rebuilt(folder, entry, good), bit


def test_damaged_code_never_reaches_wasmtime(folder, entry, monkeypatch):
    good = entry.read_bytes()
    taken = []

    class Watched(Module):
        @classmethod
        def deserialize(cls, engine, encoded):
            taken.append(encoded)
            return Module.deserialize(engine, encoded)

    monkeypatch.setattr(module_cache, "Module", Watched)
    entry.write_bytes(flipped(good, 8 * len(good) - 1))
    load(ModuleCache(folder), 1)
    assert taken == []
    load(ModuleCache(folder), 1)
    assert taken == [entry.read_bytes()[HEADER_BYTES:]]


@pytest.mark.parametrize("length", [0, 1, 8, HEADER_BYTES - DIGEST_BYTES, HEADER_BYTES - 1, HEADER_BYTES, HEADER_BYTES + 1, -4096, -1])
def test_a_truncated_entry_is_seen(folder, entry, length):
    good = entry.read_bytes()
    entry.write_bytes(good[:length])
    assert is_rebuilt(folder, entry, good)


def test_bytes_behind_an_entry_are_seen(folder, entry):
    good = entry.read_bytes()
    entry.write_bytes(good + b"\0")
    assert is_rebuilt(folder, entry, good)


def test_an_entry_of_an_absurd_size_is_not_read(folder, entry):
    good = entry.read_bytes()
    os.truncate(entry, 1 << 40)
    assert is_rebuilt(folder, entry, good)


def test_another_modules_entry_is_seen(folder, entry):
    load(ModuleCache(folder), 2)
    (other,) = set(folder.iterdir()) - {entry}
    good = entry.read_bytes()
    shutil.copy(other, entry)
    assert is_rebuilt(folder, entry, good)


def test_code_that_is_too_long_is_not_kept(folder, monkeypatch):
    monkeypatch.setattr(module_store, "MOST_CODE_BYTES", 100)
    assert counts_of_loading(folder) == {"compiled": 1}
    assert not folder.exists()


def test_an_entry_that_is_longer_than_any_is_not_used(folder, entry, monkeypatch):
    monkeypatch.setattr(module_entry, "MOST_CODE_BYTES", entry.stat().st_size - HEADER_BYTES - 1)
    assert counts_of_loading(folder) == {"compiled": 1, "rebuilt": 1}
    monkeypatch.setattr(module_entry, "MOST_CODE_BYTES", entry.stat().st_size - HEADER_BYTES)
    assert counts_of_loading(folder) == {"hits_disk": 1}


# --- What is not ours -------------------------------------------------------------------------------------------------


def a_link(entry):
    target = entry.with_name("moved")
    entry.rename(target)
    entry.symlink_to(target)


def a_dangling_link(entry):
    entry.unlink()
    entry.symlink_to("nowhere")


def a_fifo(entry):
    entry.unlink()
    os.mkfifo(entry)


def a_socket(entry):
    entry.unlink()
    here = Path.cwd()
    os.chdir(entry.parent)  # the whole path may be too long for a socket's name
    try:
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(entry.name)
    finally:
        os.chdir(here)


def an_empty_folder(entry):
    entry.unlink()
    entry.mkdir()


def one_that_its_group_may_write(entry):
    entry.chmod(0o620)


def one_that_all_may_write(entry):
    entry.chmod(0o602)


def one_of_another_user(entry):
    os.chown(entry, SOMEBODY_ELSE, -1)


def one_of_another_user_that_all_may_read(entry):
    entry.chmod(0o444)
    os.chown(entry, SOMEBODY_ELSE, -1)


FOREIGN = [a_link, a_dangling_link, a_fifo, a_socket, one_that_its_group_may_write, one_that_all_may_write]
FOREIGN += [pytest.param(kind, marks=only_root_can) for kind in (one_of_another_user, one_of_another_user_that_all_may_read)]


@pytest.mark.parametrize("foreign", FOREIGN)
def test_what_is_no_file_of_ours_is_replaced_without_being_read(folder, entry, foreign):
    foreign(entry)
    seen = []
    loading = threading.Thread(target=lambda: seen.append(counts_of_loading(folder)), daemon=True)
    loading.start()
    loading.join(PATIENCE)
    assert seen == [{"compiled": 1, "refused": 1}], "it hangs, or counts something else"
    assert counts_of_loading(folder) == {"hits_disk": 1}


def test_a_link_is_replaced_and_not_what_it_leads_to(folder, entry, tmp_path):
    precious = tmp_path / "precious"
    precious.write_text("text")
    entry.unlink()
    entry.symlink_to(precious)
    load(ModuleCache(folder), 1)
    assert precious.read_text() == "text"
    assert not entry.is_symlink()


def test_a_folder_in_an_entrys_place_stops_nothing(folder, entry):
    an_empty_folder(entry)
    assert counts_of_loading(folder) == {"compiled": 1, "refused": 1}
    assert only_entry(folder) == entry, "what could not be put in its place is left behind"


def test_what_is_wrong_with_entries_is_told_once(folder, entry, caplog):
    cache = ModuleCache(folder)
    for _ in range(3):
        entry.write_bytes(b"damaged")
        load(cache, 1)
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert record.message == f"a compiled module in {folder} is not used: it is 7 bytes long"


# --- Room -------------------------------------------------------------------------------------------------------------


def age(path, seconds):
    then = time.time() - seconds
    os.utime(path, (then, then))


def entries_by_number(folder, numbers) -> dict[int, object]:
    """The entries of the modules that answer these numbers; the first is the oldest."""
    paths = {}
    for number in numbers:
        before = set(folder.glob("*"))
        load(ModuleCache(folder), number)
        (paths[number],) = set(folder.glob("*")) - before
    for place, path in enumerate(paths.values()):
        age(path, 1000 - place)
    return paths


def test_the_entries_that_were_not_used_for_the_longest_time_make_room(folder, monkeypatch):
    paths = entries_by_number(folder, [1, 2, 3])
    monkeypatch.setattr(module_store, "MOST_BYTES", 3 * paths[1].stat().st_size + 100)
    assert counts_of_loading(folder, 1) == {"hits_disk": 1}
    load(ModuleCache(folder), 4)
    assert [number for number, path in paths.items() if path.exists()] == [1, 3]
    assert counts_of_loading(folder, 4) == {"hits_disk": 1}


def test_nothing_but_entries_is_ever_removed(folder, entry, monkeypatch):
    name = entry.name
    stem = name.removesuffix(".module")
    like_entries = [name.upper(), f"x{name}", f"{name}x", f"{name}\n", name[1:], stem]
    like_unfinished = [f"{stem}.tmp", f"{stem}.{'g' * 16}.tmp", f"{stem}.{'0' * 16}.tmp~"]
    others = [*like_entries, *like_unfinished, "notes.txt"]
    for other in others:
        (folder / other).write_bytes(bytes(1000))
        age(folder / other, 10**6)
    link = folder / f"{'0' * 64}.module"
    link.symlink_to("notes.txt")
    monkeypatch.setattr(module_store, "MOST_BYTES", 1)
    load(ModuleCache(folder), 2)
    assert {path.name for path in folder.iterdir()} == {*others, link.name}


def test_what_a_dead_writer_left_is_removed_after_a_while(folder, entry):
    old, young = (folder / f"{'0' * 64}.{number:016x}.tmp" for number in (1, 2))
    for path in (old, young):
        path.write_bytes(b"unfinished")
    age(old, module_store.ABANDONED_SECONDS + 10)
    age(young, module_store.ABANDONED_SECONDS - 100)
    load(ModuleCache(folder), 2)
    assert young.exists()
    assert not old.exists()


def test_a_cache_keeps_nothing_where_wasmtime_cannot_serialize(folder, monkeypatch, caplog):
    class Unserializable(Module):
        def serialize(self):
            raise WasmtimeError("no")

    monkeypatch.setattr(module_cache, "Module", Unserializable)
    cache = ModuleCache(folder)
    module = cache.module(answering(1), new_engine(), "")
    assert isinstance(module, Unserializable)
    assert [record.message for record in caplog.records] == ["cannot write a compiled module on disk: no"]
