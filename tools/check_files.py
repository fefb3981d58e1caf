"""Check files for problems that no other tool reports, and print their lines.

    python tools/check_files.py FILE ...

These are trailing white space, a missing or superfluous line feed at the end of a file, carriage
returns, merge conflict markers, and files of more than a megabyte.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

LIMIT_BYTES = 1 << 20
LARGE = ("src/albertlm/assets/",)
"""Folders in which larger files are allowed."""

AS_IT_IS = ("src/albertlm/assets/", "tests/corpus/gold/", "docs/shipped/")
"""Folders whose texts are not checked: references for tests and generated files."""

_CONFLICT = re.compile(rb"(<{7}|\|{7}|>{7}) |={7}$")


def problems(name: str, content: bytes) -> Iterator[str]:
    """Yield the problems of a file.

    Args:
        name: the path of the file, relative to the root of the project.
        content: the content of the file; it is not text if it contains a zero byte.
    """
    if len(content) > LIMIT_BYTES and not name.startswith(LARGE):
        yield f"{name}: {len(content):,} bytes; more than {LIMIT_BYTES:,} do not belong here"
    if b"\0" in content or not content or name.startswith(AS_IT_IS):
        return
    for number, line in enumerate(content.split(b"\n"), start=1):
        if line != line.rstrip():
            yield f"{name}:{number}: trailing white space"
        if _CONFLICT.match(line):
            yield f"{name}:{number}: a merge conflict marker"
    if not content.endswith(b"\n"):
        yield f"{name}: no line feed at the end"
    if content.endswith(b"\n\n"):
        yield f"{name}: an empty line at the end"


def main() -> None:
    found = [
        problem
        for name in sys.argv[1:]
        if Path(name).is_file()
        for problem in problems(name, Path(name).read_bytes())
    ]
    print(*found, sep="\n", end="\n" if found else "")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
