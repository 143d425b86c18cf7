"""The numbers of `bext_tracer_abi.h` that Python needs, under the header's names without the `BEXT_` prefix.

The header owns them; `tests/abi/test_constant_drift.py` holds this copy to it. Nothing here may be changed alone.
"""

from typing import Final

TRACER_ABI_VERSION: Final = 1
TRACER_ABI_MARKER: Final = "bext_tracer_abi_v1"
TRACER_IMPORT_MODULE: Final = "bext"

HANDLE_SIZE: Final = 24

TRACE_FLAG_SAMPLED: Final = 1
PARENT_FLAGS_DEFAULT: Final = 1

MAX_DEPTH: Final = 8
MAX_TIME_UNIX_NANOS: Final = 2**63 - 1
MAX_TRACE_STATE_BYTES: Final = 512
MAX_TRACE_STATE_MEMBERS: Final = 32
RESERVED_KEY_PREFIX: Final = "bext."

LIMIT_PAYLOAD_BYTES: Final = 65536
LIMIT_SPAN_ATTRIBUTES: Final = 128
LIMIT_SPAN_EVENTS: Final = 128
LIMIT_SPAN_LINKS: Final = 128
LIMIT_EVENT_ATTRIBUTES: Final = 128
LIMIT_LINK_ATTRIBUTES: Final = 128
LIMIT_SPAN_BYTES: Final = 1048576
LIMIT_SCOPE_OPEN_SPANS: Final = 1024
LIMIT_SCOPE_BYTES: Final = 16777216
LIMIT_SCOPE_ENDED_PARENTS: Final = 1024
LIMIT_SPAN_OPEN_SECONDS: Final = 600
LIMIT_QUEUE_SPANS: Final = 16384
LIMIT_QUEUE_BYTES: Final = 67108864
LIMIT_BATCH_SPANS: Final = 512
LIMIT_BATCH_BYTES: Final = 1048576
LIMIT_MODULE_BYTES: Final = 33554432

FUEL_PER_CALL: Final = 100
