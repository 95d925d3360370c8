"""Faults of the embedded log: SIGKILL, other processes, full disks, foreign files, take-over.

What it shares with Kafka is in test_contract.py.
"""

from __future__ import annotations

import random
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from stream.errors import CommitUncertainError, FencedError, LogUnavailableError
from stream.log.base import Committed, OutputBatch, TopicPartition, TopicSpec
from stream.log.embedded import EmbeddedAdmin, EmbeddedLog
from tests.stream.log.worlds import RecordingListener, join, output, read, transaction, values

ROOT = Path(__file__).parents[3]
SOURCE, TARGET = TopicPartition("in", 0), TopicPartition("out", 0)

COMMITTER = """
    import sys
    from stream.log.base import Committed, OutputBatch, TopicPartition, Transaction
    from stream.log.embedded import EmbeddedLog
    from tests.stream.log.worlds import join

    source, target = TopicPartition("in", 0), TopicPartition("out", 0)
    log = EmbeddedLog(sys.argv[1], "group")
    join(log, ["in"])
    committed = log.committed([source])[source]
    position = committed.offset if committed else 0
    print("ready", flush=True)
    while True:
        values = [b"%d" % index for index in range(position, position + 50)]
        outputs = [OutputBatch(target, range(50), [None] * 50, values)]
        position += 50
        log.commit(Transaction(outputs, {source: Committed(position, str(position))}))
"""

APPENDER = """
    import sys
    from stream.log.embedded import EmbeddedAdmin
    from tests.stream.log.worlds import output

    admin = EmbeddedAdmin(sys.argv[1])
    for index in range(100):
        admin.append([output("in", [b"%s:%d" % (sys.argv[2].encode(), index)] * 3)])
    admin.close()
"""


