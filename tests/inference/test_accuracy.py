"""The limit of int8: what is measured, when it is refused, and that it is measured once."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from fill_calls import fills

from albertlm import AlbertConfig, AlbertModel, AlbertTokenizer, hub, pipeline, storage
from albertlm.export import package
from albertlm.inference import accuracy, heads
from albertlm.inference.accuracy import Agreement, fingerprint, measure, require, require_export
from albertlm.inference.arithmetic import Floats
from albertlm.inference.engines.base import Engine, TokenizedText
from albertlm.inference.engines.numpy import NumpyEngine
from albertlm.inference.engines.onnx import OnnxEngine


class Noisy:
    """An engine with noise, which keeps the texts that it was given."""

    def __init__(self, engine: Engine, noise: float) -> None:
        self.config, self.parameters = engine.config, engine.parameters
        self.engine, self.noise = engine, noise
        self.texts: list[TokenizedText] = []

    def states(
        self,
        texts: Sequence[TokenizedText],
        positions: Sequence[Sequence[int]] | None = None,
        depth: int | None = None,
    ) -> list[Floats]:
        self.texts += texts
        random = np.random.default_rng(len(self.texts))
        return [
            x_TD + self.noise * random.normal(size=x_TD.shape).astype(np.float32)
            for x_TD in self.engine.states(texts, positions, depth)
        ]


@pytest.fixture(autouse=True)
def few_masks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(measure, "__kwdefaults__", {"masks": 300, "features": 30})
    monkeypatch.setenv("ALBERTLM_CACHE", str(tmp_path / "cache"))


def test_an_engine_agrees_with_itself_and_less_with_more_noise(
    tiny_folder: Path, tiny_sentences: list[str]
) -> None:
    engine = NumpyEngine.from_folder(tiny_folder)
    tokenizer = AlbertTokenizer.from_pretrained(tiny_folder)
    found = [
        measure(Noisy(engine, noise), engine, tokenizer, tiny_sentences) for noise in (0, 0.3, 3)
    ]
    masks = [each.masks or 0 for each in found]
    assert masks[0] == 1
    assert found[0].cosine == pytest.approx(1)
    assert masks == sorted(masks, reverse=True)
    assert found[2].cosine < found[1].cosine < 1


def test_masks_are_many_and_differ(tiny_folder: Path, tiny_sentences: list[str]) -> None:
    engine = NumpyEngine.from_folder(tiny_folder)
    tokenizer = AlbertTokenizer.from_pretrained(tiny_folder)
    noisy = Noisy(engine, 0)
    measure(noisy, engine, tokenizer, tiny_sentences[:20])
    masks = [text.input_ids.count(tokenizer.mask_token_id) for text in noisy.texts]
    tokens = sum(len(text.input_ids) - 2 for text in noisy.texts)
    assert sum(masks) >= 300
    assert len(masks) >= 30
    assert 0.13 < sum(masks) / tokens < 0.17
    assert len({tuple(text.input_ids) for text in noisy.texts}) == len(noisy.texts)
    assert max(len(text.input_ids) for text in noisy.texts) == accuracy.LONGEST


def test_a_backbone_is_judged_by_its_features(
    tmp_path: Path, tiny_config: Callable[..., AlbertConfig], tiny_tokenizer: AlbertTokenizer
) -> None:
    AlbertModel(tiny_config()).save_pretrained(tmp_path)
    engine = NumpyEngine.from_folder(tmp_path)
    found = measure(engine, engine, tiny_tokenizer, ["one sentence of some words"])
    assert found.masks is None
    found.check("int8")
    with pytest.raises(ValueError, match=r"sentences=\[''\] is not allowed; it must be a text"):
        measure(engine, engine, tiny_tokenizer, [""])


@pytest.mark.parametrize("kind", ["Sequence", "Token"])
def test_a_classifier_is_judged_by_its_labels(
    kind: str,
    fine_tuned: Callable[..., Path],
    tiny_tokenizer: AlbertTokenizer,
    tiny_sentences: list[str],
) -> None:
    folder = fine_tuned(f"AlbertFor{kind}Classification", labels=("a", "b", "c"))
    engine = NumpyEngine.from_folder(folder)
    same = measure(engine, engine, tiny_tokenizer, tiny_sentences)
    assert (same.masks, same.labels) == (None, 1)
    same.check("int8")
    noisy = Noisy(engine, 2)
    found = measure(noisy, engine, tiny_tokenizer, tiny_sentences)
    assert all(tiny_tokenizer.mask_token_id not in text.input_ids for text in noisy.texts)
    # what the heads of the model itself say of the same states
    model = getattr(transformers, f"AlbertFor{kind}Classification").from_pretrained(folder).eval()
    again, same_labels = Noisy(engine, 2), []
    for start in range(0, len(noisy.texts), accuracy.BATCH_SIZE):
        texts = noisy.texts[start : start + accuracy.BATCH_SIZE]
        for states in zip(again.states(texts), engine.states(texts), strict=True):
            ours, theirs = map(torch.tensor, states)
            with torch.no_grad():
                if kind == "Sequence":
                    ours, theirs = (torch.tanh(model.albert.pooler(x[:1])) for x in (ours, theirs))
                ours, theirs = (model.classifier(x).argmax(-1) for x in (ours, theirs))
            same_labels += (ours == theirs).tolist()
    assert found.labels == pytest.approx(np.mean(same_labels), abs=1e-3)
    assert found.labels is not None
    assert found.labels < 0.98
    with pytest.raises(ValueError, match=r"int8 is too .*% equal labels \(98% are needed\); use"):
        found.check("int8")


def test_a_regression_has_no_labels(
    fine_tuned: Callable[..., Path], tiny_tokenizer: AlbertTokenizer
) -> None:
    folder = fine_tuned("AlbertForSequenceClassification", num_labels=1)
    engine = NumpyEngine.from_folder(folder)
    found = measure(engine, engine, tiny_tokenizer, ["one sentence of some words"])
    assert (found.masks, found.labels) == (None, None)


@pytest.mark.parametrize(
    ("agreement", "told"),
    [
        (Agreement(masks=None, cosine=0.5, labels=0.98), None),
        (Agreement(masks=0.98, cosine=0.995), None),
        (Agreement(masks=None, cosine=0.995), None),
        (Agreement(masks=0.9799, cosine=1.0), r"97\.99% equal predictions \(98% are needed\)"),
        (Agreement(masks=1.0, cosine=0.99), r"int8 is too inaccurate .* cosine of 0\.9900 "),
        (Agreement(masks=None, cosine=0.99), r"\(0\.995 is needed\); use float32 or bfloat16"),
    ],
)
def test_the_limits(agreement: Agreement, told: str | None) -> None:
    if told is None:
        agreement.check("int8")
        return
    with pytest.raises(ValueError, match=told):
        agreement.check("int8")


def test_it_is_measured_once_for_each_model(
    tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def bad(*arguments: object) -> Agreement:
        calls.append(arguments)
        return Agreement(masks=0.5, cosine=0.9)

    monkeypatch.setattr(accuracy, "measure", bad)
    engine = OnnxEngine.from_folder(tiny_folder, dtype="int8")
    for _ in range(2):
        with pytest.raises(ValueError, match=r"int8 in the engine 'onnx' .* 50\.00% equal"):
            require(tiny_folder, "onnx", engine)
    assert len(calls) == 1
    (kept,) = (tmp_path / "cache" / "accuracy").iterdir()
    assert storage.read_json(kept) == dataclasses.asdict(Agreement(masks=0.5, cosine=0.9))
    text = tmp_path / "sentences.txt"
    text.write_text("Some other words.\n", encoding="utf-8")
    with pytest.raises(ValueError, match="int8"):
        require(tiny_folder, "onnx", engine, sentences=text)
    assert len(calls) == 2


def test_a_cache_that_cannot_be_written_is_no_error(
    tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ALBERTLM_CACHE", str(tmp_path / "file"))
    monkeypatch.setattr(accuracy, "measure", lambda *_: Agreement(masks=1.0, cosine=1.0))
    engine = OnnxEngine.from_folder(tiny_folder, dtype="int8")
    assert require(tiny_folder, "onnx", engine) == Agreement(masks=1.0, cosine=1.0)


def test_a_fingerprint_is_of_weights_and_configuration(tmp_path: Path, tiny_folder: Path) -> None:
    for name in ("config.json", "model.safetensors"):
        (tmp_path / name).write_bytes((tiny_folder / name).read_bytes())
    assert fingerprint(tmp_path) == fingerprint(tiny_folder)
    (tmp_path / "config.json").write_text("{}")
    assert fingerprint(tmp_path) != fingerprint(tiny_folder)


@pytest.mark.parametrize("to", ["onnx", "openvino"])
def test_an_export_is_compared_at_its_depth(
    to: package.Format, tmp_path: Path, tiny_folder: Path
) -> None:
    folder = tmp_path / "export"
    folder.mkdir()
    package.write(tiny_folder, folder, to, depth=2)
    assert require_export(folder, tiny_folder, 2).cosine > 0.999
    with pytest.raises(ValueError, match=f"int8 in {to} is too inaccurate"):
        require_export(folder, tiny_folder)


@pytest.mark.parametrize("name", ["openvino", "onnx"])
def test_the_model_that_ships_passes(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accuracy, "LEAST_AGREEMENT", 0.95)  # of a few hundred masks
    unmasker = pipeline("fill-mask", hub.SHIPPED, engine=name, dtype="int8")
    exact = pipeline("fill-mask", hub.SHIPPED, engine="numpy")
    text = "Hello I'm a [MASK] model."
    assert fills(unmasker, text)[0]["token"] == fills(exact, text)[0]["token"]
    heads.require_trained(unmasker.engine, "mlm")
