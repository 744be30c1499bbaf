"""Sphinx settings for the site. ``nox -s docs`` builds it in build/docs."""

from functools import reduce
from operator import or_
from typing import Literal, get_args

from sphinx.application import Sphinx

from vairosms_async import __version__
from vairosms_async._client import _UNSET

project = "vairosms_async"
copyright = "The vairosms_async developers"
version = release = __version__
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
]

exclude_patterns = ["benchmarks"]  # performance.md includes them

html_theme = "furo"
html_title = f"vairosms_async {version}"
html_show_sphinx = False
html_copy_source = False

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3

# Copy the commands of a console block, without prompts and output.
copybutton_prompt_text = "$ "
copybutton_exclude = ".linenos, .gp, .go"

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


def hide_unset(app: Sphinx, function: object, bound_method: bool) -> None:
    """Remove the private type of "not passed" from the types of arguments."""
    annotations = getattr(function, "__annotations__", {})
    for name, annotation in annotations.items():
        types = get_args(annotation)
        if Literal[_UNSET] in types:
            annotations[name] = reduce(or_, [type_ for type_ in types if type_ != Literal[_UNSET]])


def setup(app: Sphinx) -> None:
    """Connect the function above to Sphinx."""
    app.connect("autodoc-before-process-signature", hide_unset)
