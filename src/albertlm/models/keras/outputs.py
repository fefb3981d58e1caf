"""What the Keras models return, with fields accessible by name, key or position."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import Any

from keras.backend import backend


class KerasOutput(OrderedDict[str, Any]):
    """The fields of an output, in order; one that was not requested is None."""

    def __getattr__(self, name: str) -> Any:
        if name in self:
            return self[name]
        if name in ("loss", "hidden_states", "attentions"):
            return None
        raise AttributeError(f"the output holds {', '.join(self)}, not {name!r}")

    def __getitem__(self, key: Any) -> Any:
        return super().__getitem__(key) if isinstance(key, str) else self.to_tuple()[key]

    def to_tuple(self) -> tuple[Any, ...]:
        return tuple(self.values())


def _flatten(output: KerasOutput) -> tuple[list[Any], tuple[str, ...]]:
    """The values in the order in which Keras flattens a dictionary, and the names in theirs."""
    return [output[name] for name in sorted(output)], tuple(output)


def _unflatten(names: tuple[str, ...], values: Iterable[Any]) -> KerasOutput:
    by_name = dict(zip(sorted(names), values, strict=True))
    return KerasOutput((name, by_name[name]) for name in names)


def _register() -> None:
    """Have Keras and its backend look into outputs, as into dictionaries."""
    if backend() == "torch":
        from torch.utils import _pytree

        _pytree.register_pytree_node(
            KerasOutput,
            _flatten,
            lambda values, names: _unflatten(names, values),
            flatten_with_keys_fn=lambda output: (
                [(_pytree.MappingKey(name), output[name]) for name in sorted(output)],
                tuple(output),
            ),
        )
        return
    import optree

    register: Any = optree.register_pytree_node  # whose types take collections of strings only
    register(KerasOutput, _flatten, _unflatten, namespace="keras")
    if backend() == "jax":
        import jax

        jax.tree_util.register_pytree_node(KerasOutput, _flatten, _unflatten)


_register()
