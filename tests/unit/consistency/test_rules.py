"""The rules of `check`, without any server: generated installations that agree, and everything that can be wrong with one."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import datetime, timezone
from html.parser import HTMLParser
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from kubectl_lrs.consistency import (
    RULES,
    Application,
    Deployed,
    Document,
    ImageAt,
    Inventory,
    Keys,
    LostFile,
    LrsObject,
    NoneThere,
    Occurrence,
    SparkSession,
    Unchecked,
    examine,
    known,
)
from kubectl_lrs.consistency.rules import PARTS, RANK
from kubectl_lrs.model.errors import ExitCode, UsageError
from kubectl_lrs.model.notes import Remark
from kubectl_lrs.model.plan import Severity
from kubectl_lrs.render.check import check_view
from kubectl_lrs.render.check_html import check_page
from kubectl_lrs.render.view import show
from kubectl_lrs.usecases.check import CheckReport, merged, report_of

IDS = st.text("0123456789abcdef", min_size=24, max_size=24)
INSTANT = datetime(2026, 11, 24, 12, tzinfo=timezone.utc)
TEXTS = st.text(max_size=12)


def lrs(name: str, *ids: str, kind: str = "custom_application", **other: Any) -> LrsObject:
    return LrsObject(namespace="ns", name=name, type=kind, ids=frozenset(ids), **other)


def empty(**parts: Any) -> Inventory:
    """Everything is known, and nothing is there."""
    names = ("objects", "applications", "documents", "deployments", "sessions", "images", "files", "keys")
    return Inventory(scope="namespace ns", **{name: parts.get(name, ()) for name in names})


@st.composite
def agreeing(draw: st.DrawFn) -> Inventory:
    """An installation in which everything agrees: the 1:1 rule, and everything beside it that is no concern of it."""
    ids = draw(st.lists(IDS, min_size=3, max_size=12, unique=True))
    cut = sorted(draw(st.tuples(st.integers(1, len(ids)), st.integers(1, len(ids)))))
    apps, models, others = ids[: cut[0]], ids[cut[0] : cut[1]], ids[cut[1] :]
    objects, applications, deployments = [], [], []
    for number, identifier in enumerate(apps):
        status = draw(st.sampled_from(["running", "Running", "stopped", "failed", "", "anything"]))
        applications.append(Application(id=identifier, name=draw(TEXTS), status=status, in_database=True))
        if status.lower() == "running" or draw(st.booleans()):
            objects.append(lrs(f"app-{number}", identifier, kind=draw(st.sampled_from(["custom_application", "<none>", "x"]))))
    for number, identifier in enumerate(models):
        status = draw(st.sampled_from(["active", "inactive", "errored", "launching", "new"]))
        is_custom = draw(st.booleans())
        deployments.append(Deployed(id=identifier, label=draw(TEXTS), status=status, is_custom=is_custom))
        if status != "inactive" and (is_custom or draw(st.booleans())):
            objects.append(lrs(f"model-{number}", identifier, kind="deployment"))
    for number, identifier in enumerate(others):
        objects.append(lrs(f"other-{number}", identifier, kind=draw(st.sampled_from(["spark_app", "tracking_agent"]))))
    place = Occurrence("lrs", "ns/app-0", "spec.image", frozenset((apps[0],)))
    return empty(
        objects=draw(st.permutations(objects)),
        applications=applications,
        documents=[Document(id=each, mentions=frozenset(draw(st.sets(IDS, max_size=2)) - set(ids))) for each in apps],
        deployments=deployments,
        images=[ImageAt(reference="host/image:tag", places=(place,))],
        keys=[Keys(backup="b", secret="ns/s")],
    )


def found(inventory: Inventory) -> set[tuple[str, str]]:
    return {(each.rule.code, each.object) for each in examine(inventory).findings}


# ---- nothing is found where nothing is wrong, and just what is wrong where one thing is


@given(agreeing())
def test_what_agrees_has_no_finding(inventory: Inventory) -> None:
    said = examine(inventory)
    assert said.findings == []
    assert said.gaps == []
    assert said.exit_code() is ExitCode.DONE


@given(agreeing(), st.data())
def test_a_document_that_is_lost(inventory: Inventory, data: st.DataObject) -> None:
    lost = data.draw(st.sampled_from(list(known(inventory.documents))))
    inventory.documents = [each for each in known(inventory.documents) if each is not lost]
    codes = {code for code, _ in found(inventory)}
    assert ("application-without-document", f"applications/{lost.id}") in found(inventory)
    assert codes <= {"application-without-document", "object-without-document"}
    assert examine(inventory).exit_code() is ExitCode.DIFFERENCE


@given(agreeing(), st.data())
def test_an_application_that_is_lost(inventory: Inventory, data: st.DataObject) -> None:
    lost = data.draw(st.sampled_from(list(known(inventory.applications))))
    inventory.applications = [each for each in known(inventory.applications) if each is not lost]
    assert found(inventory) == {("document-without-application", f"longrunningservices/{lost.id}")}
    assert examine(inventory).exit_code() is ExitCode.DONE


@given(agreeing(), st.data(), st.booleans())
def test_an_lrs_that_is_lost_or_going(inventory: Inventory, data: st.DataObject, is_going: bool) -> None:
    lost = data.draw(st.sampled_from(list(known(inventory.objects)) or [lrs("none")]))
    rest = [each for each in known(inventory.objects) if each is not lost]
    inventory.objects = [*rest, replace(lost, is_going=True)] if is_going else rest
    running = {each.id for each in known(inventory.applications) if each.is_running}
    active = {each.id for each in known(inventory.deployments) if each.status == "active" and each.is_custom}
    wanted = {("running-without-object", f"applications/{each}") for each in lost.ids & running}
    wanted |= {("deployment-without-lrs", f"deployments/{each}") for each in lost.ids & active}
    assert found(inventory) == wanted


# ---- parts that are not known


@given(agreeing(), st.sets(st.sampled_from(list(PARTS)), min_size=1), st.booleans())
def test_what_is_not_known_is_said_and_never_judged(inventory: Inventory, parts: set[str], failed: bool) -> None:
    inventory.documents = ()
    for part in parts:
        setattr(inventory, part, Unchecked("because", "--flag", failed))
    said = examine(inventory)
    assert {gap.part for gap in said.gaps} == {PARTS[part] for part in parts}
    assert all((gap.why, gap.flag, gap.failed) == ("because", "--flag", failed) for gap in said.gaps)
    assert all(not set(each.rule.needs) & parts for each in said.findings)
    untold = {title for gap in said.gaps for title in gap.titles}
    assert untold == {rule.title for rule in RULES if set(rule.needs) & parts}
    if not said.findings:
        assert said.exit_code() is (ExitCode.UNREACHABLE if failed else ExitCode.DONE)


def test_every_rule_needs_known_parts_and_says_what_to_do() -> None:
    assert len({rule.code for rule in RULES}) == len({rule.title for rule in RULES}) == len(RULES)
    for rule in RULES:
        assert set(rule.needs) <= set(PARTS)
        assert rule.why.endswith(".")
        assert rule.do.endswith(".")


def test_the_document_lists_every_rule() -> None:
    from tests.conftest import ROOT

    table = (ROOT / "docs" / "check.md").read_text()
    rows = re.findall(r"^\| ([^|]+) \| (error|warning|note) \|", table, re.MULTILINE)
    assert len(rows) == len(RULES)
    for rule in RULES:
        assert any(row.startswith(rule.title) and severity == rule.severity.value for row, severity in rows), rule.title


# ---- whose is it?


@pytest.mark.parametrize(
    ("document", "is_its"),
    [
        (Document(id="a" * 24), True),
        (Document(id="b" * 24, mentions=frozenset(("a" * 24,))), True),
        (Document(id="b" * 24, mentions=frozenset(("c" * 24,))), False),
    ],
)
def test_a_document_is_an_applications_by_its_id_or_because_it_speaks_of_it(document: Document, is_its: bool) -> None:
    said = found(empty(applications=[Application(id="a" * 24)], documents=[document]))
    assert (said == set()) is is_its


def test_another_applications_document_that_speaks_of_it_is_not_its() -> None:
    apps = [Application(id="a" * 24), Application(id="b" * 24)]
    documents = [Document(id="b" * 24, mentions=frozenset(("a" * 24,)))]
    assert found(empty(applications=apps, documents=documents)) == {("application-without-document", f"applications/{'a' * 24}")}


def test_the_id_that_the_api_names_is_the_lrs_of_an_application() -> None:
    app = Application(id="a" * 24, lrs="b" * 24, status="running", in_database=True)
    inventory = empty(applications=[app], documents=[Document(id="b" * 24)], objects=[lrs("x", "b" * 24)])
    assert found(inventory) == set()


def test_a_session_that_speaks_of_an_application_does_not_serve_it() -> None:
    app = Application(id="a" * 24, status="running")
    inventory = empty(applications=[app], documents=[Document(id="a" * 24)], objects=[lrs("spark", "a" * 24, kind="spark_app")])
    assert found(inventory) == {("running-without-object", f"applications/{'a' * 24}")}


def test_an_lrs_that_is_not_ready() -> None:
    app = Application(id="a" * 24, status="running")
    inventory = empty(
        applications=[app], documents=[Document(id="a" * 24)], objects=[lrs("x", "a" * 24, state="Ready=False (Y)")]
    )
    assert found(inventory) == {("object-not-ready", "lrs/ns/x")}
    inventory.objects = [*known(inventory.objects), lrs("second", "a" * 24, state="Ready")]
    assert found(inventory) == set()


def test_short_lived_lrs_without_an_id_are_told_of_once() -> None:
    (each,) = examine(empty(objects=[lrs(f"train-{n}", kind="training_run") for n in range(9)])).findings
    assert (each.severity, each.object) == (Severity.NOTE, "lrs/ns/train-0")
    assert "like 8 more" in each.message


def test_an_image_of_several_applications_and_of_older_versions() -> None:
    apps = [Application(id=each * 24) for each in "ab"]
    places = (
        Occurrence("lrs", "ns/x", "spec.image", frozenset(("a" * 24,))),
        Occurrence("custom_application_image_versions", "c" * 24, "uri", frozenset(("b" * 24,))),
    )
    inventory = empty(applications=apps, documents=[Document(id=each.id) for each in apps])
    inventory.images = [
        ImageAt(reference="h/i:t", is_missing=True, places=places),
        ImageAt(reference="h/asked:t", is_missing=True),
    ]
    said = {(each.application[:1], each.object): each.severity for each in examine(inventory).findings}
    assert said == {
        ("a", "images/h/i:t"): Severity.ERROR,
        ("b", "images/h/i:t"): Severity.WARNING,
        ("", "images/h/asked:t"): Severity.ERROR,
    }


def test_images_that_no_registry_told_of_are_unchecked_by_reason() -> None:
    images = [ImageAt(reference=f"h/{n}:t", problem="refused") for n in range(3)] + [ImageAt(reference="o/1:t", problem="away")]
    said = examine(empty(images=images))
    assert [(gap.part, gap.why, gap.failed) for gap in said.gaps] == [
        ("3 images, such as h/0:t", "refused", True),
        ("o/1:t", "away", True),
    ]
    assert said.exit_code() is ExitCode.UNREACHABLE


def test_what_the_api_shows_goes_before_what_the_database_says() -> None:
    saved = [Application(id="a", name="n", status="running", in_database=True)]
    shown = [Application(id="a", status="stopped", lrs="x"), Application(id="b", name="only", status="running")]
    both = merged(saved, shown)
    assert [(each.id, each.name, each.status, each.lrs, each.in_database) for each in known(both)] == [
        ("a", "n", "stopped", "x", True),
        ("b", "only", "running", "", False),
    ]
    away, not_given = Unchecked("away", failed=True), Unchecked("not given")
    assert merged(away, shown) == shown
    assert merged(saved, not_given) == saved
    neither = merged(away, not_given)
    assert isinstance(neither, Unchecked)
    assert (neither.why, neither.failed) == ("away; not given", True)


# ---- how it is shown


def wrong(name: str = "app") -> Inventory:
    """One of each kind of finding, with texts that are not to be trusted."""
    a, b, c, d = ("abcd"[n] * 24 for n in range(4))
    return empty(
        applications=[
            Application(id=a, name=name, status="running", in_database=True),
            Application(id=b, name=name, in_database=False),
            Application(id=c, name="ready", status="running", in_database=True),
        ],
        documents=[Document(id=d), Document(id=c)],
        objects=[
            lrs("app", b),
            lrs("unready", c, state="Ready=False"),
            lrs("nameless", kind=name or "x"),
            lrs("idle", "1" * 24, kind="deployment"),
            lrs("unknown", "2" * 24, kind="deployment"),
        ],
        deployments=[
            Deployed(id="1" * 24, label=name, status="inactive", is_custom=True),
            Deployed(id="3" * 24, label=name, status="active", is_custom=True),
        ],
        sessions=[SparkSession(namespace="ns", name="spark", age="2d")],
        images=[ImageAt(reference=f"h/{name}", is_missing=True, places=(Occurrence("lrs", "ns/app", "spec", frozenset((a,))),))],
        files=[
            LostFile(path=name, place=Occurrence("workspace_items", "x", "path", frozenset((a,)))),
            LostFile(path=f"{name}2", place=Occurrence("workspace_items", "x", "path", frozenset((a,))), problem="it changed"),
        ],
        keys=[Keys(backup="b", secret="ns/s", changed=f"{name} is another one")],
    )


def reported(inventory: Inventory, *only: str, **other: Any) -> CheckReport:
    return report_of(
        inventory, target="https://api", backup=other.get("backup", ""), instant=INSTANT, only=only, notes=[Remark("a note")]
    )


INSTEAD = "no-lrs-at-all"
"""A finding in place of others."""


def test_one_of_each_is_found() -> None:
    assert {each.rule.code for each in examine(wrong()).findings} == {rule.code for rule in RULES} - {INSTEAD}


def test_findings_stand_together_the_worst_first() -> None:
    said = examine(wrong()).findings
    owners = [each.application for each in said]
    assert [each for n, each in enumerate(owners) if n == 0 or owners[n - 1] != each] == list(dict.fromkeys(owners))
    assert owners[-1] == ""
    for owner in set(owners):
        ranks = [RANK[each.severity] for each in said if each.application == owner]
        assert ranks == sorted(ranks)


def test_only_some_applications() -> None:
    one = reported(wrong(), "ready")
    assert {each.rule.code for each in one.examination.findings} == {"object-not-ready"}
    assert one.exit_code() is ExitCode.DONE
    with pytest.raises(UsageError, match="is not known"):
        reported(wrong(), "nobody")
    with pytest.raises(UsageError, match="nothing tells which"):
        reported(empty(applications=Unchecked("away", "--mongo")), "ready")


def test_every_form_says_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    report = reported(wrong())
    count = len(report.examination.findings)
    told = {}
    for form in ("table", "wide", "json", "yaml", "name"):
        show(check_view(report), form)
        told[form] = capsys.readouterr().out
    data = json.loads(told["json"])
    assert yaml.safe_load(told["yaml"]) == data
    assert len(data["findings"]) == len(told["name"].splitlines()) == count
    assert data["counts"] == {"error": 8, "warning": 6, "note": 1}
    for rule in (rule for rule in RULES if rule.code != INSTEAD):
        assert rule.title in told["table"]
        assert f"do: {rule.do}" in told["table"]
        assert rule.why in told["wide"]
    assert told["table"].splitlines()[-1].startswith("check of https://api, namespace ns: does NOT agree: 8 errors")


class _Page(HTMLParser):
    """What a browser would see: tags, and the text between them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


