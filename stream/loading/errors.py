"""Errors of the configuration in words: file, line, key, rule, and what stands there instead."""

from __future__ import annotations

import difflib
import types
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic_core import ErrorDetails

from stream.codec.rejects import show
from stream.config.masking import mask_text, mask_value
from stream.config.paths import ID_PATTERN, KEY_PATTERN, PATH_PATTERN, TIME_PATTERN
from stream.config.pipeline import Config
from stream.loading.yaml import Document, Path, show_path

# What each kind of pydantic error asks for. Braces are filled in from the error's context.
_RULES = {
    "missing": "must be given",
    "union_tag_not_found": "must be given",
    "string_type": "must be a string",
    "int_type": "must be an integer",
    "int_parsing": "must be an integer",
    "int_from_float": "must be an integer",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "tuple_type": "must be a list",
    "dict_type": "must be a mapping of keys to values",
    "model_type": "must be a mapping of keys to values",
    "model_attributes_type": "must be a mapping of keys to values",
    "greater_than": "must be > {gt}",
    "greater_than_equal": "must be >= {ge}",
    "less_than": "must be < {lt}",
    "less_than_equal": "must be <= {le}",
    "too_short": "must have at least {min_length} entries",
    "string_too_short": "must not be empty",
    "string_too_long": "must be at most {max_length} characters long",
    "literal_error": "must be {expected}",
    "union_tag_invalid": "must be one of {expected_tags}",
}

PATTERN_WORDS = {
    r"^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$": "must be 1 to 63 of the characters a-z 0-9 . - and "
    "begin and end with a letter or digit",
    PATH_PATTERN: 'must be a path such as $.name, $.outer.inner or $["any name"]',
    ID_PATTERN: "must be $key, $offset, or a path such as $.name",
    KEY_PATTERN: "must be $key or a path such as $.name",
    TIME_PATTERN: "must be $timestamp or a path such as $.name",
    r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$": "must be package.module:name",
}
"""What each regular expression of the configuration means."""


def explain(error: ValidationError, document: Document, sources: Mapping[Path, str]) -> str:
    """Write all errors, one a line, in the order of the file.

    Parameters
    ----------
    sources
        Environment variables that set paths; they are named instead of file and line.
    """
    entries: dict[Path, tuple[int, str]] = {}
    for details in _worth_saying(error.errors(include_url=False)):
        path, kind = _clean(details["loc"]), details["type"]
        if path[:1] == ("topics",) and len(path) > 1 and path not in document.lines:
            continue  # named after the app, whose own error is said
        if kind in ("union_tag_invalid", "union_tag_not_found"):
            path = (*path, "type")
        entries.setdefault(path, (_line(document, path), _sentence(path, details, document)))
    said = sorted(entries.items(), key=lambda entry: entry[1][0])
    return "\n".join(f"{_where(document, sources, path)}: {text}" for path, (_, text) in said)


def _where(document: Document, sources: Mapping[Path, str], path: Path) -> str:
    return sources.get(path) or document.where(path)


def _line(document: Document, path: Path) -> int:
    return int(document.where(path).rpartition(":")[2])


def _worth_saying(errors: Iterable[ErrorDetails]) -> list[ErrorDetails]:
    """Leave out what only follows from another error: a list is too short without its bad items."""
    errors = list(errors)
    return [
        details
        for details in errors
        if details["type"] != "too_short" or len(details["input"]) < details["ctx"]["min_length"]
    ]


def _clean(loc: Sequence[str | int]) -> Path:
    """Remove what pydantic puts into a location for unions: the tag, the type that was tried."""
    path: list[str | int] = []
    after_union = False
    for step in loc:
        if after_union:
            after_union = False
            continue
        path.append(step)
        is_feature = len(path) == 3 and path[:2] in (["schema", "features"], ["schema", "derived"])
        after_union = path in (["log"], ["target"]) or is_feature
    return tuple(path[:3]) if path[:2] == ["target", "classes"] else tuple(path)


