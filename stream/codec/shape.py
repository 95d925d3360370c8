"""The shape of a record: all paths that are read out of it, as one msgspec struct.

msgspec parses and checks a record in C, straight into the struct; fields that nobody reads are
skipped. A record that fails is looked at again, slowly (`Shape.examine`), to find words for what
is wrong. The slow way has the last word: it accepts a few records that the fast way cannot take
(of a repeated key the last value counts; null stands for an absent object).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import starmap
from operator import attrgetter
from types import NoneType
from typing import Any, NamedTuple, NoReturn

import msgspec

from stream.codec.rejects import Fault, show
from stream.codec.rules import Rule, TimeRule
from stream.config.paths import names_of, path_of
from stream.errors import ConfigError

Content = Any
"""A decoded record: an instance of a struct that is made while the program runs."""

_ODD = re.compile(r'["\\\x00-\x1f]')
"""Characters that msgspec refuses in a field's name."""

_FLOAT_DIGITS = 309  # a whole number of more digits is beyond every float


_JSON_TYPES = frozenset({str, bool, int, float, NoneType})


class Field(NamedTuple):
    """One value that is read: where it stands, what it has to be, whether it may be missing."""

    path: str
    rule: Rule
    optional: bool = False


class Refusal(Exception):  # noqa: N818 - never leaves the codec; it carries a fault to its words
    """A record cannot be used."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault)
        self.fault = fault


class Shape:
    """See the module.

    Parameters
    ----------
    fields
        All values that are read. Two may share a path if one JSON type suits both.

    Raises
    ------
    ConfigError
        Two fields cannot stand in one record.
    """

    def __init__(self, fields: Sequence[Field]) -> None:
        self._fields = tuple(fields)
        by_path: dict[str, list[Field]] = {}
        for entry in fields:
            by_path.setdefault(entry.path, []).append(entry)
        names = {name for path in by_path for name in names_of(path)}
        is_odd = any(map(_ODD.search, names))
        # msgspec takes no such name; then the slow way reads every record, under other names.
        self._key = _attribute if is_odd else str
        self._object = _make_object(_tree(by_path), self._key)
        self._decode: Callable[[bytes], Content] = (
            self._decode_slowly if is_odd else msgspec.json.Decoder(self._object.struct).decode
        )
        # msgspec checks one rule a path; where several meet, the others are checked in Python.
        # What a time is beside its type, the columns of the reader see.
        self._shared = [
            (getter(path), entry.rule)
            for path, entries in by_path.items()
            for entry in entries
            if len(entries) > 1 and not isinstance(entry.rule, TimeRule)
        ]
        self.decode = self._decode_shared if self._shared else self._decode

    def examine(self, value: bytes) -> Content:
        """Decode slowly.

        Raises
        ------
        Refusal
            With the first fault, in the order of the fields.
        """
        document, is_json = _parse(value)
        wanted: dict[str, Any] = {}
        for path, rule, optional in self._fields:
            found = _find(document, path)
            if found is None and not optional:
                got = "null" if _is_null(document, path) else "nothing"
                raise Refusal(Fault(rule.missing_reason, path, rule.name, got))
            if found is None:
                continue
            broken = rule.fault(found)
            if broken is not None:
                raise Refusal(Fault(broken.reason, path, broken.rule, show(found)))
            _place(wanted, map(self._key, names_of(path)), found)
        if not is_json:
            _not_json("a number that JSON does not have")
        return msgspec.convert(wanted, self._object.struct)

    def from_columns(self, columns: Mapping[str, Sequence[Any]]) -> list[Content] | None:
        """Make records of JSON values that stand in columns, by path: those that `decode` makes.

        None where a value breaks a rule, or a path has no column.
        """
        try:
            contents = _contents(self._object, columns)
        except (KeyError, msgspec.ValidationError):
            return None
        for get, rule in self._shared:
            found = map(get, contents)
            if any(value is not None and rule.fault(value) is not None for value in found):
                return None
        return contents

    def _decode_slowly(self, value: bytes) -> Content:
        try:
            return self.examine(value)
        except Refusal:
            raise ValueError("breaks a rule") from None

    def _decode_shared(self, value: bytes) -> Content:
        content = self._decode(value)
        for get, rule in self._shared:
            found = get(content)
            if found is not None and rule.fault(found) is not None:
                raise ValueError("breaks one of the rules of a shared path")
        return content


def getter(path: str) -> Callable[[Content], Any]:
    """Return the function that takes the value at `path` out of a decoded record."""
    return attrgetter(".".join(map(_attribute, names_of(path))))


def _attribute(name: str) -> str:
    """Write a JSON name as a Python one; no two names become the same.

    Examples
    --------
    >>> _attribute("wind-gust")
    'f_wind_2d_gust'
    """
    letters = (c if c.isascii() and c.isalnum() else f"_{ord(c):x}_" for c in name)
    return "f_" + "".join(letters)


class _Leaf(NamedTuple):
    """A value: its path, and what msgspec checks it as."""

    path: str
    checked: Any
    optional: bool


class _Object(NamedTuple):
    """A JSON object: what msgspec makes of it, and what stands in it, in the struct's order."""

    struct: type
    branches: tuple[_Object | _Leaf, ...]
    optional: bool