PLAIN_TAGS = [tag for tag, _ in _Page(check_page(reported(wrong()))).tags]


@given(st.text(max_size=30))
def test_the_page_is_only_a_page_whatever_things_are_called(name: str) -> None:
    """No text becomes markup, and nothing is fetched from anywhere."""
    page = _Page(check_page(reported(wrong(f"x{name}"))))
    assert [tag for tag, _ in page.tags] == PLAIN_TAGS
    assert not {"script", "img", "link", "iframe", "a", "object", "form"} & set(PLAIN_TAGS)
    assert all(set(attributes) <= {"lang", "charset", "name", "content", "http-equiv", "class"} for _, attributes in page.tags)


def test_the_page_says_everything() -> None:
    inventory = wrong("<b>&\u202e'\"")
    inventory.files = Unchecked("no storage was named", "--files-url URL")
    page = check_page(reported(inventory, backup="lrs_backup_1"))
    text = _Page(page).text
    assert "url(" not in page
    assert "http" not in page.replace("http-equiv", "").replace("https://api", "")
    assert "<b>&\\u202e'\"" in text
    for each in examine(inventory).findings:
        assert each.rule.why in text
        assert each.rule.do in text
    for said in ("no storage was named", "--files-url URL", "a note", "lrs_backup_1", "signature", "exit status 4"):
        assert said in text
    assert "All of it agrees" in _Page(check_page(reported(empty()))).text


