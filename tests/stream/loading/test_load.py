"""Loading the configuration: words and places of errors, the environment, secrets, the schema.

What sections mean is tested where they are used; paths in records in codec/test_events.py.
"""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import yaml
from pydantic import SecretStr

from operators.catalog import MONITORS
from stream.config.log import KafkaLog
from stream.config.pipeline import Config
from stream.errors import ConfigError
from stream.loading.errors import PATTERN_WORDS
from stream.loading.load import ENVIRONMENT, load_config, schema_json

GOOD = """\
app: toy
log:
  type: embedded
schema:
  features:
    - {name: a, type: float}
    - name: b
      type: category
target:
  type: classification
  path: $.y
model: {name: hoeffding_tree}
"""
KAFKA = GOOD.replace("type: embedded", "type: kafka\n  bootstrap: localhost:9092")


def put(folder: Path, text: str) -> Path:
    path = folder / "p.yaml"
    path.write_text(text)
    return path


def errors(folder: Path, text: str, environ: dict[str, str] | None = None) -> list[str]:
    path = put(folder, text)
    with pytest.raises(ConfigError) as caught:
        load_config(path, environ or {})
    return [line.replace(f"{path}", "p.yaml") for line in str(caught.value).splitlines()]


def test_a_good_file(tmp_path: Path) -> None:
    config = load_config(put(tmp_path, GOOD), {})
    assert [feature.name for feature in config.record.features] == ["a", "b"]
    assert config.topics.dead_letters == "toy.dead-letters"


