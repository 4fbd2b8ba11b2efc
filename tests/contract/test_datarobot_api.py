"""The door to the API: paging, certificates, proxies, old applications, answers of something else."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from kubectl_lrs.model.errors import UnreachableError
from kubectl_lrs.runtime import retry
from kubectl_lrs.runtime.cancel import Cancel
from kubectl_lrs.stores.deployments.api.client import DataRobotClient, UnansweredError
from kubectl_lrs.stores.deployments.api.credentials import Access
from tests.bed import toolchain
from tests.bed.datarobot import Answer, DataRobot, identifier
from tests.builders.deployments import ORGANISATION, TOKEN, Place, new_place
from tests.conftest import Cli


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A place to try things in."""
    with new_place(tmp_path) as made:
        yield made


def _planned(place: Place) -> list[str]:
    done = place.run("deactivate", "--dry-run=client", "-o", "name")
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def _lists(place: Place) -> list[dict[str, str]]:
    return [request.query for request in place.api.log if request.path == "/api/v2/deployments/"]


# ---- the list


@pytest.mark.parametrize("count", [0, 1, 99, 100, 101, 250])
def test_pages(place: Place, count: int) -> None:
    """In the server's full pages, in a stable order; `next` names a host that does not exist, and is not asked."""
    for number in range(count):
        place.api.add(number, ORGANISATION)
    assert _planned(place) == [identifier(number) for number in range(count)]
    assert len(_lists(place)) == max(1, -(-count // 100))
    assert all(query["limit"] == "100" and query["orderBy"] == "createdAtTimestamp" for query in _lists(place))


def test_deleted_while_paging(place: Place) -> None:
    """The ones behind it move up, onto a page that has been read: the list is read again."""
    for number in range(250):
        place.api.add(number, ORGANISATION)

    def delete(offset: int) -> None:
        if offset == 100:
            place.api.deployments.pop(identifier(5), None)

    place.api.on_page = delete
    planned = _planned(place)
    assert set(planned) - {identifier(5)} == {identifier(number) for number in range(250) if number != 5}
    assert len(planned) == len(set(planned))


def test_created_while_paging(place: Place) -> None:
    for number in range(150):
        place.api.add(number, ORGANISATION)

    def create(offset: int) -> None:
        if offset == 100 and identifier(500) not in place.api.deployments:
            place.api.add(500, ORGANISATION)

    place.api.on_page = create
    assert _planned(place) == [*(identifier(number) for number in range(150)), identifier(500)]


def test_list_is_repeated_when_the_application_is_busy(place: Place) -> None:
    place.api.add(1, ORGANISATION)
    answer = place.api.answer_list
    left = [429, 502, 503, 504, 0]

    def troubled(call: object) -> object:
        from tests.bed.datarobot import HTML, Answer

        return Answer(left.pop(0), HTML, {"Retry-After": "0"}) if left else answer(call)  # type: ignore[arg-type]

    place.api.answer_list = troubled  # type: ignore[method-assign, assignment]
    assert _planned(place) == [identifier(1)]
    assert left == []


def test_strange_documents_do_no_harm(place: Place) -> None:
    """A label that would act on the terminal, a status that nobody knows, fields that are missing."""
    place.api.add(1, ORGANISATION, label="red \x1b[31m\nand \u202e more", latency=0.0)
    place.api.add(2, ORGANISATION, label="", settled="meditating")
    done = place.run("deactivate", "--yes")
    assert done.returncode == 3, "whether the second is down nobody can tell"
    assert "it is meditating, not active" in done.stdout
    assert "\x1b" not in done.stdout
    assert "red ?[31m?and ? more" in done.stdout
    rows = place.run("deactivate", "--yes", "--include", identifier(2), "-o", "json")
    assert rows.returncode == 3
    assert "it is meditating, not active" in rows.stdout


# ---- certificates


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CA, and a server's certificate for the loopback addresses."""
    directory = tmp_path_factory.mktemp("keys")
    subprocess.run([toolchain.binary(), "keys", "init", str(directory)], check=True, env={})
    return directory


@pytest.fixture
def secure(keys: Path, tmp_path: Path) -> Iterator[Place]:
    """The API over TLS, with a certificate of an authority that nobody knows."""
    directory = tmp_path / "work"
    directory.mkdir()
    with DataRobot({TOKEN: ORGANISATION}, certificate=(keys / "server.crt", keys / "server.key")) as api:
        for number in range(12):
            api.add(number, ORGANISATION, latency=0.2)
        env = {"LRS_DATAROBOT_URL": api.url, "LRS_DATAROBOT_API_TOKEN": TOKEN}
        yield Place(api, Cli(tmp_path / "no-kubeconfig", directory), env)


def test_own_authority(secure: Place, keys: Path) -> None:
    before = secure.api.statuses()
    done = secure.run("deactivate", "--yes")
    assert done.returncode == 5
    assert "certificate verify failed" in done.stderr
    assert "--api-ca-file" in done.stderr
    assert secure.api.log == [], "nothing was sent before the certificate was checked"
    authority = ("--api-ca-file", keys / "ca.crt")
    assert len(secure.report("deactivate", "--yes", *authority)) == 12
    assert len(secure.report("activate", *authority)) == 12
    assert secure.api.statuses() == before


def test_authority_from_the_environment(secure: Place, keys: Path) -> None:
    env = {**secure.env, "REQUESTS_CA_BUNDLE": str(keys / "ca.crt")}
    assert secure.run("deactivate", "--dry-run=client", env=env).returncode == 0
    wrong = {**secure.env, "REQUESTS_CA_BUNDLE": str(keys / "nowhere.crt")}
    assert secure.run("deactivate", "--dry-run=client", "--api-ca-file", keys / "ca.crt", env=wrong).returncode == 0
    done = secure.run("deactivate", "--dry-run=client", env=wrong)
    assert done.returncode == 2
    assert f"REQUESTS_CA_BUNDLE {keys / 'nowhere.crt'}: no such file" in done.stderr


def test_certificate_that_is_not_checked(secure: Place) -> None:
    """Only where the user's own configuration file says so, and with a warning."""
    config = secure.cli.directory / "drconfig.yaml"
    config.write_text(f"endpoint: {secure.api.url}/api/v2\ntoken: {TOKEN}\nssl_verify: false\n")
    done = secure.run("deactivate", "--dry-run=client", env={"DATAROBOT_CONFIG_FILE": str(config)})
    assert done.returncode == 0
    assert "ssl_verify is off" in done.stderr
    assert "InsecureRequestWarning" not in done.stderr


# ---- what is between us and the application, or in its place


def test_proxy(place: Place) -> None:
    """The bed's server takes a proxy's requests too; the host that is asked for does not exist."""
    place.api.add(1, ORGANISATION)
    env = {"LRS_DATAROBOT_URL": "http://datarobot.invalid", "LRS_DATAROBOT_API_TOKEN": TOKEN}
    done = place.run("deactivate", "--dry-run=client", env={**env, "HTTP_PROXY": place.api.url})
    assert done.returncode == 0, done.stderr
    assert "warning: http://datarobot.invalid/api/v2: not https" in done.stderr
    done = place.run(
        "deactivate", "--dry-run=client", env={**place.env, "HTTP_PROXY": "http://127.0.0.1:1", "NO_PROXY": "127.0.0.1"}
    )
    assert done.returncode == 0, done.stderr


def test_proxy_that_is_not_there(place: Place) -> None:
    env = {"LRS_DATAROBOT_URL": "http://datarobot.invalid", "LRS_DATAROBOT_API_TOKEN": TOKEN}
    done = place.run("deactivate", env={**env, "HTTP_PROXY": "http://127.0.0.1:1"})
    assert done.returncode == 5
    assert "cannot be reached" in done.stderr
    assert "NO_PROXY" in done.stderr
    assert place.api.log == []
    done = place.run("deactivate", "--dry-run=client", env={**place.env, "HTTP_PROXY": "http://127.0.0.1:1"})
    assert done.returncode == 0, "this machine itself is never reached through a proxy"


def test_application_that_is_not_there(place: Place) -> None:
    done = place.run("deactivate", env={**place.env, "LRS_DATAROBOT_URL": "http://127.0.0.1:1"})
    assert done.returncode == 5
    assert "http://127.0.0.1:1/api/v2: cannot be reached: Connection refused" in done.stderr.replace("[Errno 111] ", "")
    assert "Traceback" not in done.stderr


class _Other(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        """A login page, as something else than the application has one."""
        data = b"<html>Please log in</html>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Nothing."""


def test_something_else_answers(place: Place) -> None:
    server = HTTPServer(("127.0.0.1", 0), _Other)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        url = f"http://127.0.0.1:{server.server_address[1]}"
        done = place.run("deactivate", env={**place.env, "LRS_DATAROBOT_URL": url})
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    assert done.returncode == 5
    assert "is not the DataRobot API" in done.stderr


def test_url_with_a_prefix_that_is_wrong(place: Place) -> None:
    done = place.run("deactivate", env={**place.env, "LRS_DATAROBOT_URL": f"{place.api.url}/elsewhere"})
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert "404" in done.stderr


# ---- old applications


def test_application_too_old_to_say_who_we_are(place: Place) -> None:
    for number in range(3):
        place.api.add(number, ORGANISATION)
    before = place.api.statuses()
    place.api.is_old = True
    done = place.run("deactivate", "--yes")
    assert done.returncode == 0, done.stderr
    assert "an unknown user of an unknown organisation" in done.stderr
    place.report("activate")
    assert place.api.statuses() == before


def test_old_application_and_several_tokens(place: Place) -> None:
    place.api.is_old = True
    files = [place.token_file(token) for token in place.api.tokens]
    done = place.run("deactivate", "--yes", "--url", place.api.url, *(x for file in files for x in ("--org-token-file", file)))
    assert done.returncode == 2
    assert "does not say which organisation it belongs to" in done.stderr


def test_no_cluster_is_needed(place: Place) -> None:
    """A kubeconfig that is broken is not even looked at."""
    place.api.add(1, ORGANISATION)
    broken = place.cli.directory / "kubeconfig"
    broken.write_text("{[")
    done = place.run("deactivate", "--yes", "-o", "json", env={**place.env, "KUBECONFIG": str(broken), "PATH": os.defpath})
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["counts"] == {"deactivated": 1}


# ---- the client by itself


def _client(api: DataRobot, cancel: Cancel | None = None, timeout: float | None = None) -> DataRobotClient:
    access = Access(endpoint=f"{api.url}/api/v2", token=TOKEN, source="the test")
    return DataRobotClient(access, cancel, timeout=timeout)


def test_a_task_that_is_done_is_a_redirect_with_a_body(place: Place) -> None:
    """It is an answer, and not followed."""
    place.api.add(1, ORGANISATION, latency=0.0)
    client = _client(place.api)
    task = client.set_status(identifier(1), "inactive")
    assert task
    assert client.task(task).state == "COMPLETED"
    assert client.task("another").state == ""
    asked = [request.path for request in place.api.log if "/status/" in request.path and request.method == "GET"]
    assert len(asked) == 2, "each once, however it ends"


def test_a_change_in_flight_is_heard_to_its_end_when_the_run_ends(place: Place) -> None:
    """Whether it was taken must be known then too."""
    place.api.add(1, ORGANISATION, latency=0.0)
    cancel = Cancel()
    client = _client(place.api, cancel)
    assert client.version()
    cancel.set()
    assert client.set_status(identifier(1), "inactive")


def test_a_change_that_broke_off_is_not_known_when_the_run_ends(place: Place) -> None:
    place.api.add(1, ORGANISATION, latency=0.0, troubles=["cut after"])
    cancel = Cancel()
    client = _client(place.api, cancel)
    assert client.version()
    cancel.set()
    with pytest.raises(UnansweredError):
        client.set_status(identifier(1), "inactive")


@pytest.mark.parametrize("name", ["", "Sales (EU)", "\x1b[2J\u202e"])
def test_the_name_of_an_organisation(place: Place, name: str) -> None:
    """Where the application tells it; where it does not, or not to this user, its id stands there, and nothing fails."""
    place.api.add(1, ORGANISATION)
    if name:
        place.api.organisations[ORGANISATION] = name
    done = place.run("deactivate", "--dry-run=client")
    assert done.returncode == 0, done.stderr
    assert (name if name.isprintable() and name else ORGANISATION if not name else "\\x1b") in done.stdout
    assert ("\x1b" in done.stdout, "\u202e" in done.stderr) == (False, False)


def test_an_application_that_fails_at_one_thing_is_not_lost(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any patience each failure is all that there is; what it always has tells, and is not asked for each of many."""
    monkeypatch.setattr(retry.Outage.__init__, "__defaults__", (0.0,))
    place.api.add(1, ORGANISATION)
    answer, broken = place.api.answer, {f"/deployments/{identifier(1)}/"}

    def answered(method: str, path: str, *arguments: object) -> Answer:
        return Answer(502, {"message": "no"}) if any(map(path.__contains__, broken)) else answer(method, path, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(place.api, "answer", answered)
    client = _client(place.api)
    with pytest.raises(UnreachableError):
        client.deployment(identifier(1))
    assert client.lost == ""
    broken.add("/")
    monkeypatch.setattr("kubectl_lrs.stores.deployments.api.client.TRUSTED", 3600.0)
    gone = _client(place.api)
    with pytest.raises(UnreachableError):
        gone.deployment(identifier(1))
    before = len(place.api.log)
    assert {gone.lost for _ in range(5)} == {f"{place.api.url}/api/v2 gives nothing but failures"}
    assert len(place.api.log) == before + 1
