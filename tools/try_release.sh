#!/usr/bin/env bash
# Install the built distributions into empty environments, and fill a mask in each.
#
#     tools/try_release.sh PYTHON DIST
#
# PYTHON must have pip; DIST contains a wheel and a source archive of the version in the sources.
set -euo pipefail
python=$(realpath --no-symlinks "$1")
dist=$(realpath "$2")
root=$(realpath "$(dirname "$0")/..")
version=$(sed -n 's/^__version__ = "\(.*\)"/\1/p' "$root/src/albertlm/__init__.py")
wheel=$dist/albertlm-$version-py3-none-any.whl
archive=$dist/albertlm-$version.tar.gz
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"  # so that nothing is imported from the sources
unset PYTHONPATH

try() {  # NAME REQUIREMENT
    echo "== $1"
    "$python" -m venv --without-pip "$work/$1"
    "$python" -m pip --python "$work/$1/bin/python" install --quiet \
        -c "$root/constraints.txt" "$2"
    "$work/$1/bin/python" - <<'PYTHON'
import importlib.metadata as metadata
import platform

import albertlm

assert "site-packages" in albertlm.__file__, albertlm.__file__
print("python", platform.python_version(), "albertlm", metadata.version("albertlm"), end=" ")
for name in ("numpy", "torch"):
    try:
        print(name, metadata.version(name), end=" ")
    except metadata.PackageNotFoundError:
        print(f"no {name}", end=" ")
print()
PYTHON
    test "$("$work/$1/bin/albertlm" --version)" = "$version"
    "$work/$1/bin/albertlm" fill-mask "Hello I'm a [MASK] model."
}

try wheel "$wheel"
try archive "$archive"
try wheel-torch "$wheel[torch]"
"$work/wheel-torch/bin/albertlm" fill-mask "Hello I'm a [MASK] model." --engine torch
ls -l "$dist"
