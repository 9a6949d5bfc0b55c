"""Scans as text: `gap >= 4 & rvol >= 3 & price in 2..20 & float < 20M & ~halted` becomes a condition.

The grammar is all there is; nothing in a text is ever executed.

    any         = all { ("|" | "||" | "or") all }
    all         = not { ("&" | "&&" | "and") not }
    not         = ("~" | "!" | "not") not | "(" any ")" | comparison
    comparison  = feature sign value [ "stay" value ] | value sign feature [ sign value ]
                | feature [ "not" ] "in" value ".." value [ "stay" value ".." value ] | flag
    sign        = ">=" | "<=" | ">" | "<"
    value       = [ "-" ] [ "$" ] number [ "K" | "M" | "B" ] [ unit ]

A number without a unit is in the feature's own; one with a unit must fit it, and is converted where it can be (1 % is
100 bp, 5 min are 300 s). Names, words and units are read in any case. After `stay` comes the looser limit at which what
was found stays found: `gap >= 4 stay 3.5` comes at 4 % and goes below 3.5 %; it cannot stand under a `~`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from math import isfinite
from typing import Final, NamedTuple, NoReturn

from qm.errors import UsageError, did_you_mean, nearest
from qm.market.features import FLAGS, UNITS
from qm.market.untold import UNTOLD
from qm.scanner.conditions import Condition, above, at_least, at_most, below, flag, tighter, within

CHARS_MAX: Final = 2000
DEPTH_MAX: Final = 32
"""Most parentheses and nots inside each other."""

ALIASES: Final[dict[str, str]] = {
    "price": "last",
    "gap": "gap_pct",
    "chg": "chg_pct",
    "change": "chg_pct",
    "mom1": "mom_1_pct",
    "mom5": "mom_5_pct",
    "mom15": "mom_15_pct",
    "vol": "volume",
    "dvol": "dollar_volume",
    "vwap_dist": "vwap_dist_pct",
    "spread": "spread_bps",
    "range": "range_atr",
    "high_age": "high_age_s",
    "rotation": "float_rotation",
    "vol5": "vol_5m",
    "vol5_pct": "vol_5m_pct",
    "rvol5": "rvol_5m",
    "surge": "vol_surge",
    "float": "float_shares",
}
"""What traders call the features."""

_MAKE: Final[dict[str, Callable[..., Condition]]] = {
    ">=": at_least,
    "<=": at_most,
    ">": above,
    "<": below,
}
_SAME: Final = {"≥": ">=", "≤": "<=", "&&": "&", "||": "|", "!": "~", "and": "&", "or": "|", "not": "~"}
_TURNED: Final = {">=": "<=", "<=": ">=", ">": "<", "<": ">"}
_NOT_SIGNS: Final = ("=", "==", "!=", "<>", "=>", "=<")
_MAGNITUDES: Final = {"k": 1e3, "m": 1e6, "b": 1e9}
_COUNTED: Final = ("$", "shares")
"""Units in which thousands and millions are usual."""
_UNIT_WORDS: Final = {
    **{unit: unit for unit in ("%", "$", "x", "bp", "s", "min", "h", "shares", "days")},
    "bps": "bp",
    "sec": "s",
    "share": "shares",
    "day": "days",
}
_CONVERTED: Final[dict[tuple[str, str], tuple[float, float]]] = {
    ("%", "bp"): (100, 1),
    ("bp", "%"): (1, 100),
    ("min", "s"): (60, 1),
    ("h", "s"): (3600, 1),
    ("s", "min"): (1, 60),
    ("h", "min"): (60, 1),
}
"""Factor and divisor from the unit that was written to the feature's."""

_TOKENS: Final = re.compile(
    r"(?P<space>\s+)"
    r"|(?P<number>(?:[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])|[0-9]+)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"
    r"|\.[0-9]+(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<word>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<sign>>=|<=|==|!=|<>|=>|=<|&&|\|\||\.\.|[<>=≥≤&|~!()$%-])"
)


