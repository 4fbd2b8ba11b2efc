"""Sorted tokens in unnamed temporary files, and their union: what many backups refer to, in memory that does not grow.

Names of the pool are known here by their tokens (`layout.PoolKey.token`), which are in the order of the keys.
"""

from __future__ import annotations

import heapq
import os
import tempfile
from collections.abc import Iterable, Iterator

from kubectl_lrs.model.errors import DamageError
from kubectl_lrs.repository.pool.layout import TOKEN

FAN = 16
"""So many files are merged, and open, at once."""

_READ = 2000 * TOKEN


class Tokens:
    """Some, each once, in their order; they may be gone through by several at once. They go with this object."""

    def __init__(self, tokens: Iterable[bytes] = ()) -> None:
        self._file = tempfile.TemporaryFile(buffering=1 << 16)  # noqa: SIM115
        last = b""
        for token in tokens:
            if token <= last:
                if token == last:
                    continue
                raise DamageError("names of the pool came in no order")
            self._file.write(token)
            last = token
        self._file.flush()

    def __iter__(self) -> Iterator[bytes]:
        start = 0
        while block := os.pread(self._file.fileno(), _READ, start):
            start += len(block)
            for at in range(0, len(block), TOKEN):
                yield block[at : at + TOKEN]

    def close(self) -> None:
        """They are needed no more."""
        self._file.close()


def union(sources: Iterable[Iterable[bytes]]) -> Tokens:
    """All tokens of sorted sources, which are gone through one after the other, each to its end.

    What is alike in many of them is kept once: every `FAN` files become one, and so on.
    """
    layers: list[list[Tokens]] = []
    for source in sources:
        _add(layers, 0, Tokens(source))
    return _merged([each for layer in layers for each in layer])


def _add(layers: list[list[Tokens]], depth: int, tokens: Tokens) -> None:
    if depth == len(layers):
        layers.append([])
    layers[depth].append(tokens)
    if len(layers[depth]) == FAN:
        full, layers[depth] = layers[depth], []
        _add(layers, depth + 1, _merged(full))


def _merged(files: list[Tokens]) -> Tokens:
    if len(files) == 1:
        return files[0]
    merged = Tokens(heapq.merge(*files))
    for each in files:
        each.close()
    return merged


class Among:
    """Whether tokens, asked for in their order, are among sorted others. `missed`: how many nobody asked for;
    `passed`: so many of them as are wanted (`limit`)."""

    def __init__(self, tokens: Iterable[bytes], limit: int = 0) -> None:
        self._rest = iter(tokens)
        self._next = next(self._rest, None)
        self._met = b""
        self.passed: list[bytes] = []
        self._limit = limit
        self.missed = 0

    def has(self, token: bytes) -> bool:
        """Whether it is one of them."""
        while self._next is not None and self._next < token:
            self._pass()
        if self._next == token:
            self._met = token
            return True
        return False

    def _pass(self) -> None:
        if self._next != self._met and self._next is not None:
            self.missed += 1
            if len(self.passed) < self._limit:
                self.passed.append(self._next)
        self._next = next(self._rest, None)

    def finish(self) -> None:
        """Nobody asks any more: what is left was not asked for."""
        while self._next is not None:
            self._pass()
