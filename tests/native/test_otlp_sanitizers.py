"""The C that writes OTLP under ASan and UBSan: spans that are none are left out alone, and refused memory is told."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgpack
import pytest

from bext_host.exporters.otlp.reference import messages
from native.c_build import C11, HERE, NATIVE, compiler, run

pytestmark = pytest.mark.toolchain

SANITIZE = ["-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer"]
MODULES = ("framing", "utf8", "reader", "random_ids", "forks", "lock", "key_map", "protobuf", "span_groups", "guarded_keys", "otlp")
COUNTED = ["-D_GNU_SOURCE", "-include", "counted_memory.h", f"-iquote{HERE}"]

ATTRIBUTES = {"t": "text", "b": True, "i": -(2**63), "f": 1.5, "l": ["a", "b"], "n": [1, 2**62], "e": []}
WHOLE: list[Any] = [
    "name", 1, [1, 2, 3], [1, 2, 4], True, 10, "a=b", "scope", "1.0", [[[5, 6, 7], ATTRIBUTES, "c=d", 1]], ATTRIBUTES,
    [["event", ATTRIBUTES, 11, 2]], 2, "broken", 12, 1, 2, 3,
]  # fmt: skip


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("otlp")
    cc = compiler("gcc", "cc", "clang")
    objects = [folder / f"{name}.o" for name in MODULES]
    for name, compiled in zip(MODULES, objects, strict=True):
        run([cc, *C11, *SANITIZE, *COUNTED, "-c", NATIVE / f"{name}.c", "-o", compiled])
    run([cc, *C11, *SANITIZE, HERE / "otlp_driver.c", *objects, "-pthread", "-o", folder / "driver"])
    return folder / "driver"


def encoded(driver: Path, folder: Path, records: Sequence[bytes], *arguments: str) -> tuple[Any, int]:
    """The request of these spans, and how many were refused."""
    file = folder / "records"
    file.write_bytes(b"".join(len(record).to_bytes(4, "little") + record for record in records))
    done = subprocess.run([driver, file, *arguments], capture_output=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr.decode()
    return messages().ExportTraceServiceRequest.FromString(done.stdout), int(done.stderr)


def names(request: Any) -> list[str]:
    return [span.name for resource in request.resource_spans for scope in resource.scope_spans for span in scope.spans]


def changed(**fields: Any) -> bytes:
    """A span with other fields, by their numbers."""
    return msgpack.packb([fields.get(f"f{number}", value) for number, value in enumerate(WHOLE)])


def test_good_spans_in_many_scopes(driver, tmp_path):
    request, refused = encoded(driver, tmp_path, [changed(f0=f"s{number}", f7=f"scope {number % 300}") for number in range(1000)])
    assert (len(names(request)), refused) == (1000, 0)
    assert len(request.resource_spans[0].scope_spans) == 300


WRONG = {
    "an attribute that is nil": changed(f10={"k": None}),
    "an attribute that is a map": changed(f10={"k": {}}),
    "an array in an array": changed(f10={"k": [[1]]}),
    "an attribute of more than 64 bits": changed(f10={"k": 2**63}),
    "a key that is no text": changed(f10={1: 1}),
    "a key that is no UTF-8": changed(f10={b"k": 1}).replace(b"\xc4\x01k", b"\xd9\x01\xff"),
    "attributes that are an array": changed(f10=[]),
    "an event of three": changed(f11=[["e", {}, 1]]),
    "an event's attribute": changed(f11=[["e", {"k": None}, 1, 0]]),
    "a link without a handle": changed(f9=[[None, {}, "", 0]]),
    "a link's attribute": changed(f9=[[[1, 2, 3], {"k": None}, "", 0]]),
    "a handle of two": changed(f2=[1, 2]),
    "a negative time": changed(f5=-1),
    "a scope that is nil": changed(f7=None),
    "seventeen fields": msgpack.packb(WHOLE[:-1]),
    "nineteen fields": msgpack.packb([*WHOLE, 0]),
    "no array": b"\x80",
    "nothing": b"",
    "more than one": changed() + b"\0",
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG.keys())
def test_a_span_that_is_none_is_left_out_alone(driver, tmp_path, wrong):
    request, refused = encoded(driver, tmp_path, [changed(f0="before"), wrong, changed(f0="after")])
    assert (names(request), refused) == (["before", "after"], 1)


def test_a_batch_of_none_is_an_empty_request(driver, tmp_path):
    request, refused = encoded(driver, tmp_path, [changed(f2=[]), changed(f10={"k": None}), b"\xc1"])
    assert (names(request), refused, len(request.resource_spans)) == ([], 3, 0)


def test_every_prefix_of_a_span_is_left_out(driver, tmp_path):
    whole = changed()
    request, refused = encoded(driver, tmp_path, [*[whole[:length] for length in range(len(whole))], whole])
    assert (names(request), refused) == (["name"], len(whole))


def test_spans_with_bytes_changed_are_left_out_or_encoded(driver, tmp_path):
    rng, whole = random.Random(5), changed()
    records = []
    for _ in range(20_000):
        record = bytearray(whole)
        for _ in range(rng.randint(1, 3)):
            record[rng.randrange(len(record))] = rng.randrange(256)
        records.append(bytes(record))
    request, refused = encoded(driver, tmp_path, records)
    assert len(names(request)) + refused == len(records)
    assert refused
    assert names(request)


def test_guarded_keys_are_written_with_a_text_before_them(driver, tmp_path):
    others = {"t" * 200: 1, "t": 2, "l" * 300: 3, "": 4, "guest.t": 5}
    records = [changed(), changed(f10=others), changed(f10={"t": None}), changed(f10={1: 2})]
    request, refused = encoded(driver, tmp_path, records, "guard")
    first, second = request.resource_spans[0].scope_spans[0].spans
    renamed = ["guest.t", "b", "i", "f", "guest.l", "n", "e"]
    for attributes in (first.attributes, first.events[0].attributes, first.links[0].attributes):
        assert [attribute.key for attribute in attributes] == renamed
    assert [attribute.key for attribute in second.attributes] == ["t" * 200, "guest.t", "guest." + "l" * 300, "", "guest.t"]
    assert refused == 2
