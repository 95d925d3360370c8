"""Writes the reference of the configuration as Markdown, from the models and nothing else.

python -m stream.loading.reference > docs/configuration.md
"""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from stream.config.operators import OperatorConfig
from stream.config.pipeline import Config
from stream.config.values import format_duration
from stream.loading.load import ENVIRONMENT
from stream.loading.yaml import show_path

_INTRODUCTION = """# Configuration

<!-- Made by `python -m stream.loading.reference docs/configuration.md`; a test holds it so. -->

A pipeline is one YAML file. Unknown keys are refused, and every error names file, line and key.
`driftgate init` drafts a file from data; `driftgate schema` prints the JSON Schema that lets an
editor complete it. `deploy/examples/` holds whole files. Parameters of models and detectors
(`params`) are those of their constructors.

Durations are a number with a unit: `250ms`, `30s`, `10m`, `24h`, `7d`. A path is `$.name`, or
`$.outer.inner` for a value inside an object.
"""
_OBJECT_STORES = """## Object stores

Credentials, region and endpoint of an object store come from where its own clients look for them,
so that none need stand in the file:

| store | from the environment |
|---|---|
| `s3://BUCKET/FOLDER` | `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_DEFAULT_REGION`, or a role of the machine; `AWS_ENDPOINT_URL_S3` for a server that is not Amazon's (MinIO, Ceph) |
| `gs://BUCKET/FOLDER` | `GOOGLE_APPLICATION_CREDENTIALS`, or the machine's service account |

Any option of the filesystem can be given by fsspec's own configuration: variables such as
`FSSPEC_S3_ENDPOINT_URL`, or JSON files in `~/.config/fsspec`. A request to S3 is tried three times,
each with 5 s to connect and 20 s for an answer, unless `config_kwargs` is given there. Whatever
fails is tried again at the next interval: a store that is away costs a longer replay.

In messages a URL is shown without its user, password and the values of its query.
"""  # noqa: E501 - tables have no line breaks
_SIMPLE = {
    str: "text",
    int: "integer",
    float: "number",
    bool: "boolean",
    SecretStr: "secret",
    timedelta: "duration",
    Any: "any",
}


def reference() -> str:
    """Return the whole page."""
    parts = [_INTRODUCTION, *_section("The file", Config), *_sections(Config, ()), _environment()]
    parts.append(_OBJECT_STORES)
    return "\n".join(parts)


def _sections(model: type[BaseModel], path: tuple[str, ...]) -> Iterator[str]:
    """Write the sections below a model, depth first, in the order of its fields."""
    for name, info in model.model_fields.items():
        below = (*path, info.alias or name)
        for member in _models(info.annotation):
            place = show_path(below) + ("[]" if _is_list(info.annotation) else "")
            kind = _tag(member)
            yield from _section(f"{place} ({kind})" if kind else place, member)
            yield from _sections(member, below)


def _section(title: str, model: type[BaseModel]) -> Iterator[str]:
    yield f"## `{title}`\n" if model is not Config else f"## {title}\n"
    yield f"{' '.join((model.__doc__ or '').split())}\n"
    yield "| key | type | default | meaning |"
    yield "|---|---|---|---|"
    for name, info in model.model_fields.items():
        cells = (
            f"`{info.alias or name}`",
            _type(info.annotation) + _bounds(info),
            _default(info),
            "Chooses this form." if name == "type" else _meaning(info),
        )
        yield f"| {' | '.join(cells)} |"
    yield ""


def _environment() -> str:
    rows = [f"| `{name}` | `{show_path(path)}` |" for name, path in ENVIRONMENT.items()]
    return "\n".join(
        [
            "## Environment\n",
            "Addresses and secrets may come from the environment, which wins over the file. A "
            "variable that does not fit the log's type is left alone.\n",
            "| variable | sets |",
            "|---|---|",
            *rows,
            "",
        ]
    )


def _models(annotation: Any) -> list[type[BaseModel]]:
    """Models that an annotation mentions."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for member in get_args(annotation) for model in _models(member)]


def _is_list(annotation: Any) -> bool:
    return get_origin(annotation) is tuple


def _tag(model: type[BaseModel]) -> str:
    info = model.model_fields.get("type")
    return f"type: {get_args(info.annotation)[0]}" if info is not None else ""


def _type(annotation: Any) -> str:
    origin, members = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _type(members[0])
    if origin is Literal:
        return " or ".join(f"`{member}`" for member in members)
    if origin in (Union, types.UnionType):
        kept = [_type(member) for member in members if member is not type(None)]
        return " or ".join(dict.fromkeys(kept))
    if origin is tuple:
        return f"list of {_type(members[0])}"
    if _models(annotation):
        return "section"
    return "mapping" if origin is dict else _SIMPLE[annotation]


def _bounds(info: FieldInfo) -> str:
    """Limits of a number, and of a list's length."""
    signs = {
        "ge": "≥ {}",
        "gt": "> {}",
        "le": "≤ {}",
        "lt": "< {}",
        "min_length": "at least {} long",
    }
    said = [
        text.format(value)
        for limit in info.metadata
        for name, text in signs.items()
        if (value := getattr(limit, name, None)) is not None
    ]
    return f", {', '.join(said)}" if said else ""


def _default(info: FieldInfo) -> str:
    if info.is_required():
        return "required"
    value = info.get_default(call_default_factory=True)
    if isinstance(value, BaseModel):
        return "see below"
    if value is None:
        return "none"
    if isinstance(value, timedelta):
        return f"`{format_duration(value)}`"
    if isinstance(value, tuple):
        return "`[" + ", ".join(map(_item, value)) + "]`"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _item(value: Any) -> str:
    return f"name: {value.name}" if isinstance(value, OperatorConfig) else str(value)


def _meaning(info: FieldInfo) -> str:
    if info.description:
        return info.description
    models = _models(info.annotation)
    if models and not _is_list(info.annotation) and len(models) == 1:
        return " ".join((models[0].__doc__ or "").split())
    return ""


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(reference(), encoding="utf-8")
