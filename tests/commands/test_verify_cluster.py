"""`verify --against-cluster`: would this backup restore here, now? The answer is the server's, and nothing is written."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from kubectl_lrs.model.errors import ApiError, DeniedError, ExitCode, LrsError, UnreachableError
from kubectl_lrs.model.plan import Action, Finding, Plan, Severity, StorePlan
from kubectl_lrs.model.report import Outcome, Report, Result
from kubectl_lrs.stores.lrs.decide import LrsStep
from kubectl_lrs.usecases.restore import Restore
from kubectl_lrs.usecases.verify import Answer, try_restore
from tests.bed import loader, samples
from tests.bed.controlplane import ControlPlane
from tests.builders.reseal import Lrs, rewrite
from tests.builders.rights import RBAC, grant
from tests.conftest import Cli, Crd, _Installed

MERGE_PATCH = "application/merge-patch+json"
ADMISSION = "/apis/admissionregistration.k8s.io/v1"


class Bed:
    """A namespace with four LRS, and a backup of them called `saved`."""

    def __init__(self, plane: ControlPlane, crd: Crd, namespace: str, cli: Cli) -> None:
        self.plane, self.crd, self.namespace, self.cli = plane, crd, namespace, cli
        made = samples.samples(crd.api_version, crd.kind, namespace)
        chosen = [made[4], made[5], made[17], made[19]]
        self.names = sorted(each["metadata"]["name"] for each in chosen)
        self.objects = loader.objects_path(crd.api_version, namespace)
        loader.create_many(plane, chosen)
        cli.ok("backup", "-n", namespace, "--name", "saved")

    def destroy(self) -> None:
        assert self.plane.api("DELETE", self.objects)[0] == 200
        loader.wait_until(lambda: not self.live(), "the objects to be gone")

    def live(self) -> list[Lrs]:
        return loader.live(self.plane, self.crd.api_version, self.namespace)

    def merge(self, name: str, body: dict[str, Any]) -> None:
        status, answer = self.plane.api("PATCH", f"{self.objects}/{name}", body, content_type=MERGE_PATCH)
        assert status == 200, answer

    def run(self, *flags: str, backup: str = "saved") -> Any:
        """Run it; it must write nothing, neither in the cluster nor beside the backup."""
        before, files = self.live(), sorted(self.cli.directory.rglob("*"))
        done = self.cli.run("verify", backup, "--against-cluster", *flags)
        assert (self.live(), sorted(self.cli.directory.rglob("*"))) == (before, files)
        return done

    def data(self, *flags: str, code: int, backup: str = "saved") -> dict[str, Any]:
        done = self.run(*flags, "-o", "json", backup=backup)
        assert done.returncode == code, done.stdout + done.stderr
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer


@pytest.fixture
def bed(plane: ControlPlane, crd: Crd, namespace: str, cli: Cli) -> Bed:
    return Bed(plane, crd, namespace, cli)


def _counts(answer: dict[str, Any]) -> dict[str, int]:
    return {name: count for name, count in answer["counts"].items() if count}


def _errors(answer: dict[str, Any]) -> list[str]:
    return [finding["message"] for finding in answer["findings"] if finding["severity"] == "error"]


# ---- it would


def test_into_an_empty_namespace(plane: ControlPlane, each_crd: Crd, namespace: str, cli: Cli) -> None:
    bed = Bed(plane, each_crd, namespace, cli)
    bed.destroy()
    answer = bed.data(code=0)
    assert (_counts(answer), answer["restorable"], answer["intact"]) == ({"accepted": 4}, True, True)
    assert [each["name"] for each in answer["objects"]] == bed.names
    assert answer["target"] == plane.server
    cli.ok("restore", "saved")
    assert _counts(bed.data(code=0)) == {"unchanged": 4}


def test_every_format(bed: Bed) -> None:
    bed.destroy()
    table = bed.run()
    assert (table.returncode, table.stderr) == (0, "")
    assert table.stdout.splitlines()[-2:] == [
        "backup saved: 7 files checked, all as sealed",
        f"backup saved: would restore on {bed.plane.server}: 4 accepted (nothing was written)",
    ]
    assert not any(name in table.stdout for name in bed.names), "what is accepted is counted"
    wide = bed.run("-o", "wide").stdout
    assert all(name in wide for name in bed.names)
    assert yaml.safe_load(bed.run("-o", "yaml").stdout) == bed.data(code=0)
    assert bed.run("-o", "name").stdout == ""


def test_differing_object_is_tried_too(bed: Bed) -> None:
    bed.merge(bed.names[0], {"spec": {"image": "drifted"}})
    assert _counts(bed.data(code=0)) == {"accepted": 1, "unchanged": 3}


def test_selection_and_types(bed: Bed) -> None:
    bed.destroy()
    assert _counts(bed.data("--type", "deployment", code=0)) == {"accepted": 2}
    assert _counts(bed.data("--exclude-type", "deployment", code=0)) == {"accepted": 2}
    for flags in (("-l", "no=such"), ("-n", "elsewhere")):
        done = bed.run(*flags)
        assert (done.returncode, done.stdout) == (2, "")
        assert "nothing in saved matches" in done.stderr
    assert _counts(bed.data("-n", "elsewhere", "-A", code=0)) == {"accepted": 4}
    loader.create_many(bed.plane, samples.samples(bed.crd.api_version, bed.crd.kind, bed.namespace)[:2])
    bed.cli.ok("backup", "-n", bed.namespace, "--type", "spark_app", "--name", "sessions")
    assert _counts(bed.data(code=0, backup="sessions")) == {"skipped": 2}
    assert _counts(bed.data("--type", "spark_app", code=0, backup="sessions")) == {"unchanged": 2}


def test_empty_backup(plane: ControlPlane, crd: Crd, namespace: str, cli: Cli) -> None:
    cli.ok("backup", "-n", namespace, "--name", "empty", "--allow-empty")
    assert "it holds no such LRS" in cli.ok("verify", "empty", "--against-cluster")


def test_warnings_are_listed_and_do_not_count(bed: Bed) -> None:
    def needs_secret(objects: list[Lrs]) -> list[Lrs]:
        objects[0]["spec"]["template"]["volumes"] = [{"secret": {"secretName": "no-such-secret"}}]
        return objects

    rewrite(bed.cli.directory / "saved", needs_secret)
    bed.destroy()
    done = bed.run()
    assert done.returncode == 0
    assert f"warning: Secret {bed.namespace}/no-such-secret does not exist" in done.stdout


def test_backup_of_another_cluster(bed: Bed) -> None:
    foreign = bed.cli.directory / "foreign"
    shutil.copytree(bed.cli.directory / "saved", foreign)
    rewrite(
        foreign,
        lambda objects: objects,
        lambda catalog: replace(
            catalog,
            cluster=replace(catalog.cluster, uid="11111111-2222-3333-4444-555555555555", server="https://other.example.com"),
            instant=catalog.instant + timedelta(seconds=1),
        ),
    )
    done = bed.run(backup="foreign")
    assert (done.returncode, "note: foreign was taken of another cluster" in done.stdout) == (0, True)
    assert "latest is saved\n" in bed.run(backup="latest").stderr, "the newest of this cluster"
    assert bed.cli.run("verify").stderr == "latest is foreign\n", "no cluster is asked: the newest"


def test_into_another_namespace(bed: Bed, plane: ControlPlane) -> None:
    other = f"{bed.namespace}-other"
    loader.create_namespace(plane, other)
    try:
        answer = bed.data("--map-namespace", f"{bed.namespace}={other}", code=0)
        assert _counts(answer) == {"accepted": 4}
        assert {each["namespace"] for each in answer["objects"]} == {other}
    finally:
        loader.delete_namespace(plane, other, wait=False)


# ---- it would not


@pytest.fixture
def no_agents(bed: Bed) -> Iterator[str]:
    """A policy of the cluster that refuses two of the four. Its words."""
    name = f"no-agents-{bed.namespace}"
    rule = {"apiGroups": ["lrs.datarobot.com"], "apiVersions": ["*"], "operations": ["CREATE", "UPDATE"], "resources": ["lrs"]}
    policy = {
        "metadata": {"name": name},
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {"resourceRules": [rule]},
            "validations": [{"expression": "!object.metadata.name.contains('agent')", "message": "no agents today"}],
        },
    }
    binding = {
        "metadata": {"name": name},
        "spec": {
            "policyName": name,
            "validationActions": ["Deny"],
            "matchResources": {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": bed.namespace}}},
        },
    }
    assert bed.plane.api("POST", f"{ADMISSION}/validatingadmissionpolicies", policy)[0] == 201
    assert bed.plane.api("POST", f"{ADMISSION}/validatingadmissionpolicybindings", binding)[0] == 201
    probe = samples.samples(bed.crd.api_version, bed.crd.kind, bed.namespace)[18]
    loader.wait_until(lambda: bed.plane.api("POST", f"{bed.objects}?dryRun=All", probe)[0] in (403, 422), "the policy")
    yield "no agents today"
    bed.plane.api("DELETE", f"{ADMISSION}/validatingadmissionpolicybindings/{name}")
    bed.plane.api("DELETE", f"{ADMISSION}/validatingadmissionpolicies/{name}")


def test_refused_objects_are_named_with_the_servers_words(bed: Bed, no_agents: str) -> None:
    refused = [name for name in bed.names if "agent" in name]
    bed.destroy()
    answer = bed.data(code=4)
    assert (_counts(answer), answer["restorable"]) == ({"accepted": 2, "refused": 2}, False)
    assert {each["name"] for each in answer["objects"] if each["answer"] == "refused"} == set(refused)
    assert all(no_agents in each["why"] for each in answer["objects"] if each["answer"] == "refused")
    done = bed.run()
    assert done.stdout.count(no_agents) == 2
    assert f"would NOT restore on {bed.plane.server}: 2 accepted, 2 refused" in done.stdout.splitlines()[-1]
    assert bed.run("-o", "name").stdout.split() == [f"{bed.namespace}/{name}" for name in refused]


def test_refused_update_of_a_live_object(bed: Bed, no_agents: str) -> None:
    def drift(objects: list[Lrs]) -> list[Lrs]:
        for each in objects:
            each["spec"]["image"] = "drifted"
        return objects

    rewrite(bed.cli.directory / "saved", drift)
    assert _counts(bed.data(code=4)) == {"accepted": 2, "refused": 2}


def test_field_that_the_schema_does_not_know(bed: Bed) -> None:
    def add_field(objects: list[Lrs]) -> list[Lrs]:
        objects[0]["spec"]["colour"] = "red"
        objects[1]["spec"]["replicas"] = -1
        return objects

    rewrite(bed.cli.directory / "saved", add_field)
    bed.destroy()
    answer = bed.data(code=4)
    assert _counts(answer) == {"accepted": 2, "refused": 2}
    why = "\n".join(each["why"] for each in answer["objects"])
    assert 'unknown field "spec.colour"' in why
    assert "spec.replicas" in why


def test_webhook_that_nobody_answers(bed: Bed) -> None:
    """Its failure policy says Fail, so a restore would fail too."""
    bed.destroy()
    webhook = {
        "metadata": {"name": f"nobody-{bed.namespace}"},
        "webhooks": [
            {
                "name": "nobody.example.com",
                "clientConfig": {"url": "https://127.0.0.1:1/"},
                "rules": [
                    {"apiGroups": ["lrs.datarobot.com"], "apiVersions": ["*"], "operations": ["CREATE"], "resources": ["lrs"]}
                ],
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": bed.namespace}},
                "sideEffects": "None",
                "admissionReviewVersions": ["v1"],
                "timeoutSeconds": 1,
            }
        ],
    }
    path = f"{ADMISSION}/validatingwebhookconfigurations"
    assert bed.plane.api("POST", path, webhook)[0] == 201
    try:
        probe = samples.samples(bed.crd.api_version, bed.crd.kind, bed.namespace)[18]
        loader.wait_until(lambda: bed.plane.api("POST", f"{bed.objects}?dryRun=All", probe)[0] == 500, "the webhook")
        answer = bed.data(code=4)
        assert _counts(answer) == {"refused": 4}
        assert "nobody.example.com" in answer["objects"][0]["why"]
    finally:
        bed.plane.api("DELETE", f"{path}/{webhook['metadata']['name']}")


# ---- not checked


def test_missing_namespace_is_an_error_unless_it_is_to_be_made(bed: Bed) -> None:
    flags = ("--map-namespace", f"{bed.namespace}=nowhere")
    answer = bed.data(*flags, code=4)
    assert (_counts(answer), answer["restorable"]) == ({"not checked": 4}, False)
    assert _errors(answer) == ["namespace nowhere does not exist, or is being deleted; 4 LRS cannot be restored"]
    done = bed.run(*flags, "--create-namespaces")
    assert done.returncode == 0
    assert done.stdout.count("its namespace does not exist yet") == 4
    assert f"would restore, as far as could be checked, on {bed.plane.server}: 4 not checked" in done.stdout
    assert bed.plane.api("GET", "/api/v1/namespaces/nowhere")[0] == 404


def test_missing_crd_is_an_error_unless_it_is_to_be_installed(plane: ControlPlane, bed: Bed) -> None:
    loader.delete_crd(plane)

    def data(*flags: str, code: int) -> dict[str, Any]:
        done = bed.cli.run("verify", "saved", "--against-cluster", "-o", "json", *flags)
        assert done.returncode == code, done.stdout + done.stderr
        assert plane.api("GET", f"{loader.CRD_PATH}/{loader.CRD_NAME}")[0] == 404
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    missing = data(code=4)
    assert (_counts(missing), missing["restorable"]) == ({"not checked": 4}, False)
    assert "CustomResourceDefinition is not installed" in _errors(missing)[0]
    assert "--install-crd" in missing["findings"][0]["hint"]
    assert _counts(data("--install-crd", code=0)) == {"not checked": 4}
    (bed.cli.directory / "saved" / "crd.yaml").write_text(
        (bed.cli.directory / "saved" / "crd.yaml").read_text().replace("scope: Namespaced", "scope: Namespace")
    )
    rewrite(bed.cli.directory / "saved", lambda objects: objects)
    refused = data("--install-crd", code=4)
    assert "the server refuses the saved CRD" in _errors(refused)[0]


def test_cluster_that_serves_another_version(plane: ControlPlane, bed: Bed) -> None:
    other = next(path for path in loader.crd_files() if path != bed.crd.path)
    _Installed.ensure(plane, other)
    done = bed.cli.run("verify", "saved", "--against-cluster", "-o", "json")
    answer = json.loads(done.stdout)
    assert (done.returncode, _counts(answer)) == (4, {"not checked": 4})
    assert "holds LRS of version v1alpha1" in _errors(answer)[0]


def test_object_that_is_being_deleted_is_not_waited_for(bed: Bed) -> None:
    name = bed.names[0]
    bed.merge(name, {"metadata": {"finalizers": ["example.com/hold"]}})
    assert bed.plane.api("DELETE", f"{bed.objects}/{name}")[0] == 200
    answer = bed.data(code=0)
    assert _counts(answer) == {"unchanged": 3, "not checked": 1}
    (held,) = [each for each in answer["objects"] if each["answer"] == "not checked"]
    assert (held["name"], held["why"]) == (name, "an object of this name is being deleted")


# ---- it cannot be told


def test_rights_that_are_missing(plane: ControlPlane, bed: Bed, tmp_path: Path) -> None:
    bed.destroy()
    rule = {"apiGroups": ["lrs.datarobot.com"], "resources": ["lrs"], "verbs": ["get", "list"]}
    grant(plane, bed.namespace, "user-1", rule)
    mine = Cli(plane.write_kubeconfig(tmp_path / "user", token=plane.tokens["user-1"]), bed.cli.directory)
    done = mine.run("verify", "saved", "--against-cluster", "-o", "json")
    answer = json.loads(done.stdout)
    assert (done.returncode, _counts(answer), answer["restorable"]) == (5, {"not checked": 4}, None)
    assert any(f"you may not create {loader.CRD_NAME} in namespace {bed.namespace}" in text for text in _errors(answer))
    rule["verbs"].append("create")
    path = f"{RBAC}/namespaces/{bed.namespace}/roles/some"
    assert plane.api("PUT", path, {"metadata": {"name": "some"}, "rules": [rule]})[0] == 200
    loader.wait_until(lambda: mine.run("verify", "saved", "--against-cluster").returncode == 0, "the right to be known")


def test_cluster_out_of_reach_and_wrong_credentials(bed: Bed) -> None:
    nobody = bed.run("-s", "https://127.0.0.1:1", "--request-timeout", "1s")
    assert (nobody.returncode, nobody.stdout) == (5, "")
    stranger = bed.run("--token", "wrong")
    assert (stranger.returncode, stranger.stdout) == (5, "")
    assert "wrong" not in stranger.stderr


def test_damage_comes_first(bed: Bed) -> None:
    file = next((bed.cli.directory / "saved").glob("lrs/*/*.yaml"))
    file.write_text("{}")
    for flags in ((), ("-s", "https://127.0.0.1:1")):
        done = bed.run(*flags)
        assert done.returncode == 4
        assert f"{file.name}   altered" in done.stdout
        assert bed.plane.server not in done.stdout, "the cluster was not asked"


def test_flags_that_need_a_cluster(bed: Bed) -> None:
    for flags in (["--type", "deployment"], ["-l", "a=b"], ["-A"], ["--create-namespaces"], ["--parallel", "2"]):
        done = bed.cli.run("verify", "saved", *flags)
        assert (done.returncode, done.stdout) == (2, "")
        assert "says nothing here without --against-cluster" in done.stderr
    assert bed.cli.run("verify", "saved", "--against-cluster", "--map-namespace", "a").returncode == 2
    assert bed.cli.run("verify", "saved", "--against-cluster", "--parallel", "0").returncode == 2


class _Answered:
    """A restore whose one write ends with the error that is given."""

    def __init__(self, error: LrsError, findings: list[Finding]) -> None:
        self._step = LrsStep(namespace="ns", name="a", type="deployment", action=Action.CREATE)
        self._error, self._findings = error, findings

    def plan(self) -> Plan:
        part = StorePlan(store="resources", target="server", steps=[self._step], findings=tuple(self._findings))
        return Plan(source="saved", target="server", parts=(part,))

    def apply(self, plan: Plan, _options: object) -> Report:
        outcome = Outcome.of(plan.steps[0], Result.FAILED, str(self._error), self._error)
        return Report(source="saved", target="server", outcomes=[outcome])


RIGHTS = Finding(Severity.ERROR, "you may not create", exit_code=ExitCode.UNREACHABLE)


@pytest.mark.parametrize(
    ("error", "findings", "answer", "code"),
    [
        (ApiError("invalid", status=422), [], Answer.REFUSED, ExitCode.DIFFERENCE),
        (DeniedError("a webhook denied it"), [], Answer.REFUSED, ExitCode.DIFFERENCE),
        (DeniedError("forbidden"), [RIGHTS], Answer.NOT_CHECKED, ExitCode.UNREACHABLE),
        (UnreachableError("connection refused"), [], Answer.NOT_CHECKED, ExitCode.UNREACHABLE),
        (ApiError("too many requests", status=429), [], Answer.NOT_CHECKED, ExitCode.UNREACHABLE),
        (ApiError("unavailable", status=503), [], Answer.NOT_CHECKED, ExitCode.UNREACHABLE),
    ],
)
def test_only_the_servers_word_on_the_object_is_a_refusal(
    error: LrsError, findings: list[Finding], answer: Answer, code: ExitCode
) -> None:
    trial = try_restore(cast(Restore, _Answered(error, findings)), workers=1, create_namespaces=False)
    assert [each.answer for each in trial.tried] == [answer]
    assert trial.exit_code() == code