CASES = [
    # text in GOOD, what stands there instead, the only error
    ("app: toy", "app: Toy!", "p.yaml:1: app: must be 1 to 63 of the characters a-z 0-9 . - and "
     'begin and end with a letter or digit; got "Toy!".'),
    ("app: toy\n", "", "p.yaml:1: app: must be given; got nothing."),
    ("app: toy", "app: toy\nseed: -1", "p.yaml:2: seed: must be >= 0; got -1."),
    ("app: toy", "app: toy\nseed: x", 'p.yaml:2: seed: must be an integer; got "x".'),
    ("app: toy", "app: toy\nsede: 1",
     "p.yaml:2: sede: must be a known key; got `sede`. Did you mean `seed`?"),
    ("app: toy", "app: 3", "p.yaml:1: app: must be a string; got 3. Put it in quotes."),
    ("type: embedded", "type: pulsar",
     'p.yaml:3: log.type: must be one of \'embedded\', \'kafka\'; got "pulsar".'),
    ("  type: embedded", "  path: x", "p.yaml:2: log.type: must be given; got nothing."),
    ("type: embedded", "type: embedded\n  partitions: 0",
     "p.yaml:4: log.partitions: must be >= 1; got 0."),
    ("type: embedded", "type: embedded\n  zookeeper: x",
     "p.yaml:4: log.zookeeper: must be a known key; got `zookeeper`. "
     "Known keys: type, path, partitions."),
    ("type: embedded", "type: kafka", "p.yaml:2: log.bootstrap: must be given; got nothing."),
    ("type: float}", "type: float, min: 3}",
     "p.yaml:6: schema.features[0].min: must be a known key; got `min`. Did you mean `missing`?"),
    ("type: float}", "type: flot}",
     "p.yaml:6: schema.features[0].type: must be one of 'float', 'integer', 'boolean', "
     '\'category\', \'timestamp\', \'text\', \'key\'; got "flot".'),
    ("target:", "  derived:\n    - {name: r, type: ratio, of: [a, z]}\ntarget:",
     "p.yaml:10: schema.derived[0].of[1]: must name a column that stands above; got `z`. There are "
     "`a`, `b`."),
    ("target:", "  derived:\n    - {name: r, type: rolling, of: a, function: mean}\ntarget:",
     "p.yaml:10: schema.derived[0].window: must be given; got nothing."),
    ("target:", "  derived:\n    - {name: r, type: rolled}\ntarget:",
     "p.yaml:10: schema.derived[0].type: must be one of 'ratio', 'difference', 'lag', 'rolling', "
     '\'target_mean\'; got "rolled".'),
    ("target:", "  derived:\n    - {name: r, type: rolling, window: 1h, function: max}\ntarget:",
     "p.yaml:10: schema.derived[0]: of must be given for function max."),
    ("target:", "  derived:\n    - {name: r, type: lag, of: a, k: 3, events_max: 2}\ntarget:",
     "p.yaml:10: schema.derived[0]: events_max must be >= k; got 2 and 3."),
    ("target:", "  derived:\n    - {name: a, type: lag, of: a}\ntarget:",
     "p.yaml:4: schema: feature names must be unique; repeated: a."),
    ("target:", "  derived:\n    - {name: r, type: rolling, by: $.x, function: count, window: 1h}\n"
     "target:", None),
    ("- {name: a, type: float}\n    - name: b\n      type: category",
     "- {name: a, type: float, hidden: true}",
     "p.yaml:4: schema: a feature must not be hidden; the model would see none."),
    ("- {name: a, type: float}", "- {name: a, type: text, ngram_range: [2, 1]}",
     "p.yaml:6: schema.features[0]: ngram_range must be two rising numbers of 1 to 8."),
    ("- {name: a, type: float}", "- {name: a, type: key, hidden: false}",
     "p.yaml:6: schema.features[0].hidden: must be True; got false."),
    ("type: category", "type: category\n      vocabulary: [NO, SE]",
     "p.yaml:9: schema.features[1].vocabulary[0]: must be a string; got false. Put it in quotes."),
    ("type: category", "type: category\n      vocabulary: [a, b, a]",
     "p.yaml:7: schema.features[1]: vocabulary must not repeat a value."),
    ("type: category", "type: category\n      path: b",
     "p.yaml:9: schema.features[1].path: must be a path such as $.name, $.outer.inner or "
     '$["any name"]; '
     'got "b".'),
    ("name: b", "name: a",
     "p.yaml:4: schema: feature names must be unique; repeated: a."),
    ("path: $.y", "path: $.y\n  classes: [1, 1.5]",
     "p.yaml:12: target.classes[1]: must be a string, a boolean or an integer; got 1.5."),
    ("path: $.y", 'path: $.y\n  classes: [1, "1"]',
     "p.yaml:9: target: classes must differ when written as text; repeated: 1."),
    ("path: $.y", "path: $.y\n  classes: [1]",
     "p.yaml:12: target.classes: must have at least 2 entries; got [1]."),
    ("path: $.y", "path: $.a.b", "p.yaml:4: schema: $.a.b must be one value; it stands below a "
     "value of its own. Give each a path of its own."),
    ("app: toy", "app: toy\nlabels: {max_delay: 3}",
     "p.yaml:2: labels.max_delay: must be a number with a unit, such as 250ms, 30s, 10m, 24h or "
     "7d; got 3."),
    ("app: toy", "app: toy\ndetectors: adwin",
     'p.yaml:2: detectors: must be a list; got "adwin".'),
    ("app: toy", "app: toy\nmetrics:", "p.yaml:2: metrics: must be a mapping of keys to values; "
     "got null."),
    ("app: toy", "app: toy\napp: again",
     "p.yaml:2: app: must be given once; got it again (first on line 1)."),
    ("app: toy", "app: toy\n1: x", "p.yaml:2: every key must be text; got 1."),
    ("app: toy", "app: [toy", "p.yaml:2: must be YAML; got expected ',' or ']', but got ':'."),
    ("app: toy", "app: !!python/name:os.system x", "p.yaml:1: must be YAML; got could not "
     "determine a constructor for the tag 'tag:yaml.org,2002:python/name:os.system'."),
    ("app: toy", "app: toy\ntopics: &t {drift: *t}",
     "p.yaml:2: topics.drift: must not repeat itself through aliases; got a loop."),
    ("app: toy", "app: toy\ntopics: {drift: same, journal: same}",
     "p.yaml:1: topics must have different names."),
    ("app: toy", "app: toy\nlabels: {source: topic}\n", None),
    ("hoeffding_tree}", "hoeffding_tree, params: {delta: 1e-3}}", None),
    ("  type: classification", "  type: regression", "p.yaml:12: model: space.n_classes: must be "
     ">= 1 for a classifier; got 0. Choose a regressor for a numeric target."),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "message"), CASES)
def test_an_error_names_file_line_key_rule_and_value(
    tmp_path: Path, old: str, new: str, message: str | None
) -> None:
    assert GOOD.count(old) == 1 or old == "type: category"
    text = GOOD.replace(old, new)
    if message is None:
        assert load_config(put(tmp_path, text), {}).app == "toy"
    else:
        assert errors(tmp_path, text) == [message]


def test_keys_by_path_do_not_hide_what_is_wrong(tmp_path: Path) -> None:
    """They are read out of what has not been checked yet."""
    text = GOOD.replace("{name: a,", "{name: [a],").replace(
        "target:", "  derived:\n    - {by: $.x, type: lag}\n    - 7\ntarget:"
    )
    assert errors(tmp_path, text) == [
        'p.yaml:6: schema.features[0].name: must be a string; got ["a"].',
        "p.yaml:10: schema.derived[0].name: must be given; got nothing.",
        "p.yaml:10: schema.derived[0].of: must be given; got nothing.",
        "p.yaml:11: schema.derived[1]: must be a mapping of keys to values; got 7.",
    ]


