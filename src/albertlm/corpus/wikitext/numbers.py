"""Write numbers as a wiki in some language does."""

from __future__ import annotations

import re
from dataclasses import dataclass

_PLAIN = re.compile(r"([-+−]?)([0-9]{1,19})((?:\.[0-9]*)?)")


@dataclass(frozen=True, slots=True)
class NumberFormat:
    """How numbers are written, by default as in English.

    Fields:
        group: what separates groups of digits.
        decimal: what separates the fraction.
        least: the digits that must precede the last three for these to be separated.
        pairs: whether all groups but the last have two digits, as in India.
    """

    group: str = ","
    decimal: str = "."
    least: int = 1
    pairs: bool = False

    def write(self, value: str) -> str:
        """Return `2,381,741.5` for `2381741.5`; what is no plain number is returned unchanged."""
        value = value.strip()
        match = _PLAIN.fullmatch(value)
        if not match:
            return value
        sign, whole, fraction = match.groups()
        return f"{sign}{self._grouped(whole)}{fraction.replace('.', self.decimal)}"

    def read(self, value: str) -> str:
        """Return `2381741.5` for `2,381,741.5`, the inverse of `write`.

        Where a full stop and a comma occur, the last is taken for the decimal separator, since
        numbers are often copied from English pages.
        """
        value = value.strip()
        decimal = self.decimal
        if "," in value and "." in value:
            decimal = max(",.", key=value.rindex)
        whole, point, fraction = value.rpartition(decimal) if decimal in value else (value, "", "")
        for separator in {self.group, ",", ".", " ", "\xa0"} - {decimal}:
            whole = whole.replace(separator, "")
        return whole + ("." if point else "") + fraction

    def _grouped(self, whole: str) -> str:
        if len(whole) < 3 + self.least:
            return whole
        size = 2 if self.pairs else 3
        head, groups = whole[:-3], [whole[-3:]]
        while head:
            groups.append(head[-size:])
            head = head[:-size]
        return self.group.join(reversed(groups))
