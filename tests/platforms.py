"""Marks for tests that need a particular operating system."""

import sys

import pytest

linux = pytest.mark.skipif(
    sys.platform != "linux", reason="needs Linux: /dev/full, resource limits, errno values"
)
posix = pytest.mark.skipif(
    sys.platform == "win32", reason="needs POSIX: signals, file modes, errno values"
)
