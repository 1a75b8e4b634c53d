"""``onlooker data``: labelled data."""

from collections import Counter
from pathlib import Path

import click

from onlooker.cli.options import progress


@click.group(name="data")
def command() -> None:
    """Work on labelled faces."""


@command.command(name="split")
@click.argument("data", type=click.Path(path_type=Path))
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), required=True, metavar="FILE")
@click.option("--seed", type=int, default=1, show_default=True)
def split(data: Path, output: Path, seed: int) -> None:
    """Write a split of DATA (file, part, group) in which no photograph stands on both sides.

    Parts are 75 % train, 7.5 % validation, 7.5 % calibration and 10 % test, alike in age, gender and race label;
    exact and near duplicates share a group and a part.
    """
    from onlooker.datasets import labelled
    from onlooker.datasets.split import build_split, write_split

    read = labelled.read(data)
    with progress("looking for duplicates", len(read.faces)) as step:
        rows = build_split(read.faces, seed=seed, progress=step)
    write_split(output, rows)
    for problem in read.problems:
        click.echo(f"left out: {problem}", err=True)
    sizes = Counter(row.part for row in rows)
    shares = ", ".join(f"{part} {n} ({n / len(rows):.1%})" for part, n in sizes.most_common())
    click.echo(f"{output}: {len(rows)} faces in {len({row.group for row in rows})} groups: {shares}")
