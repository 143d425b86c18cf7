"""A target for Atheris: any bytes through the codec in Python, whose coverage guides it, the decoder in C, and msgpack (codec_property).

Its first argument is the program that runs it (fuzz.run), the others are libFuzzer's.
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["bext_abi"]):
    from fuzz.codec_property import check
    from fuzz.replay import new_decoder


def main() -> None:
    """Run until libFuzzer has enough; it ends the process."""
    decoder = new_decoder()
    atheris.Setup(sys.argv[1:], lambda data: check(decoder, data) and None)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
