"""`python -m bext_host.cli`, the same as the command `bext-tracer`."""

from .main import main

raise SystemExit(main())
