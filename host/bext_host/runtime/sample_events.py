"""What the hooks of bext are called with in a server: one sensible event for each that takes any."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from .hooks import HookArgument

SAMPLE_ARGUMENTS: Final[Mapping[str, tuple[HookArgument, ...]]] = MappingProxyType(
    {
        "on_server_start": ({},),
        "on_request_complete": (
            {
                "method": "GET",
                "path": "/products/42",
                "status": 200,
                "cache_status": "MISS",
                "render_time_us": 12840,
                "tenant_id": "acme",
                "site_id": "shop",
                "encoding": "br",
                "is_bot": False,
            },
        ),
        "on_cache_write": ("product:42", ["product", "catalog"]),
        "on_cache_invalidate": ("product:*", 3),
    }
)
