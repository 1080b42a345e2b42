"""How root starts a program that refuses to run as root (PostgreSQL does).

The child becomes the user `nobody`. When the program or its data lie under a directory which that
user cannot enter (a clone in /root), the child alone keeps the right to pass it; no permission of
the machine's directories is changed.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import stat
import sys
from collections.abc import Callable
from pathlib import Path

from fmi.embedded.server import EmbeddedServerError

UNPRIVILEGED_USER = "nobody"

# linux/capability.h and linux/prctl.h
CAP_DAC_OVERRIDE = 1
CAPABILITY_VERSION_3 = 0x20080522
PR_SET_SECUREBITS = 28
SECBIT_NO_SETUID_FIXUP = 1 << 2
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2


class _CapabilityHeader(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("process_id", ctypes.c_int))


class _CapabilityData(ctypes.Structure):
    _fields_ = (
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    )


def unprivileged_user() -> pwd.struct_passwd | None:
    """Return the user that a child must become, None when this process is not root anyway."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam(UNPRIVILEGED_USER)
    except KeyError:
        raise EmbeddedServerError(
            f"PostgreSQL refuses to run as root and this machine has no user {UNPRIVILEGED_USER!r}. "
            "Run as another user, or set DATABASE_URL."
        ) from None


def can_enter(*, path: Path, user: pwd.struct_passwd) -> bool:
    """Say whether the user may pass every directory above the path."""
    for parent in path.resolve().parents:
        mode = parent.stat()
        if mode.st_uid == user.pw_uid:
            allowed = mode.st_mode & stat.S_IXUSR
        elif mode.st_gid == user.pw_gid:
            allowed = mode.st_mode & stat.S_IXGRP
        else:
            allowed = mode.st_mode & stat.S_IXOTH
        if not allowed:
            return False
    return True


def become(*, user: pwd.struct_passwd, paths: tuple[Path, ...]) -> Callable[[], None]:
    """Return what the child does before it runs the program: become the user, able to reach the paths.

    Raises EmbeddedServerError where the system has no way to do the second.
    """
    passes_all = all(can_enter(path=path, user=user) for path in paths)
    if not passes_all and not sys.platform.startswith("linux"):
        raise EmbeddedServerError(
            f"The user {user.pw_name!r} cannot enter {paths[0]}. Run as another user, or set DATABASE_URL."
        )
    # Loaded here: between fork and exec as little as possible may happen.
    library = ctypes.CDLL(None, use_errno=True)

    def drop_root() -> None:
        if not passes_all:
            # Capabilities then outlive the change of user, and access(2) heeds them, which initdb asks.
            library.prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0)
        os.setgroups([])
        os.setgid(user.pw_gid)
        os.setuid(user.pw_uid)
        if not passes_all:
            _keep_right_to_pass(library)

    return drop_root


def _keep_right_to_pass(library: ctypes.CDLL) -> None:
    """Keep CAP_DAC_OVERRIDE, and no other right of root's, over exec (capabilities(7), ambient set)."""
    mask = 1 << CAP_DAC_OVERRIDE
    header = _CapabilityHeader(CAPABILITY_VERSION_3, 0)
    data = (_CapabilityData * 2)(_CapabilityData(mask, mask, mask), _CapabilityData(0, 0, 0))
    if library.capset(ctypes.byref(header), data) != 0:
        raise OSError(ctypes.get_errno(), "capset")
    if library.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_OVERRIDE, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_CAP_AMBIENT)")


def give_to(*, user: pwd.struct_passwd, directory: Path) -> None:
    """Give a directory and all that lies in it to the user."""
    for root, directories, files in os.walk(directory):
        os.chown(root, user.pw_uid, user.pw_gid)
        for name in (*directories, *files):
            os.chown(Path(root) / name, user.pw_uid, user.pw_gid, follow_symlinks=False)
