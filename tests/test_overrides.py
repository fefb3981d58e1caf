"""Changes from text: every type, all at once, and what is no field or no value."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from albertlm.overrides import fields, override


@dataclass(frozen=True)
class Part:
    steps: int = 1
    layers: int | None = None


@dataclass(frozen=True)
class Rule:
    window: int = 100
    share: float = 0.5


@dataclass(frozen=True)
class Whole:
    rate: float = 0.1
    seed: int = 0
    fast: bool = False
    name: str = "a"
    source: str | None = None
    rule: Rule | None = field(default_factory=Rule)
    parts: tuple[Part, ...] = (Part(), Part())
    low: int = 1
    high: int = 2

    def __post_init__(self) -> None:
        if self.low >= self.high:
            raise ValueError(f"low={self.low} is not allowed; it must be below high={self.high}")


@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(), st.booleans())
def test_what_is_written_is_read(rate: float, seed: int, fast: bool) -> None:
    expected = replace(Whole(), rate=rate, seed=seed, fast=fast)
    assert override(Whole(), [f"rate={rate!r}", f"seed={seed}", f"fast={fast}"]) == expected


@pytest.mark.parametrize(
    ("assignment", "expected"),
    [
        ("rate=1e-3", Whole(rate=1e-3)),
        ("rate=2", Whole(rate=2.0)),
        ("fast=true", Whole(fast=True)),
        ("name=none", Whole(name="none")),
        ("name=a=b", Whole(name="a=b")),
        ("source=albert-base-v2", Whole(source="albert-base-v2")),
        ("source=None", Whole()),
        ("rule=none", Whole(rule=None)),
        ("rule.window=5", Whole(rule=Rule(window=5))),
        ("parts.0.steps=7", Whole(parts=(Part(steps=7), Part()))),
        ("parts.1.layers=3", Whole(parts=(Part(), Part(layers=3)))),
        (" seed = 3 ", Whole(seed=3)),
    ],
)
def test_one_field(assignment: str, expected: Whole) -> None:
    assert override(Whole(), [assignment]) == expected


def test_several_at_once() -> None:
    changes = ["low=5", "high=9", "parts.0.steps=4", "parts.0.layers=2", "seed=1", "seed=2"]
    expected = Whole(low=5, high=9, seed=2, parts=(Part(4, 2), Part()))
    assert override(Whole(), changes) == expected  # low=5 alone would not be allowed
    assert override(Whole(), []) == Whole()


def test_a_part_of_what_is_none_begins_with_the_defaults() -> None:
    assert override(Whole(rule=None), ["rule.share=0.25"]).rule == Rule(share=0.25)
    set_ = override(Whole(parts=(Part(layers=3),)), ["parts.0.layers=none"])
    assert set_.parts == (Part(),)


@pytest.mark.parametrize(
    ("assignment", "said"),
    [
        ("sed=1", r"the configuration has no 'sed'; did you mean 'seed'\? it has rate, seed, "),
        ("rule.windows=1", r"rule has no 'windows'; did you mean 'window'\? it has window, share"),
        ("parts.2.steps=1", r"parts has no '2'; it has 0, 1$"),
        ("parts.0.stepz=1", r"parts.0 has no 'stepz'; did you mean 'steps'\?"),
        ("=1", r"has no ''; it has rate"),
        ("seed", r"'seed' sets nothing; write FIELD=VALUE"),
        ("seed=1.5", r"seed=1.5 is not allowed; it must be an integer$"),
        ("rate=fast", r"rate=fast is not allowed; it must be a number$"),
        ("rate=nan", r"rate=nan is not allowed; it must be a number$"),
        ("fast=1", r"fast=1 is not allowed; it must be true or false$"),
        ("parts.0.layers=x", r"parts.0.layers=x is not allowed; it must be an integer or none$"),
        ("seed.x=1", r"seed has no fields; write seed=0"),
        ("rule=5", r"rule=5 is not allowed; it must be none or set in parts, as rule.FIELD=VALUE"),
        ("parts=5", r"parts=5 is not allowed; it must be set in parts, as parts.0.FIELD=VALUE"),
        ("low=3", r"low=3 is not allowed; it must be below high=2"),
    ],
)
def test_bad_input(assignment: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        override(Whole(), [assignment])


def test_whole_and_part_of_the_same() -> None:
    with pytest.raises(ValueError, match="rule is set as a whole and in part"):
        override(Whole(), ["rule=none", "rule.window=5"])


def test_every_field_can_be_set_by_its_name() -> None:
    whole = Whole(name="b", parts=(Part(layers=3), Part(steps=4)))
    values = fields(whole)
    assert values["parts.0.layers"] == 3
    assert values["rule.window"] == 100
    assert override(Whole(), [f"{name}={value}" for name, value in values.items()]) == whole
