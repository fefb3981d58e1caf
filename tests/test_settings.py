"""Configurations from text and JSON: every type, and what is no field or no value."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from albertlm.settings import (
    check,
    check_at_least,
    check_choice,
    flatten,
    from_json,
    option,
    override,
    to_json,
)


@dataclass(frozen=True)
class Part:
    steps: int = 1
    layers: int | None = None


@dataclass(frozen=True)
class Rule:
    window: int = 100
    share: float = 0.5


@dataclass(frozen=True)
class Change:
    step: int
    planned: int
    told: str = "no"


@dataclass(frozen=True)
class Whole:
    rate: float = 0.1
    seed: int = 0
    fast: bool = False
    name: str = "a"
    source: str | None = None
    rule: Rule | None = field(default_factory=Rule)
    change: Change | None = None
    parts: tuple[Part, ...] = (Part(), Part())
    low: int = 1
    high: int = 2
    kind: Literal["sop", "nsp"] = "sop"
    names: Mapping[int, str] | None = None

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
        ("kind=nsp", Whole(kind="nsp")),
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
    assert override(Whole(), ["names.2=b", "names.1=a"]).names == {1: "a", 2: "b"}
    changed = override(Whole(names={1: "a", 2: "b"}), ["names.2=c"])
    assert changed.names == {1: "a", 2: "c"}
    assert override(Whole(rule=None), ["rule.share=0.25"]).rule == Rule(share=0.25)
    set_ = override(Whole(parts=(Part(layers=3),)), ["parts.0.layers=none"])
    assert set_.parts == (Part(),)


def test_a_part_of_what_is_none_needs_the_fields_without_default() -> None:
    changed = override(Whole(), ["change.step=3", "change.planned=5"])
    assert changed == replace(Whole(), change=Change(3, 5))
    assert override(changed, ["change.step=4"]).change == Change(4, 5)
    with pytest.raises(ValueError, match=r"change has no values yet; set change\.planned, too"):
        override(Whole(), ["change.step=3"])


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
        ("kind=mlm", r"kind=mlm is not allowed; it must be sop or nsp$"),
        ("low=3", r"low=3 is not allowed; it must be below high=2"),
    ],
)
def test_bad_input(assignment: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        override(Whole(), [assignment])


def test_whole_and_part_of_the_same() -> None:
    with pytest.raises(ValueError, match="rule is set as a whole and in part"):
        override(Whole(), ["rule=none", "rule.window=5"])


@given(
    st.builds(
        Whole,
        rate=st.floats(allow_nan=False, allow_infinity=False),
        seed=st.integers(),
        fast=st.booleans(),
        name=st.text(),
        source=st.none() | st.text(),
        rule=st.none() | st.builds(Rule, st.integers(), st.floats(0, 1)),
        parts=st.lists(st.builds(Part, st.integers(), st.none() | st.integers())).map(tuple),
        kind=st.sampled_from(["sop", "nsp"]),
        names=st.none() | st.dictionaries(st.integers(), st.text()),
    )
)
def test_a_configuration_is_read_back_from_its_json(whole: Whole) -> None:
    assert from_json(Whole, json.loads(json.dumps(to_json(whole)))) == whole


def test_a_field_that_a_file_lacks_has_its_default() -> None:
    assert from_json(Whole, {"seed": 3}) == Whole(seed=3)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"sed": 1}, r"the configuration has no 'sed'; did you mean 'seed'\?"),
        ({"parts": [{"stepz": 1}]}, r"parts.0 has no 'stepz'; did you mean 'steps'\?"),
        ({"seed": "1"}, r"seed='1' is not allowed; it must be an integer$"),
        ({"seed": True}, r"seed=True is not allowed; it must be an integer$"),
        ({"seed": 1.0}, r"seed=1.0 is not allowed; it must be an integer$"),
        ({"parts": [{"layers": []}]}, r"parts.0.layers=\[\] .* must be an integer or none$"),
        ({"rule": 5}, r"rule=5 is not allowed; it must be an object or none$"),
        ({"kind": "mlm"}, r"kind='mlm' is not allowed"),
        ({"names": {"a": "b"}}, r"names=a is not allowed; it must be an integer$"),
        ({"low": 3}, r"low=3 is not allowed; it must be below high=2"),
        ([], r"the configuration=\[\] is not allowed; it must be an object$"),
    ],
)
def test_bad_json(fields: object, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        from_json(Whole, fields)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: check_at_least(1, steps=0), "^steps=0 is not allowed; it must be 1 or more$"),
        (lambda: check_at_least(2, a=2, b=1), "^b=1 is not allowed"),
        (lambda: check_choice(["red", "blue"], colour="bleu"), "red, blue; did you mean 'blue'?"),
        (lambda: check(False, "equal", a=1, b=2), "^a=1 and b=2 are not allowed; they must be eq"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_allowed(call: Callable[[], None], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        call()
    check_at_least(1, steps=1, other=None)
    check_choice(["red"], colour="red")


def test_every_field_can_be_set_by_its_name() -> None:
    whole = Whole(name="b", parts=(Part(layers=3), Part(steps=4)))
    values = flatten(whole)
    assert values["parts.0.layers"] == 3
    assert values["rule.window"] == 100
    assert override(Whole(), [f"{name}={value}" for name, value in values.items()]) == whole


def test_a_field_that_is_an_option_has_a_default_and_a_help_text() -> None:
    @dataclass(frozen=True)
    class Options:
        steps: int = option(5, "So many.", least=1, flags="--so-many")

    (made,) = fields(Options)
    assert Options().steps == 5
    assert dict(made.metadata) == {"help": "So many.", "least": 1, "flags": "--so-many"}
