"""Initial weights: exact copies, means in float64, and errors."""

from collections.abc import Callable
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sentencepiece
import torch
from safetensors.numpy import load_file

from albertlm import AlbertConfig, AlbertForMaskedLM, AlbertForPreTraining, AlbertTokenizer
from albertlm.tokenization.vocabulary import train_vocabulary
from albertlm.training.initialisation import WIDTHS, Initialisation, _repeated, initialise

WORDS = "albert.embeddings.word_embeddings.weight"
POSITIONS = "albert.embeddings.position_embeddings.weight"
BIAS = "predictions.bias"


@pytest.fixture(scope="module")
def config(tiny_config: Callable[..., AlbertConfig]) -> AlbertConfig:
    """The configuration of the source."""
    return tiny_config()


@pytest.fixture(scope="module")
def source(
    tmp_path_factory: pytest.TempPathFactory,
    tiny_folder: Path,
    tiny_tokenizer: AlbertTokenizer,
) -> Path:
    """A checkpoint with a prediction bias that is not zero."""
    folder = tmp_path_factory.mktemp("source")
    model = AlbertForPreTraining.from_pretrained(tiny_folder)
    torch.manual_seed(1)
    torch.nn.init.normal_(model.predictions.bias, mean=-1)
    model.save_pretrained(folder)
    tiny_tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory, tiny_sentences: list[str]) -> AlbertTokenizer:
    """Many of its pieces are in the source, others can be split into those, some are Russian."""
    folder = tmp_path_factory.mktemp("other")
    words = product(("re", "over", "un"), ("walk", "paint", "model", "sold"), ("ed", "ing", "er"))
    russian = ["Москва и Волга", "Волга и Нева", "Нева и Москва"]
    texts = [*tiny_sentences, *map("".join, words), *russian * 9]
    return AlbertTokenizer(train_vocabulary(texts, folder, vocab_size=110))


def best_split(piece: str, spiece: Path) -> list[int] | None:
    """The ids of the most probable split of a piece, or None if there is none."""
    model = sentencepiece.SentencePieceProcessor(str(spiece))
    ids = {model.id_to_piece(token_id): token_id for token_id in range(5, len(model))}
    best: list[tuple[float, list[int]] | None] = [(0.0, [])]
    for end in range(1, len(piece) + 1):
        found = [
            (before[0] + model.get_score(ids[part]), [*before[1], ids[part]])
            for start in range(end)
            if (before := best[start]) and (part := piece[start:end]) in ids
        ]
        best.append(max(found, default=None))
    return best[-1][1] if best[-1] else None


def equal(model: torch.nn.Module, expected: torch.nn.Module) -> bool:
    states = model.state_dict(), expected.state_dict()
    return all(torch.equal(states[0][name], states[1][name]) for name in states[0] | states[1])


def test_fresh_weights_are_the_constructors(
    config: AlbertConfig, tiny_tokenizer: AlbertTokenizer
) -> None:
    torch.manual_seed(5)
    expected = AlbertForPreTraining(config)
    torch.manual_seed(9)
    model, told = initialise(config, tiny_tokenizer, 5)
    assert equal(model, expected)
    assert told == Initialisation(fresh=70)
    assert str(told) == "fresh weights: 70 fresh"
    after = torch.rand(1)
    torch.manual_seed(9)
    assert after == torch.rand(1)  # the global random state is unchanged


def test_the_same_vocabulary_is_loading(
    config: AlbertConfig, tiny_tokenizer: AlbertTokenizer, source: Path
) -> None:
    dropout = replace(config, hidden_dropout_prob=0.1)
    model, told = initialise(dropout, tiny_tokenizer, 0, source)
    assert equal(model, AlbertForPreTraining.from_pretrained(source))
    assert model.config == dropout
    assert model.training
    assert told == Initialisation(source=str(source), carried=70)
    assert str(told) == f"weights of {source}: 70 pieces carried over"


