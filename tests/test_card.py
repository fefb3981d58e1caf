"""The snippets of the model card of ALBERT Large v1, with nothing changed but the import line."""

import ast
import functools
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from huggingface_hub import constants

from albertlm import AlbertConfig, AlbertForPreTraining, AlbertTokenizer, hub, pipeline
from albertlm.checkpoints import huggingface
from albertlm.inference.pipelines.fill_mask import FillMask

FILL_MASK = """
from transformers import pipeline
unmasker = pipeline('fill-mask', model='albert-large-v1')
unmasker("Hello I'm a [MASK] model.")
"""

FEATURES = """
from transformers import AlbertTokenizer, AlbertModel
tokenizer = AlbertTokenizer.from_pretrained('albert-large-v1')
model = AlbertModel.from_pretrained("albert-large-v1")
text = "Replace me by any text you'd like."
encoded_input = tokenizer(text, return_tensors='pt')
output = model(**encoded_input)
"""

BIAS = """
from transformers import pipeline
unmasker = pipeline('fill-mask', model='albert-large-v1')
unmasker("The {person} worked as a [MASK].")
"""

ROWS = {
    "Hello I'm a [MASK] model.": [
        (12807, "▁modeling", 0.05816134437918663),
        (23089, "▁modelling", 0.03748830780386925),
        (1061, "▁model", 0.033725276589393616),
        (8014, "▁runway", 0.017313428223133087),
        (29104, "▁lingerie", 0.014405295252799988),
    ],
    "The man worked as a [MASK].": [
        (28744, "▁chauffeur", 0.029577180743217468),
        (29477, "▁janitor", 0.028865724802017212),
        (29024, "▁shoemaker", 0.02581118606030941),
        (21238, "▁blacksmith", 0.01849772222340107),
        (3672, "▁lawyer", 0.01820771023631096),
    ],
    "The woman worked as a [MASK].": [
        (25331, "▁receptionist", 0.04604868218302727),
        (29477, "▁janitor", 0.028220869600772858),
        (23386, "▁paramedic", 0.0261906236410141),
        (28744, "▁chauffeur", 0.024797942489385605),
        (13678, "▁waitress", 0.024124596267938614),
    ],
}
"""What the card prints for `albert-large-v1`."""

SAME_ROWS = ("albert-large-v1", "albert-base-v2", "albert-base-v1", "albert-large-v2")
"""Releases whose cards print these rows; no two of them can have computed the same scores."""


def run(snippet: str) -> tuple[Any, dict[str, Any]]:
    """The value of a snippet's last expression, None if it has none, and its names."""
    assert snippet.count("from transformers import") == 1
    tree = ast.parse(snippet.replace("from transformers import", "from albertlm import"))
    names: dict[str, Any] = {}
    *_, last = tree.body
    if not isinstance(last, ast.Expr):
        exec(compile(tree, "card", "exec"), names)
        return None, names
    tree.body.pop()
    exec(compile(tree, "card", "exec"), names)
    return eval(compile(ast.Expression(last.value), "card", "eval"), names), names


def fill_snapshot(folder: Path, config: AlbertConfig, vocabulary: Path) -> None:
    """The files of the hub's repository, whose weights have no sentence-order head."""
    torch.manual_seed(0)
    state = AlbertForPreTraining(config).state_dict()
    tensors = {name: tensor.numpy() for name, tensor in state.items() if "sop_" not in name}
    huggingface.write(folder, tensors)
    config.save_pretrained(folder, architecture="AlbertForMaskedLM")
    shutil.copy(vocabulary, folder / "spiece.model")


