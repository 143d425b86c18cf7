"""What `bext-tracer fuzz` does: drives a plugin's hooks as no server would, and tells what the plugin did wrong.

Everything follows from a case's seed, so that whoever has the seed sees the same again. What a plugin asks WASI for, the time and random
numbers, is all that may differ.
"""

from .case import Case, make_case
from .fuzzer import Progress, fuzz
from .plan import ModuleHooks
from .report import Finding, FuzzReport

__all__ = ["Case", "Finding", "FuzzReport", "ModuleHooks", "Progress", "fuzz", "make_case"]