class ScanTextError(UsageError):
    """Refuse the text of a scan, with the column at which it goes wrong."""

    def __init__(self, problem: str, remedy: str = "", text: str = "", at: int = 0, width: int = 1) -> None:
        super().__init__(f"Column {at + 1}: {problem}", remedy)
        self.text, self.column, self.width = text, at + 1, width
        # Exception.__reduce__ rebuilds from args, so all of them must be there.
        self.args = (problem, remedy, text, at, width)

    def pointer(self) -> str:
        """Return the text around the place, and under it a line with carets."""
        at = self.column - 1
        start = max(0, at - 50)
        shown = "".join(char if char.isprintable() else " " for char in self.text[start : at + 30])
        before = "…" if start else ""
        return f"{before}{shown}\n{' ' * (len(before) + at - start)}{'^' * max(1, min(self.width, 30))}"


class _Token(NamedTuple):
    kind: str
    """`number`, `word`, `sign` or `end`."""
    text: str
    """Signs and words in the one form that means the same."""
    at: int
    width: int


class _Value(NamedTuple):
    number: float
    magnitude: str
    unit: str
    at: int
    width: int


def parse(text: str) -> Condition:
    """Read a condition; ScanTextError for anything else, with the column, what was expected and the nearest name."""
    if len(text) > CHARS_MAX:
        raise ScanTextError(f"a scan has at most {CHARS_MAX:,} characters.", "Make two scans of it.", text, CHARS_MAX)
    return _Parser(text).condition()


