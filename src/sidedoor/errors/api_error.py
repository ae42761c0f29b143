"""What all errors of the API have in common."""

from __future__ import annotations

from typing import ClassVar


class ApiError(Exception):
    """An error with a name that AWS gave it. Never raised itself."""

    code: ClassVar[str]
    status: ClassVar[int] = 400

    def __init__(self, message: str | None = None, /, **facts: object) -> None:
        self.message = message or " ".join((self.__doc__ or "").split()).format(**facts)
        super().__init__(self.message)
