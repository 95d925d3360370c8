"""A development broker: Apache Kafka in KRaft mode on this machine, without Docker.

    python deploy/kafka/dev_broker.py start [--nodes 1|3] [--data DIR] [--sasl] [--oauth] [--tls]
                                            [--acl]
    python deploy/kafka/dev_broker.py status
    python deploy/kafka/dev_broker.py stop [--keep-data]

`start` fetches the jars with Maven into `deploy/kafka/libs` the first time, takes free ports of
127.0.0.1, waits until the broker answers, and prints the bootstrap address. Its state (pids, ports,
settings, logs, and the data unless --data is given) is in `.driftgate/kafka`.

Listeners: PLAINTEXT always. `--sasl` adds SASL with PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512 (user
`worker`, password `worker-secret`). `--oauth` adds OAUTH with OAUTHBEARER, which takes JSON Web
Tokens that nobody has signed (`unsigned_token`): a test of the way, not of the safe. `--tls` adds
TLS, whose certificate names `localhost`, and MTLS, which wants a client certificate too; `ca.pem`,
`worker.pem` and `worker.key` are beside the state. `--sasl --tls` also adds SASL_TLS. `--acl` makes
rights count: everything is denied to `worker` unless granted, and allowed to users without a name.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
LIBS = HERE / "libs"
STATE = HERE.parents[1] / ".driftgate" / "kafka"

SASL_USER, SASL_PASSWORD = "worker", "worker-secret"
_SCRAM_MECHANISMS = ("SCRAM-SHA-256", "SCRAM-SHA-512")
_PROTOCOLS = {
    "CONTROLLER": "PLAINTEXT",
    "PLAINTEXT": "PLAINTEXT",
    "SASL": "SASL_PLAINTEXT",
    "OAUTH": "SASL_PLAINTEXT",
    "TLS": "SSL",
    "MTLS": "SSL",
    "SASL_TLS": "SASL_SSL",
    "PROXIED": "PLAINTEXT",
}
_CERTIFICATE_DAYS = 30
_START_TIMEOUT_S = 60.0
_STOP_TIMEOUT_S = 20.0


class BrokerError(Exception):
    """The broker cannot be had; the text says what to do."""


@dataclass
class Broker:
    """A running development broker; `addresses` maps a listener's name to its bootstrap."""

    pids: list[int]
    addresses: dict[str, str]
    data: str
    keep_data: bool
    state: str
    behind: dict[str, list[int]] = field(default_factory=dict)
    """Ports that the nodes listen on behind those of `addresses` where the two differ."""

    @property
    def bootstrap(self) -> str:
        """Address of the PLAINTEXT listener."""
        return self.addresses["PLAINTEXT"]

    @property
    def ca_file(self) -> Path:
        """Certificate of the authority that signs the broker's and the worker's."""
        return Path(self.state) / "ca.pem"

    @property
    def client_certificate(self) -> tuple[Path, Path]:
        """Certificate and key of user `worker`, for the MTLS listener."""
        return Path(self.state) / f"{SASL_USER}.pem", Path(self.state) / f"{SASL_USER}.key"

    def alive(self) -> list[bool]:
        """Tell which nodes' processes are running."""
        return [_is_kafka(pid) for pid in self.pids]


def missing_tools() -> str:
    """Say which of Java, Maven and OpenSSL are missing, and how to get them; empty if none."""
    needed = ["java", "openssl"]
    needed += [] if any(LIBS.glob("kafka_2.13-*.jar")) else ["mvn"]
    missing = [tool for tool in needed if shutil.which(tool) is None]
    if not missing:
        return ""
    return (
        f"{' and '.join(missing)} not found: install Java 17 or newer, Maven "
        f"and OpenSSL (Debian: apt-get install openjdk-17-jre-headless maven openssl), "
        f"or set DRIFTGATE_BOOTSTRAP to a broker that is already there"
    )


