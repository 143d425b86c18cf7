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

DATADOG_AGENT_URL_VARIABLE: Final = "DD_TRACE_AGENT_URL"
"""The URL of the Datadog agent, http or https. It goes before DD_AGENT_HOST and DD_TRACE_AGENT_PORT. The names and meanings of all DD_
variables are those of Datadog's own tracers; a wrong value is a ValueError that names the variable."""

DATADOG_AGENT_HOST_VARIABLE: Final = "DD_AGENT_HOST"
"""The Datadog agent's host, a name or an address (default `localhost`)."""

DATADOG_AGENT_PORT_VARIABLE: Final = "DD_TRACE_AGENT_PORT"
"""The port of the agent's trace intake (default 8126)."""

DATADOG_SERVICE_VARIABLE: Final = "DD_SERVICE"
"""The service that all spans belong to (default `bext`)."""

DATADOG_ENV_VARIABLE: Final = "DD_ENV"
"""The environment, such as `prod` (default: none, the agent's)."""

DATADOG_VERSION_VARIABLE: Final = "DD_VERSION"
"""The version of the service (default: none)."""

DATADOG_TAGS_VARIABLE: Final = "DD_TAGS"
"""Tags for every span: key:value pairs between commas, or between spaces. `service`, `env` and `version` among them count where DD_SERVICE,
DD_ENV and DD_VERSION are not given."""

HONEYCOMB_API_KEY_VARIABLE: Final = "HONEYCOMB_API_KEY"
"""The key that lets spans into Honeycomb. The names of the HONEYCOMB_ variables are those of Honeycomb's own SDKs."""

HONEYCOMB_DATASET_VARIABLE: Final = "HONEYCOMB_DATASET"
"""The dataset, which keys of Honeycomb Classic need, and no others heed."""

HONEYCOMB_API_ENDPOINT_VARIABLE: Final = "HONEYCOMB_API_ENDPOINT"
"""The URL of the API, as of a Refinery (default `https://api.honeycomb.io`); `/v1/traces` is below it."""

OTLP_PREFIX: Final = "OTEL_EXPORTER_OTLP_"
"""OpenTelemetry's variables for OTLP: this with `ENDPOINT` (the URL below which `/v1/traces` is, default `http://localhost:4318`),
`HEADERS` (`name=value,...`, percent-encoded), `TIMEOUT` (milliseconds for a request with all its attempts, default 10000),
`COMPRESSION` (`gzip` or `none`, the default), `CERTIFICATE` (a PEM file of those to trust), `CLIENT_CERTIFICATE` and `CLIENT_KEY` (PEM
files of our own)."""

OTLP_TRACES_PREFIX: Final = "OTEL_EXPORTER_OTLP_TRACES_"
"""The same for traces alone, over those above; `ENDPOINT` is the whole URL here."""

RESOURCE_ATTRIBUTES_VARIABLE: Final = "OTEL_RESOURCE_ATTRIBUTES"
"""Attributes of this service, `key=value,...`, percent-encoded. The name is OpenTelemetry's."""

SERVICE_NAME_VARIABLE: Final = "OTEL_SERVICE_NAME"
"""The name of this service, over `service.name` in OTEL_RESOURCE_ATTRIBUTES."""
