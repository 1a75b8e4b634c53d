"""The plain pages: the model's card for people, and the answer, or the refusal, for a browser without scripts."""

import math
import re
from collections.abc import Mapping
from html import escape
from typing import Any

from onlooker.core.demographics import whole_years
from onlooker.models.cards import ModelCard
from onlooker.service.problems import Problem

_MEASURES = (
    ("mae", "age error", "{:.2f} years"),
    ("cs5", "within 5 years", "{:.1%}"),
    ("gender_accuracy", "gender right", "{:.1%}"),
    ("class_accuracy", "child, adult or old right", "{:.1%}"),
    ("class_macro_recall", "... mean of the three", "{:.1%}"),
    ("interval_coverage", "age in its interval", "{:.1%}"),
)
"""Key of a score in a card, what it is called here, and how it is written."""


def document(title: str, body: str) -> str:
    """A page of the website's look around ``body``, which is HTML."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f"<title>{escape(title)} - Onlooker</title>"
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark"><link rel="icon" href="/static/icon.svg" type="image/svg+xml">'
        '<link rel="stylesheet" href="/static/document.css"><script src="/static/theme.js"></script></head>'
        '<body><main><nav aria-label="Onlooker"><a href="/">Onlooker</a> <a href="/docs">API</a> '
        f'<a href="/model">Model</a></nav><h1>{escape(title)}</h1>{body}</main></body></html>'
    )


_BEGIN = '<p><a href="/">To the start</a></p>'

_TO_PEOPLE = {
    "not-found": ("There is nothing here", "The address may be mistyped, or what was here is gone."),
    "method-not-allowed": (
        "There is nothing to see here",
        "An answer is shown once, to whoever sent the picture; send it again from the start.",
    ),
    "unauthorized": (
        "The page was open for too long",
        "Open the start again, with cookies allowed, then send the picture once more.",
    ),
}
"""Title and sentence of a refusal, by its kind, where those for programs would not help a person. A key that a browser
itself asks for (Basic) is one that a person can give."""


def refusal(problem: Problem) -> str:
    """A page that says why something was refused, and leads back to the start."""
    detail = problem.detail[:1].upper() + problem.detail[1:] + ("" if problem.detail.endswith((".", "!", "?")) else ".")
    title, sentence = _TO_PEOPLE.get(problem.kind, (problem.title, detail))
    if problem.headers.get("WWW-Authenticate", "").startswith("Basic "):
        title, sentence = problem.title, detail
    return document(title, f"<p>{_text(sentence)}</p>{_BEGIN}")


def answers(analyses: list[Mapping[str, Any]]) -> str:
    """The page that answers a form of pictures."""
    kept = "<p>Neither the picture nor this answer is kept on the server.</p>"
    return document("Answer", "".join(map(answer, analyses)) + kept + _BEGIN)


def answer(analysis: Mapping[str, Any]) -> str:
    """One picture's answer as a table."""
    head = f"<h2>{escape(analysis['source'])}</h2>"
    if analysis["error"]:
        return head + f"<p>{escape(analysis['error'])}</p>"
    if not analysis["faces"]:
        return head + "<p>No face was found.</p>"
    rows = "".join(
        f"<tr><td>{number}<td>{whole_years(face['age'])}"
        f"<td>{whole_years(face['age_low'])} to {whole_years(face['age_high'])}"
        f"<td>{_gender(face)}<td>{escape(', '.join(face['doubts']))}"
        for number, face in enumerate(analysis["faces"], start=1)
    )
    return head + f"<table><tr><th>Face<th>Age<th>Interval<th>Gender<th>Doubts</tr>{rows}</table>"


def _gender(face: Mapping[str, Any]) -> str:
    """The label with its probability, as ``words.js`` says it."""
    if face["gender"] is None:
        return "undetermined"
    p = face["p_female"] if face["gender"] == "female" else 1 - face["p_female"]
    return f"{face['gender']}, {math.floor(100 * min(p, 0.99) + 0.5)} %"


def model(card: ModelCard) -> str:
    """A model's card: what it is for, how wrong it is and on what, and what the file is."""
    calibration = card.calibration
    facts = {
        "What it is": card.summary,
        "Trained": card.origin,
        "Licence": card.licence,
        "Input": f"{card.input_size} x {card.input_size} pixels of a face" if card.input_size else "",
        "Interval": f"{calibration.interval_probability:.0%}" if calibration else "",
        "File": f"{card.file}, {card.bytes / 1e6:.1f} MB",
        "SHA-256": card.sha256,
    }
    told = "".join(f"<tr><th scope=row>{name}<td>{_text(text)}" for name, text in facts.items() if text)
    return (
        f'<p class="lead">{_text(card.notes)} Do not use it to verify anyone\'s age.</p>'
        f"<h2>How wrong is it</h2>{_scores(card.scores)}"
        "<p>In brackets: 95 % bootstrap intervals. A face that was not found counts nowhere but in its own row.</p>"
        f'<h2>The model</h2><table class="facts">{told}</table>'
    )


def _scores(scores: Mapping[str, Any]) -> str:
    """A column a data set, a row a measure; a dash where a set has no labels for it."""
    head = "".join(f"<th scope=col>{escape(name)}" for name in scores)
    rows = [
        f"<tr><th scope=row>{name}" + "".join(f"<td>{_value(score.get(key), form)}" for score in scores.values())
        for key, name, form in _MEASURES
    ]
    for key, name in (("n", "faces"), ("no_face", "not found"), ("protocol", "how they were found")):
        rows.append(
            f"<tr><th scope=row>{name}" + "".join(f"<td>{escape(str(s.get(key, '-')))}" for s in scores.values())
        )
    return f"<table><tr><td>{head}</tr>{''.join(rows)}</table>"


def _value(value: Any, form: str) -> str:
    if not value:
        return "-"
    low, high = (form.format(value[end]).split(" ")[0] for end in ("low", "high"))
    return f"<strong>{form.format(value['value'])}</strong> <small>({low} to {high})</small>"


def _text(text: str) -> str:
    """Text with `code` marked."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))
