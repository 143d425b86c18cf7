"""One module for each language that fixtures are written in.

Each has:

    PINNED: str                              the toolchain and its version, in words
    REPRODUCIBLE: bool                       whether every machine gets the same bytes
    check() -> None                          raises BuildError, in words, unless that toolchain is there
    compile_fixture(source: Path) -> bytes   the module; BuildError with the compiler's words where it does not compile
"""
