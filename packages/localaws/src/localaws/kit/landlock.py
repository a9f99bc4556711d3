"""Restricts the calling thread and everything that it starts to some files, by Linux's Landlock. It needs no privileges.

It uses the standard library only, because `supervise.py` loads it by its path. A restricted process can trace no process outside of its
restriction, so it cannot read their memory and environments in /proc. From Linux 6.12 on, it cannot send them signals either. root loses
the capabilities by which it could do so all the same.
"""

import ctypes
import os
import stat
from collections.abc import Iterable
from functools import cache

# <linux/landlock.h>; the numbers of the calls are the same on all architectures.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION, _PATH_BENEATH = 1, 1
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR, _REFER, _TRUNCATE = (1 << bit for bit in (0, 1, 2, 3, 13, 14))
_ALL = (1 << 14) - 1  # of the second version, which is the first that lets a file move to another folder
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE
_READING = _EXECUTE | _READ_FILE | _READ_DIR
_FIRST_VERSION, _VERSION_WITH_TRUNCATE, _VERSION_WITH_SCOPES = 2, 3, 6
_SCOPES = 0b11  # abstract sockets, signals
_PR_SET_NO_NEW_PRIVS, _PR_CAPBSET_DROP = 38, 24  # <linux/prctl.h>
# <linux/capability.h>: CHOWN, DAC_OVERRIDE, FOWNER, FSETID, KILL, SETGID, SETUID, NET_BIND_SERVICE. Programs of root need them often.
_KEPT_CAPABILITIES = sum(1 << number for number in (0, 1, 3, 4, 5, 6, 7, 10))
_LAST_CAPABILITY, _CAPABILITY_VERSION = 63, 0x20080522


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scopes", ctypes.c_uint64))


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("folder", ctypes.c_int32))


def is_available() -> bool:
    return _version() >= _FIRST_VERSION


def restrict(readable: Iterable[str], writable: Iterable[str]) -> None:
    """Let this thread read and execute the files below `readable`, and do everything below `writable`. Raises OSError.

    A path that does not exist is left out.
    """
    version = _version()
    everything = _ALL | (_TRUNCATE if version >= _VERSION_WITH_TRUNCATE else 0)
    attributes = _Ruleset(everything, 0, _SCOPES if version >= _VERSION_WITH_SCOPES else 0)
    size = ctypes.sizeof(attributes) if version >= _VERSION_WITH_SCOPES else ctypes.sizeof(ctypes.c_uint64)
    ruleset = _call(_CREATE_RULESET, ctypes.byref(attributes), size, 0)
    for paths, rights in ((readable, _READING), (writable, everything)):
        for path in paths:
            _allow(ruleset, path, rights)
    if _libc().prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")
    if os.geteuid() == 0:
        _drop_capabilities()
    _call(_RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        allowed = rights if stat.S_ISDIR(os.fstat(opened).st_mode) else rights & _OF_FILES
        _call(_ADD_RULE, ruleset, _PATH_BENEATH, ctypes.byref(_Beneath(allowed, opened)), 0)
    finally:
        os.close(opened)


def _drop_capabilities() -> None:
    """Drop this thread's capabilities, except a few. Raises OSError."""
    libc = _libc()
    for number in range(_LAST_CAPABILITY + 1):
        if not _KEPT_CAPABILITIES >> number & 1:
            libc.prctl(_PR_CAPBSET_DROP, number, 0, 0, 0)  # fails for numbers that the kernel does not have
    header, sets = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0), (ctypes.c_uint32 * 6)()
    if libc.capget(header, sets) != 0:
        raise OSError(ctypes.get_errno(), "capget")
    kept = (ctypes.c_uint32 * 6)(*(value & _KEPT_CAPABILITIES if index < 3 else 0 for index, value in enumerate(sets)))
    if libc.capset(header, kept) != 0:
        raise OSError(ctypes.get_errno(), "capset")


def _version() -> int:
    try:
        return _call(_CREATE_RULESET, None, 0, _VERSION)
    except (OSError, AttributeError):
        return 0


def _call(*arguments: object) -> int:
    result = _libc().syscall(*(ctypes.c_long(item) if isinstance(item, int) else item for item in arguments))
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return int(result)


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
