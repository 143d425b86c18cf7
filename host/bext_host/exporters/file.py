"""FileExporter: finished spans in a file, as the OpenTelemetry file exporter specification defines it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from bext_abi import AttrValue
from bext_host.recorder.span import FinishedSpan

from .otlp_json import request_to_line
from .resource import resource_attributes
from .shared_file import SharedFile

DEFAULT_BYTES: Final = 64 * 2**20
"""The size at which a file is rotated, where nothing else is asked for."""

DEFAULT_FILES: Final = 5
"""How many files there are at most, with the one that is written, where nothing else is asked for."""


class FileExporter:
    """Appends each batch to the file at `path`, as one line of OTLP/JSON; the file's name should end in `.jsonl`.

    The file is made at once where it is missing, readable for this user alone; a relative path means the working directory of now. A
    batch that would make it longer than `max_bytes` (0: no bound, for a file that something else rotates) goes into a new one; the
    old ones are `path.1` (the newest), `path.2`, ..., `max_files` in all. Several exporters and processes may share a path. A file that was
    moved away or removed is made anew. `resource` are attributes of this process, over those of the environment (see
    `resource_attributes`).

    Raises ValueError for numbers out of range. Raises OSError, from here and from `export`, for what the disk refuses, for a symbolic link,
    and for what is no regular file of this user's; of a batch that was refused nothing stays in the file. `export` waits for
    other processes no longer than its deadline; a disk that hangs, no deadline can end.
    """

    name = "file"

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        max_bytes: int = DEFAULT_BYTES,
        max_files: int = DEFAULT_FILES,
        resource: Mapping[str, AttrValue] | None = None,
    ) -> None:
        self._resource = resource_attributes(attributes=resource)
        self._file = SharedFile(Path(path), _at_least(0, "max_bytes", max_bytes), _at_least(1, "max_files", max_files))
        self._file.check()

    def export(self, batch: Sequence[FinishedSpan], deadline: float) -> None:
        """Write the batch, whole or not at all."""
        if batch:
            self._file.append(request_to_line(batch, self._resource).encode("ascii"), deadline)

    def shutdown(self, deadline: float) -> None:
        """Nothing: no batch is held back, and no file open."""


def _at_least(least: int, name: str, value: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ValueError(f"{name} must be a whole number of {least} or more, not {value!r}")
    return value
