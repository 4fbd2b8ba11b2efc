"""`docs/evidence.md` names every write of the product, and the tests that show what is done when its answer is another one."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator

import pytest

from tests.conftest import ROOT

PACKAGE = ROOT / "kubectl_lrs"
DOCUMENT = (ROOT / "docs" / "evidence.md").read_text()
WRITE = re.compile(r"`([\w/]+\.py)::(?!test_)(\w+)`")
TEST = re.compile(r"`((?:unit|contract|commands|drills|faults|hostile|rights)/[\w/]+\.py)::(test_\w+)`")

METHODS = frozenset(("POST", "PUT", "PATCH", "DELETE"))
ON_DISK = frozenset(
    (
        *("write", "pwrite", "ftruncate", "fsync", "chmod", "fchmod", "chown", "fchown"),
        *("link", "symlink", "rename", "replace", "unlink", "remove", "mkdir", "makedirs", "rmdir"),
    )
)
PATHS = frozenset(("unlink", "mkdir", "rmdir", "touch", "write_text", "write_bytes", "symlink_to", "hardlink_to", "chmod"))
KEPT = frozenset(("write_atomically", "write_journal", "save", "make_folder", "remove_tree"))
"""Functions of ours that put on the disk, or remove from it, what is no part of a backup."""

FOLDER = frozenset(("create", "make", "remove", "rename"))
IN_BACKUP = frozenset(("write", "stream", "extending", "scratch", "adopt", "rollback", "seal", "put_away"))
MONGO = frozenset(("create", "create_indexes", "try_creating", "drop", "rename", "insert", "upsert", "replace"))
KUBE = frozenset(("create", "change", "apply", "delete"))
STORAGE = frozenset(("upload", "commit", "delete", "delete_many", "make_directory"))
LIBRARY = frozenset(("pipe_file", "open", "rm_file", "mv", "makedirs", "chmod", "chown"))
S3 = frozenset(
    (
        *("put_object", "delete_object", "delete_objects", "create_multipart_upload", "upload_part"),
        *("complete_multipart_upload", "abort_multipart_upload"),
    )
)


def _receiver(node: ast.expr) -> str:
    """What a method is called on, without the way to it."""
    return ast.unparse(node.value).rpartition(".")[2].lstrip("_") if isinstance(node, ast.Attribute) else ""


def _of_method(receivers: str, names: frozenset[str]) -> Callable[[ast.expr], bool]:
    fits = re.compile(receivers)
    return lambda node: isinstance(node, ast.Attribute) and node.attr in names and bool(fits.fullmatch(_receiver(node)))


REFERENCES: tuple[Callable[[ast.expr], bool], ...] = (
    _of_method("kube", KUBE),
    _of_method("mongo", MONGO),
    _of_method("backend|upload", STORAGE),
    _of_method("system", LIBRARY),
    _of_method("library", frozenset(("put", "delete"))),
    _of_method("os", ON_DISK),
    _of_method("tempfile|shutil", frozenset(("mkdtemp", "mkstemp", "NamedTemporaryFile", "rmtree", "move", "copyfile"))),
    _of_method("root|parent|folder|to", FOLDER),
    _of_method("writer", IN_BACKUP),
    lambda node: isinstance(node, ast.Attribute) and node.attr in ("push_blob", "push_manifest"),
    lambda node: isinstance(node, ast.Name) and node.id in ("delete_this", "delete_surely", "write_all"),
)
"""What is a write wherever it is named: it may be handed on before it is called."""


def _is_writing_call(node: ast.Call) -> bool:
    told = [*node.args[:1], *(each.value for each in node.keywords if each.arg == "method")]
    first = told[0].value if told and isinstance(told[0], ast.Constant) else None
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if first in METHODS | S3 or name in KEPT:
        return True
    return isinstance(node.func, ast.Attribute) and name in PATHS and _receiver(node.func) != "formatter"


def _writes(node: ast.AST, function: str) -> Iterator[str]:
    """The functions below a node that write."""
    if isinstance(node, ast.FunctionDef):
        function = node.name
    is_write = isinstance(node, ast.expr) and any(fits(node) for fits in REFERENCES)
    if is_write or (isinstance(node, ast.Call) and _is_writing_call(node)):
        yield function
    for child in ast.iter_child_nodes(node):
        yield from _writes(child, function)


NO_WRITES = {
    ("clients/kubernetes/client.py", "can_i"): "a question that is asked by POST",
    ("clients/kubernetes/client.py", "whoami"): "a question that is asked by POST",
    ("stores/images/registry/auth.py", "_fetch"): "a token that is asked for by POST",
    ("backends/fsspec_.py", "read"): "opened for reading",
    ("commands/command.py", "write_text"): "what is said, not what is kept",
    ("runtime/streams.py", "write"): "what is said, not what is kept",
}


def writes() -> set[tuple[str, str]]:
    """(module, function) of every write."""
    found = set()
    for path in sorted(PACKAGE.rglob("*.py")):
        name = str(path.relative_to(PACKAGE))
        found |= {(name, function) for function in _writes(ast.parse(path.read_text()), "")}
    return found - NO_WRITES.keys()


def test_every_write_is_named() -> None:
    named = set(WRITE.findall(DOCUMENT))
    assert sorted(writes() - named) == [], "writes that the document does not name"
    assert sorted(named - writes()) == [], "what the document names and is no write"


def test_each_row_says_what_shows_it() -> None:
    rows = [line for line in DOCUMENT.splitlines() if WRITE.search(line)]
    assert rows
    assert [row for row in rows if not TEST.search(row)] == []


@pytest.mark.parametrize("named", sorted(set(TEST.findall(DOCUMENT))), ids="::".join)
def test_the_tests_that_are_named_exist(named: tuple[str, str]) -> None:
    path, test = named
    tree = ast.parse((ROOT / "tests" / path).read_text())
    assert test in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize(
    "source",
    [
        "def new(self): self._kube.delete(a)",
        "def new(mongo): send = mongo.insert if a else mongo.upsert; send(b)",
        "def new(self): self._http.send('PATCH', url)",
        "def new(self): self.client.call('put_object', key)",
        "def new(): os.rename(a, b)",
        "def new(path): path.write_text('x')",
        "def new(found): found.unlink()",
        "def new(writer): writer.write('a', b'')",
        "def new(registry): return registry.push_blob",
        "def new(backend): backend.delete(key)",
    ],
)
def test_a_new_write_is_noticed(source: str) -> None:
    """In whichever way it is written: the table would lack it."""
    assert set(_writes(ast.parse(source), "")) == {"new"}
