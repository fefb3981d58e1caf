"""Test how numbers are written and read in different languages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from albertlm.corpus.wikitext.numbers import NumberFormat

ENGLISH = NumberFormat()
GERMAN = NumberFormat(".", ",")
SWEDISH = NumberFormat("\xa0", ",")
SPANISH = NumberFormat("\xa0", ",", least=2)
HINDI = NumberFormat(pairs=True)


@pytest.mark.parametrize(
    ("numbers", "value", "shown"),
    [
        (ENGLISH, "999", "999"),
        (ENGLISH, "1000", "1,000"),
        (ENGLISH, " 2381741.5 ", "2,381,741.5"),
        (ENGLISH, "3003.5678", "3,003.5678"),
        (ENGLISH, "-1000", "-1,000"),
        (GERMAN, "3003.5", "3.003,5"),
        (GERMAN, "21.78", "21,78"),
        (SWEDISH, "3003.5", "3\xa0003,5"),
        (SPANISH, "3003.5", "3003,5"),
        (SPANISH, "13003.5", "13\xa0003,5"),
        (HINDI, "1234567", "12,34,567"),
        (HINDI, "12345678", "1,23,45,678"),
    ],
)
def test_numbers_are_written_as_in_their_language(
    numbers: NumberFormat, value: str, shown: str
) -> None:
    assert numbers.write(value) == shown


@pytest.mark.parametrize("value", ["1,000", "about 1000", "", "١٢٣٤٥", "9" * 30, "1.2.3", "1 000"])
def test_what_is_no_plain_number_is_unchanged(value: str) -> None:
    assert ENGLISH.write(value) == value


@pytest.mark.parametrize(
    ("numbers", "value", "plain"),
    [
        (ENGLISH, "1,234.5", "1234.5"),
        (GERMAN, "1.234,5", "1234.5"),
        (GERMAN, "1,234.5", "1234.5"),
        (GERMAN, "1.234", "1234"),
        (SWEDISH, "1 234,5", "1234.5"),
    ],
)
def test_numbers_are_read(numbers: NumberFormat, value: str, plain: str) -> None:
    assert numbers.read(value) == plain


@given(
    st.sampled_from([ENGLISH, GERMAN, SWEDISH, SPANISH, HINDI]),
    st.from_regex(r"-?(0|[1-9][0-9]{0,11})(\.[0-9]{1,6})?", fullmatch=True),
)
def test_reading_is_the_inverse_of_writing(numbers: NumberFormat, value: str) -> None:
    assert numbers.read(numbers.write(value)) == value
