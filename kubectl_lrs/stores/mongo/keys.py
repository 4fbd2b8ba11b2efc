"""Are the keys that parts of the data are encrypted with those of the backup? Fingerprints tell, the keys stay where they are.

A fingerprint is salted and slow to make, so that it does not help to guess a weak key.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from typing import Any

from kubectl_lrs.clients.kubernetes.client import KubeClient
from kubectl_lrs.clients.kubernetes.resources import Resource
from kubectl_lrs.model.errors import ApiError, DeniedError, NotFoundError
from kubectl_lrs.model.plan import Finding, Severity

SECRETS = Resource(group="", version="v1", plural="secrets", kind="Secret")
SECRET = "core-credentials"  # noqa: S105  its name
KEYS = ("asymmetrickey", "drsecurekey")


class KeySource:
    """The Secret with the keys in one namespace of a cluster."""

    def __init__(self, kube: KubeClient, namespace: str) -> None:
        self._kube = kube
        self._namespace = namespace

    def facts(self) -> dict[str, Any]:
        """Salt and fingerprints for the catalog, or a note why there are none."""
        found, problem = self._read()
        if problem:
            return {"note": f"encryption keys: {problem}; whether a restore meets the same ones will not be known"}
        salt = secrets.token_bytes(16)
        prints = {name: _fingerprint(value, salt) for name, value in found.items()}
        return {"secret": SECRET, "namespace": self._namespace, "salt": salt.hex(), "fingerprints": prints}

    def compare(self, saved: Mapping[str, Any] | None, *, ignore: bool) -> list[Finding]:
        """What a restore must know: an error where a key is another one now or none, a warning where that cannot be told."""
        prints, salt = _saved(saved)
        if not prints:
            return [_unknown("the backup holds no fingerprints of the encryption keys")]
        found, problem = self._read()
        if problem in self._absent:
            return [self._lost(f"{problem}, and did at backup", ignore=ignore)]
        if problem:
            return [_unknown(f"encryption keys: {problem}")]
        others = [name for name in prints if name not in found or not _is_same(found[name], salt, prints[name])]
        if not others:
            return []
        return [self._lost(f"{self._where} holds another {' and another '.join(others)} than at backup", ignore=ignore)]

    def _lost(self, why: str, *, ignore: bool) -> Finding:
        """Without the very keys the documents are lost, whether they are others or gone."""
        return Finding(
            Severity.WARNING if ignore else Severity.ERROR,
            f"{why}: what is encrypted in these collections cannot be read with it",
            hint="" if ignore else "restore the Secret first; --ignore-keys restores all the same",
        )

    @property
    def _where(self) -> str:
        return f"Secret {self._namespace}/{SECRET}"

    @property
    def _absent(self) -> tuple[str, str]:
        """What is said where the server surely has no keys: no such Secret, or none of them in it."""
        return f"{self._where} does not exist", f"{self._where} holds none of {', '.join(KEYS)}"

    def _read(self) -> tuple[dict[str, bytes], str]:
        """(the keys, why they could not be had)."""
        where, (no_secret, no_keys) = self._where, self._absent
        try:
            data = self._kube.get(SECRETS, SECRET, self._namespace).get("data") or {}
            found = {name: base64.b64decode(data[name], validate=True) for name in KEYS if data.get(name)}
        except NotFoundError:
            return {}, no_secret
        except DeniedError:
            return {}, f"{where} may not be read"
        except ApiError as error:
            return {}, f"{where} cannot be read: {error}"
        except (ValueError, TypeError, AttributeError):  # what the library says of it may quote the key
            return {}, f"{where} does not hold base64"
        return found, "" if found else no_keys


def _saved(saved: Mapping[str, Any] | None) -> tuple[dict[str, str], bytes]:
    """Fingerprints and salt out of a catalog, which may say anything."""
    prints = (saved or {}).get("fingerprints")
    try:
        salt = bytes.fromhex(str((saved or {}).get("salt", "")))
    except ValueError:
        return {}, b""
    if not isinstance(prints, dict) or not salt:
        return {}, b""
    return {name: str(prints[name]) for name in KEYS if name in prints}, salt


COST = 1 << 14
"""Of scrypt, as every backup has it: a weak key must be slow to guess."""


def _fingerprint(value: bytes, salt: bytes) -> str:
    return hashlib.scrypt(value, salt=salt, n=COST, r=8, p=1, dklen=32).hex()


def _is_same(value: bytes, salt: bytes, fingerprint: str) -> bool:
    return hmac.compare_digest(_fingerprint(value, salt).encode(), fingerprint.encode("utf-8", "surrogatepass"))


def _unknown(why: str) -> Finding:
    return Finding(Severity.WARNING, f"{why}: whether what is encrypted can be read here is not known")
