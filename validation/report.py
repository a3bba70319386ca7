"""One page for each run, for a physicist who was not there: what was run, what changed, how good it is, pictures."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

from validation.compare import CaseComparison, Verdict, reference_folder
from validation.curves import curves
from validation.outputs import CaseOutput, load
from validation.pictures import case_picture
from validation.plots import Plot, svg
from validation.release import Assessment, Summary, past_summaries, summarise
from validation.report_pdf import write_pdf
from validation.report_words import gate_words, set_rows, told
from validation.robustness import kept_points
from validation.run import run_folder
from validation.statistics import SetFigures
from validation.tolerances import TOLERANCES

WORST = 4
"""Cases that are shown as pictures."""

_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:1080px;margin:2rem auto;padding:0 1rem;color:#1c2230}
h1{font-size:1.6rem;margin:0}h2{font-size:1.15rem;margin:2rem 0 .5rem;border-bottom:1px solid #ccd}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{text-align:left;padding:.25rem .6rem;border-bottom:1px solid #e3e6ee;vertical-align:top}th{font-weight:600}
td.n,th.n{text-align:right}.open{background:#e6f4ea}.shut{background:#fdecea}
.verdict{padding:.7rem 1rem;border-radius:6px}
.changed{color:#b3261e;font-weight:600}.quiet{color:#5b6475}.plots{display:flex;flex-wrap:wrap;gap:1rem}
svg{width:340px;height:220px;background:#fafbfd;border:1px solid #e3e6ee}.tick{font-size:10px;fill:#444}
.title{font-size:12px;font-weight:600}figure{margin:0 0 1.2rem}img{max-width:100%;height:auto}
.key span{display:inline-block;width:.8em;height:.8em;margin:0 .3em 0 1em}
"""


def write_report(assessment: Assessment) -> Path:
    """Write the page of a run beside its outputs and return its path."""
    folder = run_folder(assessment.spec)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "report.html"
    summary, pictures = summarise(assessment), worst_pictures(assessment, folder)
    path.write_text(page(assessment, summary, pictures), encoding="utf-8")
    blocked = assessment.decision.blocked
    plots = curves(summary.sets, kept_points(assessment.spec))
    write_pdf(path.with_suffix(".pdf"), _title(assessment), summary, blocked, plots, pictures)
    return path


def _title(assessment: Assessment) -> str:
    return f"{assessment.spec.title}: version {assessment.spec.version}"


def page(assessment: Assessment, summary: Summary, pictures: Sequence[tuple[str, bytes]]) -> str:
    """Return the page as HTML."""
    history = [one for one in past_summaries(summary.pipeline) if one.version != summary.version]
    title = _title(assessment)
    parts = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="quiet">{escape(summary.pipeline)} {escape(summary.version)} on {len(summary.cases)} '
        f"reference cases, {summary.made.isoformat()}, compared with "
        f"{escape(summary.compared_with or 'nothing: there is no reference')}. Research use, not a medical device.</p>",
        _gate(assessment),
        _sets(summary.sets),
        _plots(curves(summary.sets, kept_points(assessment.spec))),
        _cases(assessment.comparisons),
        _pictures(pictures),
        _history([*history, summary]),
        _made_by(assessment),
    ]
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title><style>{_STYLE}</style>'
        f"{''.join(parts)}</html>\n"
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: Sequence[int] = ()) -> str:
    """Lay out cells that are HTML already."""

    def row(cells: Sequence[str], tag: str) -> str:
        said = (f"<{tag}{' class=n' if i in numbers else ''}>{cell}</{tag}>" for i, cell in enumerate(cells))
        return f"<tr>{''.join(said)}</tr>"

    return f"<table>{row(head, 'th')}{''.join(row(cells, 'td') for cells in rows)}</table>"


def _gate(assessment: Assessment) -> str:
    decision = assessment.decision
    said = escape(gate_words(decision.entry, decision.blocked))
    if decision.to_rate:
        said += f" Readers have to rate: {escape(', '.join('/'.join(name) for name in decision.to_rate))}."
    return f'<p class="verdict {"open" if decision.passed else "shut"}">{said}</p>'


def _sets(sets: Sequence[SetFigures]) -> str:
    head, *rows = [[escape(cell).replace("\n", "<br>") for cell in row] for row in set_rows(sets)]
    for row, one in zip(rows, sets, strict=True):
        row.append("<br>".join(f"within {name}: {told(value)}" for name, value in one.hit_rates.items()) or "-")
    return (
        "<h2>How good it is</h2>"
        + _table([*head, "landmarks hit"], rows)
        + '<p class="quiet">Found: at least 10 % of a true increase is marked. In brackets 95 % bootstrap intervals. '
        "The Brier score takes scores as chances: 0 is best.</p>"
    )


def _plots(plots: Sequence[Plot]) -> str:
    return f'<h2>Curves</h2><div class="plots">{"".join(map(svg, plots))}</div>' if plots else ""