def _sentence(path: Path, details: ErrorDetails, document: Document) -> str:
    """Say what must be and what is, for one error."""
    kind, ctx = details["type"], details.get("ctx", {})
    if kind == "value_error":
        return _own_words(path, details)
    if kind == "extra_forbidden":
        return _unknown_key(path, document)
    rule = _RULES.get(kind)
    if kind == "string_pattern_mismatch":
        rule = PATTERN_WORDS.get(ctx["pattern"])
    if path[:2] == ("target", "classes") and len(path) == 3:
        rule = "must be a string, a boolean or an integer"
    if rule is None:
        rule = details["msg"].replace("Input should be", "must be")
    text = f"{show_path(path) or 'the file'}: {rule.format(**ctx)}; got {_got(path, details)}."
    if kind == "string_type" and isinstance(details["input"], bool | int | float):
        text += " Put it in quotes."
    return text


def _own_words(path: Path, details: ErrorDetails) -> str:
    """Take the words of a validator of ours; add the value if it says only what must be."""
    said = details["msg"].removeprefix("Value error, ")
    place = f"{show_path(path)}: " if path else ""
    got = f"; got {_got(path, details)}" if said.startswith("must") else ""
    return f"{place}{said}{got}."


def _got(path: Path, details: ErrorDetails) -> str:
    kind = details["type"]
    if kind in ("missing", "union_tag_not_found"):
        return "nothing"
    if kind == "union_tag_invalid":
        return show(mask_value(details["ctx"]["tag"]))
    if path[-1:] and field_type(path, {}) is SecretStr:
        return "a secret of another type"
    try:
        return show(mask_value(details["input"]))
    except TypeError:  # a YAML date
        return mask_text(repr(details["input"]))


def _unknown_key(path: Path, document: Document) -> str:
    model = model_at(path[:-1], document.data)
    known = _keys(model) if model is not None else []
    near = difflib.get_close_matches(str(path[-1]), known, n=1)
    hint = f" Did you mean `{near[0]}`?" if near else f" Known keys: {', '.join(known)}."
    return f"{show_path(path)}: must be a known key; got `{show_path(path[-1:])}`.{hint}"


def _keys(model: type[BaseModel]) -> list[str]:
    return [info.alias or name for name, info in model.model_fields.items()]


def model_at(path: Path, data: Any) -> type[BaseModel] | None:
    """Model of the section at a path; `data` decides between the members of a union."""
    found = field_type(path, data)
    return found if isinstance(found, type) and issubclass(found, BaseModel) else None


def field_type(path: Path, data: Any) -> Any:
    """Type of the value at a path, without `Annotated` and `None`; None if there is none."""
    current: Any = Config
    for step in path:
        data = _child(data, step)
        if isinstance(step, int):
            members = [_choose(get_args(current)[0], data)] if get_args(current) else []
        else:
            members = _field_annotations(current, step)
        if not members:
            return None
        current = _choose(members[0], data)
    return current


def _child(data: Any, step: str | int) -> Any:
    if isinstance(data, dict):
        return data.get(step)
    if isinstance(data, list) and isinstance(step, int) and step < len(data):
        return data[step]
    return None


def _field_annotations(model: Any, key: str | int) -> list[Any]:
    """Annotations of a key in a model, or in any member of a union of models."""
    members = get_args(model) if _is_union(model) else (model,)
    return [
        info.annotation
        for member in members
        if isinstance(member, type) and issubclass(member, BaseModel)
        for name, info in member.model_fields.items()
        if key == (info.alias or name)
    ]


def _choose(annotation: Any, data: Any) -> Any:
    """Strip an annotation down to the member that `data` is meant for, if that can be told."""
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if not _is_union(annotation):
        return annotation
    members = [member for member in get_args(annotation) if member is not type(None)]
    if len(members) == 1:
        return _choose(members[0], data)
    tag = data.get("type") if isinstance(data, dict) else None
    for member in members:
        if isinstance(member, type) and issubclass(member, BaseModel):
            tags = get_args(member.model_fields["type"].annotation)
            if tag in tags:
                return member
    return annotation


def _is_union(annotation: Any) -> bool:
    return get_origin(annotation) in (Union, types.UnionType)
