"""HoneycombSettings: where Honeycomb is, and who sends. Arguments go before the environment.

The variables are HONEYCOMB_API_KEY, HONEYCOMB_DATASET and HONEYCOMB_API_ENDPOINT; an empty one counts as none. OpenTelemetry's variables
for exporters are not read: they are another receiver's address, and another receiver's keys.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from bext_host.exporters.http.address import Address
from bext_host.exporters.otlp.config import traces_url
from bext_host.settings import HONEYCOMB_API_ENDPOINT_VARIABLE, HONEYCOMB_API_KEY_VARIABLE, HONEYCOMB_DATASET_VARIABLE

Region: TypeAlias = Literal["us", "eu"]

ENDPOINTS: Final[dict[Region, str]] = {"us": "https://api.honeycomb.io", "eu": "https://api.eu1.honeycomb.io"}
"""Where each region's API is."""

_KEY: Final = re.compile(r"[!-~]+")
_CLASSIC_KEY: Final = re.compile(r"[0-9a-f]{32}|hc[a-z]ic_[0-9a-z]{58}")


@dataclass(frozen=True, slots=True)
class HoneycombSettings:
    """What an exporter needs to know. `endpoint` is the whole URL of requests; the key is not in the repr.

    `dataset` is for keys of Honeycomb Classic alone, which need one: elsewhere the service's name says where spans go. Raises ValueError,
    which never shows the key.
    """

    api_key: str = field(repr=False)
    dataset: str = ""
    endpoint: str = f"{ENDPOINTS['us']}/v1/traces"

    def __post_init__(self) -> None:
        if not isinstance(self.api_key, str) or not _KEY.fullmatch(self.api_key):
            raise ValueError("the API key must be a text of visible ASCII characters, without spaces or line breaks")
        if self.is_classic and not self.dataset:
            raise ValueError(f"a key of Honeycomb Classic needs a dataset: give the option, or set {HONEYCOMB_DATASET_VARIABLE}")

    @property
    def is_classic(self) -> bool:
        """Whether the key is one of Honeycomb Classic: 32 hexadecimal digits, or an ingest key that says so."""
        return _CLASSIC_KEY.fullmatch(self.api_key) is not None

    @property
    def headers(self) -> dict[str, str]:
        """Honeycomb's own headers, the key among them. A dataset is named where it counts."""
        return {"x-honeycomb-team": self.api_key, **({"x-honeycomb-dataset": self.dataset} if self.is_classic else {})}

    @classmethod
    def of(
        cls,
        *,
        api_key: str | None = None,
        dataset: str | None = None,
        region: Region | None = None,
        endpoint: str | None = None,
    ) -> HoneycombSettings:
        """The settings of these arguments, and of the environment for those that are None.

        `endpoint` is the URL of an API, as of a Refinery: /v1/traces is below it. `region` is one of Honeycomb's own, by default "us".
        Raises ValueError that names what is missing or wrong.
        """
        key = _variable(HONEYCOMB_API_KEY_VARIABLE) if api_key is None else api_key
        if not key:
            raise ValueError(f"api_key is missing: give the option, or set {HONEYCOMB_API_KEY_VARIABLE}")
        return cls(key, _variable(HONEYCOMB_DATASET_VARIABLE) if dataset is None else dataset, _endpoint(region, endpoint))


def _variable(name: str) -> str:
    return os.environ.get(name, "").strip()


def _endpoint(region: Region | None, endpoint: str | None) -> str:
    if endpoint is not None:
        if region is not None:
            raise ValueError("region and endpoint both say where to send: give one of them")
        return _checked("endpoint", endpoint)
    if region is not None:
        if region not in ENDPOINTS:
            raise ValueError(f"region must be {' or '.join(ENDPOINTS)}, not {region!r}")
        return traces_url(ENDPOINTS[region])
    return _checked(HONEYCOMB_API_ENDPOINT_VARIABLE, _variable(HONEYCOMB_API_ENDPOINT_VARIABLE) or ENDPOINTS["us"])


def _checked(where: str, url: str) -> str:
    """The URL for traces below this one, or this one where it is that already."""
    try:
        Address.of(url)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None
    return url if url.rstrip("/").endswith("/v1/traces") else traces_url(url)