def _cases(comparisons: Sequence[CaseComparison]) -> str:
    rows = []
    for one in sorted(comparisons, key=lambda c: (-c.verdict, -c.volume_change_percent)):
        verdict = one.verdict.words if one.reference is not None else "not in the reference"
        marked = f'<span class="changed">{verdict}</span>' if one.verdict is Verdict.CHANGED else verdict
        told_first = sorted((finding for finding in one.findings if finding.detail), key=lambda f: -f.verdict)
        details = [f.detail if f.what == "lesion" else f"{f.what}: {f.detail}" for f in told_first]
        more = f" and {len(details) - 8} more" if len(details) > 8 else ""
        moved = "from nothing" if one.volume_change_percent == float("inf") else f"{one.volume_change_percent:.1f} %"
        rows.append(
            [
                escape(f"{one.dataset}/{one.case}"),
                marked,
                moved if one.reference is not None else "-",
                f"{one.result.increase_mm3:.0f}",
                f"{one.result.decrease_mm3:.0f}",
                f"{one.result.provenance.seconds:.0f}",
                "<br>".join(escape(text) for text in details[:8]) + more or escape(one.result.failure),
            ]
        )
    head = ["case", "against the reference", "volume moved", "more, mm³", "less, mm³", "seconds", "what differs"]
    limits = (
        f"Within tolerance: registration to {TOLERANCES.transform_mm} mm, images to {TOLERANCES.image_rms} standard "
        f"deviations, a lesion to {TOLERANCES.voxels:.0f} voxels or {100 * TOLERANCES.voxel_part:.0f} %, scores to "
        f"{TOLERANCES.score}, quality figures to {100 * TOLERANCES.quality_part:.0f} %."
    )
    return f"<h2>Every case</h2>{_table(head, rows, numbers=(2, 3, 4, 5))}<p class=quiet>{limits}</p>"


def worst_pictures(assessment: Assessment, folder: Path) -> list[tuple[str, bytes]]:
    """Return caption and PNG of the cases that changed most, then of those that agree least with their truth."""
    outputs = {(o.record.dataset, o.record.case): o for o in assessment.outputs}
    ordered = sorted(assessment.comparisons, key=lambda one: (-one.verdict, -one.volume_change_percent, _dice(one)))
    drawn = []
    for one in ordered[:WORST]:
        old = load(reference_folder(assessment.spec.name), one.dataset, one.case)
        if (picture := _picture(folder, outputs[one.dataset, one.case], old)) is not None:
            verdict = one.verdict.words if one.reference is not None else "not in the reference"
            drawn.append((f"{one.dataset}/{one.case}: {verdict}, Dice with the truth {_dice(one):.2f}", picture))
    return drawn


def _pictures(pictures: Sequence[tuple[str, bytes]]) -> str:
    figures = []
    for caption, picture in pictures:
        source = f"data:image/png;base64,{base64.b64encode(picture).decode()}"
        image = f'<img alt="{escape(caption)}" src="{source}">'
        figures.append(f"<figure>{image}<figcaption>{escape(caption)}</figcaption></figure>")
    key = (
        '<p class="key quiet"><span style="background:#eb4034"></span>now<span style="background:#4287f5"></span>'
        'reference, where it differs<span style="background:#5ac85a"></span>truth, where nothing is marked. Slices are '
        "shown as stored.</p>"
    )
    return f"<h2>Worst cases</h2>{key}{''.join(figures)}" if figures else ""


def _picture(folder: Path, output: CaseOutput, old: CaseOutput | None) -> bytes | None:
    before = old.lesion_map if old is not None else None
    return case_picture(folder, output.record.dataset, output.record.case, output.lesion_map, before)


def _dice(one: CaseComparison) -> float:
    return one.result.truth.dice if one.result.truth is not None else 1.0


def _history(summaries: Sequence[Summary]) -> str:
    rows = [
        [
            escape(one.version),
            one.made.isoformat(),
            escape(figures.dataset),
            told(figures.sensitivity),
            told(figures.false_positives_per_case),
            told(figures.dice),
            escape(one.entry.basis.value if one.entry else "the gate stayed closed"),
        ]
        for one in summaries
        for figures in one.sets
        if figures.sensitivity is not None
    ]
    head = ["version", "made", "set", "sensitivity", "false positives a case", "Dice", "gate"]
    return f"<h2>Versions</h2>{_table(head, rows)}"


def _made_by(assessment: Assessment) -> str:
    if not assessment.outputs:
        return ""
    made = assessment.outputs[0].record.provenance
    libraries = ", ".join(f"{name} {version}" for name, version in made.libraries.items())
    return (
        f"<h2>Made by</h2><p class=quiet>Code {made.code_sha256[:12]}, parameters {made.parameters_sha256[:12]}, "
        f"Python {escape(made.python)} on {escape(made.machine)} with {made.cores} cores; {escape(libraries)}.</p>"
    )