def test_another_vocabulary(config: AlbertConfig, other: AlbertTokenizer, source: Path) -> None:
    model, told = initialise(replace(config, vocab_size=110), other, 0, source)
    words, bias = (model.state_dict()[name].numpy() for name in (WORDS, BIAS))
    file = load_file(source / "model.safetensors")
    old_words, old_bias = file[WORDS], file[BIAS]
    spiece = source / "spiece.model"
    old = AlbertTokenizer(spiece).get_vocab()
    counts = {"carried": 0, "averaged": 0, "fresh": 0}
    for piece, token_id in other.get_vocab().items():
        if piece in old:
            np.testing.assert_array_equal(words[token_id], old_words[old[piece]])
            assert bias[token_id] == old_bias[old[piece]]
            counts["carried"] += 1
            continue
        assert bias[token_id] == pytest.approx(old_bias.astype(np.float64).mean(), abs=1e-6)
        if parts := best_split(piece, spiece):
            mean = old_words[parts].astype(np.float64).mean(0)
            np.testing.assert_allclose(words[token_id], mean, rtol=1e-6, atol=1e-7)
            counts["averaged"] += 1
        else:
            counts["fresh"] += 1
    assert told == Initialisation(
        source=str(source),
        carried=counts["carried"],
        averaged=counts["averaged"],
        fresh=counts["fresh"],
    )
    assert min(counts.values()) >= 5
    assert counts["averaged"] > 10
    for name, array in file.items():
        if name not in (WORDS, BIAS):
            np.testing.assert_array_equal(model.state_dict()[name].numpy(), array)


def test_what_is_drawn_is_a_function_of_the_seed(
    config: AlbertConfig, other: AlbertTokenizer, source: Path
) -> None:
    config = replace(config, vocab_size=110, max_position_embeddings=80)
    first, again, another = (initialise(config, other, seed, source)[0] for seed in (3, 3, 4))
    assert equal(first, again)
    words = [model.state_dict()[WORDS] for model in (first, another)]
    old = AlbertTokenizer.from_pretrained(source)
    same = (words[0] == words[1]).all(1)
    known = [
        piece in old.get_vocab() or best_split(piece, source / "spiece.model") is not None
        for piece in other.get_vocab()
    ]
    assert same.tolist() == known
    mean = AlbertForPreTraining.from_pretrained(source).state_dict()[WORDS].mean(0)
    torch.manual_seed(3)
    drawn = AlbertForPreTraining(config).state_dict()[WORDS]
    assert torch.allclose(words[0][~same], (drawn + mean)[~same], atol=1e-6)


def test_another_case_takes_the_same_word(
    config: AlbertConfig, source: Path, tiny_sentences: list[str], tmp_path: Path
) -> None:
    spiece = train_vocabulary(tiny_sentences, tmp_path, vocab_size=70, do_lower_case=False)
    cased = AlbertTokenizer(spiece, do_lower_case=False)
    model, _ = initialise(config, cased, 0, source)
    old = AlbertTokenizer.from_pretrained(source)
    words = AlbertForPreTraining.from_pretrained(source).state_dict()[WORDS]
    capitals = [
        (token_id, old.get_vocab()[piece.lower()])
        for piece, token_id in cased.get_vocab().items()
        if piece not in old.get_vocab() and piece.lower() in old.get_vocab()
    ]
    assert capitals
    for token_id, old_id in capitals:
        assert torch.equal(model.state_dict()[WORDS][token_id], words[old_id])


@pytest.mark.parametrize("layers", [1, 6])
def test_another_depth(
    config: AlbertConfig, tiny_tokenizer: AlbertTokenizer, source: Path, layers: int
) -> None:
    model, _ = initialise(replace(config, num_hidden_layers=layers), tiny_tokenizer, 0, source)
    trained = AlbertForPreTraining.from_pretrained(source)
    assert equal(model, trained)
    assert len(model.albert.encoder.applications) == layers
    depth = min(layers, 3)
    model.eval().albert.encoder.depth = trained.albert.encoder.depth = depth
    ids = torch.arange(20).view(2, 10)
    assert torch.equal(model(ids).prediction_logits, trained(ids).prediction_logits)


