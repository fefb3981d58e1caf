"""Where the Unicode tables inside `tokenizers` and Python's differ.

`tokenizers` decomposes by Unicode 12.0, knows the marks of an older version still, and lower-cases
by a newer one than Python. The hub mode must treat each character as it does, on any Python.
The lists hold for all Pythons up to Unicode 18; a test asks `tokenizers` itself.
"""

from __future__ import annotations


def _characters(ranges: str) -> frozenset[str]:
    """The characters of ranges such as `a7f2-a7f4`, in hexadecimal."""
    characters: set[str] = set()
    for each in ranges.split():
        first, _, last = each.partition("-")
        characters.update(map(chr, range(int(first, 16), int(last or first, 16) + 1)))
    return frozenset(characters)


NOT_DECOMPOSED = _characters(
    "558 58b-58c 209d-209f 32ff a7f1-a7f4 ab69 105c9 105e4 10781-10785 10787-107b0 107b2-107bf "
    "11383 11385 1138e 11391 113c5 113c7-113c8 11938 16121-16128 16d68-16d6a 1b123-1b126 "
    "1ccd6-1ccf9 1d6a6 1df95 1dfcd-1dfff 1e030-1e06d 1f16c 1fbf0-1fbf9"
)
"""Characters that gained their decomposition later."""

NOT_MARKS = _characters(
    "5c8-5c9 7fd 897-89f 8ca-8d3 9fe afa-aff b53-b55 c04 c3c cf3 d00 d3b-d3c d81 eba ece 1715 "
    "180f 1abf-1af0 1cf7 1df6-1dfa a82c a8ff 10d24-10d27 10d69-10d6d 10eab-10eac 10ecb-10ecf "
    "10ef0-10eff 10f46-10f50 10f82-10f85 11070 11073-11074 110c2 11145-11146 111c9 111ce-111cf "
    "11241 1133b 113b8-113c0 113c2 113c5 113c7-113ca 113cc-113d0 113d2 113e1-113e2 1145e "
    "1182c-1183a 11930-11935 11937-11938 1193b-1193e 11940 11942-11943 119d1-119d7 119da-119e0 "
    "119e4 11a01-11a0a 11a33-11a39 11a3b-11a3e 11a47 11a51-11a5b 11a8a-11a99 11b60-11b67 "
    "11d31-11d36 11d3a 11d3c-11d3d 11d3f-11d45 11d47 11d8a-11d8e 11d90-11d91 11d93-11d97 11df0 "
    "11ef3-11ef6 11f00-11f01 11f03 11f34-11f3a 11f3e-11f42 11f5a 13440 13447-13455 1611e-1612f "
    "16f4f 16f7f-16f87 16fe4 16ff0-16ff1 1cf00-1cf2d 1cf30-1cf46 1d127-1d128 1d250-1d252 "
    "1d25b-1d25c 1d25f 1d280-1d281 1e08f 1e130-1e136 1e2ae 1e2ec-1e2ef 1e4ec-1e4ef 1e5ee-1e5ef "
    "1e6e3 1e6e6 1e6ee-1e6ef 1e6f5"
)
"""Combining marks that were added later."""

FORMER_MARKS = _characters("1cf2-1cf3")
"""Characters that were marks then."""

LATER_LOWER_CASE = {
    "\u1c89": "\u1c8a",
    "\ua7cb": "\u0264",
    "\ua7cc": "\ua7cd",
    "\ua7ce": "\ua7cf",
    "\ua7d2": "\ua7d3",
    "\ua7d4": "\ua7d5",
    "\ua7da": "\ua7db",
    "\ua7dc": "\u019b",
    **{chr(capital): chr(capital + 0x20) for capital in range(0x10D50, 0x10D66)},
    **{chr(capital): chr(capital + 0x1B) for capital in range(0x16EA0, 0x16EB9)},
}
"""Capitals of Unicode 16 and 17, and their small letters."""
