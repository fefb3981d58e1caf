"""Each test of bias has a table, a formula, figures and rows of numbers under the same name."""

from albertlm.cli.bias import bias
from albertlm.cli.bias_tables import PRINT
from albertlm.reporting.bias_page import FORMULAS


def test_every_test_has_a_table_and_a_formula() -> None:
    commands = [info.callback.__name__ for info in bias.registered_commands if info.callback]
    names = [name.replace("_", "-") for name in commands]
    assert sorted(names) == sorted(PRINT) == sorted(FORMULAS)
