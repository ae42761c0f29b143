"""What the event loop of a process says of callbacks that fail."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

log = logging.getLogger(__name__)


def forgive_late_reads(loop: asyncio.AbstractEventLoop) -> None:
    """Has the loop say nothing of a result that came for a future in the moment in which it was cancelled.

    anyio, beneath httpx, reads from Unix sockets by ``loop.add_reader(socket, future.set_result)``. Where the reading task is
    cancelled in the turn of the loop in which bytes come, the future is told all the same, and refuses: nobody waits for it
    any more, and what was to be read is still in the socket. Everything else that fails is told as ever.
    """

    def tell(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if isinstance(error, asyncio.InvalidStateError) and _is_of_the_loop_alone(error):
            log.debug("a read was cancelled as its bytes came", extra={"action": "loop.late_read"})
        else:
            loop.default_exception_handler(context)

    loop.set_exception_handler(tell)


def _is_of_the_loop_alone(error: BaseException) -> bool:
    """Whether the loop itself called what raised it: no line of Python stands between them."""
    return error.__traceback__ is not None and error.__traceback__.tb_next is None
