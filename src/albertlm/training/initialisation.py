"""Initial weights: random, or from a checkpoint of another depth, length or vocabulary.

V pieces of the vocabulary, W pieces of the source's vocabulary, E embedding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, chain
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import embedding_bag

from albertlm import hub
from albertlm.checkpoints import names
from albertlm.config import AlbertConfig
from albertlm.models.torch.heads import AlbertForPreTraining
from albertlm.tokenization import hub_format, wordpiece
from albertlm.tokenization.segmenter import SPACE
from albertlm.tokenization.tokenizer import AlbertTokenizer

WORDS = "albert.embeddings.word_embeddings.weight"
POSITIONS = "albert.embeddings.position_embeddings.weight"
BIAS = "predictions.bias"

SAME = (
    *("embedding_size", "hidden_act", "num_hidden_groups", "inner_group_num"),
    *("shared_across_groups", "type_vocab_size", "layer_norm_eps"),
)
"""Fields in which the source must agree, or its weights do not fit or compute something else."""

WIDTHS = ("hidden_size", "intermediate_size", "num_attention_heads")
"""Fields in which the model may be larger than the source, by one whole factor."""


@dataclass(frozen=True, kw_only=True)
class Initialisation:
    """The origin of a model's initial weights; `str` gives one line.

    Fields:
        source: the checkpoint, or None if all weights are random.
        carried: the number of pieces with the embedding and prediction bias of a source piece.
        averaged: the number of pieces whose embedding is the mean of several source pieces.
        fresh: the number of pieces with a random embedding.
        repeated_positions: the number of positions that the source does not have.
        fresh_tensors: parameters that the source does not have, such as those of a head.
    """

    source: str | None = None
    carried: int = 0
    averaged: int = 0
    fresh: int = 0
    repeated_positions: int = 0
    fresh_tensors: tuple[str, ...] = ()

    def __str__(self) -> str:
        told = {
            "pieces carried over": self.carried,
            "averaged": self.averaged,
            "fresh": self.fresh,
            "repeated positions": self.repeated_positions,
        }
        counts = [f"{count:,} {what}" for what, count in told.items() if count]
        heads = [f"fresh {name}" for name in self.fresh_tensors]
        begin = f"weights of {self.source}: " if self.source else "fresh weights: "
        return begin + ", ".join(counts + heads)


def initialise(
    config: AlbertConfig, tokenizer: AlbertTokenizer, seed: int, source: str | Path | None = None
) -> tuple[AlbertForPreTraining, Initialisation]:
    """Make a model to pretrain, with random weights or those of a checkpoint.

    The checkpoint may have another

    - depth, if all its layers form one group: its layer is applied more or fewer times. The paper
      initialises deeper models this way (appendix A.1);
    - width: `hidden_size`, `intermediate_size` and `num_attention_heads` may all be larger by the
      same whole factor. The wider model computes the same; see `widen`;
    - number of positions: existing positions are copied. Additional ones repeat them, except that
      of `[CLS]`: rows as long as trained ones also move as fast as those under LAMB, which changes
      a matrix by a share of its norm. Learning them takes long all the same, see
      docs/decisions.md;
    - vocabulary: pieces of the same text, including special tokens, are copied. The embedding of
      another piece is the mean of the pieces into which the source's tokenizer splits its text. A
      piece that it cannot split gets a random embedding around the mean of all embeddings. New
      prediction biases are the mean of all biases: with the usual initial values near zero, new
      pieces would score above most trained ones everywhere (Hewitt 2021, "Initializing new word
      embeddings for pretrained language models").

    Args:
        config: the architecture of the model.
        tokenizer: the tokenizer of the model.
        seed: the seed of random weights.
        source: a model folder with its vocabulary, or a hub id; None for random weights.

    Raises:
        OSError: the source cannot be found or downloaded.
        ValueError: the source has other sizes or no vocabulary, or `config` and `tokenizer` have
            different vocabulary sizes.
    """
    if config.vocab_size != tokenizer.vocab_size:
        raise ValueError(
            f"the tokenizer has {tokenizer.vocab_size} pieces and the model {config.vocab_size}; "
            f"set vocab_size={tokenizer.vocab_size}"
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = AlbertForPreTraining(config)
        if source is None:
            return model, Initialisation(fresh=config.vocab_size)
        folder = hub.resolve(source)
        _check_sizes(config, AlbertConfig.from_folder(folder), source)
        trained = AlbertForPreTraining.from_pretrained(folder)
    fresh = trained.loading.new if trained.loading else ()
    weights = {
        name: tensor
        for name, tensor in trained.state_dict().items()
        if names.table_name(name) not in fresh
    }
    pieces = _Pieces.match(tokenizer, _tokenizer(folder, trained.config, source))
    current = model.state_dict()
    weights[WORDS] = pieces.embeddings(weights[WORDS], current[WORDS])
    if BIAS in weights:
        weights[BIAS] = pieces.bias(weights[BIAS], current[BIAS])
    known = len(weights[POSITIONS])
    weights[POSITIONS] = weights[POSITIONS][_repeated(known, config.max_position_embeddings)]
    weights = {
        name: widen(tensor, current[name].shape, seed + number)
        for number, (name, tensor) in enumerate(weights.items())
    }
    model.load_state_dict(current | weights)
    return model, Initialisation(
        source=str(source),
        carried=len(pieces.carried),
        averaged=len(pieces.averaged),
        fresh=tokenizer.vocab_size - len(pieces.carried) - len(pieces.averaged),
        repeated_positions=max(0, config.max_position_embeddings - known),
        fresh_tensors=fresh,
    )


def widen(weights: Tensor, shape: torch.Size, seed: int) -> Tensor:
    """The weights of a wider model, which compute the same.

    Each unit is repeated, and what it passes on is divided among its copies, as in Net2Net (Chen et
    al. 2016) and bert2BERT (Chen et al. 2022). The shares are random, so the copies get different
    gradients and become different.

    Args:
        weights: a vector (units), or a matrix (units, inputs).
        shape: the wider shape, whose sizes are multiples.
        seed: the seed of the shares.
    """
    if weights.shape == shape:
        return weights
    times = [new // old for new, old in zip(shape, weights.shape, strict=True)]
    rows = weights.repeat(times[0], *[1] * (weights.ndim - 1))
    if weights.ndim == 1 or times[1] == 1:
        return rows
    generator = torch.Generator().manual_seed(seed)
    shares = torch.rand(times[1], *rows.shape, generator=generator)
    shares += 1 / times[1] - shares.mean(0)
    return torch.cat([rows * share for share in shares], 1)


@dataclass(frozen=True)
class _Pieces:
    """The source pieces that initialise each piece, by id.

    Fields:
        carried: the source piece of the same text.
        averaged: several source pieces, or one whose text differs only by normalisation.
    """

    carried: dict[int, int]
    averaged: dict[int, list[int]]

    @classmethod
    def match(cls, tokenizer: AlbertTokenizer, source: AlbertTokenizer) -> _Pieces:
        pieces, source_ids = _spelled(tokenizer), {piece: at for at, piece in _spelled(source)}
        carried = {at: source_ids[piece] for at, piece in pieces if piece in source_ids}
        others = [(at, piece) for at, piece in pieces if piece not in source_ids]
        if not others:
            return cls(carried, {})
        # after a special token, text without a leading space continues a word
        texts = [source.mask_token + piece.replace(SPACE, " ") for _, piece in others]
        rows = source(texts, add_special_tokens=False)["input_ids"]
        parts = {at: row[1:] for (at, _), row in zip(others, rows, strict=True)}
        averaged = {
            token_id: row
            for token_id, row in parts.items()
            if row and source.unk_token_id not in row
        }
        return cls(carried, averaged)

    def embeddings(self, trained_WE: Tensor, drawn_VE: Tensor) -> Tensor:
        """The word embeddings (V, E)."""
        rows_VE = drawn_VE + _mean(trained_WE)
        if self.averaged:
            rows_VE[list(self.averaged)] = _means(trained_WE, list(self.averaged.values()))
        rows_VE[list(self.carried)] = trained_WE[list(self.carried.values())]
        return rows_VE

    def bias(self, trained_W: Tensor, drawn_V: Tensor) -> Tensor:
        """The prediction bias (V,): the mean of all for pieces that are not copied.

        The biases of a piece's parts would be too high, since parts are more frequent than it.
        """
        rows_V = drawn_V + _mean(trained_W)
        rows_V[list(self.carried)] = trained_W[list(self.carried.values())]
        return rows_V


def _spelled(tokenizer: AlbertTokenizer) -> list[tuple[int, str]]:
    """The ids and pieces in SentencePiece's spelling; special tokens are named by their tasks."""
    tasks = {token: task for task, token in tokenizer.special_tokens_map.items()}
    pieces = wordpiece.spell(tokenizer.pieces, tokenizer.all_special_tokens)
    return [(at, tasks.get(piece, piece)) for at, piece in enumerate(pieces) if piece]


def _repeated(known: int, count: int) -> Tensor:
    """The known positions in turn, of which the first one, that of `[CLS]`, is not repeated."""
    positions, first = torch.arange(count), min(1, known - 1)
    return torch.where(positions < known, positions, first + (positions - first) % (known - first))


def _mean(trained: Tensor) -> Tensor:
    return trained.double().mean(0).float()


def _means(trained_WE: Tensor, parts: Sequence[Sequence[int]]) -> Tensor:
    """The mean of the rows in each of the parts."""
    starts = torch.tensor([0, *accumulate(map(len, parts))][:-1])
    rows = torch.tensor(list(chain(*parts)))
    return embedding_bag(rows, trained_WE.double(), starts, mode="mean").float()


def _check_sizes(config: AlbertConfig, found: AlbertConfig, source: str | Path) -> None:
    differing = [name for name in SAME if getattr(config, name) != getattr(found, name)]
    if found.num_hidden_groups > 1 and config.num_hidden_layers != found.num_hidden_layers:
        # each group would be used by other layers than before
        differing.append("num_hidden_layers")
    factors = {getattr(config, name) / getattr(found, name) for name in WIDTHS}
    if len(factors) > 1 or not factors.pop().is_integer():
        differing += [name for name in WIDTHS if getattr(config, name) != getattr(found, name)]
    if differing:
        told = ", ".join(
            f"{name}={getattr(found, name)!r} where {getattr(config, name)!r} is configured"
            for name in differing
        )
        raise ValueError(f"{source} has {told}; use the source's values or name another source")


def _tokenizer(folder: Path, config: AlbertConfig, source: str | Path) -> AlbertTokenizer:
    """The source's tokenizer in Google's mode, which corpora are encoded with."""
    if not hub_format.vocabulary_file(folder).is_file():
        raise ValueError(
            f"{source} has no vocabulary, so the pieces of its embeddings are unknown; "
            "name a folder with a spiece.model, such as a run's model/"
        )
    tokenizer = AlbertTokenizer.from_pretrained(folder, hub_mode=False)
    if tokenizer.vocab_size > config.vocab_size:
        raise ValueError(
            f"the tokenizer in {source} has {tokenizer.vocab_size} pieces and the model "
            f"{config.vocab_size}; name a source with the tokenizer of its model"
        )
    return tokenizer