def _make_object(tree: Mapping[str, Any], key: Callable[[str], str]) -> _Object:
    branches = {
        name: _make_object(branch, key) if isinstance(branch, dict) else branch
        for name, branch in tree.items()
    }
    # What has a default stands last, as in every signature.
    ordered = sorted(branches.items(), key=lambda entry: entry[1].optional)
    fields: list[Any] = []
    for name, branch in ordered:
        checked, default = _field(branch)
        fields.append((_attribute(name), checked, msgspec.field(name=key(name), **default)))
    # Nothing below can form a cycle, so the garbage collector need not look at records.
    struct = msgspec.defstruct("Record", fields, gc=False)
    optional = all(branch.optional for branch in branches.values())
    return _Object(struct, tuple(branch for _, branch in ordered), optional)


def _field(branch: _Object | _Leaf) -> tuple[Any, dict[str, Any]]:
    """Type of a field, and its default where it may be absent."""
    if isinstance(branch, _Leaf):
        return branch.checked, {"default": None} if branch.optional else {}
    return branch.struct, {"default_factory": branch.struct} if branch.optional else {}


def _contents(node: _Object, columns: Mapping[str, Sequence[Any]]) -> list[Content]:
    """Make records column by column; msgspec checks each column at once."""
    values = (
        _contents(branch, columns)
        if isinstance(branch, _Object)
        else _checked(columns[branch.path], branch.checked)
        for branch in node.branches
    )
    return list(starmap(node.struct, zip(*values, strict=True)))


def _checked(values: Sequence[Any], checked: Any) -> list[Any]:
    if not set(map(type, values)) <= _JSON_TYPES:
        raise msgspec.ValidationError("not JSON")
    return msgspec.convert(values, list[checked])


def _tree(by_path: Mapping[str, Sequence[Field]]) -> dict[str, Any]:
    """Sort the fields into nested objects."""
    tree: dict[str, Any] = {}
    for path, entries in by_path.items():
        *parents, leaf = names_of(path)
        branch = tree
        for parent in parents:
            branch = branch.setdefault(parent, {})
            if not isinstance(branch, dict):
                _conflict(path, "stands below a value of its own")
        if leaf in branch:
            _conflict(path, "is a value and also has values below it")
        branch[leaf] = _leaf(path, entries)
    return tree


def _leaf(path: str, entries: Sequence[Field]) -> _Leaf:
    """Join what is allowed by every entry into one type; the first entry's checks are in it."""
    allowed = set.intersection(*(set(entry.rule.decoded_as) for entry in entries))
    if not allowed:
        _conflict(path, f"is read as {' and as '.join(entry.rule.name for entry in entries)}")
    optional = all(entry.optional for entry in entries)
    joined: Any = None
    for kind, check in entries[0].rule.decoded_as.items():
        if kind in allowed:
            joined = check if joined is None else joined | check
    return _Leaf(path, joined | None if optional else joined, optional)


def _conflict(path: str, why: str) -> NoReturn:
    raise ConfigError(f"schema: {path} must be one value; it {why}. Give each a path of its own.")


def _parse(value: bytes) -> tuple[dict[str, Any], bool]:
    """Parse leniently, so that NaN and 1e400 can be named; also tell whether it was real JSON."""
    constants: list[str] = []

    def constant(name: str) -> float:
        constants.append(name)
        return float(name)

    try:
        document = json.loads(
            value.decode("utf-8", "surrogateescape"), parse_constant=constant, parse_int=_whole
        )
    except json.JSONDecodeError as error:
        _not_json(f"an error at character {error.pos} ({error.msg})")
    except RecursionError:
        _not_json("objects nested too deeply")
    if not isinstance(document, dict):
        kind: dict[type, str] = {
            list: "an array",
            str: "a string",
            bool: "a boolean",
            type(None): "null",
        }
        _not_json(kind.get(type(document), "a number"))
    return document, not constants


def _whole(digits: str) -> int | float:
    if len(digits) > _FLOAT_DIGITS + 1:
        return -math.inf if digits.startswith("-") else math.inf
    return int(digits)


def _not_json(got: str) -> NoReturn:
    raise Refusal(Fault("malformed", "the record", "a JSON object", got))


def _find(document: dict[str, Any], path: str) -> Any:
    """Value at a path; None if it, or an object above it, is null or absent."""
    value: Any = document
    above = "$"
    for name in names_of(path):
        if value is None:
            return None
        if not isinstance(value, dict):
            raise Refusal(Fault("wrong_type", above, "an object", show(value)))
        value, above = value.get(name), path_of((*names_of(above), name))
    return value


def _is_null(document: dict[str, Any], path: str) -> bool:
    value: Any = document
    for name in names_of(path):
        if value is None or name not in value:
            return False
        value = value[name]
    return value is None


def _place(wanted: dict[str, Any], names: Iterable[str], value: Any) -> None:
    *parents, leaf = names
    for parent in parents:
        wanted = wanted.setdefault(parent, {})
    wanted[leaf] = value
