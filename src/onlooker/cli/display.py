"""``onlooker display``: a screen that plays adverts for whoever stands in front of it."""

from pathlib import Path

import click

DEMO = "demo"


@click.command(name="display")
@click.option(
    "--campaign",
    type=click.Path(path_type=Path),
    required=True,
    metavar="FILE",
    help="What plays (TOML), see docs/campaigns.md; `demo` is a campaign that comes along.",
)
@click.option(
    "--source",
    default="0",
    show_default=True,
    metavar="0|URL|FILE|demo",
    help="The camera: its number, an address (rtsp://...), a video file, or a camera that is made up.",
)
@click.option("--loop", is_flag=True, help="Start a file again at its end.")
@click.option("--host", metavar="HOST", help="Address to listen on; 0.0.0.0 lets others in.  [default: 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65535), metavar="PORT", help="0 takes a free one.  [default: 8000]")
@click.option("--screen", metavar="ID", help="What the screen goes by, in plays and counts too.  [default: screen-1]")
@click.option("--ledger", metavar="URL", help="Where plays and counts are kept: sqlite:///file or postgresql://...")
@click.option("--check", is_flag=True, help="Read the campaign, say what is in it or what is wrong with it, and end.")
@click.option("--open/--no-open", "opened", default=False, help="Open the screen's page in this user's browser.")
@click.option(
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Settings (TOML), see docs/settings.md; environment variables ONLOOKER_... go before it.",
)
def command(
    campaign: Path,
    source: str,
    loop: bool,
    host: str | None,
    port: int | None,
    screen: str | None,
    ledger: str | None,
    check: bool,
    opened: bool,
    config: Path | None,
) -> None:
    """Play adverts on a screen, chosen for whoever the camera sees in front of it.

    The screen's page is /display, to be shown by a browser that fills the screen; /operator says what the camera sees,
    what plays and why. Pictures stay in memory; the camera's process gives away nothing but numbers. What the camera
    is used for is switched by the settings' table [display].
    """
    from onlooker.settings import load

    serve, display = {"host": host, "port": port}, {"screen": screen, "ledger": ledger}
    settings = load(config, {"serve": serve, "display": display})
    file = campaign if str(campaign) != DEMO else demo_campaign()
    if check:
        _check(file)
        return
    from onlooker.service.display.server import run

    def said(url: str) -> None:
        click.echo(f"The screen is at    {url}/display")
        click.echo(f"The operator's page {url}/operator")
        if settings.display.uploads:
            click.echo(f"The website         {url}/")
        click.echo("(Ctrl-C ends it)")
        if opened:
            import webbrowser

            webbrowser.open(f"{url}/display")

    run(settings, file, source, said, loop=loop)


def demo_campaign() -> Path:
    """The campaign that comes along."""
    from importlib.resources import files

    return Path(str(files("onlooker") / "signage" / "demo" / "campaign.toml"))


def _check(file: Path) -> None:
    """Say what a campaign has. Raises ``ConfigError``, with a line for each mistake."""
    from onlooker.signage.reading import load

    campaign = load(file)
    click.echo(f"{file}: nothing is wrong with its {len(campaign.adverts)} adverts")
    wide = max(len(advert.id) for advert in campaign.adverts)
    for advert in campaign.adverts:
        whom = "the default" if advert.default else f"for {'everybody' if advert.target.anyone else advert.target}"
        click.echo(f"  {advert.id:<{wide}}  {campaign.slot(advert):>4g} s  {whom}{', adults only' * advert.restricted}")
