"""Random texts that a regular expression matches, so that each rule of a large set has a sample."""

import random
import re
import string
from typing import Any

_REPEATS = (re._constants.MAX_REPEAT, re._constants.MIN_REPEAT, re._constants.POSSESSIVE_REPEAT)  # type: ignore[attr-defined]
_C = re._constants  # type: ignore[attr-defined]
_PRINTABLE = string.ascii_letters + string.digits
_CATEGORIES = {_C.CATEGORY_DIGIT: string.digits, _C.CATEGORY_WORD: _PRINTABLE, _C.CATEGORY_SPACE: " ", _C.CATEGORY_NOT_SPACE: _PRINTABLE}


def sample(pattern: str, seed: str) -> str:
    """One text that the pattern matches, where it asks nothing of what stands before and behind."""
    chance = random.Random(f"{pattern} {seed}")
    return "".join(_made(re._parser.parse(pattern), chance))  # type: ignore[attr-defined]


def _made(tree: Any, chance: random.Random) -> list[str]:
    made: list[str] = []
    for kind, value in tree:
        if kind == _C.LITERAL:
            made.append(chr(value))
        elif kind == _C.IN:
            made.append(chance.choice(_choices(value)))
        elif kind == _C.ANY:
            made.append(chance.choice(_PRINTABLE))
        elif kind == _C.BRANCH:
            made += _made(chance.choice(value[1]), chance)
        elif kind in _REPEATS:
            low, high, inside = value
            few = 20 if low == 1 and high == _C.MAXREPEAT else low  # `+`: enough to look random
            for _ in range(few if high > low + 8 else chance.randint(low, high)):
                made += _made(inside, chance)
        elif kind == _C.SUBPATTERN:
            made += _made(value[3], chance)
        elif kind not in (_C.AT, _C.ASSERT, _C.ASSERT_NOT):
            raise NotImplementedError(kind)
    return made


def _choices(items: Any) -> str:
    if items[0][0] == _C.NEGATE:
        return "".join(sign for sign in f"{_PRINTABLE} " if sign not in _choices(items[1:]))
    found = ""
    for kind, value in items:
        if kind == _C.LITERAL:
            found += chr(value)
        elif kind == _C.RANGE:
            found += "".join(map(chr, range(value[0], value[1] + 1)))
        else:
            found += _CATEGORIES[value]
    return found
