"""Spool: bodies survive the process that could not send them, whole, in order, bounded, and for this user only."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from bext_host.exporters.spool import Spool, SpoolFull
from bext_host.exporters.spool_folder import Folder
from bext_host.private_folder import FolderRefused
from support.processes import environment

HEADER_BYTES = 24


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state" / "spool"


def everything(spool: Spool) -> list[tuple[bytes, int]]:
    """All that waits, taken out."""
    found = []
    while (spooled := spool.oldest()) is not None:
        found.append((spooled.body, spooled.spans))
        spool.remove(spooled)
    return found


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*/*"))


def in_child(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run code in another process, with `spool` made."""
    start = f"import os, signal\nfrom bext_host.exporters.spool import Spool\nspool = Spool({str(folder)!r})\n"
    return subprocess.run([sys.executable, "-c", start + code], env=environment(), capture_output=True, text=True, timeout=60, check=False)


def test_bodies_come_out_as_they_went_in_and_in_order(folder):
    spool = Spool(folder)
    for number in range(12):
        spool.put(b"body %d" % number, number)
    assert spool.spans == sum(range(12))
    assert everything(spool) == [(b"body %d" % number, number) for number in range(12)]
    assert (spool.size_bytes, spool.spans) == (0, 0)


def test_a_body_stays_until_it_is_removed(folder):
    spool = Spool(folder)
    spool.put(b"a", 1)
    assert spool.oldest() == spool.oldest()


def test_nothing_is_made_before_there_is_something_to_keep(folder):
    assert Spool(folder).oldest() is None
    assert not folder.exists()


def test_what_a_closed_spool_left_is_sent_by_the_next_before_its_own(folder):
    first = Spool(folder)
    first.put(b"1", 1)
    first.put(b"2", 1)
    first.close()
    second = Spool(folder)
    second.put(b"3", 1)
    assert everything(second) == [(b"1", 1), (b"2", 1), (b"3", 1)]
    second.close()
    assert [path.name for path in folder.iterdir()] == ["lock"]


def test_a_process_that_was_killed_leaves_all_it_had_kept(folder):
    died = in_child("for n in range(50): spool.put(b'%d' % n, 1)\nos.kill(os.getpid(), signal.SIGKILL)", folder)
    assert died.returncode == -signal.SIGKILL
    assert [body for body, _ in everything(Spool(folder))] == [b"%d" % number for number in range(50)]


def test_a_crash_in_the_middle_of_a_write_leaves_the_others_whole(folder):
    code = "spool.put(b'whole', 3)\nos.rename = lambda *a, **k: os.kill(os.getpid(), signal.SIGKILL)\nspool.put(b'half', 4)"
    assert in_child(code, folder).returncode == -signal.SIGKILL
    assert any(path.name.endswith(".part") for path in files(folder))
    spool = Spool(folder)
    assert everything(spool) == [(b"whole", 3)]
    assert spool.damaged == 0
    assert files(folder) == []


def test_a_process_that_lives_keeps_what_it_has(folder):
    owner = Spool(folder)
    owner.put(b"mine", 1)
    taken = in_child("print(spool.oldest())", folder)
    assert taken.stdout.strip() == "None", taken.stderr
    assert Spool(folder).oldest() is None
    assert everything(owner) == [(b"mine", 1)]


def test_a_forked_child_neither_sends_nor_keeps_its_parents(folder):
    spool = Spool(folder)
    spool.put(b"of the parent", 1)
    child = os.fork()
    if not child:
        alone = spool.oldest() is None
        spool.put(b"of the child", 1)
        os._exit(0 if alone else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert everything(spool) == [(b"of the parent", 1)]
    assert everything(Spool(folder)) == [(b"of the child", 1)]


@pytest.mark.parametrize(
    "damage", [lambda data: data[:-1], lambda data: data + b"x", lambda data: data[:30] + b"!" + data[31:], lambda _: b""]
)
def test_a_damaged_file_is_left_out_and_counted(folder, damage):
    first = Spool(folder)
    for body in (b"before it", b"the damaged one", b"behind it"):
        first.put(body, 1)
    first.close()
    path = files(folder)[1]
    path.write_bytes(damage(path.read_bytes()))
    second = Spool(folder)
    assert [body for body, _ in everything(second)] == [b"before it", b"behind it"]
    assert second.damaged == 1


def test_a_file_that_somebody_removed_is_left_out(folder):
    spool = Spool(folder)
    spool.put(b"1", 1)
    spool.put(b"2", 1)
    files(folder)[0].unlink()
    assert everything(spool) == [(b"2", 1)]


def test_it_is_bounded_with_what_others_left(folder):
    first = Spool(folder)
    first.put(bytes(100), 1)
    first.close()
    second = Spool(folder, max_bytes=2 * (100 + HEADER_BYTES))
    second.put(bytes(100), 1)
    with pytest.raises(SpoolFull, match=r"holds 248 of at most 248 bytes"):
        second.put(b"", 0)
    second.remove(second.oldest())
    second.put(bytes(100), 1)
    assert second.size_bytes == 2 * (100 + HEADER_BYTES)


def test_a_bound_that_is_none_is_refused(folder):
    with pytest.raises(ValueError, match="max_bytes must be at least 1, not 0"):
        Spool(folder, max_bytes=0)


def test_nobody_else_can_read_it(folder):
    spool = Spool(folder)
    before = os.umask(0)
    try:
        spool.put(b"secret", 1)
    finally:
        os.umask(before)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in [folder / "lock", *files(folder)]}
    assert modes == {0o600}
    folders = [folder, *(path for path in folder.iterdir() if path.is_dir())]
    assert {stat.S_IMODE(path.stat().st_mode) for path in folders} == {0o700}


