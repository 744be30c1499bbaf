"""The tools that contributors use: nox, pre-commit, pytest's settings and .ci/run."""

import ast
import re
import subprocess
import tomllib

import pytest

from tests.helpers import ROOT
from tests.platforms import linux
from tests.project.documents import README, blocks
from tests.project.github import WORKFLOWS, file_name, load_yaml, workflow_steps

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
CI_RUN = ROOT / ".ci" / "run"
NOXFILE = ast.parse((ROOT / "noxfile.py").read_text("utf-8"))


def nox_sessions():
    """Return the names of the noxfile's sessions; one that runs on each Python ends with `-`."""
    names = set()
    for node in NOXFILE.body:
        if isinstance(node, ast.FunctionDef) and node.decorator_list:
            [decorator] = map(ast.unparse, node.decorator_list)
            assert decorator.startswith("nox.session")
            names.add(f"{node.name}-" if "python=PYTHONS)" in decorator else node.name)
    return names


def nox_pythons():
    [pythons] = [
        ast.literal_eval(node.value)
        for node in NOXFILE.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "PYTHONS"
    ]
    return pythons


def sessions_in(script):
    """Return the nox sessions that a shell script names, without their Python."""
    calls = re.findall(r"nox (?:-[-\w]+ )*((?:\"?[a-z][\w.$-]*\"? ?)+)", script)
    return {
        re.sub(r"(?<=-)(3\.\d+|\$\w+)$", "", name.strip('"')) for name in " ".join(calls).split()
    }


def test_nox_runs_on_each_supported_python():
    classifiers = "\n".join(PYPROJECT["project"]["classifiers"])
    assert set(re.findall(r"Python :: (3\.\d+)\b", classifiers)) <= set(nox_pythons())


def test_ci_run_names_every_nox_session_that_exists():
    script = CI_RUN.read_text("utf-8").partition('step "README: the tests')[2]
    # README's block runs the tests. `package` starts `wheel`. `translations` changes files.
    assert sessions_in(script) == nox_sessions() - {"tests-", "wheel", "translations"}


@pytest.mark.parametrize("path", WORKFLOWS, ids=file_name)
def test_workflow_names_nox_sessions_that_exist(path):
    scripts = "\n".join(step.get("run", "") for step in workflow_steps(path))
    named = sessions_in("\n".join(re.findall(r"-m nox .*", scripts)))
    assert named
    assert named <= nox_sessions()


@linux
def test_ci_run_keeps_only_the_variables_that_installers_need(tmp_path):
    """.ci/run starts bash again; here, bash is a script that prints the environment."""
    bash = tmp_path / "bash"
    bash.write_text("#!/bin/sh\nenv\n")
    bash.chmod(0o755)
    kept = {
        "HOME": "/home",
        "PATH": f"{tmp_path}:/usr/bin:/bin",
        "PIP_CERT": "/ca.pem",
        "UV_OFFLINE": "0",
        "npm_config_registry": "http://127.0.0.1",
        "HTTPS_PROXY": "http://127.0.0.1:1",
        "http_proxy": "http://127.0.0.1:2",
        "no_proxy": "localhost",
        "SSL_CERT_FILE": "/ca.pem",
        "SSL_CERT_DIR": "/certs",
        "REQUESTS_CA_BUNDLE": "/ca.pem",
        "CURL_CA_BUNDLE": "/ca.pem",
        "NODE_EXTRA_CA_CERTS": "/ca.pem",
    }
    dropped = {
        "CI": "true",
        "LANG": "tr_TR.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": "/",
        "PYTHONUNBUFFERED": "1",
        "VAIROSMS_API_KEY": "key",
    }
    printed = subprocess.run(
        ["/bin/bash", CI_RUN], env=kept | dropped, capture_output=True, check=True, encoding="utf-8"
    )
    found = dict(line.split("=", 1) for line in printed.stdout.splitlines())
    for set_by_the_shell in ("PWD", "OLDPWD", "SHLVL", "_"):
        found.pop(set_by_the_shell, None)
    assert found == kept | {"LANG": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}


def test_second_block_of_readme_runs_the_tests_with_warnings_as_errors():
    _, block = blocks(README, "sh")
    assert "-X dev -W error -m pytest" in block


def test_pytest_skips_the_slow_tests_by_default():
    options = PYPROJECT["tool"]["pytest"]["addopts"]
    assert options[options.index("-m") + 1] == "not slow"


def test_the_extras_are_cli_and_dask():
    assert set(PYPROJECT["project"]["optional-dependencies"]) == {"cli", "dask"}


def test_pre_commit_runs_the_versions_that_nox_runs():
    pinned = dict(
        re.findall(r"([\w-]+) == ([\w.]+)", " ".join(PYPROJECT["dependency-groups"]["lint"]))
    )
    hooks = load_yaml(ROOT / ".pre-commit-config.yaml")["repos"]
    versions = {hook["repo"].rpartition("/")[2]: hook["rev"] for hook in hooks}
    assert versions["ruff-pre-commit"] == f"v{pinned['ruff']}"
    assert versions["codespell"] == f"v{pinned['codespell']}"


def test_mutmut_settings_name_files_that_exist():
    settings = PYPROJECT["tool"]["mutmut"]
    paths = settings["only_mutate"] + settings["pytest_add_cli_args_test_selection"]
    assert [path for path in paths if not (ROOT / path).exists()] == []
