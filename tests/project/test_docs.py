"""Every public name has a complete docstring and an entry in the reference.

Sphinx, which .ci/run calls, checks the links.
"""

import inspect
import re

import attrs
import pytest

import vairosms_async
from tests.helpers import ROOT
from vairosms_async import cluster, sandbox

REFERENCE = ROOT / "docs" / "index.rst"
PUBLIC = {
    f"{module.__name__}.{name}": getattr(module, name)
    for module in (vairosms_async, sandbox, cluster)
    for name in getattr(module, "__all__", ["bulk_check"])
    if not name.startswith("__")
}


def public_members():
    """Yield each public class, function, method and property with its full name."""
    for name, thing in PUBLIC.items():
        if callable(thing):  # a constant such as MAX_ID has no docstring
            yield name, thing
        if inspect.isclass(thing):
            for attribute, value in vars(thing).items():
                if not attribute.startswith("_") and (callable(value) or type(value) is property):
                    yield f"{name}.{attribute}", value


MEMBERS = dict(public_members())


def documented_names(docstring, *sections):
    """Return the names that have an entry in these sections of a Google-style docstring."""
    names = set()
    for section in sections:
        pattern = rf"^( *){section}:\n((?:\1 .*\n|\n)*)"
        for block in re.findall(pattern, docstring + "\n", re.MULTILINE):
            names |= set(re.findall(r"^\s+([\w, .]+): ", block[1], re.MULTILINE))
    return names


@pytest.mark.parametrize("name", MEMBERS)
def test_has_a_docstring_that_begins_with_a_sentence(name):
    doc = inspect.cleandoc(MEMBERS[name].__doc__ or "")
    assert re.match(r".+[.:]\n", doc + "\n")


@pytest.mark.parametrize("name", [name for name in MEMBERS if callable(MEMBERS[name])])
def test_documents_its_parameters(name):
    thing = MEMBERS[name]
    if inspect.isclass(thing) and issubclass(thing, Exception | int | dict):
        return
    documented = documented_names(inspect.getdoc(thing), "Args", "Attributes")
    parameters = [p for p in inspect.signature(thing).parameters if p != "self"]
    if len(parameters) == 1:
        return  # the first sentence describes it
    assert set(parameters) <= documented


@pytest.mark.parametrize("name", PUBLIC)
def test_documents_the_fields_of_records_and_errors(name):
    thing = PUBLIC[name]
    if attrs.has(thing):
        documented = documented_names(inspect.getdoc(thing), "Attributes", "Args")
        assert {field.name for field in attrs.fields(thing)} <= documented
    elif inspect.isclass(thing) and issubclass(thing, Exception):
        documented = set().union(
            *(documented_names(cls.__doc__ or "", "Attributes") for cls in thing.__mro__)
        )
        assert set(vars(thing("message"))) <= documented


@pytest.mark.parametrize("name", PUBLIC)
def test_the_reference_has_an_entry(name):
    module, _, short = name.rpartition(".")
    reference = REFERENCE.read_text("utf-8")
    by_name = re.search(rf"^\.\. auto\w+:: {short}$", reference, re.MULTILINE)
    by_module = re.search(rf"^\.\. automodule:: {module}\n   :members:", reference, re.MULTILINE)
    assert by_name or by_module
