"""The notes and warnings that somebody may know of and not want to read again, as the one table: each with an id. Pure.

Only what is so of an installation, or of how it is called, has one. What befell a run, what an act takes from somebody, and
errors have none: these are said each time. The rules of `check` have ids of their own, which are taken in the same way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any


class Note(str, Enum):
    """What can be acknowledged, by its id. An id is never given to something else."""

    SPARK_LEFT_OUT = "spark-left-out"
    RECOVERY_NEEDS_MORE = "recovery-needs-more"
    CRD_NOT_SAVED = "crd-not-saved"
    NO_LOCKS = "no-locks"
    CUSTOM_TEMPLATES_NOT_COVERED = "custom-templates-not-covered"
    MONGO_NOT_OF_ONE_INSTANT = "mongo-not-of-one-instant"
    MONGO_KEYS_UNKNOWN = "mongo-keys-unknown"
    MONGO_CAPPED_BY_THEMSELVES = "mongo-capped-by-themselves"
    IMAGES_UNDECIDED = "images-undecided"
    IMAGES_LEFT_OUT = "images-left-out"
    PULL_SECRETS_PASSED_OVER = "pull-secrets-passed-over"
    FILES_LINKS_LEFT_OUT = "files-links-left-out"
    OPERATOR_NOT_FOUND = "operator-not-found"
    OPERATOR_SEEN = "operator-seen"
    RIGHTS_NOT_CHECKED = "rights-not-checked"
    REFERENCES_NOT_CHECKED = "references-not-checked"
    SCHEMA_NOT_READ = "schema-not-read"
    WRITES_NOT_TRIED = "writes-not-tried"
    UNKNOWN_TYPES = "unknown-types"
    ANOTHER_CLUSTER = "another-cluster"
    OTHER_VERSION = "other-version"
    MONGO_WHAT_GOES_BACK = "mongo-what-goes-back"
    MONGO_NO_SUMS = "mongo-no-sums"
    MONGO_OLDER_SERVER = "mongo-older-server"
    MONGO_OPTIONS_WITHOUT_EFFECT = "mongo-options-without-effect"
    MONGO_OLD_OPTIONS = "mongo-old-options"
    MONGO_NOT_TRIED = "mongo-not-tried"
    MONGO_USERS_UNKNOWN = "mongo-users-unknown"
    FILES_ELSEWHERE = "files-elsewhere"
    API_IN_CLEAR = "api-in-clear"
    API_NOT_VERIFIED = "api-not-verified"
    STATE_NOT_KEPT = "state-not-kept"
    FLAGS_NOT_USED = "flags-not-used"


MEANINGS: Mapping[Note, tuple[str, str]] = {
    Note.SPARK_LEFT_OUT: ("backup", "Spark sessions are left out unless --type names them"),
    Note.RECOVERY_NEEDS_MORE: ("backup", "a recovery needs more than this profile and these flags save"),
    Note.CRD_NOT_SAVED: ("backup", "the definition of the LRS resource could not be read, so it is not in the backup"),
    Note.NO_LOCKS: ("backup", "the file system of the backups has no locks"),
    Note.CUSTOM_TEMPLATES_NOT_COVERED: ("backup", "application templates of your own are not in the saved collections"),
    Note.MONGO_NOT_OF_ONE_INSTANT: ("backup", "collections are read one after the other, not as of one instant"),
    Note.MONGO_KEYS_UNKNOWN: ("backup", "the keys that documents are encrypted with may not be read"),
    Note.MONGO_CAPPED_BY_THEMSELVES: ("backup", "capped collections cannot be read as of the instant of the others"),
    Note.IMAGES_UNDECIDED: ("backup, check", "strings in documents may name images, and nothing tells whether they do"),
    Note.IMAGES_LEFT_OUT: ("backup, check", "images are left out by --exclude-image or --registry"),
    Note.PULL_SECRETS_PASSED_OVER: ("backup, restore, check", "pull secrets cannot be read, or hold no credentials"),
    Note.FILES_LINKS_LEFT_OUT: ("backup", "links and special files of the storage are not taken"),
    Note.OPERATOR_NOT_FOUND: ("restore, verify", "the operator of the LRS is not where it is looked for"),
    Note.OPERATOR_SEEN: ("restore, verify", "the operator of the LRS is running, or at 0 replicas"),
    Note.RIGHTS_NOT_CHECKED: ("restore, verify", "the API server does not say which rights you have"),
    Note.REFERENCES_NOT_CHECKED: ("restore, verify", "what LRS refer to may not be read"),
    Note.SCHEMA_NOT_READ: ("restore, diff, rehearse", "the schema of LRS may not be read, or there is none"),
    Note.WRITES_NOT_TRIED: ("restore, verify", "a webhook or an owner keeps the server from trying a write"),
    Note.UNKNOWN_TYPES: ("restore, verify", "LRS are of a type that is not known here"),
    Note.ANOTHER_CLUSTER: ("verify, diff", "the backup was taken of another cluster"),
    Note.OTHER_VERSION: ("diff", "the cluster serves another version of the LRS than the backup has"),
    Note.MONGO_WHAT_GOES_BACK: ("restore", "which collections of a dump go back, and which are left alone"),
    Note.MONGO_NO_SUMS: ("restore", "a plain dump has no sums that tell whether it is as it was written"),
    Note.MONGO_OLDER_SERVER: ("restore", "the dump is of a newer MongoDB than the server"),
    Note.MONGO_OPTIONS_WITHOUT_EFFECT: ("restore", "options of the MongoDB URI have no effect on a restore"),
    Note.MONGO_OLD_OPTIONS: ("restore", "options of a collection mean nothing to today's servers"),
    Note.MONGO_NOT_TRIED: ("restore", "whether the server takes options and indexes may not be tried"),
    Note.MONGO_USERS_UNKNOWN: ("restore", "whether others use the database cannot be looked at"),
    Note.FILES_ELSEWHERE: ("restore", "files go to another place than they were saved from"),
    Note.API_IN_CLEAR: ("deactivate, activate, backup, check", "the application's API is not asked over https"),
    Note.API_NOT_VERIFIED: ("deactivate, activate, backup, check", "the certificate of the application's API is not checked"),
    Note.STATE_NOT_KEPT: ("restore, deactivate, activate", "the state directory cannot be written"),
    Note.FLAGS_NOT_USED: ("all", "a flag before the verb, as in an alias, means nothing to this verb"),
}
"""Note → the verbs that say it, and what it means."""


@dataclass(frozen=True)
class Remark:
    """A sentence for whoever reads, and which note it is; None where it is said each time. `is_warning`: more than a note."""

    message: str
    note: Note | None = None
    is_warning: bool = False

    def __str__(self) -> str:
        return f"{'warning' if self.is_warning else 'note'}: {self.message}"

    def to_dict(self) -> dict[str, str]:
        """As a catalog holds it."""
        return {"id": self.note.value if self.note else "", "message": self.message}


def remark_of(saved: Any) -> Remark:
    """One out of a catalog, which may be another version's, with the bare sentence, or with an id that is not known here."""
    if not isinstance(saved, Mapping):
        return Remark(str(saved), is_warning=True)
    known = {note.value: note for note in Note}
    return Remark(str(saved.get("message", "")), known.get(str(saved.get("id", ""))), is_warning=True)