def fetch_jars() -> None:
    """Fetch Apache Kafka's jars with Maven, once."""
    # One process at a time: tests that run side by side each start a broker.
    with (HERE / "pom.xml").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not any(LIBS.glob("kafka_2.13-*.jar")):
            _fetch_jars()


def _fetch_jars() -> None:
    print("fetching Apache Kafka (about 45 jars, once) ...", file=sys.stderr)  # noqa: T201
    # Into a temporary folder first: an interrupted fetch must not look like a finished one.
    partial = LIBS.with_name("libs.partial")
    shutil.rmtree(partial, ignore_errors=True)
    command = ["mvn", "-q", "-B", "-f", str(HERE / "pom.xml"), "dependency:copy-dependencies"]
    _tool(*command, f"-DoutputDirectory={partial}")
    shutil.rmtree(LIBS, ignore_errors=True)
    partial.rename(LIBS)


def start(
    nodes: int = 1,
    data: Path | None = None,
    state: Path = STATE,
    *,
    sasl: bool = False,
    oauth: bool = False,
    tls: bool = False,
    acl: bool = False,
    proxied: bool = False,
) -> Broker:
    """Start a broker and wait until it answers.

    Parameters
    ----------
    nodes
        1, or 3 (replicated: outages of one node can be tried).
    data
        Where records are kept; with it they survive `stop`. None: beside the state, and deleted.
    state
        Folder of settings, logs and pids; one broker each.
    sasl, oauth, tls, acl
        Additional listeners and rights, see the module's text.
    proxied
        Add a listener PROXIED whose address is a free port, for a proxy of the caller's that passes
        on to the port in `behind`.
    """
    found = load(state)
    if found is not None and any(found.alive()):
        raise BrokerError(f"already running at {found.bootstrap}; stop it first")
    problem = missing_tools()
    if problem:
        raise BrokerError(problem)
    fetch_jars()
    shutil.rmtree(state, ignore_errors=True)
    state.mkdir(parents=True)
    wanted = {
        "PLAINTEXT": True,
        "SASL": sasl,
        "OAUTH": oauth,
        "TLS": tls,
        "MTLS": tls,
        "SASL_TLS": sasl and tls,
        "PROXIED": proxied,
    }
    listeners = [name for name, asked in wanted.items() if asked]
    ports = [
        dict(zip(["CONTROLLER", "BEHIND", *listeners], taken, strict=True))
        for taken in _free_ports(nodes, len(listeners) + 2)
    ]
    if tls:
        make_authority(state)
        make_certificate(state, "broker", "localhost")
        make_certificate(state, SASL_USER, "localhost")
    folder = data or state / "data"
    cluster = _java_output("kafka.tools.StorageTool", "random-uuid")
    for index in range(nodes):
        settings = _settings(index, ports, folder / f"node-{index}", state, acl=acl)
        _write_properties(state / f"node-{index}.properties", settings)
        if not (folder / f"node-{index}" / "meta.properties").exists():
            _java_output(
                "kafka.tools.StorageTool",
                *("format", "-t", cluster, "-c", str(state / f"node-{index}.properties")),
                *(_scram_users() if sasl else ()),
            )
    broker = Broker(
        pids=[_spawn(state, index) for index in range(nodes)],
        addresses={
            name: ",".join(f"localhost:{node[name]}" for node in ports) for name in listeners
        },
        data=str(folder),
        keep_data=data is not None,
        state=str(state),
        behind={"PROXIED": [node["BEHIND"] for node in ports]} if proxied else {},
    )
    save(broker)
    _wait_until_started(broker, state)
    return broker


def restart_node(broker: Broker, index: int) -> None:
    """Start one node again after it was stopped or killed."""
    broker.pids[index] = _spawn(Path(broker.state), index)
    save(broker)


def stop(broker: Broker, *, keep_data: bool = False) -> None:
    """Stop all nodes, and delete the data unless it is to be kept."""
    for pid in broker.pids:
        _signal(pid, signal.SIGTERM)
    deadline = time.monotonic() + _STOP_TIMEOUT_S
    while any(broker.alive()) and time.monotonic() < deadline:
        time.sleep(0.1)
    for pid in broker.pids:
        _signal(pid, signal.SIGKILL)
    if not (keep_data or broker.keep_data):
        shutil.rmtree(broker.state, ignore_errors=True)
    else:
        (Path(broker.state) / "broker.json").unlink(missing_ok=True)


