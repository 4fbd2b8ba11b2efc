"""What a rehearsal has shown of a backup, thing by thing, and the exit code that follows from it. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum

from kubectl_lrs.model.errors import ExitCode, LrsError
from kubectl_lrs.model.plan import Finding, errors_of
from kubectl_lrs.model.report import Outcome, Result


class Verdict(str, Enum):
    """What is known of one thing: it comes back, it comes back as something else, it does not, or nobody can tell.

    `SKIPPED`: a restore leaves it out, too.
    """

    PROVED = "proved"
    DIFFERS = "differs"
    REFUSED = "refused"
    NOT_PROVED = "not proved"
    SKIPPED = "skipped"


_VERDICTS: Mapping[Result, Verdict] = {
    Result.CREATED: Verdict.PROVED,
    Result.ALTERED: Verdict.DIFFERS,
    Result.FAILED: Verdict.REFUSED,
    Result.SKIPPED: Verdict.SKIPPED,
}
"""All other results leave open whether it comes back."""


def verdict(outcome: Outcome) -> Verdict:
    """What an outcome of a rehearsal tells; a server that is away tells nothing."""
    if outcome.result is Result.FAILED and _is_away(outcome.error):
        return Verdict.NOT_PROVED
    return _VERDICTS.get(outcome.result, Verdict.NOT_PROVED)


def _is_away(error: LrsError | None) -> bool:
    return error is not None and error.exit_code is ExitCode.UNREACHABLE


@dataclass(kw_only=True)
class PartProof:
    """One store's part. `how`: what was done, in words, and `target`, where.

    `seconds`: what a recovery of it takes, None where that is not known. `error`: what the whole of it ended with.
    `incomplete`: what else keeps it from being proved, such as what could not be removed again.
    """

    store: str
    how: str
    target: str = ""
    findings: tuple[Finding, ...] = ()
    outcomes: list[Outcome] = field(default_factory=list)
    incomplete: list[str] = field(default_factory=list)
    error: LrsError | None = None
    seconds: float | None = None

    def counts(self) -> Counter[Verdict]:
        """How many things of each verdict."""
        return Counter(map(verdict, self.outcomes))

    @property
    def is_proved(self) -> bool:
        """Whether all of it was."""
        return not (self.open or self.is_broken)

    @property
    def open(self) -> bool:
        """Whether of some of it nobody can tell."""
        blocked = self.error is not None or bool(self.incomplete) or bool(errors_of(self.findings))
        return blocked or bool(self.counts()[Verdict.NOT_PROVED])

    @property
    def is_broken(self) -> bool:
        """Whether it is known that some of it does not come back as it was."""
        counts = self.counts()
        is_damaged = self.error is not None and self.error.exit_code is ExitCode.DIFFERENCE
        return is_damaged or bool(counts[Verdict.REFUSED] or counts[Verdict.DIFFERS])

    @property
    def is_away(self) -> bool:
        """Whether nothing of it could be tried because a server is away or lets us in nowhere."""
        failed = [each.error.exit_code if each.error else None for each in self.outcomes if verdict(each) is Verdict.NOT_PROVED]
        blocked = [each.exit_code for each in errors_of(self.findings)]
        found = [self.error.exit_code] if self.error else blocked or failed
        return bool(found) and set(found) == {ExitCode.UNREACHABLE} and not self.counts()[Verdict.PROVED]


@dataclass(kw_only=True)
class Rehearsed:
    """All of it. `damages`: what in the backup is not as it was sealed; then nothing else was tried.

    `left_out`: parts of the backup that were not asked for; `lacking`: what the backup itself does not hold; `removed`: what
    was found of killed runs, and what became of it. `reading`: the seconds that reading the backup took.
    """

    backup: str
    damages: list[str] = field(default_factory=list)
    parts: list[PartProof] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    lacking: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    reading: float = 0.0
    seconds: float = 0.0
    interrupted: bool = False

    @property
    def is_proved(self) -> bool:
        """Whether everything that was asked for was."""
        return self.exit_code() is ExitCode.DONE

    @property
    def recovery(self) -> float | None:
        """The seconds that a recovery of these parts would take, without those that are `untimed`.

        None where all are, and where not all was proved: what was not done took no time.
        """
        told = [part.seconds for part in self.parts if part.seconds is not None]
        return self.reading + sum(told) if told and self.is_proved else None

    @property
    def untimed(self) -> list[str]:
        """The parts that tell nothing of how long their recovery takes."""
        return [part.store for part in self.parts if part.seconds is None]

    def why_not(self) -> Iterator[str]:
        """What keeps it from being proved, beside things that do not come back: in words."""
        yield from self.damages
        yield from self.lacking
        for part in self.parts:
            yield from (f"{part.store}: {each.message}" for each in errors_of(part.findings))
            yield from (f"{part.store}: {each}" for each in part.incomplete)
            if part.error:
                yield f"{part.store}: {part.error}"

    def exit_code(self) -> ExitCode:
        """0 only if everything was proved; 4 where it is known that something does not come back as it was."""
        if self.interrupted:
            return ExitCode.INTERRUPTED
        if self.damages or any(part.is_broken for part in self.parts):
            return ExitCode.DIFFERENCE
        if self.parts and all(part.is_away for part in self.parts):
            return ExitCode.UNREACHABLE
        is_open = bool(self.lacking) or not self.parts or any(part.open for part in self.parts)
        return ExitCode.PARTIAL if is_open else ExitCode.DONE
