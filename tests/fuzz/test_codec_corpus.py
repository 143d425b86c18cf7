"""What the fuzzers found, once more in each run of the tests: the codecs and msgpack agree on it, and the C targets run it clean."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from bext_abi import SpanStatus, StatusCode
from fuzz import build, codec_property, corpus, msgpack_peer
from fuzz.replay import new_decoder
from native.c_decoder import CDecoder


@pytest.fixture(scope="module")
def decoder() -> CDecoder:
    return new_decoder()


def test_the_codec_the_decoder_and_msgpack_agree_on_every_input_of_the_corpus(decoder):
    inputs = [*corpus.payload_seeds(), *corpus.load("payloads")]
    accepted = sum(codec_property.check(decoder, data) for data in inputs)
    assert len(inputs) * 0.2 < accepted < len(inputs) * 4


def test_the_property_sees_a_value_that_is_not_the_same(decoder, monkeypatch):
    monkeypatch.setattr(CDecoder, "decode_span_status", lambda *_: SpanStatus(StatusCode.OK))
    with pytest.raises(codec_property.Disagreement, match="in C"):
        codec_property.check(decoder, b"\x81\xa4code\x02")


def test_the_property_sees_what_msgpack_would_reject(decoder, monkeypatch):
    def reject(data: bytes) -> None:
        raise ValueError

    monkeypatch.setattr(msgpack_peer, "unpack", reject)
    with pytest.raises(codec_property.Disagreement, match="msgpack rejects"):
        codec_property.check(decoder, b"\x81\xa4code\x02")


@pytest.mark.parametrize("time", ["c703ff010203", "d7ffffffffffffffff51"], ids=["three bytes", "too many nanoseconds"])
def test_msgpack_has_no_say_where_it_rejects_the_bytes_of_its_own_times(decoder, time):
    payload = bytes.fromhex("82a46e616d65a173a178" + time)
    with pytest.raises(msgpack_peer.NoOpinion):
        msgpack_peer.unpack(payload)
    assert codec_property.check(decoder, payload) == 2


def test_the_corpora_are_small_and_have_each_input_once():
    for path in sorted(corpus.FOLDER.glob("*.txt")):
        inputs = corpus.load(path.stem)
        assert len(set(inputs)) == len(inputs)
        assert path.stat().st_size < 500_000, path.name


@pytest.mark.toolchain
@pytest.mark.parametrize("target", build.TARGETS)
def test_a_target_in_c_runs_its_corpus_and_the_sanitizers_report_nothing(tmp_path: Path, target: str):
    name = build.CORPORA[target]
    inputs = corpus.unpack([*corpus.load(name), *corpus.SEEDS[name]()], tmp_path / "inputs")
    program = build.TARGETS[target](tmp_path)
    done = subprocess.run([program, "-runs=0", inputs], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    assert "ERROR" not in done.stderr
