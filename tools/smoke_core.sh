#!/usr/bin/env bash
# Install the core, without extras, with the newest Python of this machine, and fill a mask.
#
#     tools/smoke_core.sh PYTHON
#
# PYTHON must have pip; it is used if there is no newer Python on the path or under pyenv.
set -euo pipefail
cd "$(dirname "$0")/.."
given=$(realpath --no-symlinks "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset PYTHONPATH

# print "13 /path/to/python" for a released CPython with venv, and nothing for any other
minor() {
    "$1" -c 'import sys, venv; final = sys.version_info[3] == "final" and sys.version_info[0] == 3
final and print(sys.version_info[1], sys.argv[1])' "$1" 2>/dev/null || true
}

candidates() {
    echo "$given"
    IFS=: read -ra folders <<<"$PATH"
    for folder in "${folders[@]}"; do
        compgen -G "$folder/python3.[0-9]*" | grep -E '/python3\.[0-9]+$' || true
    done
    compgen -G "${PYENV_ROOT:-$HOME/.pyenv}/versions/3.*/bin/python" || true
}

# the sort is stable and the given Python comes first, so it is preferred among equal versions
all=$(candidates | while read -r each; do minor "$each"; done | sort --stable --reverse -n -k1,1)
newest=$(head -n 1 <<<"$all" | cut -d ' ' -f 2-)
if [ "$(cut -d ' ' -f 1 <<<"$all" | uniq | wc -l)" = 1 ]; then
    echo "there is only one Python here:"
fi
echo "$("$newest" --version), $newest"

"$newest" -m venv --without-pip "$work/environment"
bin=$work/environment/bin
"$given" -m pip --python "$bin/python" install --quiet -c constraints.txt .
cd "$work"  # so that nothing is imported from the sources
"$bin/albertlm" --version
"$bin/albertlm" fill-mask "Hello I'm a [MASK] model."
"$bin/albertlm" info
