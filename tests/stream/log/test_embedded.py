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
from contextlib import closing
from pathlib import Path

import pytest

from stream.errors import (
    CommitUncertainError,
    FencedError,
    LogUnavailableError,
    RecoveryError,
    ReplacedError,
    TopicMissingError,
)
from stream.log.base import (
    Committed,
    OutputBatch,
    Polled,
    TopicPartition,
    TopicSpec,
)
from stream.log.embedded import EmbeddedAdmin, EmbeddedLog
from tests.stream.log.worlds import (
    RecordingListener,
    await_assignment,
    join,
    output,
    read,
    transaction,
    values,
)

ROOT = Path(__file__).parents[3]
SOURCE, TARGET = TopicPartition("in", 0), TopicPartition("out", 0)

COMMITTER = """
    import sys
    from stream.log.base import OutputBatch, TopicPartition
    from stream.log.embedded import EmbeddedLog
    from tests.stream.log.worlds import join, transaction

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
        log.commit(transaction(log, outputs, {source: position}, str(position)))
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
    listener = join(log, ["in"])
    assert log.poll(0.0, 10, listener.positions) == Polled([])
    admin.append([output("in", [b"x"])])
    (batch,) = log.poll(5.0, 10, listener.positions).batches
    assert batch.values == (b"x",)
    log.close()
    admin.close()


def test_a_newcomer_takes_the_group_over(path: str) -> None:
    old, new = EmbeddedLog(path, "group"), EmbeddedLog(path, "group")
    listener = join(old, ["in"])
    join(new, ["in"])
    with pytest.raises(FencedError, match="group"):
        old.poll(0.0, 10, listener.positions)
    assert listener.calls == [("assigned", [SOURCE]), ("lost", [SOURCE])]
    with pytest.raises(FencedError):
        old.commit(transaction(old, [output("out", [b"zombie"])], {SOURCE: 1}))
    old.close()
    assert len(listener.calls) == 2
    new.commit(transaction(new, [output("out", [b"alive"])], {SOURCE: 1}))
    assert values(read(new, TARGET, 0, 10)) == [b"alive"]
    new.close()


def test_other_groups_are_left_alone(path: str) -> None:
    one, other = EmbeddedLog(path, "one"), EmbeddedLog(path, "other")
    join(one, ["in"])
    join(other, ["in"])
    one.commit(transaction(one, offsets={SOURCE: 1}))
    other.commit(transaction(other, offsets={SOURCE: 2}))
    assert one.committed([SOURCE]) == {SOURCE: Committed(1, "")}
    one.close()
    other.close()


def test_a_full_disk_makes_the_commit_uncertain_and_reopen_tells(path: str) -> None:
    log = EmbeddedLog(path, "group")
    join(log, ["in"])
    log.commit(transaction(log, [output("out", [b"small"])], {SOURCE: 1}))
    pages = log._store._connection.execute("PRAGMA page_count").fetchone()[0]
    log._store._connection.execute(f"PRAGMA max_page_count = {pages + 1}")
    with pytest.raises(CommitUncertainError, match="full"):
        log.commit(transaction(log, [output("out", [b"large" * 10_000])], {SOURCE: 2}))
    log.reopen()
    assert log.committed([SOURCE]) == {SOURCE: Committed(1, "")}
    assert values(read(log, TARGET, 0, 10)) == [b"small"]
    log.commit(transaction(log, [output("out", [b"large" * 10_000])], {SOURCE: 2}))
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
    listener = join(log, ["in"])
    polled = log.poll(0.0, 20, listener.positions)
    sizes = {batch.source.partition: len(batch) for batch in polled.batches}
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
    log.poll(0.0, 1, {})
    log.poll(0.0, 1, {})
    assert listener.calls == [("assigned", [SOURCE])]
    log.close()


def test_added_partitions_are_announced_while_running(path: str) -> None:
    log, admin = EmbeddedLog(path, "group"), EmbeddedAdmin(path)
    listener = join(log, ["in"])
    admin.add_partitions("in", 3)
    admin.append([output("in", [b"x"], 2)])
    added = [TopicPartition("in", 1), TopicPartition("in", 2)]
    await_assignment(log, listener, added)
    assert listener.calls == [("assigned", [SOURCE]), ("assigned", added)]
    (batch,) = log.poll(1.0, 10, {added[1]: 0}).batches
    assert batch.values == (b"x",)
    log.close()
    admin.close()


def test_a_file_of_version_1_is_migrated_in_place(path: str) -> None:
    admin = EmbeddedAdmin(path)
    admin.append([output("in", [b"a", b"b"])])
    admin.close()
    connection = sqlite3.connect(path)
    connection.execute("ALTER TABLE topics DROP COLUMN id")
    connection.execute("PRAGMA user_version = 1")
    connection.commit()
    connection.close()
    log = EmbeddedLog(path, "group")
    ids = log.topic_ids(["in", "out"])
    assert all(len(topic_id) == 32 for topic_id in ids.values())
    assert ids["in"] != ids["out"]
    assert values(read(log, SOURCE, 0, 10)) == [b"a", b"b"]
    log.close()
    again = EmbeddedLog(path, "group")
    assert again.topic_ids(["in", "out"]) == ids
    again.close()


def test_a_deleted_topic_takes_its_records_and_positions_along(path: str) -> None:
    log, admin = EmbeddedLog(path, "group"), EmbeddedAdmin(path)
    listener = join(log, ["in"])
    admin.append([output("in", [b"old"] * 5)])
    log.commit(transaction(log, offsets={SOURCE: 5}))
    admin.delete(["in"])
    assert isinstance(log.poll(0.0, 10, {SOURCE: 5}).failures[SOURCE], TopicMissingError)
    admin.create([TopicSpec("in", 1)])
    assert log.committed([SOURCE]) == {SOURCE: None}
    assert isinstance(log.poll(0.0, 10, {SOURCE: 5}).failures[SOURCE], RecoveryError)
    admin.append([output("in", [b"new"])])
    (batch,) = log.poll(0.0, 10, listener.positions).batches
    assert batch.values == (b"new",)
    log.close()
    admin.close()


def test_a_lost_row_fails_its_partition_alone(path: str) -> None:
    admin = EmbeddedAdmin(path)
    admin.append([output("in", [b"a", b"b", b"c"]), output("out", [b"d"])])
    admin._store._connection.execute("DELETE FROM records WHERE value = ?", (b"b",))
    log = EmbeddedLog(path, "group")
    listener = join(log, ["in", "out"])
    started = time.monotonic()
    polled = log.poll(0.3, 10, listener.positions)
    assert [batch.source for batch in polled.batches] == [TARGET]
    assert "in[0]@0" in str(polled.failures[SOURCE])
    listener.take(polled.batches)
    # Failures alone do not end the wait: a caller that asks again does not spin.
    polled = log.poll(0.3, 10, listener.positions)
    assert list(polled.failures) == [SOURCE]
    assert time.monotonic() - started > 0.25
    log.close()
    admin.close()


def test_a_file_damaged_while_running_is_an_error_in_one_line(path: str) -> None:
    admin = EmbeddedAdmin(path)
    admin.append([output("in", [b"x" * 500] * 2000)])
    admin.close()
    log = EmbeddedLog(path, "group")
    listener = join(log, ["in"])
    Path(path).write_bytes(b"\xff" * Path(path).stat().st_size)
    with pytest.raises(LogUnavailableError, match=r"^log\.path: .*Restore the file.*$"):
        read_until_it_fails(log, listener)
    with pytest.raises((CommitUncertainError, LogUnavailableError)):
        log.commit(transaction(log, [output("out", [b"y"])], {SOURCE: 1}))
    with pytest.raises(LogUnavailableError, match=r"log\.path"):
        log.reopen()
    log.close()
    assert listener.held == set()


def read_until_it_fails(log: EmbeddedLog, listener: RecordingListener) -> None:
    for _ in range(100):
        polled = log.poll(0.0, 1000, listener.positions)
        listener.take(polled.batches)
        for failure in polled.failures.values():
            raise failure


def test_a_file_that_another_program_has_locked_is_said_to_be(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stream.log.embedded.schema.BUSY_TIMEOUT_S", 0.1)
    log = EmbeddedLog(path, "group")
    join(log, ["in"])
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(CommitUncertainError, match=r"locked.*End the program"):
            log.commit(transaction(log, [output("out", [b"one"])]))
    log.reopen()
    log.commit(transaction(log, [output("out", [b"two"])]))
    assert values(read(log, TARGET, 0, 9)) == [b"two"]
    log.close()


def test_a_copy_put_in_the_place_of_a_removed_file_is_read_as_it_is(
    path: str, tmp_path: Path
) -> None:
    """SQLite would lay the write-ahead log that was left over it, and call it whole."""
    log = EmbeddedLog(path, "group")
    join(log, ["in"])
    log.commit(transaction(log, [output("out", [b"kept"])]))
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("VACUUM INTO ?", (str(tmp_path / "copy.db"),))
    log.commit(transaction(log, [output("out", [b"later"])]))
    Path(path).rename(tmp_path / "moved.db")
    with pytest.raises(ReplacedError):
        log.commit(transaction(log, [output("out", [b"lost"])]))
    log.close()
    found = {}
    for name in ("copy.db", "moved.db"):  # the file itself is whole wherever it is put
        (tmp_path / name).rename(path)
        with closing(EmbeddedAdmin(path)) as again:
            found[name] = values(read(again, TARGET, *again.bounds(TARGET)))
    assert found == {"copy.db": [b"kept"], "moved.db": [b"kept", b"later"]}


@pytest.mark.parametrize("is_replaced", [True, False])
def test_a_file_that_is_removed_or_replaced_ends_its_log(tmp_path: Path, is_replaced: bool) -> None:
    path, copy = tmp_path / "log.db", tmp_path / "copy.db"
    admin = EmbeddedAdmin(str(path))
    admin.create([TopicSpec("in", 1), TopicSpec("out", 1)])
    admin.close()
    log = EmbeddedLog(str(path), "group")
    join(log, ["in"])
    log.commit(transaction(log, [output("out", [b"kept"])], {SOURCE: 0}))
    sqlite3.connect(path).execute("VACUUM INTO ?", (str(copy),)).connection.close()
    if is_replaced:
        copy.replace(path)
    else:
        path.unlink()
    words = "was replaced by another one" if is_replaced else "is gone"
    with pytest.raises(ReplacedError, match=words):
        log.commit(transaction(log, [output("out", [b"unseen"])], {SOURCE: 0}))
    with pytest.raises(ReplacedError, match=words):
        log.reopen()
    time.sleep(1.01)  # it is looked at once a second
    with pytest.raises(ReplacedError, match=words):
        log.poll(0.0, 10, {SOURCE: 0})
    log.close()
    if is_replaced:
        after = EmbeddedAdmin(str(path))
        assert values(read(after, TARGET, 0, 1)) == [b"kept"]
        after.close()
