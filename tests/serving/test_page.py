"""The page in a browser: every task, the keyboard, a telephone, and what goes wrong."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from page_server import TOKEN, PageServer, answer, pipelines, served

from albertlm.serving.page_files import FOLDER

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.slow

EMOJI = "👍🏽 e\u0301te\u0301 👨‍👩‍👧 Nobody painted the river, then got up."
WORDS = "The old fisherman walked to the river."

FIELDS: dict[str, dict[str, str]] = {
    "fill-mask": {"Text": "👍🏽 e\u0301te\u0301 [MASK] walked to the [MASK]."},
    "question-answering": {"Question": "Who painted?", "Context": EMOJI},
    "text-classification": {"Text": WORDS, "Second text": "She painted."},
    "zero-shot-classification": {"Text": WORDS, "Labels": "river, town,boats"},
    "token-classification": {"Text": EMOJI},
    "feature-extraction": {"Texts": f"{WORDS}\n{EMOJI}\n\nShe painted."},
    "sentence-similarity": {"Sentence": WORDS, "Others": f"{EMOJI}\nShe painted."},
    "sentence-order": {"First text": WORDS, "Second text": "She painted."},
    "multiple-choice": {"Context": WORDS, "Choices": "wet\ndry"},
}


@pytest.fixture(scope="module")
def server(
    tiny_folder: Path, tagger: Path, reader: Path, classifier: Path, fine_tuned: Any
) -> PageServer:
    """A server of a model for each task."""
    choosing = fine_tuned("AlbertForMultipleChoice")
    models = {
        "small": (
            tiny_folder,
            ("fill-mask", "feature-extraction", "sentence-order", "sentence-similarity"),
        ),
        "me/reader": (reader, ("question-answering",)),
        "me/nli": (classifier, ("text-classification", "zero-shot-classification")),
        "me/tagger": (tagger, ("token-classification",)),
        "me/choosing": (choosing, ("multiple-choice",)),
    }
    made = {name: pipelines(folder, tasks) for name, (folder, tasks) in models.items()}
    card = [{"text": "Nobody [MASK] the river."}, {"text": "no mask"}, {"text_pair": "x"}]
    return PageServer(made, {"small": {"max_length": 64, "examples": card}})


@pytest.fixture(scope="module")
def address(server: PageServer) -> Iterator[str]:
    with served(server.app) as address:
        yield address


@pytest.fixture
def tab(browser: Browser, server: PageServer, address: str) -> Iterator[Page]:
    """A tab in which no request leaves the server, and nothing is written to the console."""
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    tab = context.new_page()
    requests: list[str] = []
    problems: list[str] = []
    tab.on("request", lambda request: requests.append(request.url))
    tab.on("console", lambda message: problems.append(message.text))
    tab.on("pageerror", lambda error: problems.append(str(error)))
    server.locked, server.busy = False, 0
    yield tab
    assert requests
    assert not [each for each in requests if not each.startswith(f"{address}/")]
    # a refusal is written to the console by the browser itself
    refusals = re.compile("Failed to load resource: .*(status of 4|status of 503|ERR_FAILED)")
    assert not [each for each in problems if not refusals.match(each)]
    context.close()


def visit(tab: Page, address: str, server: PageServer, task: str) -> Any:
    """Open a task, fill in its fields, and compute it; returns its pipeline."""
    name = next(name for name, tasks in server.models.items() if task in tasks)
    tab.goto(f"{address}/#model={name}&task={task}")
    for label, text in FIELDS[task].items():
        tab.get_by_label(label, exact=True).fill(text)
    compute(tab)
    return server.models[name][task]


def compute(tab: Page) -> None:
    """Press the button, and wait for a result."""
    tab.get_by_role("button", name="Compute").click()
    tab.locator("#result:not([aria-busy]) > :not(.hint)").first.wait_for()


def rows(tab: Page) -> dict[str, float]:
    """The names and the scores of all bars."""
    names = tab.locator(".bars .name").all_inner_texts()
    scores = [float(text.rstrip(" %")) / 100 for text in tab.locator(".score").all_inner_texts()]
    return dict(zip(names, scores, strict=True))


def near(expected: dict[str, float]) -> Any:
    return pytest.approx(expected, abs=6e-4)


def test_masks_are_filled(tab: Page, address: str, server: PageServer) -> None:
    fill = visit(tab, address, server, "fill-mask")
    found: Any = fill(FIELDS["fill-mask"]["Text"], clean=True)
    sentence = "👍🏽 e\u0301te\u0301 {} walked to the {}."
    best, second = found[0], found[1]
    words = best[0]["token_str"], second[0]["token_str"]
    assert tab.locator(".text").inner_text() == sentence.format(*words)
    lists = tab.get_by_role("list")
    for of_mask, shown in zip(found, lists.all(), strict=True):
        assert shown.locator(".name").all_inner_texts() == [each["token_str"] for each in of_mask]
    other = best[2]["token_str"]
    lists.first.get_by_role("button").nth(2).click()
    assert tab.locator(".text").inner_text() == sentence.format(other, words[1])
    assert lists.first.locator("[aria-pressed=true] .name").all_inner_texts() == [other]


def test_an_answer_is_marked_in_its_context(tab: Page, address: str, server: PageServer) -> None:
    ask = visit(tab, address, server, "question-answering")
    found: Any = ask(question="Who painted?", context=EMOJI)
    assert found["start"] > 4
    assert tab.locator("mark").inner_text() == found["answer"]
    assert tab.locator(".text").inner_text() == EMOJI
    assert rows(tab) == near({found["answer"]: found["score"]})


def test_entities_are_chips_in_their_text(tab: Page, address: str, server: PageServer) -> None:
    find = visit(tab, address, server, "token-classification")
    found: Any = find(EMOJI)
    assert found
    chips = tab.locator("mark").all_inner_texts()
    assert chips == [f"{each['word']}{each['entity_group']}" for each in found]
    shown = tab.locator(".text").evaluate(
        "(text) => { for (const kind of text.querySelectorAll('.kind')) kind.remove();"
        " return text.textContent; }"
    )
    assert shown == EMOJI


@pytest.mark.parametrize("several", [False, True])
def test_labels_of_ones_own(several: bool, tab: Page, address: str, server: PageServer) -> None:
    classify = visit(tab, address, server, "zero-shot-classification")
    if several:
        tab.get_by_label("Several labels may apply").check()
        compute(tab)
        tab.locator("#code", has_text='"multi_label":true').wait_for()
    found: Any = classify(WORDS, ["river", "town", "boats"], multi_label=several)
    expected = {each["label"]: each["score"] for each in found}
    if several:
        tab.locator(".score", has_text=f"{100 * found[0]['score']:.1f} %").first.wait_for()
    assert rows(tab) == near(expected)


def test_other_tasks_have_bars(tab: Page, address: str, server: PageServer) -> None:
    classify = visit(tab, address, server, "text-classification")
    pair = {"text": WORDS, "text_pair": "She painted."}
    expected = {each["label"]: each["score"] for each in classify(pair, top_k=None)}
    assert rows(tab) == near(expected)

    order = visit(tab, address, server, "sentence-order")
    score = order(WORDS, "She painted.")
    tab.locator(".name", has_text="in order").wait_for()
    assert rows(tab) == near({"in order": score, "swapped": 1 - score})

    choose = visit(tab, address, server, "multiple-choice")
    tab.get_by_label("Question", exact=True).fill("It is _.")
    compute(tab)
    asked = {"context": WORDS, "question": "It is _.", "choices": ["wet", "dry"]}
    expected = {each["choice"]: each["score"] for each in choose(asked)}
    tab.locator(".score", has_text=f"{100 * max(expected.values()):.1f} %").wait_for()
    assert rows(tab) == near(expected)


def test_similarities(tab: Page, address: str, server: PageServer) -> None:
    extract = visit(tab, address, server, "feature-extraction")
    texts = [WORDS, EMOJI, "She painted."]
    one, other, third = extract(texts, pooling="mean", normalize=True)
    cells = [float(text) for text in tab.locator("tbody td").all_inner_texts()]
    expected = [float(x @ y) for x in (one, other, third) for y in (one, other, third)]
    assert cells == pytest.approx(expected, abs=6e-3)
    assert tab.get_by_role("rowheader").all_inner_texts() == [
        f"{number} {text}" for number, text in enumerate(texts, 1)
    ]
    assert tab.get_by_role("img").get_by_text(re.compile("^[1-3]$")).count() == 3

    visit(tab, address, server, "sentence-similarity")
    tab.locator(".bars").wait_for()
    scores = [float(text) for text in tab.locator(".score").all_inner_texts()]
    assert scores == pytest.approx([float(one @ other), float(one @ third)], abs=6e-4)
    assert tab.locator(".bars .name").all_inner_texts() == texts[1:]


def test_the_keyboard_is_enough(tab: Page, address: str, server: PageServer) -> None:
    tab.goto(address)
    tab.locator("#fields textarea").wait_for()
    seen = []
    for _ in range(6):
        tab.keyboard.press("Tab")
        seen.append(tab.evaluate("document.activeElement.id || document.activeElement.value"))
        assert tab.evaluate("document.activeElement.matches(':focus-visible')")
    assert seen[:4] == ["model", "fill-mask", "mask", "field-text"]
    tab.keyboard.press("Shift+Tab")
    tab.keyboard.press("Shift+Tab")
    tab.keyboard.press("Control+a")
    tab.keyboard.type("Nobody walked to ")
    tab.keyboard.press("Shift+Tab")
    tab.keyboard.press("Enter")
    assert tab.locator("#field-text").input_value() == "Nobody walked to [MASK]"
    tab.keyboard.type(".")
    tab.keyboard.press("Control+Enter")
    tab.locator(".text mark").wait_for()
    assert tab.locator(".text").inner_text().startswith("Nobody walked to ")


def test_every_task_is_accessible_dark_and_light_and_on_a_telephone(
    tab: Page, address: str, server: PageServer, node_modules: Path
) -> None:
    axe = (node_modules / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
    lightness = "Number(getComputedStyle(document.body).backgroundColor.match(/[0-9]+/)[0])"
    for task in FIELDS:
        tab.set_viewport_size({"width": 1200, "height": 900})
        tab.emulate_media(color_scheme="light")
        visit(tab, address, server, task)
        tab.evaluate(f"window.axe === undefined && (() => {{ {axe} }})()")
        assert_accessible(tab, "{}", task)
        assert tab.evaluate(lightness) > 200
        tab.emulate_media(color_scheme="dark")
        assert tab.evaluate(lightness) < 60
        assert_accessible(tab, '{ runOnly: ["color-contrast"] }', task)
        tab.set_viewport_size({"width": 360, "height": 740})
        assert tab.evaluate("document.documentElement.scrollWidth") == 360, task
        assert_accessible(tab, '{ runOnly: ["target-size"] }', task)


def assert_accessible(tab: Page, rules: str, task: str) -> None:
    """Let axe look for violations; it must have found something to look at."""
    found = tab.evaluate(f"axe.run({rules})")
    violations = [(each["id"], each["nodes"][0]["html"]) for each in found["violations"]]
    assert violations == [], task
    assert found["passes"], task


def test_examples_of_the_card_come_before_built_in_ones(
    tab: Page, address: str, server: PageServer
) -> None:
    tab.goto(address)
    examples = tab.get_by_role("group", name="Examples").get_by_role("button")
    examples.first.wait_for()
    assert examples.all_inner_texts() == ["Nobody [MASK] the river."]
    assert tab.locator("#facts").inner_text() == "reads up to 64 tokens"
    examples.first.click()
    tab.locator(".text mark").wait_for()
    tab.get_by_role("radio", name="Put in order").check(force=True)
    tab.locator("#examples", has_text="She opened the door.").wait_for()
    tab.get_by_label("Model").select_option("me/tagger")
    tab.get_by_label("Text", exact=True).wait_for()
    assert tab.title() == "me/tagger · albertlm"


def test_a_link_shows_the_same(
    tab: Page, address: str, server: PageServer, browser: Browser
) -> None:
    visit(tab, address, server, "question-answering")
    expected = tab.locator("#result").inner_text()
    tab.get_by_role("button", name="Copy link").click()
    tab.get_by_role("button", name="Copied").wait_for()
    link = tab.evaluate("navigator.clipboard.readText()")
    assert link.startswith(f"{address}/#model=me%2Freader&task=question-answering&")
    other = browser.new_page()
    other.goto(link)
    other.locator("#result mark").wait_for()
    assert other.locator("#result").inner_text() == expected
    other.evaluate("void (navigator.clipboard.writeText = () => Promise.reject(new Error()))")
    other.get_by_role("button", name="Copy link").click()
    other.get_by_role("button", name="Copying is not allowed here").wait_for()
    other.close()


def test_a_token_is_asked_for_and_kept(tab: Page, address: str, server: PageServer) -> None:
    server.locked = True
    tab.goto(address)
    for token, shown in (("wrong", "#status"), (TOKEN, "#purpose")):
        tab.get_by_label("Token", exact=True).fill(token)
        tab.get_by_role("button", name="Continue").click()
        tab.locator(shown, has_text=re.compile("token|MASK")).wait_for()
    assert tab.get_by_label("Token", exact=True).is_hidden()
    assert "Bearer $TOKEN" in tab.locator("#code").inner_text()
    assert TOKEN not in tab.locator("body").inner_text()
    tab.reload()
    compute(tab)
    tab.evaluate("sessionStorage.clear()")
    tab.get_by_role("button", name="Compute").click()
    tab.get_by_label("Token", exact=True).fill(TOKEN)
    tab.get_by_role("button", name="Continue").click()
    tab.locator(".text mark").wait_for()


def test_a_loading_model_is_waited_for(tab: Page, address: str, server: PageServer) -> None:
    server.models, models = {"small": {}}, server.models
    server.facts["small"]["state"] = "loading"
    try:
        tab.goto(address)
        tab.get_by_text("The model is loading.").wait_for()
    finally:
        server.models = models
        del server.facts["small"]["state"]
    tab.locator("#fields textarea").wait_for()
    server.busy = 1
    tab.get_by_role("button", name="Compute").click()
    tab.get_by_role("status").get_by_text("The model is loading…").wait_for()
    tab.locator(".text mark").wait_for()


def test_an_answer_that_comes_late_is_not_shown(
    tab: Page, address: str, server: PageServer
) -> None:
    tab.goto(address)
    tab.locator("#fields textarea").wait_for()
    server.busy = 1_000_000
    tab.get_by_role("button", name="Compute").click()
    tab.get_by_role("status").get_by_text("The model is loading…").wait_for()
    tab.get_by_role("radio", name="Put in order").check(force=True)
    tab.get_by_text("The result will be shown here.").wait_for()
    assert tab.get_by_role("status").inner_text() == ""
    server.busy = 0
    compute(tab)
    assert tab.locator(".bars .name").all_inner_texts() == ["in order", "swapped"]


def test_problems_are_told(tab: Page, address: str, server: PageServer) -> None:
    tab.goto(address)
    text = tab.get_by_label("Text", exact=True)
    text.fill("no mask")
    tab.get_by_role("button", name="Compute").click()
    tab.get_by_role("alert").get_by_text("has no [MASK]").wait_for()
    text.fill("  ")
    assert text.evaluate("(field) => field.validationMessage") == "Enter a text."
    tab.goto(f"{address}/#task=feature-extraction")
    texts = tab.get_by_label("Texts", exact=True)
    texts.fill("one\n\n")
    assert texts.evaluate("(field) => field.validationMessage") == "Enter 2 lines or more."
    tab.route("**/pipeline/*", lambda route: route.abort())
    texts.fill("one\ntwo")
    tab.get_by_role("button", name="Compute").click()
    tab.get_by_role("alert").get_by_text("The server cannot be reached.").wait_for()


@pytest.mark.parametrize(
    ("language", "program"),
    [("curl", "sh"), ("Python", sys.executable), ("JavaScript", "node")],
)
def test_a_request_runs_as_a_program(
    language: str,
    program: str,
    tab: Page,
    address: str,
    server: PageServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    needed = "curl" if language == "curl" else program
    if shutil.which(needed) is None:
        pytest.skip(f"{needed} is missing")
    text = 'It\'s "Nobody" [MASK] 👍🏽 \\ the river.'
    tab.goto(address)
    tab.get_by_label("Text", exact=True).fill(text)
    tab.get_by_role("radio", name=language).check(force=True)
    tab.get_by_role("button", name="Copy request").click()
    tab.get_by_role("button", name="Copied").wait_for()
    file = tmp_path / "request.mjs"
    file.write_text(tab.evaluate("navigator.clipboard.readText()"), encoding="utf-8")
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    done = subprocess.run([program, file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    body = {"inputs": text, "parameters": {"top_k": 5}}
    for fill in answer(server.models["small"]["fill-mask"], "fill-mask", body):
        assert str(fill["score"])[:6] in done.stdout


def test_the_modules_are_small() -> None:
    for file in FOLDER.glob("*.js"):
        assert len(file.read_text(encoding="utf-8").splitlines()) <= 300, file
