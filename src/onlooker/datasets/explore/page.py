"""The page: each figure with the report's number and ours beside it, and the numbers as a table."""

from base64 import b64encode
from collections.abc import Sequence
from html import escape
from io import BytesIO

from PIL import Image

from onlooker.core.faces import Picture8
from onlooker.datasets.explore.charts import inline
from onlooker.datasets.explore.faces import ROW, Sample, by_bin
from onlooker.datasets.explore.numbers import BINS, REPORT_FACES, REPORT_FEMALE, REPORT_MALE, Numbers, Spread
from onlooker.datasets.pages import document, folded, section, table
from onlooker.datasets.utkface import GENDERS, RACES

UNSAID = "No number of the report's is known for this figure."


def page(numbers: Numbers, figures: dict[str, str], faces: Sequence[Sample], *, name: str, seed: int) -> str:
    """The HTML; ``figures`` are SVG by name."""
    about = f"{numbers.faces:,} faces of {escape(name)}, whose labels are its file names. Made by <code>onlooker data "
    about += "explore</code>; each figure lies beside this page as PNG and SVG."
    parts = [
        *_verdict(numbers),
        section("Gender", _gender_text(numbers), _chart("gender", figures, _told(numbers.genders)), _genders(numbers)),
        section(
            "Age, in the report's bins",
            f"Each bin begins with its lower age. {UNSAID}",
            _chart("age", figures, _told(numbers.bins)),
            table(("age", "faces", "share"), [_share(b, n, numbers.faces) for b, n in numbers.bins.items()]),
        ),
        section(
            "How ages are spread, by gender",
            "The share of faces a year of age, each gender for itself, smoothed by two years. Ages are labelled "
            f"unevenly: {_favourites(numbers)}. {UNSAID}",
            _chart("density", figures, "The density of age of " + " and of ".join(GENDERS)),
            folded("Faces at each age", _by_age(numbers)),
        ),
        section(
            "Outliers", _outlier_text(numbers), _chart("outliers", figures, _outlier_alt(numbers)), _boxes(numbers)
        ),
        section(
            "Race, by age and gender",
            "The data set's own five labels, kept here to know the data; nothing that serves users predicts them. "
            f"Of all, {_white(numbers):.0%} are labelled White; from 60 on, {_white(numbers, BINS[-2:]):.0%}. {UNSAID}",
            _chart("race", figures, "The share of each race label in each bin of age, for each gender; see the table"),
            folded("Faces by race, age and gender", _races(numbers)),
        ),
    ]
    if faces:
        parts.append(_faces(faces, seed))
    if numbers.problems:
        listed = "".join(f"<li>{escape(problem)}</li>" for problem in numbers.problems)
        parts.append(section("Left out", f"Names without labels: {len(numbers.problems)}.", f"<ul>{listed}</ul>"))
    return document("The faces of UTKFace", about, parts)


def swap_sentence(numbers: Numbers) -> str:
    """What is to be said of the report's shares of genders, where they are ours exchanged."""
    male, female = (numbers.genders[gender] for gender in GENDERS)
    return (
        f"The report says {REPORT_MALE:.1%} male and {REPORT_FEMALE:.1%} female of {REPORT_FACES}; the files say "
        f"{male:,} male ({male / numbers.faces:.1%}) and {female:,} female ({female / numbers.faces:.1%}): its labels "
        "were swapped."
    )


def _verdict(numbers: Numbers) -> list[str]:
    return [f'<p class="note">{swap_sentence(numbers)}</p>'] if numbers.swapped else []


def _gender_text(numbers: Numbers) -> str:
    male, female = (numbers.genders[gender] / numbers.faces for gender in GENDERS)
    if numbers.swapped:
        return "The shares agree to the last digit, once male and female change places."
    return f"The report has {REPORT_MALE:.1%} male; here it is {male:.1%}, and {female:.1%} female."


def _genders(numbers: Numbers) -> str:
    said = {"male": f"{REPORT_MALE:.1%}", "female": f"{REPORT_FEMALE:.1%}"}
    rows = [[g, said[g], f"{n / numbers.faces:.1%}", f"{n:,}"] for g, n in numbers.genders.items()]
    return table(
        ("gender", "the report", "ours", "faces"), [*rows, ["all", REPORT_FACES, "100%", f"{numbers.faces:,}"]]
    )