# ---- no LRS at all

NOT = Unchecked("not asked", "")
APPLICATIONS = [Application(id=f"{number:024x}", name="app", status="running", in_database=True) for number in range(20)]
DEPLOYMENTS = [Deployed(id=f"{number:024x}", label="d", status="active", is_custom=True) for number in range(100, 111)]


def _inventory(none_there: NoneThere | None, *, is_empty: bool = False) -> Inventory:
    return Inventory(
        scope="namespace typo",
        objects=[],
        applications=[] if is_empty else APPLICATIONS,
        documents=NOT,
        deployments=[] if is_empty else DEPLOYMENTS,
        sessions=[],
        images=NOT,
        files=NOT,
        keys=NOT,
        none_there=none_there,
    )


def test_thirty_one_errors_are_one() -> None:
    assert len(examine(_inventory(None)).findings) == 31
    (found,) = examine(_inventory(NoneThere(elsewhere={"datarobot": 40, "other": 1}, is_named=True))).findings
    assert (found.rule.code, found.severity) == ("no-lrs-at-all", Severity.ERROR)
    assert found.message == (
        "no LRS in namespace typo; there are LRS in: datarobot (40), other (1); 20 applications are shown as running, "
        "11 deployments as active"
    )


def test_the_contexts_namespace_is_told_as_such() -> None:
    (found,) = examine(_inventory(NoneThere(elsewhere={}, is_named=False))).findings
    assert found.message.startswith("no LRS in namespace typo (the context's; -n names another); none was found elsewhere; ")


@pytest.mark.parametrize(("elsewhere", "severities"), [({"datarobot": 4}, [Severity.WARNING]), ({}, [])])
def test_where_nothing_is_wanted_it_is_no_error(elsewhere: dict[str, int], severities: list[Severity]) -> None:
    found = examine(_inventory(NoneThere(elsewhere=elsewhere, is_named=True), is_empty=True)).findings
    assert [each.severity for each in found] == severities
