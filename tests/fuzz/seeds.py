"""Inputs to begin from: sound ones, pieces to change them with, and hard ones."""

from __future__ import annotations

import random

EVENT = (
    b'{"id": "e1", "at": "2024-01-02T03:04:05Z", "a": 0.5, "deep": {"er": {"b": null}}, "c": "x", '
    b'"d": "y", "e": 7, "f": true, "g": 1700000000000, "y": "yes"}'
)
LABEL = b'{"id": "e1", "at": 1700000000000, "y": true}'
JOURNAL = b'{"step":12,"ranges":{"toy.features":[0,500],"toy.labels":[3,9]}}'
NOTE = b"driftgate/1 steps=12"
CONFIGURATION = b"""app: toy
log:
  type: kafka
  bootstrap: localhost:9092
  session_timeout: 45s
  security: {protocol: SASL_SSL, sasl_mechanism: PLAIN, username: u, password: "p"}
schema:
  id: $.id
  features:
    - {name: a, type: float}
    - {name: c, type: category, vocabulary: [x, y]}
target:
  type: classification
  path: $.y
  classes: ["no", "yes"]
labels: {source: topic, max_delay: 7d}
model: {name: hoeffding_tree, params: {grace_period: 100}}
detectors: [{name: adwin, params: {delta: 0.002}}]
checkpoint: {store: "memory://toy", interval: 30s}
seed: 1
"""
SEEDS = {
    "event": EVENT,
    "label": LABEL,
    "configuration": CONFIGURATION,
    "journal": JOURNAL,
    "note": NOTE,
}

_JSON_PIECES = [
    *(b"null", b"true", b"[]", b"{}", b'""', b"-0", b"1e999", b"-1e999", b"NaN", b"Infinity"),
    *(b"1" * 400, b"1" * 5000, b"9007199254740993", b"0.1e-400", b"1e", b"01", b"-", b"+1"),
    *(b'"\\ud800"', b'"\\udc00\\ud800"', b'"\xed\xa0\x80"', b'"\xff"', b'"\\u0000"', b'"\n"'),
    *(b'"a":1,"a":2,', b'"id":3,', b'"y":"no",', b"[" * 600, b'{"a":' * 600, b"]" * 600),
    *(b'"' + b"x" * 2000 + b'"', b"\xef\xbb\xbf", b"\x00", b"//", b"'a'", b",,", b"}{", b":"),
    *(b'"9999-12-31T23:59:60Z"', b'"0001-01-01T00:00:00+23:59"', b'"2024-02-30"', b"1e15"),
    *(b"253402300799999", b"253402300800000", b"-62135596800001", b'"2024-W01-1"', b'"-1"'),
]
_YAML_PIECES = [
    *(
        b"&a [*a]",
        b"*a",
        b"&a",
        b"<<: *a",
        b"? [x]",
        b"? ",
        b"? " * 200,
        b"!x y",
        b"!!python/object:os.system x",
        b"!x y",
    ),
    *(b"!!binary aGk=", b"!!binary x", b"!!set {a, b}", b"!!omap [a: 1]", b"!!timestamp x"),
    *(b"!!int x", b"!!float x", b"!!bool x", b"!!null x", b"!!str 1", b"!!map x", b"!!seq x"),
    *(b"2024-99-99", b"2024-01-02", b"2024-01-02T03:04:05.999999999Z", b"12:30:45", b"0b", b"0x"),
    *(b"1" * 5000, b"0x" + b"f" * 5000, b"1e999", b".inf", b".nan", b"-.inf", b"0o9", b"1_0", b"_"),
    *(b"9" * 400 + b"d", b"99999999999d", b"0s", b"-1s", b"1e3s", b"~", b"null", b"{}", b"[]"),
    *(b"{" * 400, b"[" * 400, b"- " * 400, b"a: " * 3, b"|\n  x", b">-\n x", b"%YAML 9.9", b"---"),
    *(
        b"...",
        b"\t",
        b"\x00",
        b"\xff",
        b"\xef\xbb\xbf",
        b"\xf0\x9f\x98\x80",
        b'"\\ud800"',
        b'"\\x"',
    ),
    *(b"1: 2", b"true: 1", b"~: 1", b"2024-01-01: 1", b"seed: 1", b"river:os.system", b"river:"),
    *(b"name: river:river.tree.HoeffdingTreeClassifier", b"x" * 3000, b"params: {a: {b: [c]}}"),
]
PIECES = {
    "event": _JSON_PIECES,
    "label": _JSON_PIECES,
    "journal": _JSON_PIECES,
    "note": [b"steps=", b"\xc2\xb2", b"\xd9\xa1", b"-1", b"+1", b" ", b"9" * 20, b"1" * 5000],
    "configuration": _YAML_PIECES,
}

_BOMB = b"a: &a [x, x, x, x, x, x, x, x, x]\n" + b"".join(
    b"%c: &%c [%s]\n" % (98 + n, 98 + n, b", ".join([b"*%c" % (97 + n)] * 9)) for n in range(9)
)
_WIDE_AND_DEEP = b"a: " + b"[" * 90 + b", ".join([b"1"] * 90_000) + b"]" * 90
HARD = {
    "event": [
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"id":"x","at":1,"a":' + b"1" * 5000 + b"}",
        EVENT.replace(b"0.5", b'"' + b"\xed\xa0\x80" + b'"'),
        EVENT.replace(b'"x"', b'"' + b"x" * 1_000_000 + b'"'),
    ],
    "label": [b"[" * 100_000, LABEL.replace(b"true", b"1e999")],
    "journal": [
        b"[" * 100_000,
        b'{"step":1,"ranges":{"\xff":[0,1]}}',
        b'{"step":1,"ranges":{"a":' + b"[" * 5000,
        b'{"step":1,"ranges":{"a":[0,' + b"1" * 5000 + b"]}}",
    ],
    "note": ["driftgate/1 steps=²".encode(), b"driftgate/1 steps=" + b"1" * 5000],
    "configuration": [
        _BOMB,
        _WIDE_AND_DEEP,
        b"[" * 100_000,
        b"a: !!python/object/apply:os.system [exit 1]",
        CONFIGURATION.replace(b"seed: 1", b"seed: " + b"1" * 5000),
        CONFIGURATION.replace(b"seed: 1", b"seed: 0x" + b"f" * 5000),
        CONFIGURATION.replace(b"45s", b"9" * 400 + b"d"),
        CONFIGURATION.replace(b"45s", b"99999999999d"),
        CONFIGURATION.replace(b"45s", b"2024-99-99"),
    ],
}
"""Inputs that nest, grow or pretend; about half of them once crashed, hung or filled the memory."""


def mutated(target: str, rng: random.Random) -> bytes:
    """Change a seed in a few places: pieces put in or over, parts cut out, repeated or flipped."""
    data = bytearray(SEEDS[target])
    for _ in range(rng.randint(1, 4)):
        at = rng.randint(0, len(data))
        end = min(len(data), at + rng.choice((0, 0, 1, 4, 16, 64)))
        choice = rng.random()
        if choice < 0.6:
            data[at:end] = rng.choice(PIECES[target])
        elif choice < 0.75:
            data[at:end] = bytes(rng.randrange(256) for _ in range(end - at))
        elif choice < 0.9:
            del data[at:end]
        else:
            data[at:at] = data[at:end] * rng.randint(1, 50)
    return bytes(data)