@pytest.fixture(scope="module", params=["tiny", pytest.param("large", marks=pytest.mark.slow)])
def cache(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache of the hub that holds `albert-large-v1`, of the real size where the data is there."""
    cache = tmp_path_factory.mktemp("cache")
    commit = "0123456789012345678901234567890123456789"
    repository = cache / "models--albert-large-v1"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text(commit)
    folder = repository / "snapshots" / commit
    if request.param == "large":
        data = request.getfixturevalue("shared_data")
        config = AlbertConfig.preset("albert-large-v1", initializer_range=0.05)
        fill_snapshot(folder, config, data / "albert-vocab" / "spiece.model")
    else:
        config = request.getfixturevalue("tiny_config")()
        fill_snapshot(folder, config, request.getfixturevalue("tiny_folder") / "spiece.model")
    return cache


@pytest.fixture
def snapshot(cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in the cache, without any network."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    return next(cache.glob("*/snapshots/*"))


@functools.lru_cache(maxsize=1)
def masked_lm(folder: Path) -> transformers.AlbertForMaskedLM:
    return transformers.AlbertForMaskedLM.from_pretrained(folder)


def scores_of_transformers(folder: Path, text: str) -> torch.Tensor:
    """The probability of each token at the mask."""
    ids = torch.tensor([AlbertTokenizer.from_pretrained(folder).encode(text)])
    with torch.inference_mode():
        logits: torch.Tensor = masked_lm(folder)(ids).logits[0]
    return logits[ids[0] == 4].softmax(-1).squeeze(0)


@pytest.mark.parametrize(
    ("snippet", "text"),
    [
        (FILL_MASK, "Hello I'm a [MASK] model."),
        (BIAS.format(person="man"), "The man worked as a [MASK]."),
        (BIAS.format(person="woman"), "The woman worked as a [MASK]."),
    ],
)
def test_a_mask_is_filled(snapshot: Path, snippet: str, text: str) -> None:
    result, _ = run(snippet)
    scores = scores_of_transformers(snapshot, text)
    assert len(result) == 5
    for row, score in zip(result, scores.topk(5).values, strict=True):
        assert list(row) == ["sequence", "score", "token", "token_str"]
        assert row["score"] == pytest.approx(score.item(), rel=1e-4)
        assert row["score"] == pytest.approx(scores[row["token"]].item(), rel=1e-4)
    tokenizer = AlbertTokenizer.from_pretrained(snapshot)
    apostrophe = "'" if "'" in tokenizer.get_vocab() else "<unk>"
    for row in result:
        assert row["token_str"] == tokenizer.convert_ids_to_tokens(row["token"])
        filled = text.lower().replace(" [mask]", row["token_str"].replace("▁", " "))
        assert row["sequence"] == f"[CLS] {filled}[SEP]".replace("'", apostrophe)


def test_the_features_of_a_text(snapshot: Path) -> None:
    _, names = run(FEATURES)
    inputs, output = names["encoded_input"], names["output"]
    assert {name: type(tensor) for name, tensor in inputs.items()} == dict.fromkeys(
        ("input_ids", "token_type_ids", "attention_mask"), torch.Tensor
    )
    with torch.inference_mode():
        expected = transformers.AlbertModel.from_pretrained(snapshot)(**inputs)
    config = names["model"].config
    assert output.last_hidden_state.shape == (*inputs["input_ids"].shape, config.hidden_size)
    for name in ("last_hidden_state", "pooler_output"):
        torch.testing.assert_close(output[name], expected[name], rtol=1e-4, atol=1e-4)


@pytest.fixture
def real_hub() -> None:
    try:
        hub.resolve("albert-large-v1", part="config")
    except OSError as error:
        pytest.skip(str(error))


def largest_error(unmasker: FillMask, texts: list[str]) -> float:
    """How far the scores are from the card's; infinite if a token is another."""
    errors: list[float] = []
    for text in texts:
        result: list[Any] = unmasker(text)
        if [(row["token"], row["token_str"]) for row in result] != [row[:2] for row in ROWS[text]]:
            return float("inf")
        pairs = zip(result, ROWS[text], strict=True)
        errors += [abs(row["score"] - score) for row, (_, _, score) in pairs]
    return max(errors)


@pytest.mark.network
@pytest.mark.usefixtures("real_hub")
def test_the_rows_of_the_card() -> None:
    """All 15 rows, computed with the hub's ids as the card was: `[MASK].` is `[MASK] ▁ .`."""
    errors = {}
    for name in SAME_ROWS:
        tokenizer = AlbertTokenizer.from_pretrained(name, hub_mode=True)
        errors[name] = largest_error(pipeline("fill-mask", name, tokenizer), list(ROWS))
        if errors[name] <= 1e-3:
            return
    pytest.fail(f"the largest difference from the card's scores: {errors}")


@pytest.mark.network
@pytest.mark.usefixtures("real_hub")
def test_the_snippets_on_the_real_model() -> None:
    result, _ = run(FILL_MASK)
    assert [row["score"] for row in result] == sorted(
        (row["score"] for row in result), reverse=True
    )
    _, names = run(FEATURES)
    assert names["model"].loading.new == ()
    assert names["output"].last_hidden_state.shape == (1, 12, 1024)
