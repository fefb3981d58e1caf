"""The extractors that `wikitext.py` compares, as functions from pages to texts."""

from __future__ import annotations

import bz2
import html
import json
import subprocess
import sys
import tempfile
import venv
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from xml.sax.saxutils import escape

from albertlm.corpus.wikitext import extract

PEER = "wikiextractor==3.1.0"
CACHE = Path(tempfile.gettempdir()) / "albertlm-benchmarks"
DUMP_HEAD = """<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.10/" xml:lang="en">
  <siteinfo>
    <sitename>Wikipedia</sitename>
    <base>https://en.wikipedia.org/wiki/Main_Page</base>
    <namespaces>
      <namespace key="0" case="first-letter" />
      <namespace key="6" case="first-letter">File</namespace>
      <namespace key="10" case="first-letter">Template</namespace>
      <namespace key="14" case="first-letter">Category</namespace>
    </namespaces>
  </siteinfo>"""
PAGE = """  <page>
    <title>{1}</title>
    <ns>0</ns>
    <id>{0}</id>
    <revision>
      <id>{0}</id>
      <model>wikitext</model>
      <format>text/x-wiki</format>
      <text xml:space="preserve">{2}</text>
    </revision>
  </page>"""

Page = tuple[str, str]  # title, wikitext
Extractor = Callable[[Sequence[Page]], list[str]]


def albertlm(pages: Sequence[Page]) -> list[str]:
    return [extract(wikitext, title=title) for title, wikitext in pages]


def mwparserfromhell(pages: Sequence[Page]) -> list[str]:
    import mwparserfromhell

    return [mwparserfromhell.parse(wikitext).strip_code() for _, wikitext in pages]


def wikiextractor(pages: Sequence[Page]) -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "dump.xml"
        path.write_text(as_dump(pages), encoding="utf-8")
        lines = run_wikiextractor(path).splitlines()
    documents = {int(document["id"]): document["text"] for document in map(json.loads, lines)}
    return [html.unescape(documents.get(number, "")) for number in range(1, len(pages) + 1)]


def run_wikiextractor(path: Path) -> str:
    command = [str(environment() / "bin" / "wikiextractor"), str(path), "--json", "--quiet"]
    command += ["--processes", "1", "--html-safe", "", "--output", "-"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def install_wikiextractor() -> str | None:
    """Install the peer into a separate environment; return why this failed, or None.

    Its licence excludes it from the project's environment.
    """
    if (environment() / "bin" / "wikiextractor").exists():
        return None
    venv.create(environment(), with_pip=True, clear=True)
    command = [str(environment() / "bin" / "python"), "-m", "pip", "install", "--quiet", PEER]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    return None if done.returncode == 0 else f"pip install {PEER} failed"


def environment() -> Path:
    return CACHE / f"{PEER}-{sys.version_info.major}.{sys.version_info.minor}"


def dump_articles(path: Path) -> Iterator[Page]:
    """Yield the titles and texts of a dump's articles, without redirects."""
    title, redirect = "", False
    with bz2.open(path) as file:
        for _, element in ET.iterparse(file):
            match element.tag.rpartition("}")[2]:
                case "title":
                    title, redirect = element.text or "", False
                case "redirect":
                    redirect = True
                case "text" if not redirect:
                    yield title, element.text or ""
                case "page":
                    element.clear()


def as_dump(pages: Sequence[Page]) -> str:
    """A dump of the pages, numbered from 1, in the format that the peer reads."""
    numbered = enumerate(pages, start=1)
    body = (PAGE.format(number, *map(escape, page)) for number, page in numbered)
    return "\n".join([DUMP_HEAD, *body, "</mediawiki>\n"])
