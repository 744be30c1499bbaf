"""The version, where the package, its User-Agent and the build all read it."""

__version__ = "0.1.0"
