"""Is every public name documented, wholly? Sphinx, in .ci/run, sees to the links."""

import inspect
import re

import attrs
import pytest

import vairosms_async
from tests.helpers import ROOT
from vairosms_async import cluster, sandbox

INDEX = ROOT / "docs" / "index.rst"
PUBLIC = {
    f"{module.__name__}.{name}": getattr(module, name)
    for module in (vairosms_async, sandbox, cluster)
    for name in getattr(module, "__all__", ["bulk_check"])
    if not name.startswith("__")
}


def members():
    """Give every public class, function, method and property by its full name."""
    for name, thing in PUBLIC.items():
        yield name, thing
        if inspect.isclass(thing):
            for attribute, value in vars(thing).items():
                if not attribute.startswith("_") and (callable(value) or type(value) is property):
                    yield f"{name}.{attribute}", value


MEMBERS = dict(members())


def entries(text, *sections):
    """Read the names that sections of a docstring in Google's style have entries for."""
    found = set()
    for section in sections:
        for block in re.findall(rf"^( *){section}:\n((?:\1 .*\n|\n)*)", text + "\n", re.MULTILINE):
            found |= set(re.findall(r"^\s+([\w, .]+): ", block[1], re.MULTILINE))
    return found


@pytest.mark.parametrize("name", MEMBERS)
def test_it_has_a_docstring(name):
    doc = inspect.cleandoc(MEMBERS[name].__doc__ or "")
    assert re.match(r".+[.:]\n", doc + "\n"), "its first line is not a sentence"


@pytest.mark.parametrize("name", [name for name in MEMBERS if callable(MEMBERS[name])])
def test_its_parameters_are_told(name):
    thing = MEMBERS[name]
    if inspect.isclass(thing) and issubclass(thing, Exception | int):
        return
    documented = entries(inspect.getdoc(thing), "Args", "Attributes")
    parameters = [p for p in inspect.signature(thing).parameters if p != "self"]
    if parameters == ["ids"] or len(parameters) == 1:
        return  # said in the sentence
    assert set(parameters) <= documented


@pytest.mark.parametrize("name", PUBLIC)
def test_the_fields_of_records_and_errors_are_told(name):
    thing = PUBLIC[name]
    if attrs.has(thing):
        told = entries(inspect.getdoc(thing), "Attributes", "Args")
        assert {field.name for field in attrs.fields(thing)} <= told
    elif inspect.isclass(thing) and issubclass(thing, Exception):
        told = set().union(*(entries(c.__doc__ or "", "Attributes") for c in thing.__mro__))
        assert set(vars(thing("words"))) <= told


@pytest.mark.parametrize("name", PUBLIC)
def test_the_reference_has_it(name):
    module, _, short = name.rpartition(".")
    by_name = re.search(rf"^\.\. auto\w+:: {short}$", INDEX.read_text(), re.MULTILINE)
    by_module = re.search(
        rf"^\.\. automodule:: {module}\n   :members:", INDEX.read_text(), re.MULTILINE
    )
    assert by_name or by_module