def load(state: Path = STATE) -> Broker | None:
    """Read the state of the broker that was started; None if there is none."""
    file = state / "broker.json"
    return Broker(**json.loads(file.read_text())) if file.exists() else None


def save(broker: Broker) -> None:
    """Write the broker's state."""
    (Path(broker.state) / "broker.json").write_text(json.dumps(asdict(broker), indent=2))


def _free_ports(nodes: int, each: int) -> list[list[int]]:
    # All sockets are open at the same time, so that no port is given out twice.
    sockets = [socket.socket() for _ in range(nodes * each)]
    for opened in sockets:
        opened.bind(("127.0.0.1", 0))
    ports = [opened.getsockname()[1] for opened in sockets]
    for opened in sockets:
        opened.close()
    return [ports[index * each : (index + 1) * each] for index in range(nodes)]


def _settings(
    index: int, ports: list[dict[str, int]], data: Path, state: Path, *, acl: bool
) -> dict[str, str]:
    own = {name: port for name, port in ports[index].items() if name != "BEHIND"}
    listened = {**own, **({"PROXIED": ports[index]["BEHIND"]} if "PROXIED" in own else {})}
    replicas = str(len(ports))
    in_sync = str(min(2, len(ports)))
    settings = {
        "process.roles": "broker,controller",
        "node.id": str(index),
        "controller.quorum.voters": ",".join(
            f"{node}@localhost:{taken['CONTROLLER']}" for node, taken in enumerate(ports)
        ),
        "listeners": ",".join(f"{name}://localhost:{port}" for name, port in listened.items()),
        "advertised.listeners": ",".join(
            f"{name}://localhost:{port}" for name, port in own.items() if name != "CONTROLLER"
        ),
        "listener.security.protocol.map": ",".join(f"{name}:{_PROTOCOLS[name]}" for name in own),
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "PLAINTEXT",
        "log.dirs": str(data),
        "auto.create.topics.enable": "false",
        "default.replication.factor": replicas,
        "min.insync.replicas": in_sync,
        # The internal topics: as many copies as there are nodes, and few partitions, since each
        # costs files and start-up time.
        "offsets.topic.replication.factor": replicas,
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.replication.factor": replicas,
        "transaction.state.log.min.isr": in_sync,
        "transaction.state.log.num.partitions": "4",
        "share.coordinator.state.topic.replication.factor": replicas,
        "share.coordinator.state.topic.min.isr": in_sync,
        "share.coordinator.state.topic.num.partitions": "1",
        "group.initial.rebalance.delay.ms": "0",
        # Retention goes by the records' own timestamps: data of past years, which is what one
        # tries things out with, would be deleted within minutes.
        "log.retention.ms": "-1",
        # Tests want sessions that end soon.
        "group.min.session.timeout.ms": "1000",
        # A transaction given up by its producer holds back its readers until this check.
        "transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000",
    }
    for name in own:
        settings |= _security(name, state)
    if acl:
        settings["authorizer.class.name"] = (
            "org.apache.kafka.metadata.authorizer.StandardAuthorizer"
        )
        settings["super.users"] = "User:ANONYMOUS"
    return settings


