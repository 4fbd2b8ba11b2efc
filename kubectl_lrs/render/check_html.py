"""`check -o html`: one self-contained page to sign off with. No script, nothing from elsewhere; every text is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape
from itertools import groupby

from kubectl_lrs import __version__
from kubectl_lrs.consistency import RULES, Found
from kubectl_lrs.model.errors import ExitCode
from kubectl_lrs.model.plan import Severity
from kubectl_lrs.model.units import printable
from kubectl_lrs.render.check import in_short, owner
from kubectl_lrs.render.output import answer
from kubectl_lrs.usecases.check import CheckReport

TILES = {
    "applications": "applications",
    "documents": "LRS documents",
    "objects": "LRS",
    "deployments": "deployments",
    "images": "images",
    "files": "files",
    "keys": "sets of keys",
}

HEADLINES = {
    ExitCode.DIFFERENCE: "It does not agree",
    ExitCode.UNREACHABLE: "It cannot be told whether all agrees",
}

STYLE = """
:root{color-scheme:light dark;--ink:#1c2430;--soft:#5a6675;--line:#d5dbe3;--page:#f4f6f9;--card:#fff;
--error:#b3261e;--warning:#8a5a00;--note:#3d5a80;--good:#1b6e3c}
@media (prefers-color-scheme:dark){:root{--ink:#e6eaf0;--soft:#9aa7b7;--line:#333d4a;--page:#12161c;--card:#1b2129;
--error:#ff8a80;--warning:#ffc766;--note:#9cc2ee;--good:#7bd69b}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{max-width:62rem;margin:0 auto;padding:2rem 1.25rem 4rem}
h1{font-size:1.6rem;margin:0 0 .25rem}
h2{font-size:1.15rem;margin:2.25rem 0 .75rem}
h3{font-size:1rem;margin:0;overflow-wrap:anywhere}
p{margin:.35rem 0}
.soft{color:var(--soft)}
code{font:.9em/1.4 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;overflow-wrap:anywhere}
.verdict{border-left:.4rem solid var(--good);background:var(--card);padding:.75rem 1rem;margin:1.25rem 0;border-radius:.25rem}
.verdict b{font-size:1.15rem}
.verdict.error{border-color:var(--error)} .verdict.unknown{border-color:var(--warning)}
.tiles{display:grid;grid-template-columns:repeat(auto-fill,minmax(7.5rem,1fr));gap:.6rem;padding:0;margin:0;list-style:none}
.tiles li{background:var(--card);border:1px solid var(--line);border-radius:.4rem;padding:.6rem .75rem}
.tiles b{display:block;font-size:1.35rem;line-height:1.2}
.card{background:var(--card);border:1px solid var(--line);border-radius:.4rem;margin:0 0 .9rem;padding:.9rem 1rem}
.card{break-inside:avoid}
.found{border-top:1px solid var(--line);padding:.7rem 0 0;margin:.7rem 0 0}
.label{display:inline-block;min-width:4.6rem;font-weight:600}
.label.error{color:var(--error)} .label.warning{color:var(--warning)} .label.note{color:var(--note)}
.label.good{color:var(--good)}
dl{display:grid;grid-template-columns:7rem 1fr;gap:.15rem .75rem;margin:.4rem 0 0}
dt{color:var(--soft)} dd{margin:0;overflow-wrap:anywhere}
table{border-collapse:collapse;width:100%;background:var(--card);border:1px solid var(--line)}
th,td{text-align:left;vertical-align:top;padding:.45rem .7rem;border-bottom:1px solid var(--line);overflow-wrap:anywhere}
th{color:var(--soft);font-weight:600}
.sign{display:grid;grid-template-columns:2fr 1fr 2fr;gap:2rem;margin-top:3.5rem}
.sign div{border-top:1px solid var(--ink);padding-top:.3rem;color:var(--soft)}
@media print{:root{--page:#fff;--card:#fff;--ink:#000;--soft:#444;--line:#bbb;
--error:#b3261e;--warning:#7a4f00;--note:#27425f;--good:#145a30}
body{font-size:11pt} main{max-width:none;padding:0} h2{break-after:avoid} tr{break-inside:avoid}}
"""


PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>LRS check of {title}</title>
<style>{style}</style>
</head>
<body>
<main>
{body}
</main>
</body>
</html>"""


def show_page(page: str) -> None:
    """Print it on stdout."""
    answer(f"{page}\n", is_data=True)


def check_page(report: CheckReport) -> str:
    """The page: verdict, what was looked at, the findings by application, what was not looked at, a place to sign."""
    what = report.title
    body = "\n".join((*_head(report, what), *_tiles(report), *_findings(report), *_gaps(report), *_rules(report), *_foot(report)))
    return PAGE.format(title=_text(what), style=STYLE, body=body)


def _text(text: object) -> str:
    """Text as the page shows it: nothing in it is markup, nothing in it hides or reorders what stands beside it."""
    return escape(printable(str(text)))


def _head(report: CheckReport, what: str) -> Iterator[str]:
    code = report.exit_code()
    counts = report.examination.counts()
    kind = {ExitCode.DIFFERENCE: " error", ExitCode.UNREACHABLE: " unknown"}.get(code, "")
    said = ", ".join(f"{counts[each]} {each.value}{'' if counts[each] == 1 else 's'}" for each in Severity if counts[each])
    yield "<h1>Long Running Services: check</h1>"
    yield f'<p class="soft"><code>{_text(what)}</code>, {_text(report.scope)}, {report.instant:%Y-%m-%d %H:%M:%S} UTC</p>'
    if report.backup:
        yield f'<p class="soft">taken of <code>{_text(report.target)}</code></p>'
    if report.applications and len(report.applications) < (report.counts["applications"] or 0):
        names = ", ".join(each.name or each.id for each in report.applications)
        yield f'<p class="soft">only of: {_text(names)}</p>'
    headline = f"All of it {in_short(report)}" if code is ExitCode.DONE else HEADLINES[code]
    yield f'<div class="verdict{kind}"><b>{headline}</b><p>{said or "Nothing was found."}</p></div>'


def _tiles(report: CheckReport) -> Iterator[str]:
    yield '<h2>Looked at</h2>\n<ul class="tiles">'
    for name, word in TILES.items():
        count = report.counts[name]
        shown = "&ndash;" if count is None else str(count)
        yield f'<li><b>{shown}</b><span class="soft">{word}{" (not checked)" if count is None else ""}</span></li>'
    yield "</ul>"


def _findings(report: CheckReport) -> Iterator[str]:
    yield "<h2>Findings by application</h2>"
    if not report.examination.findings:
        yield '<div class="card"><span class="label good">none</span></div>'
    for _, group in groupby(report.examination.findings, key=lambda each: each.application):
        found = list(group)
        title = owner(found[0]) if found[0].application else "Of no single application"
        yield f'<section class="card"><h3>{_text(title)}</h3>'
        yield from map(_finding, found)
        yield "</section>"


def _finding(found: Found) -> str:
    return (
        f'<div class="found"><p><span class="label {found.severity.value}">{found.severity.value}</span> '
        f"<b>{_text(found.rule.title)}</b></p><dl>{_pairs(_facts(found))}</dl></div>"
    )


def _facts(found: Found) -> Iterable[tuple[str, str]]:
    yield "object", f"<code>{_text(found.object)}</code>"
    yield "found", _text(found.message)
    yield "why it matters", _text(found.rule.why)
    yield "what to do", _text(found.rule.do)


def _pairs(facts: Iterable[tuple[str, str]]) -> str:
    return "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in facts)


def _gaps(report: CheckReport) -> Iterator[str]:
    if not report.examination.gaps and not report.notes:
        return
    yield "<h2>Not checked</h2>"
    if report.examination.gaps:
        titles = ("what", "why", "so it is not known whether there is", "checked with")
        yield f"<table><thead>{_row('th', titles)}</thead><tbody>"
        for gap in report.examination.gaps:
            why = f"asked for, and not had: {gap.why}" if gap.failed else gap.why
            yield _row("td", (gap.part, why, "; ".join(gap.titles), gap.flag))
        yield "</tbody></table>"
    for note in report.notes:
        yield f'<p class="soft">Note: {_text(note.message)}</p>'


def _row(tag: str, cells: Iterable[str]) -> str:
    return f"<tr>{''.join(f'<{tag}>{_text(cell)}</{tag}>' for cell in cells)}</tr>"


def _rules(report: CheckReport) -> Iterator[str]:
    """What was looked for and not found, so that nobody has to guess what the page stands for."""
    broken = {each.rule.code for each in report.examination.findings}
    unknown = {title for gap in report.examination.gaps for title in gap.titles}
    whole = [rule.title for rule in RULES if rule.code not in broken and rule.title not in unknown]
    if whole:
        yield f"<h2>Looked for and not found</h2>\n<p>{_text('; '.join(whole))}.</p>"


def _foot(report: CheckReport) -> Iterator[str]:
    yield '<div class="sign"><div>name</div><div>date</div><div>signature</div></div>'
    yield f'<p class="soft">kubectl-lrs {_text(__version__)}, exit status {int(report.exit_code())}. Nothing was written.</p>'
