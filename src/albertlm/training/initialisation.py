"""Where a run's first weights come from: chance, or a checkpoint of other depth, length or pieces.

V pieces of the vocabulary, W of the source's, E embedding.
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
from albertlm.models.heads import AlbertForPreTraining
from albertlm.tokenization import hub_format
from albertlm.tokenization.segmenter import SPACE
from albertlm.tokenization.tokenizer import AlbertTokenizer

WORDS = "albert.embeddings.word_embeddings.weight"
POSITIONS = "albert.embeddings.position_embeddings.weight"
BIAS = "predictions.bias"

SAME = (
    *("embedding_size", "hidden_size", "intermediate_size", "num_attention_heads", "hidden_act"),
    *("num_hidden_groups", "inner_group_num", "shared_across_groups", "type_vocab_size"),
    "layer_norm_eps",
)
"""Fields without which a source's weights do not fit, or compute something else."""


@dataclass(frozen=True, kw_only=True)
class Initialisation:
    """What became of a model's weights; as a string, one line.

    Fields:
        source: the checkpoint, or None where all weights are drawn.
        carried: pieces that have the embedding and prediction bias of the source's piece.
        averaged: pieces that begin as the mean of those that the source writes them with.
        fresh: pieces that are drawn.
        fresh_positions: positions that the source does not have.
        fresh_tensors: parameters that the source does not have, such as a head's.
    """

    source: str | None = None
    carried: int = 0
    averaged: int = 0
    fresh: int = 0
    fresh_positions: int = 0
    fresh_tensors: tuple[str, ...] = ()

    def __str__(self) -> str:
        told = {
            "pieces carried over": self.carried,
            "averaged": self.averaged,
            "fresh": self.fresh,
            "fresh positions": self.fresh_positions,
        }
        counts = [f"{count:,} {what}" for what, count in told.items() if count]
        heads = [f"fresh {name}" for name in self.fresh_tensors]
        begin = f"weights of {self.source}: " if self.source else "fresh weights: "
        return begin + ", ".join(counts + heads)


def initialise(
    config: AlbertConfig, tokenizer: AlbertTokenizer, seed: int, source: str | Path | None = None
) -> tuple[AlbertForPreTraining, Initialisation]:
    """A model to pretrain: with fresh weights, or with those of a checkpoint as far as they go.

    The checkpoint may have another

    - depth, if all its layers are one group: its layer is applied more or fewer times. The paper
      starts deeper models so (appendix A.1);
    - number of positions: the first ones are carried over, further ones are drawn. What is known
      of that is not good: 384 positions more than 128 cost a third of the accuracy, and 100 steps
      did not bring it back (docs/decisions.md);
    - vocabulary: pieces of the same text, special ones among them, are carried over. The embedding
      of another piece begins as the mean of those that the source's tokenizer writes its text
      with. What that cannot write is drawn around the mean of all embeddings, and every new
      prediction bias is the mean of all: near zero, where an initializer puts them, new pieces
      would score above most of the trained ones everywhere (Hewitt 2021, "Initializing new word
      embeddings for pretrained language models").

    Args:
        config: the model's architecture.
        tokenizer: the model's.
        seed: of all that is drawn.
        source: a model folder with its vocabulary, or a hub id; None for fresh weights.

    Raises:
        OSError: the source cannot be had.
        ValueError: the source has other sizes or no vocabulary, or `config` has another vocabulary
            than `tokenizer`.
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
        _check_sizes(config, AlbertConfig.from_json_file(folder / "config.json"), source)
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
    positions = min(config.max_position_embeddings, len(weights[POSITIONS]))
    weights[POSITIONS] = torch.cat([weights[POSITIONS][:positions], current[POSITIONS][positions:]])
    model.load_state_dict(current | weights)
    return model, Initialisation(
        source=str(source),
        carried=len(pieces.carried),
        averaged=len(pieces.averaged),
        fresh=tokenizer.vocab_size - len(pieces.carried) - len(pieces.averaged),
        fresh_positions=config.max_position_embeddings - positions,
        fresh_tensors=fresh,
    )


@dataclass(frozen=True)
class _Pieces:
    """Which pieces of the source each piece is made of, by id.

    Fields:
        carried: the source's piece of the same text.
        averaged: several pieces, or one whose text only differs by the source's normalisation.
    """

    carried: dict[int, int]
    averaged: dict[int, list[int]]

    @classmethod
    def match(cls, tokenizer: AlbertTokenizer, source: AlbertTokenizer) -> _Pieces:
        ids, source_ids = tokenizer.get_vocab(), source.get_vocab()
        carried = {ids[piece]: source_ids[piece] for piece in ids if piece in source_ids}
        others = [piece for piece in ids if piece not in source_ids]
        if not others:
            return cls(carried, {})
        # behind a special token, a text without a space in front goes on within a word
        texts = [source.mask_token + piece.replace(SPACE, " ") for piece in others]
        rows = source(texts, add_special_tokens=False)["input_ids"]
        parts = {ids[piece]: row[1:] for piece, row in zip(others, rows, strict=True)}
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
        """The prediction bias (V,): the mean where none is carried over.

        That of a piece's parts is too high, since parts are more frequent than what they make up.
        """
        rows_V = drawn_V + _mean(trained_W)
        rows_V[list(self.carried)] = trained_W[list(self.carried.values())]
        return rows_V


def _mean(trained: Tensor) -> Tensor:
    return trained.double().mean(0).float()


def _means(trained_WE: Tensor, parts: Sequence[Sequence[int]]) -> Tensor:
    """The mean of some rows for each of the parts."""
    starts = torch.tensor([0, *accumulate(map(len, parts))][:-1])
    rows = torch.tensor(list(chain(*parts)))
    return embedding_bag(rows, trained_WE.double(), starts, mode="mean").float()


def _check_sizes(config: AlbertConfig, found: AlbertConfig, source: str | Path) -> None:
    differing = [name for name in SAME if getattr(config, name) != getattr(found, name)]
    if found.num_hidden_groups > 1 and config.num_hidden_layers != found.num_hidden_layers:
        # other layers than before would use a group
        differing.append("num_hidden_layers")
    if differing:
        told = ", ".join(
            f"{name}={getattr(found, name)!r} where {getattr(config, name)!r} is configured"
            for name in differing
        )
        raise ValueError(f"{source} has {told}; configure the source's, or name another source")


def _tokenizer(folder: Path, config: AlbertConfig, source: str | Path) -> AlbertTokenizer:
    """The source's tokenizer, in Google's way, as corpora are encoded."""
    if not hub_format.vocabulary_file(folder).is_file():
        raise ValueError(
            f"{source} has no vocabulary, so its embeddings have no names; "
            "name a folder that has a spiece.model too, such as a run's model/"
        )
    tokenizer = AlbertTokenizer.from_pretrained(folder, hub_mode=False)
    if tokenizer.vocab_size > config.vocab_size:
        raise ValueError(
            f"the tokenizer in {source} has {tokenizer.vocab_size} pieces and the model "
            f"{config.vocab_size}; bring together what belongs together"
        )
    return tokenizer
