"""Marks for tests of what not every system has."""

import sys

import pytest

linux = pytest.mark.skipif(sys.platform != "linux", reason="of Linux: its devices, limits, errors")
posix = pytest.mark.skipif(sys.platform == "win32", reason="of POSIX: its signals, modes, errors")
