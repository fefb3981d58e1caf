#!/usr/bin/env bash
# Install the core, without extras, with the newest Python of this machine, and fill a mask; then
# install the inference API and OpenVINO beside it, without PyTorch, and have it fill the mask.
#
#     tools/smoke.sh PYTHON
#
# PYTHON must have pip; it is used if there is no newer Python on the path or under pyenv.
set -euo pipefail
cd "$(dirname "$0")/.."
given=$(realpath --no-symlinks "$1")
work=$(mktemp -d)
server=
trap 'test -z "$server" || kill "$server"; rm -rf "$work"' EXIT
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
sources=$PWD
install() {
    "$given" -m pip --python "$bin/python" install --quiet -c "$sources/constraints.txt" "$1"
}
install "$sources"
cd "$work"  # so that nothing is imported from the sources
"$bin/albertlm" --version
"$bin/albertlm" fill-mask "Hello I'm a [MASK] model."
"$bin/albertlm" info

install "$sources[serve,openvino]"
du -sm "$work/environment" | sed 's/\s.*/ MB are installed/'
"$bin/albertlm" serve --port 0 2> log &
server=$!
"$bin/python" - "$server" <<'PYTHON'
import json
import os
import sys
import time
import urllib.request

while not (lines := [line for line in open("log") if line.startswith("Serving at ")]):
    os.kill(int(sys.argv[1]), 0)  # which fails if the server has ended
    time.sleep(0.1)
address = lines[0].split()[-1]
request = urllib.request.Request(
    f"{address}/pipeline/fill-mask",
    json.dumps({"inputs": "Hello I'm a [MASK] model."}).encode(),
    {"Content-Type": "application/json"},
)
for _ in range(600):
    try:
        print(json.load(urllib.request.urlopen(request))[0])
        break
    except urllib.error.HTTPError as error:
        if error.code != 503:
            raise
        time.sleep(0.1)
else:
    raise SystemExit("the server was not ready in time")
PYTHON
kill -TERM "$server"
wait "$server"  # it ends with 0
server=
