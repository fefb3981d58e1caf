"""Extraction of prose from wikitext: albertlm against wikiextractor and mwparserfromhell.

Gold pages: the sentences of 12 pages compared with texts that were written by hand before the
extractor (`tests/corpus/gold`), as multisets and ignoring differences in white space; all outputs
are split by the same splitter. Dump sample: the markup left in the text of a real dump, and lines
that were list items, table rows or headings of the page. Speed: the CPU time of one process, from
the XML of a dump to text for albertlm and wikiextractor, or for the markup alone where stated; the
ratio is the time of each relative to albertlm's for the same work.

wikiextractor 3.1.0 runs with its default options (`--json`, one process, without HTML escapes) in a
separate environment. The dump contains no template pages that it could expand, and its time for an
empty dump is subtracted. For mwparserfromhell, `strip_code()` is used. Titles and headings are
removed from all outputs before sentences are compared.
"""

from __future__ import annotations

import importlib.util
import json
import re
import resource
import statistics
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import common
import wikitext_peers as peers
from albertlm.corpus.formats import dump
from albertlm.corpus.sentences import split_sentences

DUMP = common.DATA / "wikipedia-dump" / "enwiki-sample-pages-articles.xml.bz2"
GOLD = Path(__file__).parents[1] / "tests" / "corpus" / "gold"
ROUNDS = 5
OURS = {"mwparserfromhell, markup alone": "albertlm, markup alone"}  # the reference of each
COPIES = 5  # of the articles of the dump sample, for measuring speed

RESIDUE = re.compile(r"\{\{|\}\}|\[\[|\]\]|\{\||\|\}|==+|'''|<ref")
LIST_OR_TABLE = re.compile(r"^\s*(?:[*#:;]+|\|[-+}]?|!)(.*)$", re.MULTILINE)
HEADING = re.compile(r"^(=+)(.*?)\1\s*$", re.MULTILINE)
NOT_WORDS = re.compile(
    r"<!--.*?-->|<ref[^>]*/>|<ref.*?</ref>|\{\{[^{}]*\}\}|\[\[[^\[\]|]*\||\[\w+:\S+|<[^<>]*>|&\w+;"
)


def main() -> None:
    common.require_data(DUMP)
    extractors: dict[str, peers.Extractor] = {"albertlm": peers.albertlm}
    packages, left_out = ["sentencex"], {}
    if (reason := peers.install_wikiextractor()) is None:
        extractors["wikiextractor"] = peers.wikiextractor
    else:
        left_out["wikiextractor"] = reason
    if importlib.util.find_spec("mwparserfromhell"):
        extractors["mwparserfromhell"] = peers.mwparserfromhell
        packages.append("mwparserfromhell")
    else:
        left_out["mwparserfromhell"] = "not installed"

    measurements = {
        **{f"{name} left out": reason for name, reason in left_out.items()},
        **gold_scores(extractors),
        "dump sample": {name: residue(run) for name, run in extractors.items()},
        "speed": speeds(extractors),
    }
    print(json.dumps(measurements, indent=2))
    common.record("wikitext", measurements, packages)


# ----------------------------------------------------------------------------- gold pages


def gold_scores(extractors: dict[str, peers.Extractor]) -> dict[str, object]:
    """The precision, recall and F1 of sentences over all pages, and the F1 of each page."""
    files = sorted(GOLD.glob("*.wiki"))
    pages = [(as_title(path), path.read_text(encoding="utf-8")) for path in files]
    gold = [path.with_suffix(".txt").read_text(encoding="utf-8") for path in files]
    wanted = [Counter(line for line in text.split("\n") if line) for text in gold]
    found = {
        name: [sentences(page, text) for page, text in zip(pages, run(pages), strict=True)]
        for name, run in extractors.items()
    }
    together = {name: score(wanted, got) for name, got in found.items()}
    by_page = {
        page[0]: {name: score([wanted[at]], [got[at]])["F1"] for name, got in found.items()}
        for at, page in enumerate(pages)
    }
    return {"gold pages": together, "F1 of each gold page": by_page}


def sentences(page: peers.Page, text: str) -> Counter[str]:
    """The sentences of a page's text, without its title and headings."""
    left_out = heading_words(page)
    kept = "\n".join(line for line in text.split("\n") if words(line) not in left_out)
    return Counter(sentence for part in split_sentences(kept, "en") for sentence in part)