def known(name: str) -> str:
    """Return the feature of a name or of one of its `ALIASES`, in any case; empty when there is none."""
    folded = name.lower()
    folded = ALIASES.get(folded, folded)
    return folded if folded in UNITS else ""


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(self._split())
        self._next = 0
        self._depth = 0
        self._nots = 0

    def condition(self) -> Condition:
        if self._token.kind == "end":
            self._refuse("the scan says nothing.", "Write e.g. gap >= 4 & rvol >= 3.")
        found = self._any()
        if self._token.kind != "end":
            self._expected("& or |, or the end")
        return found

    # --- words -----------------------------------------------------------------------------------------------------

    def _split(self) -> list[_Token]:
        found: list[_Token] = []
        at = 0
        while at < len(self._text):
            match = _TOKENS.match(self._text, at)
            if match is None:
                raise ScanTextError(
                    f"{self._text[at]!r} means nothing in a scan.", "Write e.g. gap >= 4 & rvol >= 3.", self._text, at
                )
            kind, text = match.lastgroup or "", match[0]
            if kind != "space":
                same = _SAME.get(text.lower(), text)
                keyword = kind == "word" and (same != text or text.lower() in ("in", "stay"))
                found.append(_Token("sign" if keyword else kind, same.lower() if keyword else same, at, len(text)))
            at = match.end()
        return [*found, _Token("end", "", len(self._text), 1)]

    @property
    def _token(self) -> _Token:
        return self._tokens[self._next]

    def _take(self) -> _Token:
        token = self._token
        self._next += token.kind != "end"
        return token

    def _is(self, *signs: str) -> bool:
        return self._token.kind == "sign" and self._token.text in signs

    def _refuse(self, problem: str, remedy: str = "", token: _Token | _Value | None = None) -> NoReturn:
        token = token or self._token
        raise ScanTextError(problem, remedy, self._text, token.at, token.width)

    def _expected(self, what: str, remedy: str = "") -> NoReturn:
        found = "the scan ends" if self._token.kind == "end" else f"there is {self._written(self._token)!r}"
        self._refuse(f"expected {what}, but {found} here.", remedy)

    def _written(self, token: _Token | _Value) -> str:
        return self._text[token.at : token.at + token.width]

    # --- the grammar -------------------------------------------------------------------------------------------------

    def _any(self) -> Condition:
        found = self._all()
        while self._is("|"):
            self._take()
            found |= self._all()
        return found

    def _all(self) -> Condition:
        found = self._not()
        while self._is("&"):
            self._take()
            found &= self._not()
        return found

    def _not(self) -> Condition:
        if not self._is("~", "("):
            return self._comparison()
        opened = self._take()
        self._depth += 1
        if self._depth > DEPTH_MAX:
            self._refuse(f"more than {DEPTH_MAX} parentheses and nots lie inside each other.", "", opened)
        if opened.text == "~":
            self._nots += 1
            found = ~self._not()
            self._nots -= 1
        else:
            found = self._any()
            if not self._is(")"):
                self._expected(f"& or |, or the ) of column {opened.at + 1}")
            self._take()
        self._depth -= 1
        return found

    def _comparison(self) -> Condition:
        if self._token.kind == "number" or self._is("-", "$"):
            return self._value_first()
        if self._token.kind != "word":
            self._expected("a feature, ~ or (", "Write e.g. gap >= 4.")
        named = self._token
        feature = self._feature()
        if feature in FLAGS:
            return self._flag(feature, named)
        if self._is(*_MAKE):
            sign = self._take().text
            limit = self._limit(feature, self._value(feature))
            return _MAKE[sign](feature, limit, stay=self._stay(feature, sign, limit))
        if self._is(*_NOT_SIGNS):
            remedy = f"Write {self._written(named)} in a..b, or >=, <=, > or <."
            self._refuse(f"{self._written(self._token)!r} compares nothing that is measured.", remedy)
        outside = self._is("~") and self._tokens[self._next + 1][:2] == ("sign", "in")
        if outside:
            self._take()
        if not self._is("in"):
            remedy = f"{feature} is a number{_in_unit(feature)}: write e.g. {self._written(named)} >= 3."
            self._expected(f">=, <=, >, < or `in` after {self._written(named)}", remedy)
        self._take()
        return self._range(feature, outside=outside)

    def _flag(self, feature: str, named: _Token) -> Condition:
        if self._is(*_MAKE, *_NOT_SIGNS, "in"):
            name = self._written(named)
            self._refuse(f"{feature} is set or not, and has no values to compare.", f"Write {name} or ~{name}.")
        return flag(feature)

    def _value_first(self) -> Condition:
        first = self._value("")
        sign = self._sign()
        named = self._token
        feature = self._feature()
        if feature in FLAGS:
            name = self._written(named)
            self._refuse(f"{feature} is set or not, and has no values to compare.", f"Write {name} or ~{name}.", named)
        found = _MAKE[_TURNED[sign]](feature, one := self._limit(feature, first))
        if not self._is(*_MAKE):
            return found
        if self._token.text[0] != sign[0]:
            self._refuse(f"both signs must point the same way, as in 2 {sign} last {sign} 20.")
        second = self._take().text
        value = self._value(feature)
        other = self._limit(feature, value)
        if (one > other) if sign[0] == "<" else (one < other):
            self._refuse(f"{feature} cannot lie between {one:g} and {other:g} this way round.", token=value)
        return found & _MAKE[second](feature, other)

    def _stay(self, feature: str, sign: str, limit: float) -> float | None:
        if not self._is("stay"):
            return None
        self._no_stay_under_not(self._take())
        value = self._value(feature)
        stay = self._limit(feature, value)
        self._looser(feature, sign, limit, stay, value)
        return stay

    def _looser(self, feature: str, sign: str, limit: float, stay: float, value: _Value) -> None:
        if tighter(sign, limit, stay):
            way = "less" if sign[0] == ">" else "more"
            remedy = f"Write {limit:g} or {way} after stay."
            self._refuse(f"{feature} {sign} {stay:g} is tighter than {sign} {limit:g}.", remedy, value)

    def _no_stay_under_not(self, token: _Token) -> None:
        if self._nots:
            remedy = "Turn the comparison round: gap < 4 stay 4.5 instead of ~(gap >= 4)."
            self._refuse("stay cannot stand under a ~.", remedy, token)

    def _range(self, feature: str, *, outside: bool) -> Condition:
        low, high, _ = self._pair(feature)
        if not self._is("stay"):
            inside = within(feature, low, high)
            return ~inside if outside else inside
        if outside:
            self._refuse("stay cannot follow `not in`.", f"Write {feature} < a stay b | {feature} > c stay d.")
        self._no_stay_under_not(self._take())
        stay_low, stay_high, (first, second) = self._pair(feature)
        self._looser(feature, ">=", low, stay_low, first)
        self._looser(feature, "<=", high, stay_high, second)
        return within(feature, low, high, stay=(stay_low, stay_high))

    def _pair(self, feature: str) -> tuple[float, float, tuple[_Value, _Value]]:
        first = self._value(feature)
        if not self._is(".."):
            self._expected("..", "Write a range as 2..20.")
        self._take()
        second = self._value(feature)
        if second.magnitude and not first.magnitude and first.number:
            written = self._written(first) + second.magnitude.upper()
            remedy = f"Write {written}..{self._written(second)}, or both numbers out."
            self._refuse(f"{self._written(first)} may be meant in {second.magnitude.upper()}, too.", remedy, first)
        low, high = self._limit(feature, first), self._limit(feature, second)
        if low > high:
            self._refuse(f"{low:g}..{high:g} has no values.", "Write the smaller limit first.", first)
        return low, high, (first, second)

    def _sign(self) -> str:
        if not self._is(*_MAKE):
            self._expected(">=, <=, > or <")
        return self._take().text

    def _feature(self) -> str:
        token = self._token
        if token.kind != "word":
            self._expected("a feature")
        feature = known(token.text)
        if not feature:
            if token.text.lower() in UNTOLD:
                why, remedy = UNTOLD[token.text.lower()]
                self._refuse(f"{token.text!r} is no feature. {why}", remedy)
            close = nearest(token.text, (*UNITS, *ALIASES))
            remedy = did_you_mean(dict.fromkeys(map(known, close))) or "All of them: qm scan features."
            self._refuse(f"no feature is called {token.text!r}.", remedy)
        self._take()
        return feature

    # --- numbers -----------------------------------------------------------------------------------------------------

    def _value(self, feature: str) -> _Value:
        begun = self._token.at
        signs = ""
        while self._is("-", "$") and self._token.text not in signs:
            signs += self._take().text
        if self._token.kind != "number":
            other = self._token.kind == "word" and known(self._token.text)
            remedy = "Features are compared with numbers, not with each other; vwap_dist is the distance from it in %."
            self._expected(f"a number{_in_unit(feature)}", remedy if other else "")
        token = self._take()
        number = float(token.text.replace(",", ""))
        magnitude = unit = ""
        end = token.at + token.width
        if self._token.kind == "word" and self._token.text.lower() in _MAGNITUDES:
            magnitude, end = self._token.text.lower(), self._token.at + self._token.width
            number *= _MAGNITUDES[magnitude]
            self._take()
        if self._token.text.lower() in _UNIT_WORDS and (self._token.kind == "word" or self._is("%", "$")):
            unit, end = _UNIT_WORDS[self._token.text.lower()], self._token.at + self._token.width
            self._take()
        elif self._token.kind == "word" and self._token.at == end:
            self._refuse(f"{self._token.text!r} is no unit.", "Known: %, bp, x, $, s, min, h, shares, days; K, M, B.")
        if "$" in signs:
            if unit not in ("", "$"):
                self._refuse(f"$ and {unit} do not go together.", "Write one of them.", token)
            unit = "$"
        return _Value(-number if "-" in signs else number, magnitude, unit, begun, end - begun)

    def _limit(self, feature: str, value: _Value) -> float:
        """Return the value in the feature's unit."""
        unit = UNITS[feature]
        if value.unit not in ("", unit) and (value.unit, unit) not in _CONVERTED:
            self._refuse(f"{feature} is {_measured(unit)}, not in {value.unit}.", f"Write {value.number:g}.", value)
        if value.magnitude and unit not in _COUNTED:
            remedy = "Minutes are written min." if value.magnitude == "m" and unit in ("s", "min") else ""
            self._refuse(f"{feature} is {_measured(unit)}, not in {value.magnitude.upper()}.", remedy, value)
        factor, divisor = _CONVERTED.get((value.unit, unit), (1, 1))
        limit = value.number * factor / divisor
        if not isfinite(limit):
            self._refuse("the number is too large.", "", value)
        return limit


def _measured(unit: str) -> str:
    return f"in {unit}" if unit else "a plain number"


def _in_unit(feature: str) -> str:
    unit = UNITS.get(feature, "")
    return f" in {unit}" if unit else ""
