"""Where compiled modules are kept: only where nobody else could have put one; anywhere else they are compiled, and it is said why."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bext_host.runtime.module_cache import ModuleCache, default_folder
from support.compiled import SOMEBODY_ELSE, counts, load, only_entry, only_root_can
from support.processes import run_python


@pytest.fixture
def base(tmp_path):
    """A folder that only we can write, whatever this process's umask is."""
    path = tmp_path / "base"
    path.mkdir(mode=0o700)
    return path


def is_used(folder) -> bool:
    """Whether the second of two caches finds what the first made; the module is right in any case."""
    first, second = ModuleCache(folder), ModuleCache(folder)
    assert (load(first, 5), load(second, 5)) == (5, 5)
    return counts(second) == {"hits_disk": 1}


def is_refused(folder) -> bool:
    """Whether nothing there is read."""
    cache = ModuleCache(folder)
    return load(cache, 5) == 5 and counts(cache) == {"compiled": 1, "refused": 1}


# --- Which folder -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cache_home", "home", "expected"),
    [
        ("/cache", "/home/a", "/cache/bext-tracer/modules"),
        (None, "/home/a", "/home/a/.cache/bext-tracer/modules"),
        ("", "/home/a", "/home/a/.cache/bext-tracer/modules"),
        ("cache", "/home/a", "/home/a/.cache/bext-tracer/modules"),
        ("./cache", None, None),
        (None, None, None),
        (None, "", None),
        (None, "home", None),
    ],
)
def test_the_environment_names_the_folder_or_there_is_none(monkeypatch, cache_home, home, expected):
    for name, value in (("XDG_CACHE_HOME", cache_home), ("HOME", home)):
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value)
    assert default_folder() == (expected and Path(expected))


def test_without_a_folder_modules_are_compiled_and_nothing_is_said(monkeypatch, caplog):
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.delenv("HOME")
    cache = ModuleCache()
    assert (load(cache, 5), load(cache, 5)) == (5, 5)
    assert counts(cache) == {"compiled": 2}
    assert caplog.records == []


@pytest.mark.parametrize("home", ["/dev/null", "/proc"])
def test_a_home_where_nothing_can_be_made_fails_nothing(monkeypatch, home):
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", home)
    cache = ModuleCache()
    assert load(cache, 5) == 5
    assert counts(cache) == {"compiled": 1}


def test_the_users_folder_is_used_where_none_is_given(monkeypatch, base):
    monkeypatch.setenv("XDG_CACHE_HOME", str(base))
    assert load(ModuleCache(), 5) == 5
    assert only_entry(base / "bext-tracer" / "modules").is_file()


def test_a_relative_folder_is_the_one_it_was_when_it_was_named(monkeypatch, base, tmp_path):
    monkeypatch.chdir(base)
    cache = ModuleCache(Path("modules"))
    monkeypatch.chdir(tmp_path)
    load(cache, 5)
    assert only_entry(base / "modules").is_file()


# --- Who could have written it ----------------------------------------------------------------------------------------


def test_what_is_made_is_for_the_user_alone(base):
    before = os.umask(0)
    try:
        assert is_used(base / "a" / "b")
    finally:
        os.umask(before)
    assert {path.stat().st_mode & 0o777 for path in (base / "a", base / "a" / "b")} == {0o700}


@pytest.mark.parametrize("mode", [0o770, 0o720, 0o702, 0o1777])
def test_a_folder_that_others_may_write_is_refused(base, mode):
    folder = base / "modules"
    assert is_used(folder)
    folder.chmod(mode)
    assert is_refused(folder)
    assert len(list(folder.iterdir())) == 1


@pytest.mark.parametrize("mode", [0o700, 0o755, 0o750])
def test_a_folder_that_others_may_only_read_is_used(base, mode):
    folder = base / "modules"
    folder.mkdir()
    folder.chmod(mode)
    assert is_used(folder)


@pytest.mark.parametrize("mode", [0o770, 0o702])
def test_a_folder_below_one_that_others_may_write_is_refused(base, mode):
    folder = base / "above" / "between" / "modules"
    assert is_used(folder)
    (base / "above").chmod(mode)
    assert is_refused(folder)