def score(wanted: Sequence[Counter[str]], found: Sequence[Counter[str]]) -> dict[str, float]:
    right = sum((gold & got).total() for gold, got in zip(wanted, found, strict=True))
    expected = sum(gold.total() for gold in wanted)
    given = sum(got.total() for got in found)
    return {
        "precision": round(right / max(given, 1), 4),
        "recall": round(right / expected, 4),
        "F1": round(2 * right / (given + expected), 4),
    }


# ---------------------------------------------------------------------------- dump sample


def residue(run: peers.Extractor) -> dict[str, float]:
    """The markup left in the text of the articles of the dump sample."""
    pages = list(peers.dump_articles(DUMP))
    texts = run(pages)
    characters = sum(map(len, texts))
    marks = sum(len(mark) for text in texts for mark in RESIDUE.findall(text))
    return {
        "articles": len(pages),
        "characters": characters,
        "markup characters per 100,000": round(100_000 * marks / characters, 2),
        "list items and table cells": sum(map(items_and_cells, pages, texts)),
        "headings": sum(map(headings, pages, texts)),
    }


def items_and_cells(page: peers.Page, text: str) -> int:
    """The number of lines of the text that are list items or rows or cells of tables."""
    found = set()
    for line in LIST_OR_TABLE.findall(page[1]):
        cells = re.split(r"\|\||!!", line)
        found |= {words(line), *(words(without_attributes(cell)) for cell in cells)}
    return lines_among(found - heading_words(page), text)


def headings(page: peers.Page, text: str) -> int:
    """The number of lines of the text that are the page's title or a heading."""
    return lines_among(heading_words(page), text)


def lines_among(found: set[str], text: str) -> int:
    keys = {key for key in found if len(key) > 2}
    return sum(words(line) in keys for line in text.split("\n"))


def heading_words(page: peers.Page) -> set[str]:
    title, wikitext = page
    return {words(heading) for _, heading in HEADING.findall(wikitext)} | {words(title)}


def without_attributes(cell: str) -> str:
    """The content of a table cell, which follows the first bar outside of links and templates."""
    return re.sub(r"^[^\[{|]*\|(?!\|)", "", cell)


def words(line: str) -> str:
    """The letters and digits of a line of text or wikitext."""
    while (shorter := NOT_WORDS.sub("", line)) != line:
        line = shorter
    return "".join(filter(str.isalnum, line))


# ---------------------------------------------------------------------------------- speed


def speeds(extractors: dict[str, peers.Extractor]) -> dict[str, dict[str, float]]:
    """The MB of wikitext per CPU second, on `COPIES` of the articles of the dump sample."""
    pages = list(peers.dump_articles(DUMP)) * COPIES
    megabytes = sum(len(wikitext.encode()) for _, wikitext in pages) / 1e6
    with tempfile.TemporaryDirectory() as folder:
        path, empty = Path(folder) / "dump.xml", Path(folder) / "empty.xml"
        path.write_text(peers.as_dump(pages), encoding="utf-8")
        empty.write_text(peers.as_dump([]), encoding="utf-8")
        runs: dict[str, Callable[[], object]] = {
            "albertlm": lambda: [list(dump.read(span)) for span in dump.spans(str(path))],
            "albertlm, markup alone": lambda: peers.albertlm(pages),
        }
        if "wikiextractor" in extractors:
            runs["wikiextractor"] = lambda: peers.run_wikiextractor(path)
            runs["an empty dump"] = lambda: peers.run_wikiextractor(empty)
        if "mwparserfromhell" in extractors:
            runs["mwparserfromhell, markup alone"] = lambda: peers.mwparserfromhell(pages)
        seconds = cpu_medians(runs)
    if "wikiextractor" in seconds:
        seconds["wikiextractor"] -= seconds.pop("an empty dump")
    return {
        name: {
            "MB of wikitext a CPU second": round(megabytes / each, 2),
            "ratio": round(each / seconds[OURS.get(name, "albertlm")], 2),
        }
        for name, each in seconds.items()
    }


def cpu_medians(runs: dict[str, Callable[[], object]]) -> dict[str, float]:
    """The median CPU seconds of each, with child processes, run alternately after a warm-up."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(ROUNDS + 1):
        for name, run in runs.items():
            start = cpu_seconds()
            run()
            seconds[name].append(cpu_seconds() - start)
    return {name: statistics.median(times[1:]) for name, times in seconds.items()}


def cpu_seconds() -> float:
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def as_title(path: Path) -> str:
    return path.stem.replace("_", " ").capitalize()


if __name__ == "__main__":
    main()
