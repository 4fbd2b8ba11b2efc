"""Where URL and token come from: always one source, and the token shows nowhere."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest

from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.stores.deployments.api.credentials import accesses, normalise
from kubectl_lrs.stores.deployments.flags import ApiOptions
from tests.bed.datarobot import DataRobot, identifier
from tests.bed.loader import PATIENCE
from tests.builders.deployments import ORGANISATION, OTHER, OTHER_TOKEN, TOKEN, Place, new_place
from tests.conftest import ROOT


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A place to try things in."""
    with new_place(tmp_path) as made:
        yield made


URLS = {
    "dr.example.com": "https://dr.example.com/api/v2",
    "https://dr.example.com": "https://dr.example.com/api/v2",
    "  https://dr.example.com/ \n": "https://dr.example.com/api/v2",
    "https://dr.example.com/api/v2": "https://dr.example.com/api/v2",
    "https://dr.example.com/api/v2/": "https://dr.example.com/api/v2",
    "https://dr.example.com//api/v2//": "https://dr.example.com/api/v2",
    "HTTPS://DR.example.com:443/": "https://dr.example.com/api/v2",
    "https://dr.example.com:8443": "https://dr.example.com:8443/api/v2",
    "http://dr.example.com:80": "http://dr.example.com/api/v2",
    "https://example.com/datarobot/": "https://example.com/datarobot/api/v2",
    "https://[::1]:8443": "https://[::1]:8443/api/v2",
    "10.0.0.7:8080": "https://10.0.0.7:8080/api/v2",
}


@pytest.mark.parametrize("url", URLS)
def test_url(url: str) -> None:
    assert normalise(url, what="it") == URLS[url]
    assert normalise(URLS[url], what="it") == URLS[url]


@pytest.mark.parametrize(
    "url", ["", "ftp://x", "https://", "https://a:b@x", "https://x?a=b", "https://x#y", "https://x:99999", "https://a b", "x/\ny"]
)
def test_url_that_is_none(url: str) -> None:
    with pytest.raises(UsageError) as error:
        normalise(url, what="it")
    assert "a:b" not in str(error.value)


LRS = {"LRS_DATAROBOT_URL": "lrs.example.com", "LRS_DATAROBOT_API_TOKEN": " t-lrs \n"}
DR = {"DATAROBOT_ENDPOINT": "https://dr.example.com/api/v2", "DATAROBOT_API_TOKEN": "t-dr"}
NAMED = {"DATAROBOT_CONFIG_FILE": "named.yaml"}

SOURCES: dict[str, tuple[ApiOptions, dict[str, str], list[tuple[str, str]]]] = {
    # flags, environment → (host, token) of each access; drconfig.yaml is always there
    "the file in the home folder": (ApiOptions(), {}, [("home.example.com", "t-home")]),
    "the file that is named": (ApiOptions(), NAMED, [("named.example.com", "t-named")]),
    "the ecosystem's variables": (ApiOptions(), DR | NAMED, [("dr.example.com", "t-dr")]),
    "the vendor's variables first": (ApiOptions(), LRS | DR, [("lrs.example.com", "t-lrs")]),
    "empty ones are none": (ApiOptions(), dict.fromkeys(LRS, "") | DR, [("dr.example.com", "t-dr")]),
    "a token file with --url": (ApiOptions(url="x.example.com", token_files=("t1",)), LRS, [("x.example.com", "t-1")]),
    "two token files": (
        ApiOptions(url="x.example.com", token_files=("t1", "t2")),
        {},
        [("x.example.com", "t-1"), ("x.example.com", "t-2")],
    ),
    "a token file that names its URL": (ApiOptions(token_files=("named.yaml",)), LRS, [("named.example.com", "t-named")]),
    "--url and a prompt": (ApiOptions(url="x.example.com"), DR, [("x.example.com", "t-asked")]),
    "--url that is the source's own": (ApiOptions(url="https://dr.example.com/"), DR, [("dr.example.com", "t-dr")]),
    "a URL alone and a prompt": (ApiOptions(), {"LRS_DATAROBOT_URL": "lrs.example.com"}, [("lrs.example.com", "t-asked")]),
}


def _files(directory: Path) -> None:
    (directory / "t1").write_text("\n t-1 \r\n")
    (directory / "t2").write_text("t-2")
    (directory / "named.yaml").write_text("endpoint: https://named.example.com/api/v2\ntoken: t-named\n")
    config = directory / ".config" / "datarobot"
    config.mkdir(parents=True)
    (config / "drconfig.yaml").write_text("endpoint: 'https://home.example.com/api/v2/'\ntoken: t-home\nssl_verify: false\n")


@pytest.mark.parametrize("case", SOURCES)
def test_source(case: str, tmp_path: Path) -> None:
    flags, environment, wanted = SOURCES[case]
    _files(tmp_path)
    found = accesses(flags, environment, home=tmp_path, ask=lambda _question: " t-asked ")
    assert [(each.endpoint.split("/")[2], each.token) for each in found] == wanted
    assert all(each.token not in repr(each) for each in found)
    assert {each.verify for each in found} == {"home" not in wanted[0][0]}