def _security(listener: str, state: Path) -> dict[str, str]:
    """Return the settings of one listener: how it is entered, and by whom."""
    prefix, settings = f"listener.name.{listener.lower()}", {}
    if listener in ("SASL", "SASL_TLS"):
        package = "org.apache.kafka.common.security"
        settings[f"{prefix}.sasl.enabled.mechanisms"] = ",".join(("PLAIN", *_SCRAM_MECHANISMS))
        settings[f"{prefix}.plain.sasl.jaas.config"] = (
            f'{package}.plain.PlainLoginModule required user_{SASL_USER}="{SASL_PASSWORD}";'
        )
        for mechanism in _SCRAM_MECHANISMS:
            settings[f"{prefix}.{mechanism.lower()}.sasl.jaas.config"] = (
                f"{package}.scram.ScramLoginModule required;"
            )
    if listener == "OAUTH":
        settings[f"{prefix}.sasl.enabled.mechanisms"] = "OAUTHBEARER"
        # The claim is the broker's own: it logs in at its own listener, and needs a name for it.
        settings[f"{prefix}.oauthbearer.sasl.jaas.config"] = (
            "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required "
            'unsecuredLoginStringClaim_sub="broker";'
        )
        # Makes a session end with its token, so that clients have to bring the next one.
        settings[f"{prefix}.connections.max.reauth.ms"] = "3600000"
    if _PROTOCOLS[listener].endswith("SSL"):
        settings[f"{prefix}.ssl.keystore.type"] = "PEM"
        settings[f"{prefix}.ssl.keystore.location"] = str(state / "broker.both.pem")
        settings[f"{prefix}.ssl.truststore.type"] = "PEM"
        settings[f"{prefix}.ssl.truststore.location"] = str(state / "ca.pem")
    if listener == "MTLS":
        settings[f"{prefix}.ssl.client.auth"] = "required"
        settings[f"{prefix}.ssl.principal.mapping.rules"] = "RULE:^CN=(.*?)$/$1/"
    return settings


def _scram_users() -> list[str]:
    return [
        argument
        for mechanism in _SCRAM_MECHANISMS
        for argument in (
            "--add-scram",
            f"{mechanism}=[name={SASL_USER},password={SASL_PASSWORD}]",
        )
    ]


def _write_properties(file: Path, settings: dict[str, str]) -> None:
    file.write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
    file.chmod(0o600)


def make_authority(folder: Path, name: str = "ca") -> None:
    """Make an authority's certificate and key, `NAME.pem` and `NAME.key`."""
    _tool(
        *("openssl", "req", "-x509", *_new_key(folder, name), "-days", str(_CERTIFICATE_DAYS)),
        *("-subj", f"/CN=driftgate development {name}", "-out", str(folder / f"{name}.pem")),
    )


def make_certificate(
    folder: Path, name: str, host: str, authority: str = "ca", days: int = _CERTIFICATE_DAYS
) -> None:
    """Make `NAME.pem`, `NAME.key`, and both in one file (`NAME.both.pem`), signed by an authority.

    Parameters
    ----------
    host
        The only host that the certificate is good for.
    days
        How long it is valid; a negative number makes one that has expired.
    """
    key, certificate = folder / f"{name}.key", folder / f"{name}.pem"
    request, extension = folder / f"{name}.csr", folder / f"{name}.ext"
    extension.write_text(f"subjectAltName=DNS:{host}\n")
    _tool(
        *("openssl", "req", "-new", *_new_key(folder, name)),
        *("-subj", f"/CN={name}", "-out", str(request)),
    )
    _tool(
        *("openssl", "x509", "-req", "-in", str(request), "-out", str(certificate)),
        *("-CA", str(folder / f"{authority}.pem"), "-CAkey", str(folder / f"{authority}.key")),
        *("-CAcreateserial", "-days", str(days), "-extfile", str(extension)),
    )
    both = folder / f"{name}.both.pem"
    both.touch(mode=0o600)
    both.write_text(key.read_text() + certificate.read_text())


def _new_key(folder: Path, name: str) -> list[str]:
    kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    return [*kind, "-nodes", "-keyout", str(folder / f"{name}.key")]


def unsigned_token(user: str, valid_s: float) -> str:
    """Make a JSON Web Token that the OAUTH listener takes: anybody can, hence only for tests."""
    issued = time.time()
    parts = [{"alg": "none"}, {"sub": user, "iat": issued - 1, "exp": issued + valid_s}]
    encoded = (base64.urlsafe_b64encode(json.dumps(part).encode()) for part in parts)
    return ".".join(part.decode().rstrip("=") for part in encoded) + "."


