"""Check the built package: ``python .ci/package.py DIST``.

The wheel must contain the package, the script and nothing else. The sdist must build the same
wheel, and README's links in it must be absolute if the project has a public address.
"""

import re
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import zipfile
from email.parser import HeaderParser
from pathlib import Path

DIST = Path(sys.argv[1])
ROOT = Path(__file__).parent.parent


def tracked_files(folder: str) -> set[str]:
    """Return the folder's files that are under version control."""
    listed = subprocess.run(["git", "ls-files", folder], cwd=ROOT, capture_output=True, check=True)
    return set(listed.stdout.decode().splitlines())


def read_wheel(wheel: Path) -> dict[str, bytes]:
    """Return a wheel's files by name."""
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def build_wheel(source: Path) -> Path:
    """Build a wheel from a source folder and return its path."""
    out = source / "dist"
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", out, source]
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    [wheel] = out.glob("*.whl")
    return wheel


def fail(*words: object) -> None:
    """Print an error and exit."""
    print(*words, file=sys.stderr)
    sys.exit(1)


[wheel], [sdist] = DIST.glob("*.whl"), DIST.glob("*.tar.gz")
files = read_wheel(wheel)
info = wheel.name.removesuffix("-py3-none-any.whl") + ".dist-info"
expected = tracked_files("vairosms_async") | {"vairosms_command.py"}
expected |= {
    f"{info}/{name}"
    for name in ("METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE")
}
if set(files) != expected or "vairosms_async/py.typed" not in files:
    unexpected, missing = sorted(set(files) - expected), sorted(expected - set(files))
    fail("Files in the wheel: unexpected", unexpected, "missing", missing)

metadata = HeaderParser().parsestr(files[f"{info}/METADATA"].decode())
required = [line for line in metadata.get_all("Requires-Dist", []) if "extra" not in line]
required = sorted(line.split(">")[0].strip() for line in required)
if required != ["aiohttp", "attrs", "cattrs", "msgspec"]:
    fail("The wheel requires", required)
extras = metadata.get_all("Provides-Extra", [])
if sorted(extras) != ["cli", "dask"]:
    fail("The wheel has the extras", extras)
version = (ROOT / "vairosms_async" / "_version.py").read_text("utf-8")
if f'"{metadata["Version"]}"' not in version:
    fail("The wheel's version is", metadata["Version"], "but _version.py differs")
scripts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["scripts"]
entries = files[f"{info}/entry_points.txt"].decode()
for name, target in scripts.items():
    if f"{name} = {target}" not in entries:
        fail("The wheel lacks the command", name)

with tempfile.TemporaryDirectory() as folder:
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    [source] = Path(folder).iterdir()
    if build_wheel(source).read_bytes() != wheel.read_bytes():
        fail("The sdist builds a different wheel")
    source.joinpath("PKG-INFO").unlink()  # hatchling takes the readme from it
    with (source / "pyproject.toml").open("a", encoding="utf-8") as pyproject:
        pyproject.write('\n[project.urls]\nSource = "https://example.com/vairosms_async"\n')
    readme = read_wheel(build_wheel(source))[f"{info}/METADATA"].decode()
    relative = re.findall(r"\]\((?!https://|#)[^)]+\)", readme)
    if relative or "https://example.com/vairosms_async/blob/HEAD/docs/" not in readme:
        fail("README's links on PyPI are relative:", relative)
print(f"{wheel.name} has {len(files)} files. The sdist builds the same wheel.")
