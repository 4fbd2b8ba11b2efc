"""Plain scalars of YAML as go-yaml resolves them, and its keys as sigs.k8s.io/yaml writes them. Pure."""

from __future__ import annotations

import math
import re
import struct
from decimal import Decimal
from typing import Any

_WORDS: dict[str, Any] = {
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
}
_NUMBER_STARTS = frozenset("+-.0123456789")
_INTEGER = re.compile(r"([+-]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|([1-9][0-9]*|0))")
_ODD_BINARY = re.compile(r"0b([+-][01]+)")
_NUMBER = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_POINT_FIRST = re.compile(r"\.[0-9]+(?:_[0-9]+)*(?:[eE][-+]?[0-9]+(?:_[0-9]+)*)?")
_BASES = (16, 2, 8, 10)


def resolved(text: str) -> Any:
    """What kubectl takes a plain scalar for: str, int, float (nan and inf too), bool or None."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _NUMBER_STARTS:
        return text
    if text[0] == ".":
        return _finite(text, text.replace("_", "")) if _POINT_FIRST.fullmatch(text) else text
    plain = text.replace("_", "")
    number = _as_integer(plain)
    if number is not None:
        return number
    return _finite(text, plain) if _NUMBER.fullmatch(plain) else text


def _finite(text: str, plain: str) -> float | str:
    """The float, or the text itself where it is out of range: go-yaml takes that for a string."""
    number = float(plain)
    return number if math.isfinite(number) else text


def _as_integer(plain: str) -> int | None:
    """Of 64 bits, with a sign or, where there is none written, without."""
    if match := _INTEGER.fullmatch(plain):
        sign, *forms = match.groups()
        digits, base = next((form, base) for form, base in zip(forms, _BASES, strict=True) if form)
        digits = digits.lstrip("0") or "0"
        number = int(sign + digits, base) if len(digits) <= 64 else 2**64
        return number if -(2**63) <= number < (2**63 if sign else 2**64) else None
    match = _ODD_BINARY.fullmatch(plain)
    return int(match[1], 2) if match and len(match[1]) <= 64 else None


def as_key(value: Any) -> str | None:
    """A key that is no string, as sigs.k8s.io/yaml writes it; None where it has no way to."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value) if value < 2**63 else None
    return _short_float(value) if isinstance(value, float) else None


def _short_float(value: float) -> str:
    """Go's FormatFloat(value, 'g', -1, 32): the fewest digits that tell it from other floats of 32 bits."""
    try:
        single = struct.unpack("f", struct.pack("f", value))[0]
    except OverflowError:
        single = math.copysign(math.inf, value)
    if not math.isfinite(single):
        return ".nan" if math.isnan(single) else ".inf" if single > 0 else "-.inf"
    text = next(text for text in (f"{single:.{digits}e}" for digits in range(9)) if _single(text) == single)
    return f"{Decimal(text):f}" if -4 <= int(text.partition("e")[2]) < 6 else text


def _single(text: str) -> float:
    return float(struct.unpack("f", struct.pack("f", float(text)))[0])
