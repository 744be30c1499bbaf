"""The package's modules: which are private, and which modules each may import."""

import ast

import pytest

from tests.helpers import ROOT

PACKAGE = "vairosms_async"
PUBLIC = {"__init__", "__main__", "sandbox", "cluster", "cli"}

# A module imports only modules listed before it.
ORDER = [
    "_version",
    "_models",
    "_errors",
    "_result",
    "_validate",
    "_endpoint",
    "_values",
    "_documented",
    "_convert",
    "_wire",
    "_retry",
    "_causes",
    "_limit",
    "_pace",
    "_deadlines",
    "_failures",
    "_transport",
    "_shared",
    "_lookup",
    "_bulk",
    "_polling",
    "_client",
    "__init__",  # `from vairosms_async import ...`, which the core must not do
    "sandbox",
    "cluster._worker",
    "cluster._driver",
    "cluster",
    "cli",
    "__main__",
]
# Each is one entry in ORDER: the modules in it may import each other.
UNORDERED_PACKAGES = {"sandbox", "cli"}
NOT_CHECKED = {"__init__", "__main__", "cli"}


def entry(module):
    """Return the entry of ORDER that a module belongs to."""
    package = module.partition(".")[0]
    return package if package in UNORDERED_PACKAGES else module


def module_files(folder):
    """Return the files of a package by module name, such as ``_wire`` and ``cluster._driver``."""
    files = {}
    for path in folder.rglob("*.py"):
        name = ".".join(path.relative_to(folder).with_suffix("").parts)
        files[name.removesuffix(".__init__")] = path
    return files


def imported_names(path, parents):
    """Yield the full name of each import in a file, also in functions and under TYPE_CHECKING."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = parents[: len(parents) - node.level + 1] if node.level else []
            source = [*base, node.module] if node.module else base
            yield from (".".join([*source, alias.name]) for alias in node.names)


def imported_modules(folder, module):
    """Return the modules of the package that one of its modules imports."""
    files = module_files(folder)
    parents = [PACKAGE, *files[module].relative_to(folder).parent.parts]
    found = set()
    for name in imported_names(files[module], parents):
        root, *parts = name.split(".")
        if root == PACKAGE:
            while parts and ".".join(parts) not in files:
                parts.pop()  # the name of a class or function
            found.add(".".join(parts) or "__init__")
    return found


def order_violations(folder):
    """Return "module imports other" for each import that breaks the order."""
    violations = []
    for module in module_files(folder):
        own = entry(module)
        if own not in NOT_CHECKED:
            allowed = {own, *ORDER[: ORDER.index(own)]}
            violations += [
                f"{module} imports {other}"
                for other in imported_modules(folder, module)
                if entry(other) not in allowed
            ]
    return sorted(violations)


def test_every_module_has_a_place_in_the_order():
    assert {entry(module) for module in module_files(ROOT / PACKAGE)} == set(ORDER)


def test_each_module_imports_only_modules_before_it():
    assert order_violations(ROOT / PACKAGE) == []


def test_only_the_public_modules_lack_an_underscore():
    top_level = {module.partition(".")[0] for module in module_files(ROOT / PACKAGE)}
    public = {name for name in top_level if not name.startswith("_") or name.startswith("__")}
    assert public == PUBLIC


@pytest.mark.parametrize(
    ("module", "source", "violation"),
    [
        ("_wire", "from ._retry import RetryPolicy", "_wire imports _retry"),
        ("_wire", "from . import _retry as retry", "_wire imports _retry"),
        ("_wire", "from vairosms_async._retry import RetryPolicy", "_wire imports _retry"),
        ("_wire", "from vairosms_async import _retry", "_wire imports _retry"),
        ("_wire", "import vairosms_async._retry", "_wire imports _retry"),
        ("_wire", "from vairosms_async import RetryPolicy", "_wire imports __init__"),
        ("_wire", "import vairosms_async", "_wire imports __init__"),
        ("_wire", "def f():\n    from ._retry import passes", "_wire imports _retry"),
        ("_wire", "if TYPE_CHECKING:\n    from ._retry import passes", "_wire imports _retry"),
        ("_client", "from .sandbox import Fault", "_client imports sandbox"),
        ("sandbox._panel", "from ..cluster import bulk_check", "sandbox._panel imports cluster"),
        ("cluster._worker", "from ._driver import Run", "cluster._worker imports cluster._driver"),
        ("cluster._driver", "from . import bulk_check", "cluster._driver imports cluster"),
        ("cluster", "from vairosms_async.cli import main", "cluster imports cli"),
        ("_wire", "from ._errors import VairoSMSError", None),
        ("_wire", "import json, aiohttp", None),
        ("sandbox._panel", "from ._faults import Fault", None),
        ("sandbox.plugin", "from vairosms_async import VairoSMSClient", None),
        ("cluster", "from ._driver import Run", None),
        ("cli.bulk", "from vairosms_async._client import VairoSMSClient", None),
    ],
)
def test_the_order_check_finds_each_form_of_import(tmp_path, module, source, violation):
    for name in [*ORDER, "sandbox._faults", "sandbox._panel", "sandbox.plugin", "cli.bulk"]:
        is_package = name in {"sandbox", "cluster", "cli"}
        path = tmp_path / name.replace(".", "/")
        path = path / "__init__.py" if is_package else path.with_suffix(".py")
        path.parent.mkdir(exist_ok=True)
        path.write_text(source if name == module else "")
    assert order_violations(tmp_path) == ([violation] if violation else [])