@pytest.mark.parametrize("factor", [2, 3])
def test_another_width(
    config: AlbertConfig, tiny_tokenizer: AlbertTokenizer, source: Path, factor: int
) -> None:
    """The wider model computes the same, and the copies of a unit get different gradients."""
    wide = {name: factor * getattr(config, name) for name in WIDTHS}
    model, _ = initialise(replace(config, **wide), tiny_tokenizer, 0, source)
    trained = AlbertForPreTraining.from_pretrained(source).double().eval()
    ids = torch.arange(20).view(2, 10)
    found = model.double().eval()(ids, labels=ids, sentence_order_label=torch.tensor([0, 1]))
    expected = trained(ids)
    for name in ("prediction_logits", "sop_logits"):
        torch.testing.assert_close(getattr(found, name), getattr(expected, name), atol=1e-5, rtol=0)
    found.loss.backward()
    for name, param in model.named_parameters():
        # the bias of the keys has no influence
        if param.shape != trained.state_dict()[name].shape and "key.bias" not in name:
            assert param.grad is not None
            first, second, *_ = param.grad.chunk(factor)
            assert not torch.allclose(first, second), name


@pytest.mark.parametrize("positions", [40, 64, 100])
def test_another_length(
    config: AlbertConfig, tiny_tokenizer: AlbertTokenizer, source: Path, positions: int
) -> None:
    config = replace(config, max_position_embeddings=positions)
    model, told = initialise(config, tiny_tokenizer, 2, source)
    rows = model.state_dict()[POSITIONS]
    trained = AlbertForPreTraining.from_pretrained(source).state_dict()[POSITIONS]
    kept = min(positions, 64)
    assert torch.equal(rows[:kept], trained[:kept])
    for row in range(kept, positions):  # all but the first one, which is that of [CLS]
        assert torch.equal(rows[row], trained[row - 63])
    assert told.repeated_positions == positions - kept
    assert ("36 repeated positions" in str(told)) == (positions == 100)


@pytest.mark.parametrize(
    ("known", "count", "expected"),
    [(1, 3, [0, 0, 0]), (2, 4, [0, 1, 1, 1]), (3, 7, [0, 1, 2, 1, 2, 1, 2]), (5, 2, [0, 1])],
)
def test_which_positions_are_repeated(known: int, count: int, expected: list[int]) -> None:
    assert _repeated(known, count).tolist() == expected


def test_a_source_without_all_heads(
    config: AlbertConfig, tiny_tokenizer: AlbertTokenizer, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    AlbertForMaskedLM(config).save_pretrained(tmp_path)
    tiny_tokenizer.save_pretrained(tmp_path)
    model, told = initialise(config, tiny_tokenizer, 7, tmp_path)
    missing = {
        *("pooler.bias", "pooler.weight"),
        *("sop_classifier.classifier.bias", "sop_classifier.classifier.weight"),
    }
    assert set(told.fresh_tensors) == missing
    assert "fresh pooler.weight" in str(told)
    torch.manual_seed(7)
    drawn, pooler = AlbertForPreTraining(config).state_dict(), "albert.pooler.weight"
    assert torch.equal(model.state_dict()[pooler], drawn[pooler])
    file = load_file(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(model.state_dict()[WORDS].numpy(), file[WORDS])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hidden_size": 64}, "has hidden_size=32 where 64 is configured"),
        ({"num_attention_heads": 8}, "has num_attention_heads=4 where 8 is configured"),
        ({"hidden_act": "relu"}, "has hidden_act='gelu_new' where 'relu' is configured"),
        (
            {"embedding_size": 8, "num_hidden_groups": 3},
            "has embedding_size=16 where 8 is configured, num_hidden_groups=1 where 3 is conf",
        ),
        ({"vocab_size": 71}, "the tokenizer has 70 pieces and the model 71; set vocab_size=70"),
    ],
)
def test_what_does_not_fit(
    config: AlbertConfig,
    tiny_tokenizer: AlbertTokenizer,
    source: Path,
    changes: dict[str, Any],
    message: str,
) -> None:
    with pytest.raises(ValueError, match=message) as raised:
        initialise(replace(config, **changes), tiny_tokenizer, 0, source)
    assert "\n" not in str(raised.value)