def test_all_errors_are_said_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = GOOD.replace("app: toy", "app: Toy\nseed: x").replace("$.y", "y")
    said = errors(tmp_path, text)
    assert [line.split(": ")[0] for line in said] == ["p.yaml:1", "p.yaml:2", "p.yaml:12"]


def test_an_operators_parameter_is_found_on_its_line(tmp_path: Path) -> None:
    text = GOOD + "detectors:\n  - name: adwin\n  - name: adwin\n    params:\n      delta: 3\n"
    assert errors(tmp_path, text) == [
        "p.yaml:17: detectors[1].params.delta: must be less than 1; got 3."
    ]
    (unknown,) = errors(tmp_path, GOOD.replace("hoeffding_tree", "hoeffding_bush"))
    assert unknown.startswith("p.yaml:12: model.name: must be one of ")


def test_what_is_wrong_about_drift_is_found_on_its_line(tmp_path: Path) -> None:
    text = """drift:
  diagnose: true
  diagnoser: {alfa: 0.1, blocks: 3}
  respond: true
  policy: {real_abrupt: restart}
  monitors:
    - name: psy
    - name: psi
      params: {window: 7}
"""
    assert errors(tmp_path, GOOD + text) == [
        "p.yaml:15: drift.diagnoser.blocks: must be greater than or equal to 20; got 3.",
        "p.yaml:15: drift.diagnoser.alfa: must be one of alpha, blocks, columns_max, concepts_max, "
        "decide_every, grace_period; got 'alfa'. Did you mean alpha?",
        "p.yaml:17: drift.policy.real_abrupt: must be 'reset', 'warm_up', 'forget' or 'none'; got "
        "'restart'.",
        f"p.yaml:19: drift.monitors[0].name: must be one of {', '.join(sorted(MONITORS))}; got "
        "'psy'. Did you mean psi?",
        "p.yaml:21: drift.monitors[1].params.window: must be greater than or equal to 20; got 7.",
    ]
    (both,) = errors(tmp_path, GOOD + text.replace("alfa: 0.1, blocks: 3", "").replace(
        "real_abrupt: restart", "window: 50").partition("  monitors")[0])  # fmt: skip
    assert both.startswith("p.yaml:17: drift.policy.window: must be >= decide_every = 100 of the")
    (needs,) = errors(tmp_path, GOOD + "drift:\n  respond: true\n")
    assert needs == "p.yaml:13: drift: `respond` needs `diagnose: true`."


def test_the_command_line_may_choose_another_model(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(GOOD.replace("hoeffding_tree", "oracle"))
    # What the file says of its own model does not matter then.
    config = load_config(path, {}, "hoeffding_tree", {"delta": 0.5})
    assert (config.model.name, config.model.params) == ("hoeffding_tree", {"delta": 0.5})
    path.write_text(GOOD.replace("hoeffding_tree", "hoeffding_tree, params: {leaves_max: 9}"))
    config = load_config(path, {}, params={"delta": 0.5})
    assert config.model.params == {"leaves_max": 9, "delta": 0.5}
    with pytest.raises(ConfigError, match=r"^--model: must be one of .* Did you mean drift_moe"):
        load_config(path, {}, "drift_mo")
    with pytest.raises(ConfigError, match=r"^--param delta: must be in \(0, 1\); got 3\.$"):
        load_config(path, {}, params={"delta": 3})
    with pytest.raises(ConfigError, match=r"^--param dleta: .* Did you mean delta\?$"):
        load_config(path, {}, params={"dleta": 3})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "p.yaml:1: the file must hold a mapping of keys to values."),
        ("- a\n", "p.yaml:1: the file must hold a mapping of keys to values."),
    ],
)
def test_a_file_that_is_no_mapping(tmp_path: Path, text: str, message: str) -> None:
    assert errors(tmp_path, text) == [message]


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"must be a readable file; got `No such file"):
        load_config(tmp_path / "none.yaml", {})
    (tmp_path / "p.yaml").write_bytes(b"app: \xff\n")
    with pytest.raises(ConfigError, match=r"must be text in UTF-8; got byte 5\."):
        load_config(tmp_path / "p.yaml", {})


