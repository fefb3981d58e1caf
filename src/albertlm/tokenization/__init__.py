"""From text to token ids and back: vocabulary training and the tokenizer."""
