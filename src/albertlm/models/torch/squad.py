"""Google's head for SQuAD 2.0, where the end depends on the start, with a "no answer" class.

B batch, T positions, D hidden, S best starts (and best ends after each).
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from albertlm.config import BEAM, AlbertConfig
from albertlm.models.torch.backbone import AlbertModel
from albertlm.models.torch.heads import mean_cross_entropy
from albertlm.models.torch.outputs import SquadV2Output
from albertlm.models.torch.pretrained import PreTrainedModel


class StartLogits(nn.Module):
    def __init__(self, config: AlbertConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, 1)

    def forward(self, x_BTD: Tensor) -> Tensor:
        """The logit of an answer that starts at each token, (B, T)."""
        logits: Tensor = self.dense(x_BTD).squeeze(-1)
        return logits


class EndLogits(nn.Module):
    def __init__(self, config: AlbertConfig) -> None:
        super().__init__()
        size = config.hidden_size
        self.dense_0 = nn.Linear(2 * size, size)
        self.LayerNorm = nn.LayerNorm(size, eps=config.layer_norm_eps)
        self.dense_1 = nn.Linear(size, 1)

    def forward(self, x_BTD: Tensor, starts_BSD: Tensor) -> Tensor:
        """The logit of an answer from each of S start states that ends at each token, (B, S, T)."""
        # dense_0 of the pair [token, start] is a sum of two parts; that of the token is computed
        # once and not for each start.
        of_token, of_start = self.dense_0.weight.chunk(2, dim=1)
        token_BTD = F.linear(x_BTD, of_token, self.dense_0.bias)
        start_BSD = F.linear(starts_BSD, of_start)
        hidden_BSTD = torch.tanh(token_BTD[:, None] + start_BSD[:, :, None])
        logits: Tensor = self.dense_1(self.LayerNorm(hidden_BSTD)).squeeze(-1)
        return logits


class AnswerClass(nn.Module):
    def __init__(self, config: AlbertConfig) -> None:
        super().__init__()
        self.dense_0 = nn.Linear(2 * config.hidden_size, config.hidden_size)
        self.dropout = nn.Dropout(config.classifier_dropout_prob)
        self.dense_1 = nn.Linear(config.hidden_size, 1, bias=False)

    def forward(self, start_BD: Tensor, cls_BD: Tensor) -> Tensor:
        """The logit of "no answer", (B,)."""
        hidden_BD = torch.tanh(self.dense_0(torch.cat([start_BD, cls_BD], dim=-1)))
        logits: Tensor = self.dense_1(self.dropout(hidden_BD)).squeeze(-1)
        return logits


class AlbertForSquadV2(PreTrainedModel):
    """A beam over starts and ends of answers, and the answerability (`run_squad_v2.py`)."""

    def __init__(self, config: AlbertConfig) -> None:
        super().__init__(config)
        self.albert = AlbertModel(config, add_pooling_layer=False)
        self.start_logits = StartLogits(config)
        self.end_logits = EndLogits(config)
        self.answer_class = AnswerClass(config)
        self.init_weights()

    def forward(
        self,
        *inputs: Tensor,
        no_answer_mask: Tensor | None = None,
        start_positions: Tensor | None = None,
        end_positions: Tensor | None = None,
        is_impossible: Tensor | None = None,
        **options: Any,
    ) -> SquadV2Output:
        """The beam, or if the answers are given, the loss of the ends given the true starts.

        Args:
            *inputs: as in `AlbertModel.forward`.
            no_answer_mask: (B, T), 1 where no answer can be: question, special tokens, padding.
            start_positions: (B,) the first token of the answer; that of [CLS] if there is none.
            end_positions: (B,) the last token of the answer.
            is_impossible: (B,) 1 if there is no answer.
            **options: as in `AlbertModel.forward`.
        """
        output = self.albert(*inputs, **options)
        x_BTD = output.last_hidden_state
        barred_BT = x_BTD.new_zeros(x_BTD.shape[:2], dtype=torch.bool)
        if no_answer_mask is not None:
            barred_BT = no_answer_mask.bool()
        start_BT = _barred(self.start_logits(x_BTD), barred_BT)
        mean_start_BD = torch.einsum("bt,btd->bd", start_BT.softmax(-1).to(x_BTD.dtype), x_BTD)
        unanswerable_B = self.answer_class(mean_start_BD, x_BTD[:, 0])
        if start_positions is not None and end_positions is not None and is_impossible is not None:
            for name, at in (("start", start_positions), ("end", end_positions)):
                if not 0 <= int(at.min()) <= int(at.max()) < x_BTD.shape[1]:
                    raise ValueError(
                        f"{name}_positions must lie in 0 … {x_BTD.shape[1] - 1}; give 0, [CLS], "
                        "where there is no answer"
                    )
            end_BST = self.end_logits(x_BTD, _at(x_BTD, start_positions[:, None]))
            end_BT = _barred(end_BST, barred_BT[:, None]).squeeze(1)
            span = mean_cross_entropy(start_BT, start_positions)
            span = span + mean_cross_entropy(end_BT, end_positions)
            answerable = F.binary_cross_entropy_with_logits(
                unanswerable_B.float(), is_impossible.float()
            )
            return SquadV2Output(
                loss=0.5 * span + 0.5 * answerable,
                unanswerable_logits=unanswerable_B,
                hidden_states=output.hidden_states,
                attentions=output.attentions,
            )
        beam = min(BEAM, x_BTD.shape[1])
        start_log_probs, starts_BS = start_BT.log_softmax(-1).topk(beam)
        end_BST = _barred(self.end_logits(x_BTD, _at(x_BTD, starts_BS)), barred_BT[:, None])
        end_log_probs, ends_BSS = end_BST.log_softmax(-1).topk(beam)
        return SquadV2Output(
            start_log_probs=start_log_probs,
            start_positions=starts_BS,
            end_log_probs=end_log_probs,
            end_positions=ends_BSS,
            unanswerable_logits=unanswerable_B,
            hidden_states=output.hidden_states,
            attentions=output.attentions,
        )


def _barred(logits: Tensor, barred: Tensor) -> Tensor:
    return logits.float().masked_fill(barred, -1e30)


def _at(x_BTD: Tensor, positions_BS: Tensor) -> Tensor:
    return x_BTD.take_along_dim(positions_BS[:, :, None], dim=1)