def _share(name: str, count: int, faces: int) -> list[str]:
    return [name, f"{count:,}", f"{count / faces:.1%}"]


def _told(counts: dict[str, int]) -> str:
    total = sum(counts.values())
    return "Pie: " + "; ".join(f"{name} {count:,} ({count / total:.1%})" for name, count in counts.items())


def _favourites(numbers: Numbers) -> str:
    male, female = (numbers.ages[gender] for gender in GENDERS)
    counts = male + female
    most = sorted(range(len(counts)), key=lambda age: -int(counts[age]))[:3]
    return ", ".join(f"{counts[age]:,} faces are {age}" for age in most)


def _white(numbers: Numbers, bins: Sequence[str] = BINS) -> float:
    """The share labelled White in some bins of age."""
    total = sum(n for (_, name, _), n in numbers.races.items() if name in bins)
    return sum(n for (race, name, _), n in numbers.races.items() if name in bins and race == "White") / max(total, 1)


def _by_age(numbers: Numbers) -> str:
    male, female = (numbers.ages[gender] for gender in GENDERS)
    rows = [[str(age), f"{m:,}", f"{f:,}"] for age, (m, f) in enumerate(zip(male, female, strict=True)) if m or f]
    return table(("age", *GENDERS), rows)


def _outlier_text(numbers: Numbers) -> str:
    total = sum(sum(spread.outliers.values()) for spread in numbers.spreads)
    hundred = sum(int(counts[100:].sum()) for counts in numbers.ages.values())
    return (
        "The box holds the middle half, its line is the median; beyond 1.5 times the box's width from it an age counts "
        f"as an outlier (Tukey). That is {total:,} faces, which does not make them wrong: they are old people in a set "
        f"of mostly young ones. {hundred} faces are said to be 100 or older. {UNSAID}"
    )


def _outlier_alt(numbers: Numbers) -> str:
    return "Box plots of age. " + "; ".join(
        f"{s.gender}: median {s.median:g}, middle half {s.first:g} to {s.third:g}, outliers {_outliers(s)}"
        for s in numbers.spreads
    )


def _outliers(spread: Spread) -> str:
    return f"{sum(spread.outliers.values()):,}"


def _boxes(numbers: Numbers) -> str:
    rows = [
        [
            s.gender,
            f"{s.first:g}",
            f"{s.median:g}",
            f"{s.third:g}",
            f"{s.low} to {s.high}",
            _outliers(s),
            str(max(s.outliers, default=s.high)),
        ]
        for s in numbers.spreads
    ]
    return table(
        ("gender", "first quartile", "median", "third quartile", "within the fences", "outliers", "oldest"), rows
    )


def _races(numbers: Numbers) -> str:
    rows = [
        [f"{gender}, {name}", *(f"{numbers.races[race, name, gender]:,}" for race in RACES)]
        for gender in GENDERS
        for name in BINS
    ]
    total = ["all", *(f"{sum(n for (r, _, _), n in numbers.races.items() if r == race):,}" for race in RACES)]
    return table(("gender, age", *RACES), [*rows, total])


def _chart(name: str, figures: dict[str, str], alt_text: str) -> str:
    svg = inline(figures[name], name, escape(alt_text, quote=True))
    if name in ("gender", "age"):  # a pie can be small
        return f'<figure class="chart">{svg}</figure>'
    return f'<div class="wide chart" tabindex="0"><figure>{svg}</figure></div>'


def _faces(faces: Sequence[Sample], seed: int) -> str:
    rows = "".join(
        f'<h3>Aged {escape(name)}</h3><div class="faces">{"".join(map(_face, some))}</div>'
        for name, some in by_bin(faces).items()
    )
    text = f"Up to {ROW} a bin of age, drawn with seed {seed}. Photographs of real people, for research: do not pass "
    return section("Sample faces with their labels", f"{text}them on.", rows)


def _face(one: Sample) -> str:
    return (
        f'<figure><img src="data:image/jpeg;base64,{_jpeg(one.pixels)}" width="104" height="104" '
        f'alt="A face labelled {one.age} years, {one.gender}, {escape(one.race)}">'
        f"<figcaption>{one.age} {one.gender}<br>{escape(one.race)}</figcaption></figure>"
    )


def _jpeg(pixels: Picture8) -> str:
    out = BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=85)
    return b64encode(out.getvalue()).decode()
