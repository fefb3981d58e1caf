"""The held-out scores of models whose scores are known, and of all engines."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from albertlm import AlbertConfig, AlbertForMaskedLM, AlbertForPreTraining, AlbertTokenizer
from albertlm.config import IGNORED
from albertlm.corpus.documents import Document
from albertlm.corpus.shards import Corpus
from albertlm.data.build_tokens import build_tokens
from albertlm.data.loader import PretrainingData
from albertlm.data.masking import MaskingConfig
from albertlm.data.segments import IN_ORDER, SWAPPED
from albertlm.data.token_shards import TokenPart
from albertlm.evaluation import pretraining
from albertlm.evaluation.pretraining import evaluate_pretraining, full_windows, masked_batches
from albertlm.executors import LocalProcesses
from albertlm.inference.engines import ENGINES, open_engine
from albertlm.inference.engines.torch import TorchEngine


@pytest.fixture(scope="module", params=[1, 2], ids=["one shard", "two shards"])
def held_out(
    request: pytest.FixtureRequest,
    make_tokens: Callable[..., TokenPart],
    tiny_sentences: list[str],
) -> TokenPart:
    documents = [tiny_sentences[:30], tiny_sentences[:1], tiny_sentences[40:60]]
    return make_tokens(documents, held_out=True, shards=request.param)


def test_windows_lie_within_documents(held_out: TokenPart, tiny_tokenizer: AlbertTokenizer) -> None:
    windows = full_windows(held_out, 32)
    lengths = [np.diff(shard.sentences[shard.documents]) for shard in held_out]
    assert len(windows) == sum(np.concatenate(lengths) // 30)
    assert (windows[:, 0] == tiny_tokenizer.cls_token_id).all()
    assert (windows[:, -1] == tiny_tokenizer.sep_token_id).all()
    first_document = windows[: lengths[0][0] // 30, 1:-1].ravel()
    assert (first_document == held_out[0].tokens[: len(first_document)]).all()


def test_whole_words_are_masked(held_out: TokenPart) -> None:
    windows = full_windows(held_out, 32)
    masking = MaskingConfig(max_ngram=1, mask_share=1.0, random_share=0.0)
    rows = np.concatenate(
        [each.input_ids for each in masked_batches(windows, held_out, 0, masking)]
    )
    masked = rows == held_out.tokenizer.mask_token_id
    begins = held_out.word_starts[windows]
    begins[:, [0, 1, -1]] = True  # a window may begin within a word, whose rest counts as one
    inside = ~begins[:, 1:]
    assert masked.any()
    assert inside.any()
    assert (masked[:, 1:][inside] == masked[:, :-1][inside]).all()


def test_a_model_that_knows_nothing(
    held_out: TokenPart,
    tiny_tokenizer: AlbertTokenizer,
    tiny_config: Callable[..., AlbertConfig],
) -> None:
    model = AlbertForPreTraining(tiny_config()).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
        model.predictions.bias[7] = 1.0
    scores = evaluate_pretraining(TorchEngine(model), tiny_tokenizer, held_out, least=500)
    assert scores.predictions >= 500
    assert scores.window == 64
    # All pieces except one have the same probability, so the loss follows from its share.
    share = scores.mlm_accuracy
    normaliser = math.log(69 + math.e)
    assert scores.mlm_loss == pytest.approx(normaliser - share, abs=1e-4)
    # Equal logits predict "in order", which is correct for the pairs in order.
    data = PretrainingData(
        held_out,
        length=64,
        masking=pretraining.ALL_MASKED,
        seed=pretraining.SEED,
        short_probability=0.0,
    )
    order = np.concatenate([window.segments.labels for window in data.windows(0)])
    assert scores.pairs == (order != IGNORED).sum()
    assert scores.sop_accuracy == (order == IN_ORDER).sum() / scores.pairs
    with torch.no_grad():
        model.sop_classifier.classifier.bias[1] = 1.0
    scores = evaluate_pretraining(TorchEngine(model), tiny_tokenizer, held_out, least=500)
    assert scores.sop_accuracy == (order == SWAPPED).sum() / scores.pairs


def test_no_document_is_long_enough(
    tiny_tokenizer: AlbertTokenizer,
    tiny_config: Callable[..., AlbertConfig],
    make_tokens: Callable[..., TokenPart],
) -> None:
    held_out = make_tokens([["She walked."]], held_out=True)
    engine = TorchEngine(AlbertForPreTraining(tiny_config()))
    with pytest.raises(ValueError, match="no document has 62 tokens"):
        evaluate_pretraining(engine, tiny_tokenizer, held_out)


def test_shorter_windows_are_those_of_a_shorter_model(
    held_out: TokenPart, tiny_tokenizer: AlbertTokenizer, tiny_config: Callable[..., AlbertConfig]
) -> None:
    long = AlbertForPreTraining(tiny_config()).eval()
    short = AlbertForPreTraining(tiny_config(max_position_embeddings=32)).eval()
    state = long.state_dict()
    name = next(name for name in state if name.endswith("position_embeddings.weight"))
    state[name] = state[name][:32]
    short.load_state_dict(state)
    found, expected = (
        evaluate_pretraining(TorchEngine(each), tiny_tokenizer, held_out, length=length, least=200)
        for each, length in ((long, 32), (short, None))
    )
    assert vars(found) == pytest.approx(vars(expected), rel=1e-5, nan_ok=True)
    with pytest.raises(ValueError, match=r"length=33 is not allowed; it must be from 5 to 32"):
        evaluate_pretraining(TorchEngine(short), tiny_tokenizer, held_out, length=33)


def test_another_tokenizer_is_refused(
    held_out: TokenPart, tiny_folder: Path, tiny_config: Callable[..., AlbertConfig]
) -> None:
    cased = AlbertTokenizer.from_pretrained(tiny_folder, do_lower_case=False)
    with pytest.raises(ValueError, match=r"was not made with .*spiece\.model and its options"):
        evaluate_pretraining(TorchEngine(AlbertForPreTraining(tiny_config())), cased, held_out)


def test_every_engine_gives_the_same_scores(
    held_out: TokenPart,
    tiny_folder: Path,
    tiny_tokenizer: AlbertTokenizer,
) -> None:
    one, *others = (
        evaluate_pretraining(
            *(open_engine(name, tiny_folder, dtype="float32"), tiny_tokenizer, held_out), least=200
        )
        for name in ENGINES
    )
    for other in others:
        assert vars(other) == {
            name: pytest.approx(value, rel=1e-5) for name, value in vars(one).items()
        }


def test_an_untrained_head_is_refused(
    held_out: TokenPart, tiny_folder: Path, tiny_tokenizer: AlbertTokenizer, tmp_path: Path
) -> None:
    AlbertForMaskedLM.from_pretrained(tiny_folder).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=r"holds no trained pooler\.weight, pooler\.bias, sop"):
        evaluate_pretraining(open_engine("numpy", tmp_path), tiny_tokenizer, held_out)


def test_characters_of_word_pieces_are_counted_without_their_marks(
    make_corpus: Callable[..., Corpus],
    make_documents: Callable[..., list[Document]],
    tiny_config: Callable[..., AlbertConfig],
    tmp_path: Path,
) -> None:
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    path = tmp_path / "vocab.txt"
    path.write_text("".join(f"{piece}\n" for piece in [*special, "walk", "##ing"]))
    tokenizer = AlbertTokenizer(path)
    documents = make_documents([["walking " * 40]], held_out=True)
    corpus = make_corpus([[*documents, *make_documents([["walking"]])]])
    tokens = build_tokens(corpus, tokenizer, tmp_path / "tokens", LocalProcesses(1))
    config = tiny_config(vocab_size=7, max_position_embeddings=32, initializer_range=1e-9)
    model = AlbertForPreTraining(config).eval()
    scores = evaluate_pretraining(TorchEngine(model), tokenizer, tokens.part("held-out"))
    # `▁walk` has 5 characters and `ing` 3, and each token is masked about as often
    bits = scores.mlm_loss / math.log(2)
    assert bits / scores.bits_per_character == pytest.approx(4, abs=0.9)
