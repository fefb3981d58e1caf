"""ALBERT in PyTorch.

attention: scaled dot-product attention, by the fastest kernel for each case.
backbone: ALBERT without a head: embeddings, the shared layer applied N times, and the pooler.
cross_entropy: the masked-LM loss, which needs less memory than PyTorch's own cross-entropy.
dropout: dropout on a CPU, whose masks PyTorch would draw more slowly.
heads: the models with a head on the backbone, with the hub's attribute names.
interface: the methods of transformers' models: device, sizes and the vocabulary.
layer: the shared layer of ALBERT, with the hub's module names.
outputs: what the models return, with fields accessible by name, key or position.
pretrained: the base class of all models: initial weights, and folders in the hub's format.
squad: Google's head for SQuAD 2.0, where the end depends on the start, with a "no answer" class.
"""
