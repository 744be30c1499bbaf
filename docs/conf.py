"""Sphinx settings for the API reference. ``nox -s docs`` builds it."""

from vairosms_async import __version__

project = "vairosms_async"
copyright = "The vairosms_async developers"
version = release = __version__
extensions = ["sphinx.ext.autodoc", "sphinx.ext.napoleon"]
html_theme = "furo"

# `name` in a docstring is a link. A broken link fails the build.
default_role = "any"
nitpicky = True
nitpick_ignore_regex = [
    (".*", r"(aiohttp|asyncio|collections|contextlib|datetime|distributed|json|operator|os)\..*"),
    (".*", r"(_pytest|numpy|ssl|yarl)\..*"),
    (".*", r"vairosms_async\.sandbox\._added\.(Other)?Fields"),  # types of keyword arguments
]
autodoc_member_order = "bysource"
autodoc_typehints = "description"
