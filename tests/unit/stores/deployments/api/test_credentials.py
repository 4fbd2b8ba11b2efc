"""URL and token come from one source: a token is never sent to another URL, and stands in no message."""

from __future__ import annotations

from pathlib import Path

import pytest

from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.stores.deployments.api.credentials import Access, accesses, is_given, normalise
from kubectl_lrs.stores.deployments.flags import ApiOptions

SECRET = "s3cr3t-t0ken"
URL, ENDPOINT = "https://app.example.com", "https://app.example.com/api/v2"
OURS = {"LRS_DATAROBOT_URL": URL, "LRS_DATAROBOT_API_TOKEN": SECRET}
THEIRS = {"DATAROBOT_ENDPOINT": "https://other.example.com/api/v2", "DATAROBOT_API_TOKEN": "other"}


def _found(folder: Path, environment: dict[str, str], ask: bool = False, **flags: object) -> list[Access]:
    return accesses(ApiOptions(**flags), environment, home=folder, ask=(lambda _question: SECRET) if ask else None)  # type: ignore[arg-type]


def _pairs(found: list[Access]) -> list[tuple[str, str]]:
    return [(each.endpoint, each.token) for each in found]


def _file(folder: Path, text: str, name: str = "token") -> str:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
    return str(folder / name)


def test_where_they_are_looked_for_in_turn(folder: Path) -> None:
    _file(folder, f"endpoint: {URL}/api/v2\ntoken: of-the-file\n", ".config/datarobot/drconfig.yaml")
    assert _pairs(_found(folder, {**OURS, **THEIRS})) == [(ENDPOINT, SECRET)]
    assert _pairs(_found(folder, THEIRS)) == [("https://other.example.com/api/v2", "other")]
    assert _pairs(_found(folder, {})) == [(ENDPOINT, "of-the-file")]
    named = _file(folder, "endpoint: https://named.example.com\ntoken: named\nssl_verify: false\n", "named.yaml")
    (found,) = _found(folder, {"DATAROBOT_CONFIG_FILE": named})
    assert (found.endpoint, found.token, found.verify) == ("https://named.example.com/api/v2", "named", False)


def test_a_token_goes_to_the_url_that_it_belongs_to_alone(folder: Path) -> None:
    assert _pairs(_found(folder, OURS, url=URL)) == [(ENDPOINT, SECRET)]
    with pytest.raises(UsageError, match="never sent there"):
        _found(folder, OURS, url="https://elsewhere.example.com")
    asked = _found(folder, {**OURS, "LRS_DATAROBOT_API_TOKEN": "another"}, ask=True, url="https://elsewhere.example.com")
    assert _pairs(asked) == [("https://elsewhere.example.com/api/v2", SECRET)]


def test_token_files(folder: Path) -> None:
    plain, config = _file(folder, f"{SECRET}\n"), _file(folder, f"endpoint: {URL}\ntoken: {SECRET}\n", "config")
    assert _pairs(_found(folder, {}, url=URL, token_files=(plain, config))) == [(ENDPOINT, SECRET)] * 2
    assert _pairs(_found(folder, {}, token_files=(config,))) == [(ENDPOINT, SECRET)]
    for wrong in ({"token_files": (plain,)}, {"token_files": (config,), "url": "https://elsewhere.example.com"}):
        with pytest.raises(UsageError) as caught:
            _found(folder, {}, **wrong)
        assert SECRET not in f"{caught.value}{caught.value.hint}"


def test_token_files_go_where_the_user_has_exported_that_they_go(folder: Path) -> None:
    one, two = _file(folder, "one\n", "one"), _file(folder, "two\n", "two")
    config = _file(folder, f"endpoint: {URL}\ntoken: {SECRET}\n", "config")
    found = _found(folder, {"LRS_DATAROBOT_URL": URL}, token_files=(one, two))
    assert _pairs(found) == [(ENDPOINT, "one"), (ENDPOINT, "two")]
    assert found[0].source == f"token file {one}, URL of LRS_DATAROBOT_URL", "it is shown"
    assert _pairs(_found(folder, OURS, token_files=(one,))) == [(ENDPOINT, "one")], "the token of the call, not the exported one"
    assert _pairs(_found(folder, THEIRS, token_files=(one,))) == [("https://other.example.com/api/v2", "one")]
    assert _pairs(_found(folder, {**OURS, **THEIRS}, token_files=(one,))) == [(ENDPOINT, "one")]
    assert (
        _pairs(_found(folder, OURS, url="https://flag.example.com", token_files=(one,)))[0][0]
        == "https://flag.example.com/api/v2"
    )
    assert _pairs(_found(folder, THEIRS, token_files=(config,))) == [(ENDPOINT, SECRET)], "a file that names its own URL"
    with pytest.raises(UsageError, match=r"LRS_DATAROBOT_URL: .*not an http"):
        _found(folder, {"LRS_DATAROBOT_URL": "ftp://x"}, token_files=(one,))
    with pytest.raises(UsageError, match="neither --url nor LRS_DATAROBOT_URL is given"):
        _found(folder, {"LRS_DATAROBOT_URL": " ", "DATAROBOT_API_TOKEN": "x"}, token_files=(one,))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "two words\n",
        "a\x00b",
        f"endpoint: {URL}\n",
        f"token: {SECRET}\n",
        f"endpoint: [\ntoken: {SECRET}",
        f"endpoint: ftp://x\ntoken: {SECRET}",
    ],
)
def test_files_that_hold_none_say_so_without_the_secret(folder: Path, text: str) -> None:
    with pytest.raises(UsageError) as caught:
        _found(folder, {}, url=URL, token_files=(_file(folder, text),))
    assert SECRET not in f"{caught.value}{caught.value.hint}{caught.value.__cause__}"


@pytest.mark.parametrize("name", OURS)
def test_half_of_a_pair_is_not_filled_up_from_elsewhere(folder: Path, name: str) -> None:
    with pytest.raises(UsageError, match="is not"):
        _found(folder, {name: OURS[name], **THEIRS})


def test_none_at_all(folder: Path) -> None:
    with pytest.raises(UsageError, match="no DataRobot API is named"):
        _found(folder, {})
    assert not is_given(ApiOptions(), {})
    assert is_given(ApiOptions(url=URL), {})
    assert is_given(ApiOptions(), {"DATAROBOT_API_TOKEN": "x"})


@pytest.mark.parametrize("url", [URL, f"{URL}/", f"{URL}/api/v2", f"{URL}/api/v2/", "HTTPS://app.example.com", "app.example.com"])
def test_one_url_in_several_words(url: str) -> None:
    assert normalise(url, what="--url") == ENDPOINT


@pytest.mark.parametrize("url", ["", "ftp://app", "https://", f"https://joe:{SECRET}@app", "https://app?x=y", "https://a b"])
def test_what_is_no_url(url: str) -> None:
    with pytest.raises(UsageError, match="--url") as caught:
        normalise(url, what="--url")
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "clear"), [("http://app.example.com", True), ("https://app.example.com", False), ("http://127.0.0.1:1", False)]
)
def test_a_token_in_the_clear(url: str, clear: bool) -> None:
    access = Access(endpoint=url, token=SECRET, source="x")
    assert access.is_in_clear is clear
    assert SECRET not in repr(access)
