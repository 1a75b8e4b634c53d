"""The page of an audit: who is served worse, and by how much."""

from collections.abc import Sequence
from html import escape

from onlooker.evaluation.audit import SMALL, Audit, Gap, Group
from onlooker.evaluation.figures import Row, dots
from onlooker.evaluation.metrics import Metrics
from onlooker.evaluation.sheet import marks, page, section
from onlooker.evaluation.words import NAMES as WORDS
from onlooker.evaluation.words import YEARS, apart, form, short


def audit_page(found: Audit, title: str, protocol: str) -> str:
    """The page of an audit."""
    systems = list(found.everyone.systems)
    about = (
        f"{found.everyone.n:,} faces {escape(protocol)}. Groups under {SMALL} faces are in italics: they say little."
    )
    key = "".join(
        f'<span class="{"ours" if k == 0 else f"other other{k - 1}"}"><i></i>{escape(name)}</span>'
        for k, name in enumerate(systems)
    )
    parts = [section("Who is served worst", _CERTAIN, _gaps(found.gaps))]
    parts.append(section("Everyone", "The same faces by each system.", _systems(found.everyone)))
    plain = [g for g in dict.fromkeys(group.grouping for group in found.groups) if " x " not in g]
    for grouping in plain:
        groups = [group for group in found.groups if group.grouping == grouping]
        inner = [f'<p class="key dim">{key}</p>'] + [
            f"<h3>{escape(WORDS[metric].capitalize())}</h3>{figure}"
            for metric in (
                "mae",
                "mae_excess",
                "bias",
                "gender_accuracy",
                "gender_accuracy_excess",
                "interval_coverage",
            )
            if (figure := _group_dots(metric, groups, found.everyone))
        ]
        parts.append(section(f"By {grouping}", "The dashed line is everyone.", "".join(inner)))
    for grouping in dict.fromkeys(group.grouping for group in found.groups if " x " in group.grouping):
        groups = [group for group in found.groups if group.grouping == grouping]
        table = _group_table(groups)
        parts.append(
            section(
                f"By {grouping.replace(' x ', ' and ')}",
                "",
                f"<details><summary>All {len(groups)} groups</summary>{table}</details>",
            )
        )
    return page(title, about, parts, style=marks(len(systems) - 1))


_CERTAIN = (
    "Certain: the group's 95 % interval, widened for the number of groups that the worst was picked from, excludes the "
    "figure of everyone. At equal ages: less what everyone of the same ages shows, so that no group is blamed, or "
    "cleared, for being older or younger."
)

_RANKED = (
    *("mae", "mae_excess", "bias", "gender_accuracy", "gender_accuracy_excess", "gender_accuracy_adults"),
    *("class_accuracy", "interval_coverage"),
)


def _gaps(gaps: Sequence[Gap]) -> str:
    """The worst group by each metric: of the plain groupings, and below them of the crossings."""
    shown = sorted((gap for gap in gaps if gap.metric in _RANKED), key=lambda gap: _RANKED.index(gap.metric))
    plain = _gap_table([gap for gap in shown if " x " not in gap.grouping])
    crossed = _gap_table([gap for gap in shown if " x " in gap.grouping])
    return f"{plain}<p></p><details><summary>Of the crossings</summary>{crossed}</details>"


def _gap_table(gaps: Sequence[Gap]) -> str:
    rows = []
    for gap in gaps:
        say, unit = form(gap.metric), " years" if gap.metric in YEARS else ""
        sure = '<span class="certain">certain</span>' if gap.certain else "<small>within chance</small>"
        rows.append(
            f"<tr><td>{escape(WORDS[gap.metric])}, by {escape(gap.grouping.replace(' x ', ' and '))}</td>"
            f"<td><strong>{escape(gap.worst)}</strong> {say(gap.worst_value.value)}{unit}<br>{sure}</td>"
            f"<td>{escape(gap.best)} {say(gap.best_value.value)}{unit}</td>"
            f"<td>{escape(apart(gap.metric, gap.difference))}</td></tr>"
        )
    head = "<tr><th>Figure</th><th>Worst group</th><th>Best group</th><th>Apart</th></tr>"
    return f'<table class="gaps">{head}{"".join(rows)}</table>'


def _systems(everyone: Group) -> str:
    shown = (
        "mae",
        "cs5_whole",
        "bias",
        "gender_accuracy",
        "gender_accuracy_adults",
        "class_accuracy",
        "class_macro_recall",
    )
    head = "".join(f"<th>{escape(WORDS[name])}</th>" for name in shown)
    rows = "".join(
        f"<tr><td>{escape(system)}</td>" + "".join(f"<td>{_short(name, found)}</td>" for name in shown) + "</tr>"
        for system, found in everyone.systems.items()
    )
    return f"<table><tr><th></th>{head}</tr>{rows}</table>"


def _short(name: str, found: Metrics) -> str:
    value = getattr(found, name)
    return "-" if value is None else form(name)(value.value)


def _group_dots(metric: str, groups: Sequence[Group], everyone: Group) -> str:
    ours = next(iter(everyone.systems))
    overall = getattr(everyone.systems[ours], metric)
    rows = []
    for group in groups:
        value = getattr(group.systems[ours], metric)
        if value is not None:
            figures = [(name, getattr(m, metric)) for name, m in group.systems.items() if name != ours]
            others = tuple(figures) if metric != "interval_coverage" else ()
            rows.append(Row(group.name, value, group.n, others, group.small))
    if not rows or overall is None:
        return ""
    return dots(rows, short(metric), line=overall.value)


def _group_table(groups: Sequence[Group]) -> str:
    shown = ("mae", "mae_excess", "bias", "gender_accuracy", "gender_accuracy_excess", "interval_coverage")
    systems = list(groups[0].systems)
    head = "".join(f"<th>{escape(WORDS[name])}</th>" for name in shown)
    head += "".join(f"<th>{escape(name)}: age error, gender</th>" for name in systems[1:])
    rows = []
    for group in groups:
        ours = group.systems[systems[0]]
        cells = "".join(f"<td>{_short(name, ours)}</td>" for name in shown)
        cells += "".join(
            f"<td>{_short('mae', group.systems[name])}, {_short('gender_accuracy', group.systems[name])}</td>"
            for name in systems[1:]
        )
        kind = ' class="small"' if group.small else ""
        rows.append(f"<tr{kind}><td>{escape(group.name)} <small>{group.n:,}</small></td>{cells}</tr>")
    return f"<table><tr><th></th>{head}</tr>{''.join(rows)}</table>"
