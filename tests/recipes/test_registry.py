"""What the registry holds, and what is said of a name that it does not."""

import pytest

from albertlm.recipes.published import SIZES, VERSIONS
from albertlm.recipes.registry import (
    RECIPES,
    find_recipe,
    paper_ablations,
    releases,
    small_ablations,
)


def test_a_name_leads_to_its_recipe() -> None:
    assert all(find_recipe(name) is recipe for name, recipe in RECIPES.items())


def test_the_released_names_are_all_there() -> None:
    names = {f"albert-{size}-{version}" for size in SIZES for version in VERSIONS}
    as_run = {f"{name}-as-google-ran" for name in names}
    assert releases().keys() == names | as_run | {"albert-xxlarge-v1-125k"}
    assert RECIPES["albert-xxlarge-v1-125k"](30_000).total_steps == 125_000
    assert RECIPES["albert-large-v2-as-google-ran"](30_000).masking.max_predictions == 20


def test_no_name_stands_for_two_recipes() -> None:
    parts = (releases(), paper_ablations(), small_ablations())
    alone = {"smoke", "shipped", "shipped-longer", "cpu-overnight", "gpu-hour"}
    alone |= {"gpu-ten-minutes", "gpu-ten-minutes-longer"}
    assert len(RECIPES) == len(alone) + sum(map(len, parts))
    assert RECIPES.keys() == alone.union(*parts)


def test_an_unknown_name() -> None:
    with pytest.raises(ValueError, match=r"unknown recipe 'albert-base-v3'; did you mean .*base-v"):
        find_recipe("albert-base-v3")
    with pytest.raises(ValueError, match=r"unknown recipe 'xyz'; `albertlm recipes` lists all"):
        find_recipe("xyz")


@pytest.mark.parametrize(("name", "near"), [("smokes", "smoke"), ("gpu_hour", "gpu-hour")])
def test_a_misspelled_name_suggests_the_right_one_first(name: str, near: str) -> None:
    with pytest.raises(ValueError, match=f"did you mean '{near}'[ ?]"):
        find_recipe(name)
