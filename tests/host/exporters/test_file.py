"""FileExporter: whole lines of OTLP/JSON in a file of this user's, rotated by size."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from bext_host.exporters import FileExporter, SpanExporter
from bext_host.exporters.resource import resource_attributes
from host.exporters.finished_files import deadline, export, ids, line_of, lines, numbered
from host.exporters.otlp_messages import read, request_of
from host.exporters.sample_spans import a_request, span


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "traces.jsonl"


def test_it_is_an_exporter_called_file(path):
    assert isinstance(FileExporter(path), SpanExporter)
    assert FileExporter(path).name == "file"


def test_each_batch_is_a_line_that_is_a_whole_request(path):
    exporter = FileExporter(path, resource={"service.name": "shop"})
    export(exporter, *a_request())
    export(exporter)
    export(exporter, span(9))
    exporter.shutdown(deadline())
    resource = resource_attributes(attributes={"service.name": "shop"})
    assert [read(line) for line in lines(path)] == [request_of(batch, resource) for batch in (a_request(), [span(9)])]
    assert path.read_bytes().isascii()


def test_the_resource_is_the_environments_where_none_is_given(path, monkeypatch, caplog):
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "service.name=low,host.name=a%2Cb")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "shop")
    export(FileExporter(path), span(1))
    assert '{"key":"host.name","value":{"stringValue":"a,b"}}' in path.read_text()
    assert read(path.read_text()) == request_of([span(1)], resource_attributes("shop"))
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "bad")
    export(FileExporter(path), span(2))
    assert "OTEL_RESOURCE_ATTRIBUTES is discarded: item 1 is not key=value" in caplog.text


def test_what_is_there_stays(path):
    export(FileExporter(path), span(1))
    export(FileExporter(path), span(2))
    assert ids(path) == [1, 2]


def test_a_new_file_is_for_this_user_alone_and_an_old_one_keeps_its_mode(path):
    before = os.umask(0)
    try:
        exporter = FileExporter(path, max_bytes=1, max_files=2)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        path.chmod(0o644)
        export(exporter, span(1))
        export(exporter, span(2))
    finally:
        os.umask(before)
    assert [stat.S_IMODE(found.stat().st_mode) for found in (path, numbered(path, 1))] == [0o600, 0o644]


def test_a_relative_path_is_the_one_of_the_start(path, monkeypatch):
    monkeypatch.chdir(path.parent)
    exporter = FileExporter(path.name)
    monkeypatch.chdir("/")
    export(exporter, span(1))
    assert ids(path) == [1]


# --- Rotation ---


def test_a_file_that_would_be_too_long_is_rotated_and_the_oldest_goes(path):
    size = len(line_of(span(1)))
    exporter = FileExporter(path, max_bytes=2 * size, max_files=3)
    for number in range(1, 10):
        export(exporter, span(number))
    assert sorted(found.name for found in path.parent.iterdir()) == ["traces.jsonl", "traces.jsonl.1", "traces.jsonl.2"]
    assert [ids(path), ids(numbered(path, 1)), ids(numbered(path, 2))] == [[9], [7, 8], [5, 6]]
    assert all(found.stat().st_size <= 2 * size for found in path.parent.iterdir())


def test_a_line_that_is_longer_than_a_file_may_be_has_one_of_its_own(path):
    exporter = FileExporter(path, max_bytes=10, max_files=9)
    for number in (1, 2, 3):
        export(exporter, span(number))
    assert [ids(path), ids(numbered(path, 1)), ids(numbered(path, 2))] == [[3], [2], [1]]
    assert not numbered(path, 3).exists()


def test_with_one_file_what_is_full_goes(path):
    exporter = FileExporter(path, max_bytes=10, max_files=1)
    export(exporter, span(1))
    export(exporter, span(2))
    assert [found.name for found in path.parent.iterdir()] == ["traces.jsonl"]
    assert ids(path) == [2]


def test_without_a_bound_nothing_is_rotated(path):
    exporter = FileExporter(path, max_bytes=0)
    for number in range(50):
        export(exporter, span(number + 1))
    assert [found.name for found in path.parent.iterdir()] == ["traces.jsonl"]


def test_a_gap_that_a_crash_left_among_the_numbers_costs_no_file(path):
    exporter = FileExporter(path, max_bytes=10, max_files=4)
    for number in (1, 2, 3, 4):
        export(exporter, span(number))
    numbered(path, 1).unlink()
    export(exporter, span(5))
    assert [ids(path), ids(numbered(path, 1)), ids(numbered(path, 2)), ids(numbered(path, 3))] == [[5], [4], [2], [1]]


def test_what_cannot_be_rotated_is_an_error_and_nothing_is_written(path):
    exporter = FileExporter(path, max_bytes=10, max_files=2)
    numbered(path, 1).mkdir()
    export(exporter, span(1))
    with pytest.raises(IsADirectoryError):
        export(exporter, span(2))
    assert ids(path) == [1]


def test_lines_are_in_order_over_all_files(path):
    exporter = FileExporter(path, max_bytes=2_000, max_files=100)
    for number in range(1, 51):
        export(exporter, span(number))
    count = len(list(path.parent.iterdir()))
    assert ids(*(numbered(path, number) for number in range(count - 1, 0, -1)), path) == list(range(1, 51))


# --- Paths that lead elsewhere ---


def test_a_symbolic_link_is_refused_and_what_it_leads_to_is_left_alone(path):
    path.symlink_to(path.with_name("victim"))
    with pytest.raises(OSError, match="symbolic link"):
        FileExporter(path)
    assert not path.with_name("victim").exists()


def test_a_link_that_takes_the_place_of_the_file_later_is_refused_as_well(path):
    exporter = FileExporter(path)
    path.unlink()
    path.symlink_to(path.with_name("victim"))
    with pytest.raises(OSError, match="symbolic link"):
        export(exporter, span(1))


def test_a_second_name_of_another_file_is_refused(path):
    victim = path.with_name("victim")
    victim.write_text("precious\n")
    path.hardlink_to(victim)
    with pytest.raises(PermissionError, match="hard link"):
        FileExporter(path)
    assert victim.read_text() == "precious\n"


def test_a_file_that_others_can_write_is_refused(path):
    path.touch()
    path.chmod(0o666)
    with pytest.raises(PermissionError, match="others may write it"):
        FileExporter(path)


def test_a_named_pipe_is_refused_at_once(path):
    os.mkfifo(path)
    with pytest.raises(PermissionError, match="no regular file"):
        FileExporter(path)


@pytest.mark.parametrize(("wrong", "error"), [("", IsADirectoryError), ("missing/traces.jsonl", FileNotFoundError)])
def test_a_wrong_path_is_known_at_once(tmp_path, wrong, error):
    with pytest.raises(error):
        FileExporter(tmp_path / wrong)


@pytest.mark.parametrize("options", [{"max_bytes": -1}, {"max_bytes": 1.5}, {"max_files": 0}, {"max_files": True}, {"max_files": "2"}])
def test_numbers_out_of_range_are_refused_in_words(path, options):
    with pytest.raises(ValueError, match=r"max_(bytes|files) must be a whole number of [01] or more, not"):
        FileExporter(path, **options)
    assert not path.exists()
