"""`driftgate run`: a worker with its metrics, its probes and its signals."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from types import FrameType
from typing import Literal

import structlog

from stream.checkpoint.store import CheckpointStore
from stream.cli.doctor import probe_quietly
from stream.cli.kernel_cache import drop_stale
from stream.cli.topics import fill_new
from stream.cli.warmup_plan import of_pipeline
from stream.config.log import KafkaLog
from stream.config.pipeline import Config
from stream.drift.sources import watchers_of
from stream.errors import SetupError
from stream.loading.load import load_config
from stream.log.open import open_log
from stream.observe.logs import Level, configure_logging
from stream.observe.metrics import Metrics
from stream.observe.observer import MetricsObserver
from stream.observe.server import STALL_FRACTION, Health, Server
from stream.topology import PartsBuilder, input_topics
from stream.worker.worker import Worker

_log = structlog.get_logger(__name__)
_EMBEDDED_STALL_S = 150.0
_SIGNAL_S = 0.1  # how soon a signal to stop is noticed


def run_worker(
    path: Path, data: str | None, log_format: Literal["human", "json"], log_level: Level
) -> None:
    """Run a worker until a signal; then commit, checkpoint and leave.

    Parameters
    ----------
    data
        A file that new inputs are filled with before.
    """
    configure_logging(log_format, log_level)
    config = load_config(path, os.environ)
    if data is not None:
        fill_new(config, data)
    refuse_if_unfit(config)
    drop_stale()
    stop = threading.Event()
    _stop_on_signals(stop)
    metrics, health = Metrics(config.app), Health(_stall_after_s(config))
    metrics.checkpoint_interval.set(config.checkpoint.interval.total_seconds())
    server = Server(config.metrics.host, config.metrics.port, metrics.registry, health)
    try:
        _log.info("serving", port=server.port)
        observer = MetricsObserver(
            metrics,
            health,
            config.model.name,
            watchers_of(config),
            config.metrics.fading_factor,
            input_topics(config),
        )
        warm_up(config, stop)
        work(config, observer, health, stop)
    finally:
        server.close()


def warm_up(config: Config, stop: threading.Event) -> None:
    """Compile, or load, what the pipeline calls before this worker takes any partition.

    Without a cache that takes a minute and more, in which a partition would stand still. One
    kernel may take many seconds, so a thread does it, which a signal to stop leaves behind.
    """
    _log.info("warming up", model=config.model.name)
    failures: list[Exception] = []
    thread = threading.Thread(
        target=_compile, args=(config, stop, failures), name="driftgate-warm-up", daemon=True
    )
    thread.start()
    while thread.is_alive() and not stop.is_set():
        thread.join(_SIGNAL_S)
    if failures:
        raise failures[0]


def _compile(config: Config, stop: threading.Event, failures: list[Exception]) -> None:
    seconds, anew = 0.0, 0
    try:
        for rehearsal in of_pipeline(config):
            if stop.is_set():
                return
            took_s, kernels = rehearsal.timed()
            seconds, anew = seconds + took_s, anew + kernels.anew
    except Exception as error:
        failures.append(error)
    else:
        _log.info("warm", seconds=round(seconds, 3), compiled=anew)


def work(config: Config, observer: MetricsObserver, health: Health, stop: threading.Event) -> None:
    """Build a worker, run it until told to stop, hand over."""
    key = os.environ.get("DRIFTGATE_SNAPSHOT_KEY")
    signing_key = key.encode() if key else None
    store = CheckpointStore(config.checkpoint.store, config.app, config.checkpoint.keep)
    log = open_log(config)
    worker = Worker(config, log, store, PartsBuilder(config, signing_key), observer)
    health.ask(lambda: worker.statuses)
    try:
        if not stop.is_set():
            worker.start()
        worker.run(stop)
        _log.info("stopping")
        worker.close()
        _log.info("stopped")
    finally:
        log.close()


def refuse_if_unfit(config: Config) -> None:
    """Check what `doctor` checks of the log, and stop at the first thing that cannot work.

    Raises
    ------
    SetupError
    """
    for probe in probe_quietly(config):
        if not probe.ok:
            raise SetupError(str(probe))


def _stall_after_s(config: Config) -> float:
    if isinstance(config.log, KafkaLog):
        return STALL_FRACTION * config.log.poll_interval_max.total_seconds()
    return _EMBEDDED_STALL_S


def _stop_on_signals(stop: threading.Event) -> None:
    def handle(number: int, _: FrameType | None) -> None:
        _log.info("signal", name=signal.Signals(number).name)
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, handle)
