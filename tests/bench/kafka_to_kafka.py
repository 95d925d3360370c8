"""Kafka to Kafka, transactional, one worker, one process, beside a bare client's echo.

    python -m tests.bench.kafka_to_kafka [RECORDS]

The same electricity records, again and again up to RECORDS (default 100,000), in 4 partitions; the
echo and the pipelines turn and turn about, in transactions of at most 2,000 records. Prints records
a second of each round, and the ratio of the medians. Uses the broker of DRIFTGATE_BOOTSTRAP, or
starts one.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import threading
import time
import uuid
from pathlib import Path

import yaml

from deploy.kafka import dev_broker
from stream.checkpoint.store import CheckpointStore
from stream.cli.topic_setup import topic_specs
from stream.cli.topics import append_by_key
from stream.config.pipeline import Config
from stream.datasets import all_of, open_table, to_pieces
from stream.evaluate import Recorder, Series, pieces, warm_up
from stream.log.open import open_admin, open_log
from stream.recovery.lifecycle import State, Status
from stream.topology import PartsBuilder
from stream.worker.worker import Worker
from tests.bench.kafka_echo import TRANSACTION_RECORDS, bare_echo

ROUNDS = 5
PARTITIONS = 4
MODELS = ("hoeffding_tree", "drift_moe")
DATA = Path(os.environ.get("DRIFTGATE_DATA", "../shared/data"))
PIPELINE = Path(__file__).parents[2] / "deploy" / "examples" / "electricity.yaml"


class Stopwatch(Recorder):
    """Times from the moment that all partitions are live."""

    def moved(self, status: Status) -> None:
        if status.state is State.LIVE:
            self.live_at = time.perf_counter()


def pipeline(bootstrap: str, features: str, model: str) -> Config:
    settings = yaml.safe_load(PIPELINE.read_text())
    return Config.model_validate(
        {
            **settings,
            "app": f"bench-{uuid.uuid4().hex[:8]}",
            "log": {"type": "kafka", "bootstrap": bootstrap, "partitions": PARTITIONS},
            "topics": {"features": features},
            "model": {"name": model},
            "steps": {"records_max": TRANSACTION_RECORDS},
            "checkpoint": {"store": "memory://bench", "interval": "30s"},
        }
    )


def electricity(config: Config, records: int) -> Series:
    """Electricity's rows, repeated under new ids."""
    events, _ = all_of(to_pieces(config, open_table(DATA / "electricity.csv.gz"), inline=True))
    keys = [b"%d" % number for number in range(records)]
    values = [events.values[number % len(events)] for number in range(records)]
    return Series(keys, values, [1_700_000_000_000 + number for number in range(records)])


def run_pipeline(bootstrap: str, features: str, model: str, series: Series) -> float:
    """Run a new app over the topic to its end; return records a second."""
    config = pipeline(bootstrap, features, model)
    warm_up(config, pieces(series, None))
    admin = open_admin(config)
    admin.create(topic_specs(config))
    watch = Stopwatch()
    log = open_log(config)
    store = CheckpointStore(config.checkpoint.store, config.app, 1)
    worker = Worker(config, log, store, PartsBuilder(config), watch)
    worker.start()
    worker.catch_up(threading.Event())
    elapsed = time.perf_counter() - watch.live_at
    assert watch.evaluation.records == len(series)
    log.close()
    admin.close()
    return len(series) / elapsed


def measure(bootstrap: str, records: int) -> dict[str, list[float]]:
    """Measure the echo and each model, turn and turn about."""
    name = uuid.uuid4().hex[:8]
    features = f"{name}.features"
    config = pipeline(bootstrap, features, MODELS[0])
    series = electricity(config, records)
    admin = open_admin(config)
    specs = [spec for spec in topic_specs(config) if spec.name == features]
    admin.create([*specs, specs[0]._replace(name=f"{name}.echo")])
    append_by_key(admin, features, PARTITIONS, series)
    admin.close()
    rates: dict[str, list[float]] = {key: [] for key in ("echo", *MODELS)}
    for _ in range(ROUNDS):
        rates["echo"].append(bare_echo(bootstrap, features, f"{name}.echo", records))
        for model in MODELS:
            rates[model].append(run_pipeline(bootstrap, features, model, series))
    return rates


def main() -> None:
    records = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    given = os.environ.get("DRIFTGATE_BOOTSTRAP")
    if given:
        show(measure(given, records))
        return
    with tempfile.TemporaryDirectory() as folder:
        broker = dev_broker.start(state=Path(folder))
        try:
            show(measure(broker.bootstrap, records))
        finally:
            dev_broker.stop(broker)


def show(rates: dict[str, list[float]]) -> None:
    echo = statistics.median(rates["echo"])
    for name, found in rates.items():
        median = statistics.median(found)
        rounds = ", ".join(f"{rate:,.0f}" for rate in found)
        print(
            f"{name:15} median {median:8,.0f} records/s, {median / echo:.2f} of the echo ({rounds})"
        )


if __name__ == "__main__":
    main()
