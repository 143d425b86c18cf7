"""Every environment variable that bext-tracer reads, in one place."""

from typing import Final

ENGINE_VARIABLE: Final = "BEXT_TRACER_ENGINE"
"""`native`, `reference` or `auto`: which engine carries the host calls, where the code does not say (default `auto`)."""

SAMPLER_VARIABLE: Final = "OTEL_TRACES_SAMPLER"
"""Which new traces a SpanRecorder records, where the code does not say: `always_on` (default), `always_off`, `traceidratio`, each also with
`parentbased_` before it, which changes nothing: children always follow their parent. The name is OpenTelemetry's."""

SAMPLER_ARG_VARIABLE: Final = "OTEL_TRACES_SAMPLER_ARG"
"""The ratio for `traceidratio`, 0.0 to 1.0 (default 1.0)."""

CACHE_HOME_VARIABLE: Final = "XDG_CACHE_HOME"
"""The absolute path of the user's cache folder, below which compiled modules are kept (default: `.cache` in HOME). The name and the meaning
are those of the XDG base directory specification: a relative path counts as none."""

HOME_VARIABLE: Final = "HOME"
"""The absolute path of the user's home folder, where XDG_CACHE_HOME is not given. Without either, nothing is kept on disk."""