def _tool(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode != 0:
        raise BrokerError(f"{command[0]} failed: {(done.stdout + done.stderr)[-500:]}")
    return done.stdout.strip()


def _java_output(*arguments: str) -> str:
    return _tool("java", *_quiet(), "-cp", f"{LIBS}/*", *arguments).splitlines()[-1].strip()


def _quiet() -> list[str]:
    return ["-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"]


def _spawn(state: Path, index: int) -> int:
    command = [
        *("java", "-Xmx512m", "-XX:+UseSerialGC"),
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=info",
        *("-cp", f"{LIBS}/*", "kafka.Kafka", str(state / f"node-{index}.properties")),
    ]
    log = str(state / f"node-{index}.log")
    # A session of its own: a Ctrl-C meant for a test run must not reach the broker.
    pid = os.posix_spawnp(
        command[0],
        command,
        os.environ,
        setsid=True,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
    )
    deadline = time.monotonic() + 2.0
    while not _is_kafka(pid) and time.monotonic() < deadline:
        time.sleep(0.01)  # its command line can be read only once it has begun
    return pid


def _wait_until_started(broker: Broker, state: Path) -> None:
    deadline = time.monotonic() + _START_TIMEOUT_S
    waiting = list(range(len(broker.pids)))
    while waiting:
        waiting = [
            index
            for index in waiting
            if "Kafka Server started" not in (state / f"node-{index}.log").read_text("utf-8")
        ]
        if not all(broker.alive()) or time.monotonic() > deadline:
            tail = (state / f"node-{waiting[0] if waiting else 0}.log").read_text("utf-8")[-1500:]
            stop(broker, keep_data=True)
            raise BrokerError(f"the broker did not start; see {state}. Its last words:\n{tail}")
        time.sleep(0.1)


def _is_kafka(pid: int) -> bool:
    """Tell whether a process is one of ours: pids are used again by others."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)  # a child of this process stays listed until it is waited for
    try:
        return b"kafka.Kafka" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def _signal(pid: int, number: signal.Signals) -> None:
    if _is_kafka(pid):
        os.kill(pid, number)


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="Apache Kafka for development, without Docker.")
    commands = parser.add_subparsers(dest="command", required=True)
    starting = commands.add_parser("start", help="start and print the bootstrap address")
    starting.add_argument("--nodes", type=int, choices=(1, 3), default=1)
    starting.add_argument("--data", type=Path, help="keep the records in this folder")
    starting.add_argument("--sasl", action="store_true", help="add a listener with passwords")
    starting.add_argument("--oauth", action="store_true", help="add a listener with tokens")
    starting.add_argument("--tls", action="store_true", help="add listeners with TLS")
    starting.add_argument("--acl", action="store_true", help="make rights count")
    stopping = commands.add_parser("stop", help="stop, and delete the records")
    stopping.add_argument("--keep-data", action="store_true", help="leave the records")
    commands.add_parser("status", help="tell whether it runs, and where")
    arguments = parser.parse_args()
    try:
        return _run(arguments)
    except BrokerError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 2


def _run(arguments: argparse.Namespace) -> int:
    if arguments.command == "start":
        broker = start(
            arguments.nodes,
            arguments.data,
            sasl=arguments.sasl,
            oauth=arguments.oauth,
            tls=arguments.tls,
            acl=arguments.acl,
        )
        print(broker.bootstrap)  # noqa: T201
        return 0
    found = load()
    if found is None:
        print("not running")  # noqa: T201
        return 1 if arguments.command == "status" else 0
    if arguments.command == "stop":
        stop(found, keep_data=arguments.keep_data)
        return 0
    for name, address in found.addresses.items():
        print(f"{name:10} {address}")  # noqa: T201
    for pid, alive in zip(found.pids, found.alive(), strict=True):
        print(f"pid {pid} {'running' if alive else 'gone'}")  # noqa: T201
    return 0 if all(found.alive()) else 1


if __name__ == "__main__":
    sys.exit(main())
