"""A refused clone says which limit or filter it was, and what to do."""

from __future__ import annotations

import errno

import pytest

from heapscope.errors import ExitCode, PermissionRefused
from heapscope.inject.protocol import decode_error, encode_error
from heapscope.inject.refusal import clone_refused, failed_call


@pytest.mark.parametrize(
    ("number", "code", "name", "remedy"),
    [
        (errno.EAGAIN, ExitCode.BUDGET, "EAGAIN", "heapscope doctor 7"),
        (errno.ENOMEM, ExitCode.BUDGET, "ENOMEM", "vm.overcommit_memory"),
        (errno.EPERM, ExitCode.PERMISSION, "EPERM", "seccomp"),
        (errno.EACCES, ExitCode.PERMISSION, "EACCES", "seccomp"),
        (errno.ENOSYS, ExitCode.PERMISSION, "ENOSYS", "seccomp"),
        (errno.EINVAL, ExitCode.BUDGET, "EINVAL", "heapscope doctor 7"),
        (9999, ExitCode.BUDGET, "9999", "heapscope doctor 7"),
    ],
)
def test_each_error_number_has_its_reason_and_its_remedy(number: int, code: ExitCode, name: str, remedy: str) -> None:
    """Also on the host's side of the socket; and none of them makes the next injector try the same call."""
    error = decode_error(encode_error(clone_refused(7, number)))
    assert error.exit_code == code
    assert "process 7 may not be cloned" in error.message
    assert name in error.message
    assert remedy in error.hint
    assert not isinstance(error, PermissionRefused)


def test_a_call_of_ours_that_is_forbidden_is_a_matter_of_permission() -> None:
    """A hardened unit without one of the calls; everything else is what it was called."""
    refused = failed_call(OSError(errno.EPERM, "cannot write 8 bytes"))
    assert refused.exit_code == ExitCode.PERMISSION
    assert "cannot write 8 bytes" in refused.message
    assert "process_vm_writev" in refused.hint
    assert failed_call(OSError(errno.EFAULT, "bad address")).exit_code == ExitCode.INTERNAL
