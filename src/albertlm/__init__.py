"""albertlm: everything ALBERT, from raw text to a pretrained, checked and usable model."""
