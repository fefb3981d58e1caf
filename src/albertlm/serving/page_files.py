"""The files of the page, and what they may load."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).parent / "page"
"""Of the files: `index.html`, and those that it loads as `page/NAME`."""

INDEX = "index.html"

MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
"""What the files are, by their suffixes."""

POLICY = "default-src 'self'; base-uri 'none'; form-action 'self'"
"""The content security policy: everything comes from one server, and nothing is inline."""


class PageFile(NamedTuple):
    """A file of the page."""

    content: bytes
    media_type: str


def read_files() -> dict[str, PageFile]:
    """All files of the page by their names."""
    return {
        path.name: PageFile(path.read_bytes(), MEDIA_TYPES[path.suffix])
        for path in sorted(FOLDER.iterdir())
        if path.suffix in MEDIA_TYPES
    }


def static_index(model: str) -> str:
    """The text of `index.html` for a page that computes in the browser.

    It holds the policy, which lets WebAssembly run, and a note for those who open it from a disk,
    where no browser runs its scripts.

    Args:
        model: the path of the model's description from `index.html`.
    """
    policy = f"{POLICY}; script-src 'self' 'wasm-unsafe-eval'"
    note = (
        '<p class="note" id="unserved">This page works only from a web server. Run '
        "<code>python -m http.server</code> in its folder, and open "
        '<a href="http://localhost:8000">localhost:8000</a>.</p>'
    )
    text = (FOLDER / INDEX).read_text(encoding="utf-8")
    for mark, added in (
        ('<html lang="en"', f' data-model="{model}"'),
        (
            '<meta charset="utf-8">',
            f'\n  <meta http-equiv="Content-Security-Policy" content="{policy}">',
        ),
        ("</header>", f"\n  {note}"),
    ):
        before, after = text.split(mark)
        text = before + mark + added + after
    return text
