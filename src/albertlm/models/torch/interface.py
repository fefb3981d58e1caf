"""The methods of transformers' models, by their names there: device, sizes and the vocabulary.

E embedding, V vocabulary.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from albertlm.config import AlbertConfig
from albertlm.settings import check, check_at_least


class ModelInterface(nn.Module):
    """Base of all models; those with a head have the backbone as their attribute `albert`.

    Attributes:
        config: the architecture.
    """

    config: AlbertConfig

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        """The output of `forward`, or with `return_dict=False` a tuple of its fields."""
        as_tuple = options.pop("return_dict", None) is False
        output = super().__call__(*inputs, **options)
        return output.to_tuple() if as_tuple else output

    @property
    def device(self) -> torch.device:
        """The device of the parameters."""
        return next(self.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        """The data type of the parameters."""
        return next(self.parameters()).dtype

    @property
    def base_model(self) -> Any:
        """The backbone, which a model without a head is itself."""
        return getattr(self, "albert", self)

    def num_parameters(self, only_trainable: bool = False, exclude_embeddings: bool = False) -> int:
        """The number of parameters, of which shared ones are counted once.

        Args:
            only_trainable: count only those with `requires_grad`.
            exclude_embeddings: leave out all tables of embeddings.
        """
        left_out = {
            module.weight
            for module in self.modules()
            if exclude_embeddings and isinstance(module, nn.Embedding)
        }
        return sum(
            parameter.numel()
            for parameter in self.parameters()
            if parameter not in left_out and (parameter.requires_grad or not only_trainable)
        )

    def gradient_checkpointing_enable(
        self, gradient_checkpointing_kwargs: Mapping[str, Any] | None = None
    ) -> None:
        """Keep only the input of each layer for the backward pass, which recomputes the rest.

        Args:
            gradient_checkpointing_kwargs: None or `{"use_reentrant": False}`, which is what it
                does in any case.
        """
        check(
            gradient_checkpointing_kwargs in (None, {}, {"use_reentrant": False}),
            "None or {'use_reentrant': False}",
            gradient_checkpointing_kwargs=gradient_checkpointing_kwargs,
        )
        self.base_model.activation_checkpointing(True)

    def gradient_checkpointing_disable(self) -> None:
        """Keep all activations for the backward pass, as by default."""
        self.base_model.activation_checkpointing(False)

    def get_input_embeddings(self) -> nn.Embedding:
        """The word embeddings."""
        words: nn.Embedding = self.base_model.embeddings.word_embeddings
        return words

    def set_input_embeddings(self, value: nn.Embedding) -> None:
        """Use other word embeddings, for the logits of masked tokens, too.

        Raises:
            ValueError: their shape is not (V, E).
        """
        wanted = (self.config.vocab_size, self.config.embedding_size)
        if tuple(value.weight.shape) != wanted:
            raise ValueError(
                f"the embeddings have shape {tuple(value.weight.shape)}; it must be {wanted}: "
                "change the number of tokens with resize_token_embeddings"
            )
        self.base_model.embeddings.word_embeddings = value

    def get_output_embeddings(self) -> nn.Linear | None:
        """The layer that computes the logits of masked tokens; None without this head.

        Its weight is that of the word embeddings, to which ALBERT ties it, and its bias that of the
        head.
        """
        head = getattr(self, "predictions", None)
        if head is None:
            return None
        words = self.get_input_embeddings()
        layer = nn.Linear(words.embedding_dim, words.num_embeddings, device="meta")
        layer.weight, layer.bias = words.weight, head.bias
        return layer

    @torch.no_grad()
    def resize_token_embeddings(
        self,
        new_num_tokens: int | None = None,
        pad_to_multiple_of: int | None = None,
        mean_resizing: bool = True,
    ) -> nn.Embedding:
        """Add rows to the word embeddings or remove the last ones, and return the embeddings.

        The bias of the head for masked tokens and `config.vocab_size` change with them.

        Args:
            new_num_tokens: the number of rows, such as `len(tokenizer)`; by default as many as now.
            pad_to_multiple_of: add rows up to a multiple of this number.
            mean_resizing: new rows are the mean of all rows; otherwise they are drawn like those of
                a new model. New biases are 0.

        Raises:
            ValueError: a number is below 1, or the padding token would be removed.
        """
        words = self.get_input_embeddings()
        size = operator.index(words.num_embeddings if new_num_tokens is None else new_num_tokens)
        multiple = operator.index(pad_to_multiple_of or 1)
        check_at_least(1, new_num_tokens=size, pad_to_multiple_of=multiple)
        size = -(-size // multiple) * multiple
        if size == words.num_embeddings:
            return words
        for module in (self, self.base_model):
            module.config = module.config.changed(vocab_size=size)
        std = None if mean_resizing else self.config.initializer_range
        words.weight = _resized(words.weight, size, std)
        words.num_embeddings = size
        head = getattr(self, "predictions", None)
        if head is not None:
            head.bias = _resized(head.bias, size, 0.0)
        return words


def _resized(rows: Tensor, size: int, std: float | None) -> nn.Parameter:
    """A parameter with another number of rows; new ones are the mean, or drawn with a deviation."""
    kept = rows[:size]
    new = rows.mean(0).expand(size - len(kept), *rows.shape[1:])
    if std is not None:
        new = torch.randn_like(new) * std
    return nn.Parameter(torch.cat([kept, new]), requires_grad=rows.requires_grad)