def run(script: str, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", textwrap.dedent(script), *arguments]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


@pytest.fixture
def path(tmp_path: Path) -> str:
    admin = EmbeddedAdmin(str(tmp_path / "log.db"))
    admin.create([TopicSpec("in", 1), TopicSpec("out", 1)])
    admin.close()
    return str(tmp_path / "log.db")


def test_sigkill_leaves_whole_transactions(path: str) -> None:
    rng = random.Random(1)
    previous = 0
    for _ in range(8):
        with run(COMMITTER, path) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            time.sleep(rng.uniform(0.05, 0.15))
            process.send_signal(signal.SIGKILL)
        log = EmbeddedLog(path, "group")
        committed = log.committed([SOURCE])[SOURCE]
        written = values(read(log, TARGET, 0, 10**9))
        log.close()
        assert committed is not None
        assert committed.note == str(committed.offset)
        assert written == [b"%d" % index for index in range(committed.offset)]
        assert committed.offset > previous
        previous = committed.offset


def test_processes_append_side_by_side(path: str) -> None:
    processes = [run(APPENDER, path, name) for name in ("a", "b")]
    for process in processes:
        with process:
            assert process.wait(60) == 0
    admin = EmbeddedAdmin(path)
    found = values(read(admin, SOURCE, 0, 10**9))
    admin.close()
    assert len(found) == 600
    for name in (b"a", b"b"):
        own = [value for value in found if value is not None and value.startswith(name)]
        assert own == [b"%s:%d" % (name, index) for index in range(100) for _ in range(3)]


def test_a_reader_in_another_connection_wakes_a_waiting_poll(path: str) -> None:
    log, admin = EmbeddedLog(path, "group"), EmbeddedAdmin(path)
    join(log, ["in"])
    assert log.poll(0.0, 10) == []
    admin.append([output("in", [b"x"])])
    (batch,) = log.poll(5.0, 10)
    assert batch.values == (b"x",)
    log.close()
    admin.close()


def test_a_newcomer_takes_the_group_over(path: str) -> None:
    old, new = EmbeddedLog(path, "group"), EmbeddedLog(path, "group")
    listener = join(old, ["in"])
    join(new, ["in"])
    with pytest.raises(FencedError, match="group"):
        old.poll(0.0, 10)
    assert listener.calls == [("assigned", [SOURCE]), ("lost", [SOURCE])]
    with pytest.raises(FencedError):
        old.commit(transaction([output("out", [b"zombie"])], {SOURCE: 1}))
    old.close()
    assert len(listener.calls) == 2
    new.commit(transaction([output("out", [b"alive"])], {SOURCE: 1}))
    assert values(read(new, TARGET, 0, 10)) == [b"alive"]
    new.close()


def test_other_groups_are_left_alone(path: str) -> None:
    one, other = EmbeddedLog(path, "one"), EmbeddedLog(path, "other")
    join(one, ["in"])
    join(other, ["in"])
    one.commit(transaction(offsets={SOURCE: 1}))
    other.commit(transaction(offsets={SOURCE: 2}))
    assert one.committed([SOURCE]) == {SOURCE: Committed(1, "")}
    one.close()
    other.close()


def test_a_full_disk_makes_the_commit_uncertain_and_reopen_tells(path: str) -> None:
    log = EmbeddedLog(path, "group")
    join(log, ["in"])
    log.commit(transaction([output("out", [b"small"])], {SOURCE: 1}))
    pages = log._store._connection.execute("PRAGMA page_count").fetchone()[0]
    log._store._connection.execute(f"PRAGMA max_page_count = {pages + 1}")
    with pytest.raises(CommitUncertainError, match="full"):
        log.commit(transaction([output("out", [b"large" * 10_000])], {SOURCE: 2}))
    log.reopen()
    assert log.committed([SOURCE]) == {SOURCE: Committed(1, "")}
    assert values(read(log, TARGET, 0, 10)) == [b"small"]
    log.commit(transaction([output("out", [b"large" * 10_000])], {SOURCE: 2}))
    assert log.bounds(TARGET).end == 2
    log.close()


def test_reopen_keeps_a_memory_log() -> None:
    log = EmbeddedLog(":memory:reopen", "group")
    admin = EmbeddedAdmin(":memory:reopen")
    admin.create([TopicSpec("in", 1)])
    admin.append([output("in", [b"x"])])
    admin.close()
    log.reopen()
    assert values(read(log, SOURCE, 0, 1)) == [b"x"]
    log.close()
    fresh = EmbeddedAdmin(":memory:reopen")
    assert fresh.topics() == {}
    fresh.close()


def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(LogUnavailableError, match=r"log\.path.*absent"):
        EmbeddedLog(str(tmp_path / "absent" / "log.db"), "group")


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("this is no database " * 100)
    with pytest.raises(LogUnavailableError, match="not a database"):
        EmbeddedLog(str(tmp_path / "text.db"), "group")


def test_another_programs_database_is_not_touched(tmp_path: Path) -> None:
    foreign = sqlite3.connect(tmp_path / "foreign.db")
    foreign.execute("CREATE TABLE precious (x)")
    foreign.commit()
    with pytest.raises(LogUnavailableError, match="another program"):
        EmbeddedAdmin(str(tmp_path / "foreign.db"))
    assert foreign.execute("SELECT name FROM sqlite_master").fetchall() == [("precious",)]
    foreign.close()


def test_a_newer_version_is_refused(path: str) -> None:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(LogUnavailableError, match="version 99"):
        EmbeddedLog(path, "group")


def test_records_max_is_shared_out_so_that_no_partition_starves(tmp_path: Path) -> None:
    path = str(tmp_path / "log.db")
    admin = EmbeddedAdmin(path)
    admin.create([TopicSpec("in", 3)])
    for partition, count in enumerate((100, 2, 100)):
        admin.append([output("in", [b"x"] * count, partition)])
    log = EmbeddedLog(path, "group")
    join(log, ["in"])
    sizes = {batch.source.partition: len(batch) for batch in log.poll(0.0, 20)}
    assert sizes == {0: 9, 1: 2, 2: 9}
    log.close()
    admin.close()


def test_a_torn_batch_is_refused_whole(path: str) -> None:
    admin = EmbeddedAdmin(path)
    torn = OutputBatch(SOURCE, [1, 2], [b"a", b"b"], [b"1"])
    with pytest.raises(ValueError, match="zip"):
        admin.append([output("in", [b"before"]), torn])
    assert admin.bounds(SOURCE).end == 0
    admin.close()


def test_the_owner_is_told_once(path: str) -> None:
    log = EmbeddedLog(path, "group")
    listener = RecordingListener()
    log.subscribe(["in"], listener)
    assert listener.calls == []
    log.poll(0.0, 1)
    log.poll(0.0, 1)
    assert listener.calls == [("assigned", [SOURCE])]
    log.close()