def test_the_environment_gives_addresses_and_secrets(tmp_path: Path) -> None:
    environ = {
        "DRIFTGATE_BOOTSTRAP": "kafka:1",
        "DRIFTGATE_WORKER": "w-0",
        "DRIFTGATE_SASL_USERNAME": "user",
        "DRIFTGATE_SASL_PASSWORD": "hunter2",
        "DRIFTGATE_KEY_PASSWORD": "hunter3",
        "DRIFTGATE_CHECKPOINT_STORE": "memory://x",
        "DRIFTGATE_LOG_PATH": "of the other log.db",
        "DRIFTGATE_SEED": "9",
    }
    text = KAFKA.replace("  bootstrap: localhost:9092\n", "")
    text = text.replace(
        "type: kafka", "type: kafka\n  security: {protocol: SASL_SSL, sasl_mechanism: PLAIN}"
    )
    config = load_config(put(tmp_path, text), environ)
    assert isinstance(config.log, KafkaLog)
    security = config.log.security
    assert (config.log.bootstrap, config.log.worker) == ("kafka:1", "w-0")
    assert (security.protocol, security.username) == ("SASL_SSL", "user")
    assert security.password == SecretStr("hunter2")
    assert security.key_password == SecretStr("hunter3")
    assert config.checkpoint.store == "memory://x"
    assert config.seed == 1
    said = repr(config) + str(config) + config.model_dump_json()
    assert "hunter" not in said


def test_the_environment_of_the_embedded_log(tmp_path: Path) -> None:
    environ = {"DRIFTGATE_LOG_PATH": "else.db", "DRIFTGATE_BOOTSTRAP": "kafka:1"}
    config = load_config(put(tmp_path, GOOD), environ)
    assert config.log.model_dump()["path"] == "else.db"
    empty = load_config(put(tmp_path, GOOD), {"DRIFTGATE_LOG_PATH": ""})
    assert empty.log.model_dump()["path"] == "driftgate.db"


def test_every_variable_names_a_setting_of_its_log(tmp_path: Path) -> None:
    for name, path in ENVIRONMENT.items():
        text = GOOD if path == ("log", "path") else KAFKA
        found = load_config(put(tmp_path, text), {name: "given"}).model_dump()
        for step in path:
            found = found[step]
        value = found.get_secret_value() if isinstance(found, SecretStr) else found
        assert value == "given"


def test_a_secret_is_never_shown_in_an_error(tmp_path: Path) -> None:
    text = KAFKA.replace("type: kafka", "type: kafka\n  security: {password: 1234567}")
    (message,) = errors(tmp_path, text)
    assert message == (
        "p.yaml:4: log.security.password: must be a string; got a secret of another type. "
        "Put it in quotes."
    )


def test_budgets_that_do_not_fit_show_their_arithmetic(tmp_path: Path) -> None:
    text = KAFKA.replace("type: kafka", "type: kafka\n  poll_interval_max: 20s")
    assert errors(tmp_path, text) == [
        "p.yaml:2: log: revoke_budget must be < poll_interval_max; got 30s >= 20s."
    ]


def test_the_schema_accepts_what_is_valid_and_refuses_what_is_not() -> None:
    schema = json.loads(schema_json())
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    assert not list(validator.iter_errors(yaml.safe_load(GOOD)))
    assert not list(validator.iter_errors(yaml.safe_load(KAFKA)))
    wrong = yaml.safe_load(GOOD.replace("type: float", "type: flot"))
    assert list(validator.iter_errors(wrong))
    unknown = yaml.safe_load(GOOD.replace("app: toy", "app: toy\nsede: 1"))
    assert list(validator.iter_errors(unknown))


def test_the_schema_gives_defaults_as_the_file_has_them() -> None:
    definitions = json.loads(schema_json())["$defs"]
    assert definitions["Labels"]["properties"]["max_delay"]["default"] == "7d"
    assert definitions["Topics"]["properties"]["drift"]["description"] == "Default `APP.drift`."


def test_every_pattern_has_words() -> None:
    text = schema_json()
    patterns = {
        value
        for value in json.loads(text, object_hook=_collect_patterns).get("found", [])
        if "ms|s|m|h|d" not in value
    }
    assert patterns == set(PATTERN_WORDS)


def _collect_patterns(node: dict[str, object]) -> dict[str, object]:
    found: list[str] = [node["pattern"]] if isinstance(node.get("pattern"), str) else []
    for value in node.values():
        items = value if isinstance(value, list) else [value]
        for item in items:
            if isinstance(item, dict):
                found += item.get("found", [])
    return {**node, "found": found}


def test_a_configuration_survives_being_written(tmp_path: Path) -> None:
    config = load_config(put(tmp_path, KAFKA), {})
    written = config.model_dump(mode="json", by_alias=True)
    assert Config.model_validate(written) == config
