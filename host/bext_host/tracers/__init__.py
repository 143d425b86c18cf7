"""TracerPlugins made of other TracerPlugins."""

from .fanout import FanoutTracer
from .fanout_stats import FanoutStats

__all__ = ["FanoutStats", "FanoutTracer"]
