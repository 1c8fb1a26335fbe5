# SPDX-License-Identifier: Apache-2.0
"""Exceptions made from sbi_status. Every one carries .status (the number) and .name (for instance "SBI_ERR_SHAPE")."""

from __future__ import annotations

from ._api import lib


class SbiError(RuntimeError):
    """Any failure of the library."""

    def __init__(self, status: int, message: str):
        self.status = status
        self.name = lib.sbi_status_name(status).decode()
        super().__init__(f"{message} ({self.name})" if message else f"{lib.sbi_status_text(status).decode()} ({self.name})")


class ArgumentError(SbiError, ValueError):
    """A missing or unsuitable argument, shape or value."""


class NotFound(SbiError, LookupError):
    """No such file, name or entry."""


class FileError(SbiError, OSError):
    """Reading or writing failed, or a file is malformed."""


class OutOfMemory(SbiError, MemoryError):
    """The allocator had no more."""


class Cancelled(SbiError):
    """The caller asked to stop."""


class DomainError(SbiError, ArithmeticError):
    """A function or derivative does not exist at this point."""


_BY_NAME = {
    "SBI_ERR_ARGUMENT": ArgumentError,
    "SBI_ERR_SHAPE": ArgumentError,
    "SBI_ERR_VALUE": ArgumentError,
    "SBI_ERR_NO_MEMORY": OutOfMemory,
    "SBI_ERR_NOT_FOUND": NotFound,
    "SBI_ERR_IO": FileError,
    "SBI_ERR_FORMAT": FileError,
    "SBI_ERR_CHECKSUM": FileError,
    "SBI_ERR_NO_SPACE": FileError,
    "SBI_ERR_PERMISSION": FileError,
    "SBI_ERR_DOMAIN": DomainError,
    "SBI_ERR_CANCELLED": Cancelled,
}


def check(status: int) -> None:
    """Raises the exception that belongs to a status, with the library's message; nothing for success."""
    if status == 0:
        return
    name = lib.sbi_status_name(status).decode()
    message = lib.sbi_last_error().decode(errors="replace")
    raise _BY_NAME.get(name, SbiError)(status, message)
