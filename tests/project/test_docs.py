"""Every public name has a complete docstring and an entry in the reference.

Sphinx, which .ci/run calls, checks the links.
"""

import inspect
import re

import attrs
import pytest

import vairosms_async
from tests.project.documents import DOCS
from vairosms_async import cluster, sandbox

REFERENCE = "\n".join(path.read_text("utf-8") for path in DOCS.glob("api/*.md"))
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
ERRORS = [
    name
    for name, thing in PUBLIC.items()
    if inspect.isclass(thing) and issubclass(thing, Exception)
]


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


def parameters_to_document(thing):
    """Return the names of the parameters that need an entry in the docstring."""
    if not callable(thing):
        return set()
    if inspect.isclass(thing) and issubclass(thing, Exception | int | dict):
        return set()
    parameters = set(inspect.signature(thing).parameters) - {"self"}
    # The first sentence describes the only parameter.
    return parameters if len(parameters) > 1 else set()


@pytest.mark.parametrize(
    "name", [name for name in MEMBERS if parameters_to_document(MEMBERS[name])]
)
def test_documents_its_parameters(name):
    thing = MEMBERS[name]
    documented = documented_names(inspect.getdoc(thing), "Args", "Attributes")
    assert parameters_to_document(thing) <= documented


@pytest.mark.parametrize("name", [name for name in PUBLIC if attrs.has(PUBLIC[name])])
def test_documents_the_fields_of_a_record(name):
    thing = PUBLIC[name]
    documented = documented_names(inspect.getdoc(thing), "Attributes", "Args")
    assert {field.name for field in attrs.fields(thing)} <= documented


@pytest.mark.parametrize("name", ERRORS)
def test_documents_the_attributes_of_an_error(name):
    cls = PUBLIC[name]
    documented = set().union(
        *(documented_names(base.__doc__ or "", "Attributes") for base in cls.__mro__)
    )
    assert set(vars(cls("message"))) <= documented


@pytest.mark.parametrize("name", PUBLIC)
def test_the_reference_has_an_entry(name):
    module, _, short = name.rpartition(".")
    by_name = re.search(rf"^\.\. auto\w+:: {short}$", REFERENCE, re.MULTILINE)
    by_module = re.search(rf"^\.\. automodule:: {module}\n   :members:", REFERENCE, re.MULTILINE)
    assert by_name or by_module


def test_the_reference_lists_every_member_of_the_client():
    members = [name for name in vars(vairosms_async.VairoSMSClient) if not name.startswith("_")]
    listed = re.findall(r"^   \.\. auto(?:method|property):: (\w+)$", REFERENCE, re.MULTILINE)
    assert sorted(listed) == sorted(members)