REFUSED: dict[str, tuple[ApiOptions, dict[str, str], str]] = {
    "nothing at all": (ApiOptions(), {"HOME": "none"}, "no DataRobot API is named"),
    "URL without token": (
        ApiOptions(),
        {"LRS_DATAROBOT_URL": "x", **DR},
        "LRS_DATAROBOT_URL is set and LRS_DATAROBOT_API_TOKEN is not",
    ),
    "token without URL": (ApiOptions(), {"DATAROBOT_API_TOKEN": "t"}, "DATAROBOT_API_TOKEN is set and DATAROBOT_ENDPOINT is not"),
    "another URL than the token's": (ApiOptions(url="y.example.com"), LRS, "one that belongs to another URL is never sent there"),
    "token file without URL": (ApiOptions(token_files=("t1",)), {}, "it holds a token and no URL"),
    "token file of another URL": (ApiOptions(url="y", token_files=("named.yaml",)), {}, "and --url names another"),
    "token file that is not there": (ApiOptions(url="y", token_files=("t9",)), {}, "t9: cannot be read"),
    "token file that is empty": (ApiOptions(url="y", token_files=("empty",)), {}, "empty: empty"),
    "token file of two lines": (ApiOptions(url="y", token_files=("two",)), {}, "it holds blanks"),
    "token that would be a header": (
        ApiOptions(),
        {**LRS, "LRS_DATAROBOT_API_TOKEN": "t-x\r\nX: y"},
        "LRS_DATAROBOT_API_TOKEN: it holds",
    ),
    "config that is no YAML": (ApiOptions(), {"DATAROBOT_CONFIG_FILE": "bad.yaml"}, "bad.yaml: not YAML"),
    "config with a date that does not exist": (ApiOptions(), {"DATAROBOT_CONFIG_FILE": "date.yaml"}, "date.yaml: not YAML"),
    "config without a token": (
        ApiOptions(),
        {"DATAROBOT_CONFIG_FILE": "half.yaml"},
        "half.yaml: it must hold endpoint: and token:",
    ),
    "config that is not there": (ApiOptions(), {"DATAROBOT_CONFIG_FILE": "no.yaml"}, "no.yaml: cannot be read"),
    "CA that is not there": (ApiOptions(ca_file="no.pem"), LRS, "--api-ca-file no.pem: no such file"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flags, environment, message = REFUSED[case]
    work = tmp_path / "files"
    work.mkdir()
    _files(work)
    for name, text in {
        "empty": " \n",
        "two": "t-1\nt-2\n",
        "bad.yaml": "token: [t-bad",
        "date.yaml": "token: 2026-02-30\n",
        "half.yaml": "endpoint: x\n",
    }.items():
        (work / name).write_text(text)
    monkeypatch.chdir(work)
    with pytest.raises(UsageError) as error:
        accesses(flags, environment, home=tmp_path / "nobody", ask=None)
    assert message in str(error.value)
    assert "t-" not in str(error.value).replace("--org-token-file", "")


# ---- through the command line


def test_prompt(place: Place) -> None:
    """Nothing of the token shows on the terminal."""
    place.api.add(1, ORGANISATION)
    child = pexpect.spawn(
        sys.executable,
        ["-m", "kubectl_lrs", "deactivate", "--url", place.api.url, "--dry-run=client"],
        cwd=place.cli.directory,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TERM": "dumb"},
        encoding="utf-8",
        timeout=PATIENCE,
    )
    child.expect("API token for http://127.0.0.1:.*: ")
    child.sendline(TOKEN)
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    assert "plan: 1 deactivate" in (child.before or "")
    assert TOKEN not in (child.before or "")


def test_no_credentials(place: Place) -> None:
    done = place.run("deactivate", env={})
    assert done.returncode == 2
    assert "no DataRobot API is named" in done.stderr
    assert "LRS_DATAROBOT_URL and LRS_DATAROBOT_API_TOKEN" in done.stderr


def test_config_file_in_the_home_folder(place: Place) -> None:
    place.api.add(1, ORGANISATION)
    config = Path(os.environ["HOME"]) / ".config" / "datarobot"
    config.mkdir(parents=True)
    (config / "drconfig.yaml").write_text(f"endpoint: {place.api.url}/api/v2\ntoken: {TOKEN}\n")
    assert set(place.report("deactivate", "--yes", env={})) == {"model 1"}


def test_netrc_does_not_take_the_tokens_place(place: Place) -> None:
    place.api.add(1, ORGANISATION)
    netrc = Path(os.environ["HOME"]) / ".netrc"
    netrc.write_text("machine 127.0.0.1 login other password wrong\n")
    netrc.chmod(0o600)
    place.report("deactivate", "--yes")
    assert {request.token for request in place.api.log} == {f"Bearer {TOKEN}"}


def test_token_scheme_is_found_out(place: Place) -> None:
    place.api.add(1, ORGANISATION)
    place.api.scheme = "Token"
    place.report("deactivate", "--yes")
    assert [request.status for request in place.api.log].count(401) == 1
    place.api.log.clear()
    place.report("activate", "--auth-scheme", "token")
    assert {request.token for request in place.api.log} == {f"Token {TOKEN}"}
    done = place.run("deactivate", "--yes", "--auth-scheme", "bearer")
    assert done.returncode == 5
    assert "the token from LRS_DATAROBOT_API_TOKEN was refused" in done.stderr


def test_token_expires_on_the_way(place: Place) -> None:
    for number in range(4):
        place.api.add(number, ORGANISATION)

    def expire(_deployment: object) -> None:
        place.api.tokens.pop(TOKEN, None)

    place.api.on_change = expire
    rows = place.report("deactivate", "--yes", "--parallel", "1", code=3)
    assert {row["result"] for row in rows.values()} == {"failed", "unfinished"}
    assert all("was refused" in row["message"] for row in rows.values())
    assert place.states() == {"model 0": "deactivating", **{f"model {n}": "unchanged" for n in (1, 2, 3)}}
    place.api.tokens[TOKEN] = ORGANISATION
    place.api.on_change = lambda _deployment: None
    place.report("deactivate", "--yes")
    place.report("activate")
    assert set(place.api.statuses().values()) == {"active"}


def test_redirect_to_another_host_never_carries_the_token(place: Place) -> None:
    with DataRobot({TOKEN: ORGANISATION}) as elsewhere:
        place.api.redirect = elsewhere.url
        done = place.run("deactivate", "--yes")
        assert done.returncode == 5
        assert f"it redirects to {elsewhere.url}, where the token is not sent" in done.stderr
        assert elsewhere.log == []


def test_token_shows_nowhere(place: Place) -> None:
    """In no output, file or process list, whatever happens; the server of the bed even says it back."""
    texts: list[str] = []
    for number, trouble in enumerate([[], ["echo"], ["502"], ["cut before"], ["errored"], ["task error"], ["stuck"]]):
        place.api.add(number, ORGANISATION, troubles=trouble)
    place.api.add(50, ORGANISATION, label=f"label with {TOKEN}")
    wrong = {**place.env, "LRS_DATAROBOT_API_TOKEN": "wr0ng-token"}
    files = ("--url", place.api.url, "--org-token-file", place.token_file(OTHER_TOKEN))
    calls: list[tuple[tuple[object, ...], dict[str, str]]] = [
        (("deactivate",), wrong),
        (("deactivate", "--dry-run=client"), place.env),
        (("deactivate", "--exclude", identifier(50), "--yes", "--timeout", "1s", "-o", "wide"), place.env),
        (("activate", "--timeout", "1s", "-o", "yaml"), place.env),
        (("activate", "--timeout", "1s", *files), {}),
        (("deactivate", "--yes"), {"LRS_DATAROBOT_URL": "http://127.0.0.1:1", "LRS_DATAROBOT_API_TOKEN": TOKEN}),
    ]
    for arguments, env in calls:
        done = place.run(*arguments, env=env)
        texts.append(done.stderr + done.stdout.replace(f"label with {TOKEN}", ""))
    for path in place.journals():
        texts.append(path.read_text())
    (place.cli.directory / "show").write_text(place.run("show", place.journals()[0].name, "-o", "wide").stdout)
    texts.append((place.cli.directory / "show").read_text())
    for text in texts:
        for token in (TOKEN, OTHER_TOKEN, "wr0ng-token"):
            assert token not in text
    assert "the token from LRS_DATAROBOT_API_TOKEN was refused" in texts[0]
    assert "scripted: refused, Authorization was Bearer <masked> (HTTP 422)" in texts[2]


def test_token_is_in_no_process_list_and_no_traceback(place: Place, tmp_path: Path) -> None:
    """A crash in the midst of a request: the log of the bug tells nothing of the token."""
    code = (
        "import sys; sys.argv = ['kubectl-lrs', 'deactivate']\n"
        "import kubectl_lrs.stores.deployments.api.client as d\n"
        "import requests\n"
        "def boom(self, request, **_): raise RuntimeError(f'boom {request.headers[\"Authorization\"]}')\n"
        "requests.adapters.HTTPAdapter.send = boom\n"
        "from kubectl_lrs.cli import main; main()"
    )
    environment = {**os.environ, **place.env, "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    log = next(tmp_path.glob("kubectl-lrs-*.log")).read_text()
    assert "boom Bearer <masked>" in log, "the crash was where the token is at hand, and it was said"
    assert TOKEN not in log + done.stderr + done.stdout


def test_other_organisation_sees_only_its_own(place: Place) -> None:
    place.api.add(1, ORGANISATION)
    place.api.add(2, OTHER)
    env = {**place.env, "LRS_DATAROBOT_API_TOKEN": OTHER_TOKEN}
    assert set(place.report("deactivate", "--yes", env=env)) == {"model 2"}
