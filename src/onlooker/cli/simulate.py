"""``onlooker simulate``: policies side by side in a simulated store."""

import json
from pathlib import Path
from typing import Any

import click

from onlooker.cli.options import progress
from onlooker.cli.ranges import FiniteRange


@click.command(name="simulate")
@click.option("--seeds", type=click.IntRange(min=1), default=30, show_default=True, metavar="N", help="Stores.")
@click.option(
    "--hours",
    type=FiniteRange(min=0, max=24, min_open=True),
    default=12.0,
    show_default=True,
    metavar="H",
    help="Hours that each is open, from 9 o'clock on.",
)
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, metavar="K", help="Draws other stores."
)
@click.option(
    "--campaign",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="A campaign to play; its adverts' files need not be there.  [default: eleven made-up adverts]",
)
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("simulation"),
    show_default=True,
    metavar="DIR",
    help="Where simulation.json and simulation.html are written.",
)
@click.option("--workers", type=click.IntRange(min=1), metavar="N", help="Processes.  [default: one a core]")
def command(seeds: int, hours: float, seed: int, file: Path | None, output: Path, workers: int | None) -> None:
    """Compare ways of choosing adverts in a simulated store, and write the figures and a page that shows them.

    The people are invented, the camera errs as ours was measured to on real faces. A lead here is a lead in the
    simulation, not a promise of real attention.
    """
    from onlooker.core.errors import InputError
    from onlooker.signage.simulation.compare import campaign_of, simulate
    from onlooker.signage.simulation.page import page

    campaign = campaign_of(file)
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{output}: cannot be made ({error.strerror}); name another --output folder") from None
    with progress("simulating", seeds) as step:
        found = simulate(campaign, seeds=seeds, hours=hours, seed=seed, workers=workers, progress=step)
    made_by = f"onlooker simulate --seeds {seeds} --hours {hours:g} --seed {seed}"
    found = {"made_by": made_by + (f" --campaign {file.name}" if file else ""), **found}
    try:
        (output / "simulation.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        (output / "simulation.html").write_text(page(found), encoding="utf-8")
    except OSError as error:
        raise InputError(f"{output}: cannot be written to ({error.strerror}); name another --output folder") from None
    click.echo(_table(found))
    click.echo(f"open {output / 'simulation.html'}")


def _table(found: dict[str, Any]) -> str:
    from onlooker.signage.simulation.page import TOO_FEW, between, count

    few = found["policies"][0]["attention_s_per_hour"]["low"] is None
    lines = [
        f"{count(found['seeds'], 'store')} of {count(found['hours'], 'hour')}; "
        + (TOO_FEW if few else "95 % intervals in brackets"),
        f"{'policy':<12} {'attention, s/h':<22} {'less than the oracle':<22} {'over caps':>9} {'minors policy':>14}",
    ]
    for policy in found["policies"]:
        attention, regret = policy["attention_s_per_hour"], policy["regret_s_per_hour"]
        shown = [between(value) for value in (attention, regret)]
        broken = f"{policy['minors_policy_broken']} broken" if policy["keeps_minors_policy"] else "not kept"
        lines.append(f"{policy['name']:<12} {shown[0]:<22} {shown[1]:<22} {policy['over_cap']:>9} {broken:>14}")
    return "\n".join([*lines, found["note"]])
