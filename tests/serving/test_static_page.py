"""The page as a folder: what it holds and refuses, and answers that are those of pipelines."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from commands import Run
from page_server import answer, pipelines, served_folder
from safetensors.numpy import load_file, save_file

from albertlm import AlbertConfig, hub
from albertlm.serving import static_page
from albertlm.serving.static_page import CHECKSUMS, write_page

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

TEXTS = (
    "She painted a small town.",
    "👍🏽 Nobody sold 12 pictures, 1999, of the river - e\u0301te\u0301 日本.",
    "The old fisherman (the doctor) walked to the harbour at night, then got up. " * 4,
)
PAIRS = [{"first": "She painted.", "second": text} for text in TEXTS[:2]]
LABELS = ["river", "town", "river"]

BODIES: dict[str, list[dict[str, Any]]] = {
    "fill-mask": [
        {"inputs": text, "parameters": {"top_k": 5}}
        for text in (
            "She painted a small [MASK].",
            "👍🏽 [MASK] sold [MASK], 1999, e\u0301te\u0301.",
        )
    ],
    "text-classification": [
        *({"inputs": text} for text in TEXTS[:2]),
        {"inputs": {"text": TEXTS[0], "text_pair": TEXTS[1]}},
    ],
    "zero-shot-classification": [
        {"inputs": TEXTS[0], "parameters": {"candidate_labels": labels, "multi_label": several}}
        for labels in (LABELS, LABELS[:1])
        for several in (False, True)
    ],
    "token-classification": [
        {"inputs": text, "parameters": {"aggregation_strategy": "first"}} for text in TEXTS
    ],
    "question-answering": [
        {"inputs": {"question": "Who painted?", "context": text}} for text in (*TEXTS, "\u0e01")
    ],
    "feature-extraction": [{"inputs": list(TEXTS[:2]), "normalize": True}],
    "sentence-similarity": [{"inputs": {"source_sentence": TEXTS[0], "sentences": TEXTS[:2]}}],
    "sentence-order": [{"inputs": pair} for pair in PAIRS],
}


def in_half(source: Path, folder: Path) -> Path:
    """A copy of a model whose weights are those that an export stores."""
    shutil.copytree(source, folder)
    weights = load_file(folder / "model.safetensors")
    rounded = {name: each.astype("float16").astype("float32") for name, each in weights.items()}
    save_file(rounded, folder / "model.safetensors", {"format": "pt"})
    return folder


@pytest.fixture(scope="module")
def models(
    tmp_path_factory: pytest.TempPathFactory,
    tiny_folder: Path,
    tagger: Path,
    reader: Path,
    classifier: Path,
) -> dict[str, Path]:
    """A model for each task that a graph computes."""
    folder = tmp_path_factory.mktemp("models")
    sources = {
        "fill-mask": tiny_folder,
        "text-classification": classifier,
        "token-classification": tagger,
        "question-answering": reader,
    }
    found = {task: in_half(source, folder / task) for task, source in sources.items()}
    return found | dict.fromkeys(("feature-extraction", "sentence-order"), found["fill-mask"])


@pytest.fixture(scope="module")
def pages(
    tmp_path_factory: pytest.TempPathFactory, models: dict[str, Path], node_modules: Path
) -> Path:
    """A folder with a page for each task, and for the model that ships."""
    root = tmp_path_factory.mktemp("pages")
    for name, source in (*models.items(), ("shipped", hub.SHIPPED)):
        (root / name).mkdir()
        task = None if name == "shipped" else name
        write_page(source, root / name, node_modules, name=name, task=task)
    return root


@pytest.fixture(scope="module")
def tab(browser: Browser, pages: Path) -> Iterator[Page]:
    """A tab with a static page, in which models can be opened."""
    with served_folder(pages) as address:
        tab = browser.new_page()
        requests: list[str] = []
        problems: list[str] = []
        tab.on("request", lambda request: requests.append(request.url))
        tab.on("console", lambda message: problems.append(message.text))
        tab.on("pageerror", lambda error: problems.append(str(error)))
        tab.goto(f"{address}/shipped/")
        yield tab
        assert not [each for each in requests if not each.startswith((f"{address}/", "blob:"))]
        assert problems == []
        tab.close()


COMPUTE = """async ({ folder, task, bodies }) => {
  const { LocalModel } = await import(new URL("page/local_model.js", document.baseURI));
  const local = new LocalModel(new URL(`../${folder}/model/model.json`, document.baseURI));
  const [model] = await local.models();
  const found = [];
  for (const body of bodies) found.push(await local.call(model, task, body, () => {}));
  return found;
}"""


@pytest.mark.slow
@pytest.mark.parametrize("task", BODIES)
def test_answers_are_those_of_pipelines(
    task: str, tab: Page, pages: Path, models: Mapping[str, Path]
) -> None:
    described = [
        json.loads((folder / "model" / "model.json").read_text(encoding="utf-8"))
        for folder in pages.iterdir()
        if folder.name in models
    ]
    (folder,) = (each["name"] for each in described if task in each["tasks"])
    found = tab.evaluate(COMPUTE, {"folder": folder, "task": task, "bodies": BODIES[task]})
    made = pipelines(models[folder], [task])[task]
    for body, got in zip(BODIES[task], found, strict=True):
        assert close(got) == close(answer(made, task, body)), body


def close(value: Any) -> Any:
    """A value to compare, with its numbers as they are to be met."""
    match value:
        case dict():
            return {name: close(each) for name, each in value.items()}
        case list():
            return [close(each) for each in value]
        case float():
            return pytest.approx(value, abs=2e-4) if value not in (0, 1) else value
    return value


@pytest.mark.slow
def test_the_shipped_model_in_the_page(tab: Page, pages: Path) -> None:
    tab.get_by_role("textbox", name="Text").fill("The boat crossed the [MASK].")
    tab.get_by_role("button", name="Compute").click()
    tab.locator("#result .bars").wait_for(timeout=120_000)
    expected = pipelines(hub.SHIPPED, ["fill-mask"])["fill-mask"]
    fills: Any = expected("The boat crossed the [MASK].", clean=True)  # type: ignore[operator]
    assert tab.locator(".name").all_inner_texts() == [fill["token_str"] for fill in fills]
    shares = [float(text.rstrip(" %")) for text in tab.locator(".score").all_inner_texts()]
    assert shares == pytest.approx([100 * fill["score"] for fill in fills], abs=0.15)
    size = sum(path.stat().st_size for path in (pages / "shipped").rglob("*") if path.is_file())
    assert f"{size / 1e6:.1f} MB are downloaded" in tab.locator("#facts").inner_text()
    assert tab.locator("#request").is_hidden()


@pytest.mark.slow
def test_what_a_page_refuses_is_told(tab: Page) -> None:
    positions = AlbertConfig.from_pretrained(hub.SHIPPED).max_position_embeddings
    for text, told in (
        ("No mask.", "The text has no [MASK]"),
        ("a [MASK] " * positions, f"but the model reads at most {positions}; shorten it."),
    ):
        tab.get_by_role("textbox", name="Text").fill(text)
        tab.get_by_role("button", name="Compute").click()
        tab.get_by_role("alert").get_by_text(told).wait_for()


@pytest.mark.slow
def test_a_page_from_the_disk_says_so(browser: Browser, pages: Path) -> None:
    tab = browser.new_page()
    tab.goto((pages / "shipped" / "index.html").as_uri())
    tab.get_by_text("This page works only from a web server.").wait_for()
    tab.close()


def test_the_command(run: Run, tmp_path: Path, tiny_folder: Path, node_modules: Path) -> None:
    arguments = ("export", tiny_folder, tmp_path / "page", "--to", "page")
    done = run(*arguments, "--runtime", node_modules, "--json")
    told = json.loads(done.out)
    assert (told["format"], told["task"]) == ("page", "fill-mask")
    model = json.loads((tmp_path / "page" / "model" / "model.json").read_text(encoding="utf-8"))
    assert model["name"] == tiny_folder.name
    assert told["bytes"] == model["download"] > 14_000_000
    assert {path.name for path in (tmp_path / "page" / "runtime").iterdir()} == CHECKSUMS.keys()

    for wrong, expected in (
        ((*arguments[:2], tmp_path / "x", "--to", "page"), "--runtime and --to page belong"),
        ((*arguments[:2], tmp_path / "x", "--runtime", tmp_path), "--runtime and --to page belong"),
        (
            (*arguments[:2], tmp_path / "x", "--to", "page", "--runtime", tmp_path),
            f"run `npm install onnxruntime-web@{static_page.RUNTIME} --ignore-scripts`",
        ),
    ):
        done = run(*wrong)
        assert done.code == 2
        assert expected in done.err
        assert done.err.count("\n") == 1
    assert not (tmp_path / "x").exists()


def test_a_runtime_of_another_version_is_refused(tmp_path: Path, tiny_folder: Path) -> None:
    library = next(iter(CHECKSUMS))
    (tmp_path / library).write_bytes(b"other")
    with pytest.raises(ValueError, match=rf"{library} is not that of onnxruntime-web"):
        write_page(tiny_folder, tmp_path, tmp_path, name="tiny")


def test_what_the_page_cannot_compute_is_refused(
    tmp_path: Path,
    fine_tuned: Callable[..., Path],
    tiny_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(static_page, "_runtime_files", lambda _: [])
    choosing = fine_tuned("AlbertForMultipleChoice")
    with pytest.raises(ValueError, match="does not compute multiple choice in the browser"):
        write_page(choosing, tmp_path, tmp_path, name="choosing")
    with pytest.raises(ValueError, match="task='question-answering-v2' is not allowed"):
        write_page(tiny_folder, tmp_path, tmp_path, name="tiny", task="question-answering-v2")
    with pytest.raises(ValueError, match="holds no trained classifier"):
        write_page(tiny_folder, tmp_path, tmp_path, name="tiny", task="token-classification")
