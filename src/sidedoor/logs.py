"""Logs: one line an event, a sentence for people and a stable ``action`` with its facts for machines."""

from __future__ import annotations

import json
import logging
import re
import sys
from datetime import UTC, datetime

_quoted = json.JSONEncoder(ensure_ascii=False).encode
_WORD = re.compile(r"""[^\s"=]+""")
_STANDARD = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class OneLine(logging.Formatter):
    """``2026-01-02T03:04:05.678Z INFO sidedoor.agents "a sentence" action=endpoint.ready endpoint=vpce-...``."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        facts = {name: value for name, value in vars(record).items() if name not in _STANDARD}
        parts = [at, record.levelname, record.name, _quoted(record.getMessage())]
        parts += [f"{name}={_plain(value)}" for name, value in facts.items()]
        if record.exc_info:
            parts.append(f"traceback={json.dumps(self.formatException(record.exc_info))}")
        return " ".join(parts)


def _plain(value: object) -> str:
    text = str(value)
    return text if _WORD.fullmatch(text) else json.dumps(text)


def set_up(level: str) -> None:
    """Sends this process's log to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(OneLine())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for noisy in ("httpx", "httpcore", "alembic", "asyncio", "pyroute2", "uvicorn"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
