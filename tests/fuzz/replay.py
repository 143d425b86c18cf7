"""Holds inputs against the codec's property: `python -m fuzz.replay [FILE...]`, from tests/; without files, the whole corpus."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from fuzz import corpus
from fuzz.codec_property import check
from native.c_build import build_decoder_module
from native.c_decoder import CDecoder


def new_decoder() -> CDecoder:
    """The decoder in C, compiled for this process."""
    with tempfile.TemporaryDirectory(prefix="bext-decoder-") as folder:
        return CDecoder(build_decoder_module(Path(folder)))


def main() -> None:
    """The command. It ends with the first disagreement."""
    decoder = new_decoder()
    files = [Path(name).read_bytes() for name in sys.argv[1:]]
    for data in files or [*corpus.payload_seeds(), *corpus.load("payloads")]:
        check(decoder, data)


if __name__ == "__main__":
    main()
