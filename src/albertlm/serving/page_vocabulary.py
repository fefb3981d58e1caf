"""A vocabulary of SentencePiece in the form that the tokenizer of the page reads."""

from __future__ import annotations

import base64
import tempfile
from pathlib import Path
from typing import Any

from albertlm.tokenization import definition, hub_format
from albertlm.tokenization.model_file import read_model
from albertlm.tokenization.tokenizer import AlbertTokenizer


def page_vocabulary(tokenizer: AlbertTokenizer) -> dict[str, Any]:
    """What the page needs to tokenize texts as a tokenizer does.

    Returns:
        `pieces` and `scores` by id; the ids that are never found in plain text (`hidden`), and
        those that are found before all others (`given`); the id of `unknown` characters; the
        `character_map` of SentencePiece in base64; whether spaces are merged (`collapses`) and
        texts begin with one (`prefix`); the `rules` for capitals and accents; the ids of `added`
        tokens by text, of `special` ones by task, and of all that answers do not show
        (`skipped`).

    Raises:
        ValueError: the tokenizer is of another kind, in hub mode, or has added tokens that are
            not looked for in the text as it is.
    """
    with tempfile.TemporaryDirectory() as temporary:
        tokenizer.save_pretrained(temporary)
        folder = Path(temporary)
        path = hub_format.sentencepiece_model(folder)
        model = read_model(path) if path else None
        added = definition.added_tokens(definition.read(folder / hub_format.TOKENIZER_FILE))
    if model is None or not definition.is_plain(model) or model.algorithm != "unigram":
        raise ValueError(
            f"{tokenizer.vocab_file} is no unigram vocabulary of SentencePiece, the only kind that "
            "the page can read; serve this model with `albertlm serve` instead"
        )
    if tokenizer.hub_mode:
        raise ValueError(
            "the tokenizer of the model is in hub mode, which the page does not have; remove "
            f"hub_mode from {hub_format.CONFIG_FILE}, or serve the model with `albertlm serve`"
        )
    for token in added.values():
        if token.normalized or token.single_word:
            raise ValueError(
                f"the added token {token.content!r} is looked for in normalised text or between "
                "words, which the page does not do; serve the model with `albertlm serve`"
            )
    count, processor = len(model.pieces), model.processor
    return {
        "pieces": tokenizer.pieces,
        "scores": model.scores() + [0.0] * (tokenizer.vocab_size - count),
        "hidden": [
            *(i for i in range(count) if processor.is_control(i) or processor.is_unused(i)),
            *range(count, tokenizer.vocab_size),
        ],
        "given": [processor.piece_to_id(piece) for piece in sorted(model.user_defined)],
        "unknown": processor.unk_id(),
        "character_map": base64.b64encode(model.character_map()).decode(),
        "collapses": processor.normalize("a  b") == processor.normalize("a b"),
        "prefix": model.has_prefix,
        "rules": {
            "lower": tokenizer.do_lower_case,
            "accents": tokenizer.keep_accents,
            "compose": tokenizer.keep_accents and model.must_be_composed,
        },
        "added": tokenizer.get_added_vocab(),
        "skipped": tokenizer.all_special_ids,
        "special": {
            "cls": tokenizer.cls_token_id,
            "sep": tokenizer.sep_token_id,
            "mask": tokenizer.mask_token_id,
            "pad": tokenizer.pad_token_id,
            "unk": tokenizer.unk_token_id,
        },
    }
