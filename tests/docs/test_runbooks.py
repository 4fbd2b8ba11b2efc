"""The runbooks, run from top to bottom on an installation in small; in the end nothing is found and nothing differs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.bed import loader
from tests.bed.controlplane import ControlPlane
from tests.bed.mongo import MongoServers
from tests.bed.operator import LrsOperator, deploy_operator, deployments_path
from tests.bed.registry import Registry
from tests.builders import runbooks
from tests.builders import world as worlds
from tests.builders.kubelet import Kubelet
from tests.builders.runbooks import Block, Shell
from tests.builders.world import APPS, PRODUCT, TOKEN, World
from tests.conftest import installed

NAMESPACE = "datarobot"
SALES, CHURN, _ = APPS


@dataclass
class Installation:
    """A world with its operator and nodes, and an administrator's shell."""

    world: World
    shell: Shell
    kubelet: Kubelet
    before: dict[str, Any]

    def settings(self) -> None:
        """What the first block of every runbook exports."""
        backups = self.shell.directory.parent / "backups"
        self.shell.environment |= {**self.world.environment, "LRS_BACKUP_DIR": str(backups)}

    def run(self, name: str, **stand_ins: Callable[[], None]) -> None:
        """A runbook; afterwards all is as it was."""
        known = {"settings": self.settings, **{key.replace("_", "-"): each for key, each in stand_ins.items()}}
        runbooks.run(runbooks.FOLDER / f"{name}.md", self.shell, known)
        now = self.world.content()
        for store, wanted in self.before.items():
            assert now[store].keys() == wanted.keys(), store
            assert {name: each for name, each in wanted.items() if now[store][name] != each} == {}, store
        assert self.world.api.statuses() == {each: made.settled for each, made in self.world.api.deployments.items()}
        assert sorted(made.settled for made in self.world.api.deployments.values()) == ["active", "active", "inactive"]

    def again(self, name: str, word: str) -> None:
        """The first line of a runbook with a word, once more."""
        found = runbooks.blocks((runbooks.FOLDER / f"{name}.md").read_text())
        lines = [line for block in found for line in block.commands.splitlines()]
        self.shell.run(Block(next(line for line in lines if word in line)))

    def scaled(self, replicas: int) -> None:
        """The application's Deployments, as `kubectl scale` leaves them."""
        for name in PRODUCT:
            path = f"{deployments_path(NAMESPACE)}/{name}"
            self.world.plane.api("PATCH", path, {"spec": {"replicas": replicas}}, content_type="application/merge-patch+json")


@pytest.fixture
def installation(plane: ControlPlane, standalone: MongoServers, registry: Registry, tmp_path: Path) -> Iterator[Installation]:
    crd = installed(plane)
    loader.ensure_namespace(plane, NAMESPACE)
    with ExitStack() as running:
        world = running.enter_context(worlds.made(plane, crd, NAMESPACE, standalone, registry, tmp_path))

        def serves(name: str, replicas: int) -> None:
            if name == PRODUCT[0]:
                world.api.is_down = replicas == 0
                if not replicas:
                    world.disconnect()

        kubelet = running.enter_context(Kubelet(plane, NAMESPACE, PRODUCT, serves))
        operator = running.enter_context(LrsOperator(plane, crd.api_version, [NAMESPACE]))
        loader.wait_until(lambda: operator.is_done(NAMESPACE), "the operator to have seen to every LRS")
        yield Installation(world, Shell.prepared(tmp_path / "shell", plane.bin, plane.kubeconfig), kubelet, world.content())
    loader.empty_namespace(plane, NAMESPACE)


def _lose_lrs(world: World, name: str) -> None:
    """An LRS is gone, whoever holds it."""
    path = f"{loader.objects_path(world.crd.api_version, NAMESPACE)}/{name}"
    world.plane.api("PATCH", path, {"metadata": {"finalizers": None}}, content_type="application/merge-patch+json")
    world.delete_lrs(name)
    loader.wait_until(lambda: world.plane.api("GET", path)[0] == 404, f"{name} to be gone")


def test_upgrade_of_the_application(installation: Installation) -> None:
    world = installation.world

    def upgrade() -> None:
        for name in PRODUCT:
            containers = [{"name": "main", "image": f"registry.example.com/{name}:2.0"}]
            patch = {"spec": {"template": {"spec": {"containers": containers}}}}
            path = f"{deployments_path(NAMESPACE)}/{name}"
            world.plane.api("PATCH", path, patch, content_type="application/strategic-merge-patch+json")
        _lose_lrs(world, SALES.lrs)

    installation.run("upgrade-application", upgrade=upgrade)
    assert "temporarily" not in (installation.shell.directory / "after.html").read_text()
    assert "2.0" in json.dumps(world.plane.api("GET", f"{deployments_path(NAMESPACE)}/{PRODUCT[0]}")[1])


def test_upgrade_of_kubernetes(installation: Installation) -> None:
    world = installation.world

    def kubernetes() -> None:
        installation.again("upgrade-kubernetes", "replicas.txt")  # what is scaled down by now must not be noted over what was
        world.plane.kill_apiserver()
        world.plane.start_apiserver()
        _lose_lrs(world, CHURN.lrs)

    installation.run("upgrade-kubernetes", kubernetes=kubernetes)


