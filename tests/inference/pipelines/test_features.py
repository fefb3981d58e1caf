from pathlib import Path

import numpy as np
import pytest
import torch
import transformers

from albertlm import AlbertModel, AlbertTokenizer, pipeline
from albertlm.inference.pipelines.features import FeatureExtraction, Pooling

TEXT = "Nobody walked to the harbour at night."
TEXTS = [TEXT, "She", "The old fisherman painted a small town, then got up - and left."]


@pytest.fixture(scope="module", params=["numpy", "torch"])
def extract(request: pytest.FixtureRequest, tiny_folder: Path) -> FeatureExtraction:
    return pipeline("feature-extraction", tiny_folder, engine=request.param, dtype="float32")


@pytest.fixture(scope="module")
def expected(tiny_folder: Path) -> dict[str | None, np.ndarray]:
    ids = AlbertTokenizer.from_pretrained(tiny_folder)(TEXT)["input_ids"]
    model = transformers.AlbertModel.from_pretrained(tiny_folder).double()
    with torch.no_grad():
        output = model(torch.tensor([ids]))
    states = output.last_hidden_state[0].numpy()
    return {
        None: states,
        "mean": states.mean(0),
        "cls": states[0],
        "pooled": output.pooler_output[0].numpy(),
    }


@pytest.mark.parametrize("pooling", [None, "mean", "cls", "pooled"])
def test_features_are_those_of_transformers(
    pooling: Pooling | None, extract: FeatureExtraction, expected: dict[str | None, np.ndarray]
) -> None:
    vectors = extract(TEXT, pooling=pooling)
    assert vectors.shape == expected[pooling].shape
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors, expected[pooling], rtol=0, atol=2e-5)


@pytest.mark.parametrize("pooling", [None, "mean", "cls", "pooled"])
@pytest.mark.parametrize("batch_size", [1, 2, 16])
def test_a_batch_is_its_texts(
    pooling: Pooling | None, batch_size: int, extract: FeatureExtraction
) -> None:
    together = extract(TEXTS, pooling=pooling, batch_size=batch_size)
    for text, vectors in zip(TEXTS, together, strict=True):
        np.testing.assert_allclose(vectors, extract(text, pooling=pooling), rtol=0, atol=1e-5)


@pytest.mark.parametrize("pooling", [None, "mean"])
def test_normalized_vectors_have_length_1(
    pooling: Pooling | None, extract: FeatureExtraction
) -> None:
    raw, unit = (extract(TEXT, pooling=pooling, normalize=flag) for flag in (False, True))
    lengths = np.linalg.norm(raw.astype(np.float64), axis=-1, keepdims=True)
    np.testing.assert_allclose(unit, raw / lengths, rtol=1e-5)


def test_a_long_text_is_cut_only_if_asked(extract: FeatureExtraction) -> None:
    text = "river " * 100
    with pytest.raises(ValueError, match=r"has \d+ tokens, but the model reads at most 64"):
        extract(text)
    assert extract(text, truncation=True).shape == (64, 32)


def test_an_untrained_pooler_is_refused(tiny_folder: Path, tmp_path: Path) -> None:
    model = AlbertModel.from_pretrained(tiny_folder)
    AlbertModel(model.config, add_pooling_layer=False).save_pretrained(tmp_path)
    AlbertTokenizer.from_pretrained(tiny_folder).save_pretrained(tmp_path)
    for engine in ("numpy", "torch"):
        extract = pipeline("feature-extraction", tmp_path, engine=engine)
        assert extract(TEXT, pooling="cls").any()
        with pytest.raises(ValueError, match=r"no trained pooler\.weight"):
            extract(TEXT, pooling="pooled")


def test_an_unknown_pooling_is_named(extract: FeatureExtraction) -> None:
    with pytest.raises(ValueError, match="pooling='max' is not allowed; it must be mean"):
        extract(TEXT, pooling="max")  # type: ignore[call-overload]