def test_a_directory_that_others_could_write_is_refused(folder):
    folder.mkdir(parents=True)
    folder.chmod(0o777)
    with pytest.raises(FolderRefused, match="others may write it"):
        Spool(folder).put(b"", 0)


def test_a_disk_that_is_full_leaves_what_was_there(folder):
    code = (
        "import resource\nspool.put(b'before', 1)\nresource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "try: spool.put(bytes(10000), 9)\nexcept OSError as error: print(error)\nspool.put(b'after', 1)"
    )
    full = in_child(code, folder)
    assert "File too large" in full.stdout, full.stderr
    assert everything(Spool(folder)) == [(b"before", 1), (b"after", 1)]


def test_a_body_can_be_replaced_by_parts_of_it_in_its_place(folder):
    spool = Spool(folder)
    spool.put(b"whole", 3)
    spool.put(b"next", 1)
    spool.replace(spool.oldest(), [(b"wh", 1), (b"ole", 2)])
    spool.replace(spool.oldest(), [(b"w", 1), (b"h", 0)])
    assert spool.spans == 4
    spool.close()
    assert everything(Spool(folder)) == [(b"w", 1), (b"h", 0), (b"ole", 2), (b"next", 1)]


def test_a_crash_while_a_body_is_replaced_loses_none_of_it(folder):
    code = (
        "spool.put(b'whole', 3)\nspool.put(b'next', 1)\nos.unlink = lambda *a, **k: os.kill(os.getpid(), signal.SIGKILL)\n"
        "spool.replace(spool.oldest(), [(b'wh', 1), (b'ole', 2)])"
    )
    assert in_child(code, folder).returncode == -signal.SIGKILL
    assert [body for body, _ in everything(Spool(folder))] == [b"wh", b"ole", b"whole", b"next"]


def test_where_there_is_no_disk_for_the_parts_the_whole_stays(folder):
    code = (
        "import resource\nspool.put(b'whole', 1)\nresource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "try: spool.replace(spool.oldest(), [(b'w', 1), (bytes(10000), 1)])\nexcept OSError as error: print(error)"
    )
    assert "File too large" in in_child(code, folder).stdout
    assert everything(Spool(folder)) == [(b"whole", 1)]
    assert files(folder) == []


def test_a_check_makes_nothing_and_finds_what_cannot_be(folder):
    Spool(folder).check()
    assert not folder.parent.exists()
    folder.parent.write_text("a file")
    with pytest.raises(NotADirectoryError):
        Spool(folder).check()


def test_what_this_process_put_there_is_told_apart(folder):
    first = Spool(folder)
    first.put(b"1", 1)
    first.close()
    second = Spool(folder)
    second.put(b"2", 2)
    assert (second.spans, second.own_spans, second.bodies) == (3, 2, 2)
    assert second.oldest().is_own is False
    second.remove(second.oldest())
    assert second.oldest().is_own is True


def test_a_child_forked_while_folders_are_taken_over_keeps_no_lock(folder, monkeypatch):
    """The child's copies of the locks lasted as long as it did: the next process waited for it for ever, or never took the folders over."""
    earlier = Spool(folder)
    earlier.put(b"earlier", 1)
    earlier.close()
    children: list[int] = []
    hold, end = os.pipe()

    def forking(of: Folder) -> None:
        children.append(os.fork())
        if not children[0]:
            os.close(end)
            os.read(hold, 1)
            os._exit(0)
        scan(of)

    scan = Folder.scan
    monkeypatch.setattr(Folder, "scan", forking)
    spool = Spool(folder)
    try:
        spool.put(b"own", 2)
        spool.close()
        found = in_child("print(spool.oldest().body, spool.bodies)", folder)
    finally:
        os.close(end)
        os.close(hold)
        os.waitpid(children[0], 0)
    assert (found.stdout, found.stderr) == ("b'earlier' 2\n", "")


def test_a_directory_that_is_removed_in_the_middle_is_made_anew(folder):
    """Nothing more was kept until the end of the process."""
    spool = Spool(folder)
    spool.put(b"gone", 1)
    shutil.rmtree(folder)
    spool.put(b"kept", 2)
    assert spool.own_spans == 3  # the first is missed when its turn comes
    assert everything(spool) == [(b"kept", 2)]
    assert spool.damaged == 1
    spool.put(b"later", 4)
    spool.close()
    assert everything(Spool(folder)) == [(b"later", 4)]


def test_what_is_no_body_keeps_no_body_from_being_found(folder):
    """A pipe made it wait for ever; a link or a folder made every `put` fail."""
    spool = Spool(folder)
    own = spool.put(b"body", 1).path.parent
    spool.close()
    os.mkfifo(own / "1.batch")
    (own / "2.batch").mkdir()
    (own / "3.batch").symlink_to("elsewhere")
    (folder / "file").touch()
    assert everything(Spool(folder)) == [(b"body", 1)]