def test_nightly_backup_and_disaster(installation: Installation) -> None:
    world = installation.world

    def install() -> None:
        loader.create_namespace(world.plane, NAMESPACE)
        world.deploy_product()
        deploy_operator(world.plane, NAMESPACE, replicas=0)
        installation.scaled(0)
        world.set_keys("first")

    def settings() -> None:
        """The sections of the runbook's file, and where they are here."""
        shell = installation.shell
        file, token = shell.directory / "prod.yaml", shell.directory / "token"
        token.write_text(TOKEN)
        token.chmod(0o600)
        said = yaml.safe_load((runbooks.FOLDER / "nightly-and-disaster.md").read_text().split("```yaml", 1)[1].split("```")[0])
        said["cluster"]["uid"] = world.plane.api("GET", "/api/v1/namespaces/kube-system")[1]["metadata"]["uid"]
        said |= {
            "repository": {"url": str(shell.directory.parent / "backups")},
            "mongo": {"uriFile": str(world.uri_file)},
            "files": {"url": world.files_url},
            "api": {"url": world.api.url, "tokenFiles": [str(token)]},
        }
        file.write_text(yaml.safe_dump(said))
        file.chmod(0o600)
        shell.environment["LRS_CONFIG"] = str(file)
        shell.run(Block("kubectl lrs repository init"))

    installation.run("nightly-and-disaster", settings=settings, disaster=world.destroy, install=install)


def test_the_application_is_temporarily_unavailable(installation: Installation) -> None:
    world = installation.world
    shell = installation.shell
    installation.settings()
    shell.run(Block("kubectl lrs backup -n datarobot --profile complete -q"))

    def broken() -> None:
        shell.environment["APPLICATION"] = SALES.name
        world.db.longrunningservices.delete_one({"k8s.image": world.image_of(SALES)})
        world.delete_image(SALES)
        _lose_lrs(world, SALES.lrs)

    installation.run("temporarily-unavailable", broken=broken)
    first = next(step.output for step in shell.steps if "# exit status 4" in step.block.commands)
    for found in ("application without LRS document", "without an LRS", "image that the registry does not have"):
        assert found in first


def test_migration_to_another_cluster(installation: Installation, tmp_path: Path) -> None:
    world, shell = installation.world, installation.shell
    with ExitStack() as running:
        new = running.enter_context(ControlPlane.start(tmp_path / "plane"))
        mongo = running.enter_context(MongoServers.start(tmp_path / "new-mongo"))
        running.callback(world.disconnect)
        shell.environment["KUBECONFIG"] = str(_both(world.plane, new, tmp_path / "both.kubeconfig"))

        def install_new() -> None:
            shell.run(Block("kubectl config use-context new\n"))
            world.move(new, mongo, tmp_path / "new-storage")
            loader.install_crd(new, world.crd.path)
            loader.create_namespace(new, NAMESPACE)
            world.deploy_product()
            installation.scaled(0)
            world.set_keys("first")
            running.enter_context(LrsOperator(new, world.crd.api_version, [NAMESPACE], replicas=0))
            installation.kubelet.plane = new

        def settings_new() -> None:
            shell.environment |= {name: world.environment[name] for name in ("LRS_FILES_URL", "LRS_MONGO_URI")}
            uri = tmp_path / "mongo-uri-new"
            uri.write_text(world.environment["LRS_MONGO_URI"])
            files = world.environment["LRS_FILES_URL"]
            shell.environment["PLACES"] = f"--files-url {files} --mongo-uri-file {uri} --registry {world.registry.host}"

        def dns() -> None:
            assert not world.api.is_down, "the application of the new cluster serves it"

        installation.run("migrate-cluster", install_new=install_new, settings_new=settings_new, dns=dns)
        assert "of another cluster" not in (shell.directory / "after.html").read_text()


def _both(old: ControlPlane, new: ControlPlane, path: Path) -> Path:
    """A kubeconfig with the contexts old and new."""
    documents = {name: json.loads(plane.kubeconfig.read_text()) for name, plane in (("old", old), ("new", new))}
    merged: dict[str, Any] = {"apiVersion": "v1", "kind": "Config", "clusters": [], "users": [], "contexts": []}
    for name, document in documents.items():
        merged["clusters"].append({"name": name, "cluster": document["clusters"][0]["cluster"]})
        merged["users"].append({"name": name, "user": document["users"][0]["user"]})
        merged["contexts"].append({"name": name, "context": {"cluster": name, "user": name}})
    path.touch(mode=0o600)
    path.write_text(json.dumps(merged))
    return path


# ---- the runner itself


def test_every_runbook_is_run() -> None:
    tested = Path(__file__).read_text()
    assert all(f'"{path.stem}"' in tested for path in runbooks.documents())
    for path in runbooks.documents():
        text = path.read_text()
        assert len(list(runbooks.blocks(text))) == text.count("\n```sh"), f"{path.name}: every block is found"
    listed = (runbooks.FOLDER / "README.md").read_text()
    assert all(f"({path.name})" in listed for path in runbooks.documents())


def test_a_command_that_ends_otherwise_than_it_says_is_noticed(tmp_path: Path) -> None:
    shell = Shell.prepared(tmp_path / "shell", tmp_path, tmp_path / "none")
    shell.run(Block("WORD=kept\n(exit 4) # exit status 4\n"))
    assert shell.run(Block('echo "$WORD"\n')) == "kept\n"
    for commands in ("false\ntrue\n", "true # exit status 4\n", "WORD=$(exit 1)\n"):
        with pytest.raises(AssertionError):
            shell.run(Block(commands))


def test_a_stand_in_must_be_told_of() -> None:
    with pytest.raises(ValueError, match="does not say"):
        list(runbooks.blocks("```sh stand-in=x\nhelm upgrade\n```\n\nSome words.\n"))
    told = "```sh stand-in=x\nhelm upgrade\n```\n\n**Stand-in:** it does y.\n"
    assert list(runbooks.blocks(told)) == [Block("helm upgrade\n", "x")]