def test_groups_cannot_change_their_layers(
    config: AlbertConfig, tiny_tokenizer: AlbertTokenizer, tmp_path: Path
) -> None:
    config = replace(config, num_hidden_groups=3)
    AlbertForPreTraining(config).save_pretrained(tmp_path)
    tiny_tokenizer.save_pretrained(tmp_path)
    model, _ = initialise(config, tiny_tokenizer, 0, tmp_path)
    assert equal(model, AlbertForPreTraining.from_pretrained(tmp_path))
    with pytest.raises(ValueError, match="has num_hidden_layers=3 where 6 is configured"):
        initialise(replace(config, num_hidden_layers=6), tiny_tokenizer, 0, tmp_path)


def test_a_source_without_its_vocabulary(
    config: AlbertConfig, tiny_tokenizer: AlbertTokenizer, other: AlbertTokenizer, tmp_path: Path
) -> None:
    AlbertForPreTraining(config).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="has no vocabulary"):
        initialise(config, tiny_tokenizer, 0, tmp_path)
    other.save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="has 110 pieces and the model 70"):
        initialise(config, tiny_tokenizer, 0, tmp_path)
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        initialise(config, tiny_tokenizer, 0, tmp_path / "none")


def word_pieces(folder: Path, pieces: list[str]) -> AlbertTokenizer:
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    path = folder / "vocab.txt"
    path.write_text("".join(f"{piece}\n" for piece in [*special, *pieces]), encoding="utf-8")
    return AlbertTokenizer(path)


def test_a_vocabulary_of_word_pieces_from_one_of_sentencepiece(
    config: AlbertConfig, source: Path, tiny_tokenizer: AlbertTokenizer, tmp_path: Path
) -> None:
    theirs = tiny_tokenizer.get_vocab()
    whole = next(p for p in theirs if p.startswith("▁") and len(p) > 1 and p[1:].isalpha())
    part = next(p for p in theirs if p.isalpha() and f"▁{p}" not in theirs)
    tokenizer = word_pieces(tmp_path, [whole[1:], f"##{part}", ".", f"{whole[1:]}{part}", "☃"])
    sizes = replace(config, vocab_size=10)
    model, report = initialise(sizes, tokenizer, 0, source)
    old = load_file(source / "model.safetensors")[WORDS]
    new = model.state_dict()[WORDS].numpy()
    special = ("<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]")
    for at, piece in enumerate([*special, whole, part, "."]):
        np.testing.assert_array_equal(new[at], old[theirs[piece]])
    row = tiny_tokenizer(f"{whole[1:]}{part}", add_special_tokens=False)["input_ids"]
    np.testing.assert_allclose(new[8], old[row].mean(0), rtol=1e-5)
    assert (report.carried, report.averaged, report.fresh) == (8, 1, 1)


def test_a_vocabulary_of_sentencepiece_from_word_pieces(
    config: AlbertConfig, tiny_tokenizer: AlbertTokenizer, tmp_path: Path
) -> None:
    theirs = word_pieces(tmp_path, ["the", "##s", ".", "river"])
    torch.manual_seed(3)
    AlbertForPreTraining(replace(config, vocab_size=9)).save_pretrained(tmp_path)
    theirs.save_pretrained(tmp_path)
    model, report = initialise(config, tiny_tokenizer, 0, tmp_path)
    old = load_file(tmp_path / "model.safetensors")[WORDS]
    new = model.state_dict()[WORDS].numpy()
    ids = tiny_tokenizer.get_vocab()
    same = {"<pad>": 0, "<unk>": 1, "[CLS]": 2, "[SEP]": 3, "[MASK]": 4, ".": 7}
    same |= {piece: at for piece, at in {"▁the": 5, "s": 6, "▁river": 8}.items() if piece in ids}
    for piece, at in same.items():
        np.testing.assert_array_equal(new[ids[piece]], old[at])
    assert report.carried == len(same)
