"""Wiring: settings in, running parts out. The only place that picks the store and the placement.

One module a process, so that the agent does not carry what only the control plane needs (botocore's models, the database).
"""

from __future__ import annotations