def test_nothing_is_made_below_a_folder_that_others_may_write(base):
    (base / "above").mkdir()
    (base / "above").chmod(0o777)
    assert is_refused(base / "above" / "modules")
    assert list((base / "above").iterdir()) == []


def test_a_folder_below_one_where_others_may_only_add_is_used(base):
    """As in /tmp: who has the sticky bit set on a folder keeps others from exchanging what is in there."""
    (base / "above").mkdir()
    (base / "above").chmod(0o1777)
    assert is_used(base / "above" / "modules")


@only_root_can
@pytest.mark.parametrize("place", ["above", "above/modules"])
def test_a_folder_of_another_user_or_below_one_is_refused(base, place):
    folder = base / "above" / "modules"
    assert is_used(folder)
    os.chown(base / place, SOMEBODY_ELSE, -1)
    assert is_refused(folder)


def test_a_refused_folder_is_told_once_with_its_reason(base, caplog):
    folder = base / "above" / "modules"
    (base / "above").mkdir()
    (base / "above").chmod(0o770)
    cache = ModuleCache(folder)
    for number in range(3):
        load(cache, number)
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert record.message == f"compiled modules are not kept on disk: {base / 'above'}: others may write it (chmod go-w)"


def test_the_names_in_a_message_are_escaped(base, caplog):
    (base / "a\x1b[2J\udcff").mkdir()
    (base / "a\x1b[2J\udcff").chmod(0o777)
    load(ModuleCache(base / "a\x1b[2J\udcff"), 1)
    assert "a\\x1b[2J\\udcff: others may write it" in caplog.text


# --- Symbolic links ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["real", "../base/./real", "{base}/real"])
def test_a_link_of_ours_to_a_good_folder_is_followed(base, target):
    (base / "real").mkdir(mode=0o700)
    (base / "link").symlink_to(target.format(base=base))
    assert is_used(base / "link" / "modules")
    assert only_entry(base / "real" / "modules").is_file()


def test_what_a_link_leads_through_is_judged_as_well(base):
    (base / "open" / "real").mkdir(parents=True)
    (base / "open").chmod(0o777)
    (base / "good").symlink_to(base / "open" / "real")
    (base / "link").symlink_to("good")
    assert is_refused(base / "link")


@only_root_can
def test_a_link_of_another_user_is_refused(base):
    (base / "real").mkdir(mode=0o700)
    (base / "link").symlink_to("real")
    os.chown(base / "link", SOMEBODY_ELSE, -1, follow_symlinks=False)
    assert is_refused(base / "link")


def test_a_ring_of_links_fails_nothing(base, caplog):
    (base / "one").symlink_to("other")
    (base / "other").symlink_to("one")
    cache = ModuleCache(base / "one")
    assert load(cache, 5) == 5
    assert counts(cache) == {"compiled": 1}
    assert "Too many levels of symbolic links" in caplog.text


# --- Folders that cannot be used --------------------------------------------------------------------------------------

UNUSABLE = """
import logging, os, sys
from support.compiled import load, counts
from bext_host.runtime.module_cache import ModuleCache
logging.basicConfig(stream=sys.stdout, format="%(levelname)s %(message)s")
cache = ModuleCache()
if os.geteuid() == 0:
    os.seteuid(54321)  # root may write anywhere
print(load(cache, 5), load(cache, 6), counts(cache))
"""


def test_a_home_that_may_not_be_written_fails_nothing_and_is_no_news(monkeypatch, base):
    base.chmod(0o555)
    monkeypatch.setenv("XDG_CACHE_HOME", str(base))
    result = run_python(UNUSABLE)
    assert (result.stdout, result.stderr) == ("5 6 {'compiled': 2}\n", "")


def test_a_path_that_is_none_fails_nothing(base):
    cache = ModuleCache(base / "a\0b")
    assert load(cache, 5) == 5
    (base / "file").touch()
    assert load(ModuleCache(base / "file"), 5) == 5
    assert load(ModuleCache(base / "file" / "below"), 5) == 5
    assert load(ModuleCache(base / ("long" * 100)), 5) == 5
