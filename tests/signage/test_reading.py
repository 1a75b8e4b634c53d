"""A campaign's file: what it means, and what each mistake in it is told."""

import re
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from onlooker.core.errors import ConfigError
from onlooker.signage.campaign import Learning, Minors, Range, Target
from onlooker.signage.reading import KINDS, _Advert, _File, _Learning, _Minors, _Targeting, load
from onlooker.signage.schedule import DayPart, Schedule

ROOT = Path(__file__).parent.parent.parent
DEFAULT = '[[advert]]\nid = "default"\nfile = "d.svg"\ndefault = true\n'

WHOLE = """\
timezone = "Europe/Berlin"
targeting = false
hold = 20
everyone = 0.4
margin = 0.2
hysteresis = 0.01

[minors]
policy = "allow"
threshold = 0.2
adult = 0.95

[learning]
enabled = true
floor = 0.1

[dayparts]
lunch = ["11:30", "14:00"]
night = ["22:00", "06:00"]

[[advert]]
id = "default"
file = "d.svg"
default = true

[[advert]]
id = "dress"
file = "sub/dress.MP4"
duration = 12.5
targeting = { age = [20, 39], gender = "female", group = [1, 2], confidence = 0.7 }
from = 2026-03-01
until = 2026-03-31
weekdays = ["mon", "sun"]
dayparts = ["night", "lunch"]
priority = 3
share = 40
cap_per_hour = 6
screens = ["door"]
when = { weather = ["rain", "snow"], open = true, degrees = { at_least = 5 } }

[[advert]]
id = "wine"
url = "https://example.org/wine"
restricted = true
priority = 3

[[advert]]
id = "beer"
file = "beer.html"
restricted = true
priority = 3
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sub").mkdir()
    for name in ("d.svg", "sub/dress.MP4", "beer.html"):
        (tmp_path / name).write_text("something", encoding="utf-8")
    return tmp_path


def written(folder: Path, text: str) -> Path:
    path = folder / "campaign.toml"
    path.write_text(text, encoding="utf-8")
    return path


def mistakes(folder: Path, text: str) -> list[str]:
    path = written(folder, text)
    with pytest.raises(ConfigError) as error:
        load(path)
    told = str(error.value).splitlines()
    assert all(line.startswith(str(path)) for line in told)
    return [line.removeprefix(str(path)).lstrip(",: ") for line in told]


def test_everything_a_file_says_is_understood(folder: Path) -> None:
    campaign = load(written(folder, WHOLE))
    assert campaign.timezone == ZoneInfo("Europe/Berlin")
    assert (campaign.targeting, campaign.hold, campaign.everyone) == (False, 20.0, 0.4)
    assert (campaign.margin, campaign.hysteresis) == (0.2, 0.01)
    assert campaign.minors == Minors("allow", 0.2, 0.95)
    assert campaign.learning == Learning(enabled=True, floor=0.1)
    default, dress, wine, beer = campaign.adverts
    assert default is campaign.default
    assert (default.general, default.duration, default.kind) == (True, 10.0, "image")
    assert default.source == folder / "d.svg"
    assert dress.target == Target((20, 39), "female", (1, 2), 0.7)
    night, lunch = DayPart("night", 22 * 60, 6 * 60), DayPart("lunch", 690, 840)
    assert dress.schedule == Schedule(date(2026, 3, 1), date(2026, 3, 31), frozenset({0, 6}), (night, lunch))
    assert (dress.kind, dress.duration, dress.priority, dress.weight) == ("video", 12.5, 3, 40.0)
    assert dress.cap_per_hour == 6
    assert dress.screens == {"door"}
    assert dress.when == {"weather": ("rain", "snow"), "open": (True,), "degrees": Range(at_least=5.0)}
    assert (wine.source, wine.kind, wine.restricted, wine.general) == ("https://example.org/wine", "html", True, False)
    assert (beer.kind, beer.weight, wine.weight) == ("html", 30.0, 30.0)  # what the first leaves of the tier, halved
    assert campaign.by_id["beer"] is beer


def test_what_is_not_said_has_the_safe_default(folder: Path) -> None:
    campaign = load(written(folder, DEFAULT))
    assert campaign.minors == Minors("exclude_from_targeting", 0.05, 0.99)
    assert campaign.targeting
    assert not campaign.learning.enabled
    assert campaign.adverts[0].schedule.always


def test_a_slot_lasts_as_long_as_the_advert_and_at_least_as_the_hold(folder: Path) -> None:
    campaign = load(written(folder, WHOLE))
    assert campaign.slot(campaign.default) == 20.0
    assert campaign.slot(campaign.by_id["dress"]) == 25.0  # a video is played whole, here twice


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_the_page_can_show_is_taken(folder: Path, kind: str) -> None:
    (folder / f"x{kind}").write_text("x", encoding="utf-8")
    load(written(folder, DEFAULT + f'[[advert]]\nid = "x"\nfile = "x{kind}"\nduration = 5\n'))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", ["the file: the campaign has no advert"]),
        ('advert = "x"\n', ["line 1: advert: expected `array`, got `str`"]),
        ("advert = [1]\n", ["line 1: advert[1]: an advert is a table"]),
        ("hold = -1\n" + DEFAULT, ["line 1: hold: expected `float` >= 0.0"]),
        ("hodl = 1\n" + DEFAULT, ["line 1: hodl: unknown key; the keys are advert, timezone, targeting, hold"]),
        ('timezone = "Berlin"\n' + DEFAULT, ["line 1: timezone: 'Berlin' is no known time zone"]),
        ('timezone = "../etc"\n' + DEFAULT, ["line 1: timezone: '../etc' is no known time zone"]),
        ('timezone = "Europe"\n' + DEFAULT, ["line 1: timezone: 'Europe' is no known time zone"]),
        ("[minors]\npolicy = 'none'\n" + DEFAULT, ["line 2: minors.policy: invalid enum value 'none': it is one of"]),
        ("[minors]\nthreshold = 0\n" + DEFAULT, ["line 2: minors.threshold: expected `float` > 0.0"]),
        ("[minors]\nadult = 0.4\n" + DEFAULT, ["line 2: minors.adult: expected `float` >= 0.5"]),
        ("[learning]\nfloor = 0\n" + DEFAULT, ["line 2: learning.floor: expected `float` >= 0.01"]),
        ("[dayparts]\nx = ['10:00', '10:00']\n" + DEFAULT, ["line 2: dayparts.x: the window is empty"]),
        ("[dayparts]\nx = ['10', '11:00']\n" + DEFAULT, ["line 2: dayparts.x: '10' is no time of day"]),
        ("[dayparts]\nx = ['24:00', '11:00']\n" + DEFAULT, ["line 2: dayparts.x: a window starts at 00:00 to 23:59"]),
        ("[dayparts]\nx = ['10:00']\n" + DEFAULT, ["line 2: dayparts.x: a window is its start and its end"]),
        ("[dayparts]\nx = '10:00'\n" + DEFAULT, ["line 2: dayparts.x: a window is its start and its end"]),
        ("dayparts = 3\n" + DEFAULT, ["line 1: dayparts: expected `object`, got `int`"]),
        (DEFAULT.replace("default = true", ""), ["the file: no advert is the default"]),
        (DEFAULT + DEFAULT.replace("d.svg", "beer.html"), [
            "line 6: advert[2].id: 'default' is the id of the advert of line 2 already",
            "line 8: advert[2].default: the advert of line 4 is the default already",
        ]),
        (DEFAULT + "restricted = true\n", ["line 5: advert[1].restricted: the default must be for everybody"]),
        (DEFAULT + "restricted = true\ngeneral = true\n", [
            "line 5: advert[1].restricted: the default must be for everybody",
            "line 6: advert[1].general: an age-restricted advert is not for everybody",
        ]),
        (DEFAULT + "cap_per_hour = 3\nscreens = ['x']\nfrom = 2026-01-01\ntargeting = { age = [20, 30] }\n", [
            "line 5: advert[1].cap_per_hour: the default plays where nothing else may, so it can have no `cap_",
            "line 6: advert[1].screens: ",
            "line 7: advert[1].from: ",
            "line 8: advert[1].targeting: ",
        ]),
    ],
)  # fmt: skip
def test_a_mistake_in_the_campaign_is_told_with_its_line(folder: Path, text: str, told: list[str]) -> None:
    found = mistakes(folder, text)
    assert len(found) == len(told)
    for line, start in zip(found, told, strict=True):
        assert line.startswith(start)


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ("file = 'x.tiff'", "line 7: advert[2].file: x.tiff: the page cannot show it: it shows jpg, jpeg, png"),
        ("file = 'none.png'", "line 7: advert[2].file: none.png: there is no such file"),
        ("file = 'sub'", "line 7: advert[2].file: sub: the page cannot show it"),
        ("file = 'empty.png'", "line 7: advert[2].file: empty.png: the file is empty"),
        ("file = 'folder.png'", "line 7: advert[2].file: folder.png: there is no such file"),
        ("url = 'ftp://a/b'", "line 7: advert[2].url: 'ftp://a/b' is no address of a page"),
        ("url = 'https:///b'", "line 7: advert[2].url: 'https:///b' is no address of a page"),
        ("file = 'd.svg'\nurl = 'https://a/b'", "line 7: advert[2].file: an advert has either a `file` or a `url`"),
        ("general = true", "line 6: advert[2].id: an advert has either a `file` or a `url`"),
        ("file = 'sub/dress.MP4'", "line 5: advert[2].duration: a video needs its length in seconds"),
        ("file = 'd.svg'\nduration = 0.5", "line 8: advert[2].duration: expected `float` >= 1.0"),
        ("file = 'd.svg'\ntargeting = { age = [40, 39] }", "line 8: advert[2].targeting.age: the range is empty"),
        (
            "file = 'd.svg'\ntargeting = { age = [5, 17] }",
            "line 8: advert[2].targeting.age: nobody under 18 is targeted",
        ),
        (
            "file = 'd.svg'\ntargeting = { age = [18, 101] }",
            "line 8: advert[2].targeting.age[2]: expected `int` <= 100",
        ),
        ("file = 'd.svg'\n[advert.targeting]\ngroup = [2, 1]", "line 9: advert[2].targeting.group: the range is empty"),
        (
            "file = 'd.svg'\n[advert.targeting]\nsex = 1",
            "line 9: advert[2].targeting.sex: unknown key; the keys are age",
        ),
        (
            "file = 'd.svg'\nfrom = 2026-02-02\nuntil = 2026-02-01",
            "line 9: advert[2].until: ends on 2026-02-01, before",
        ),
        ("file = 'd.svg'\nuntil = '2026-02-01'", "line 8: advert[2].until: 2026-02-01 is no date: write it as"),
        ("file = 'd.svg'\nfrom = 2026-02-01T10:00:00", "line 8: advert[2].from: 2026-02-01 10:00:00 is no date"),
        ("file = 'd.svg'\ndayparts = ['noon']", "line 8: advert[2].dayparts: 'noon' is no day-part: there is none"),
        (
            "file = 'd.svg'\nweekdays = ['monday']",
            "line 8: advert[2].weekdays[1]: invalid enum value 'monday': it is on",
        ),
        ("file = 'd.svg'\nweekdays = []", "line 8: advert[2].weekdays: expected `array` of length >= 1"),
        (
            "file = 'd.svg'\nwhen = { degrees = { at_least = 5, below = 5 } }",
            "line 8: advert[2].when.degrees: the rang",
        ),
        (
            "file = 'd.svg'\nwhen = { degrees = { atleast = 5 } }",
            "line 8: advert[2].when.atleast: unknown key; the keys are at",
        ),
        ("file = 'd.svg'\nshare = 0", "line 8: advert[2].share: expected `float` > 0.0"),
        ("file = 'd.svg'\ncap_per_hour = 0", "line 8: advert[2].cap_per_hour: expected `int` >= 1"),
        ("file = 'd.svg'\nrestricted = true\ngeneral = true", "line 9: advert[2].general: an age-restricted advert is"),
    ],
)
def test_a_mistake_in_an_advert_is_told_with_its_line(folder: Path, lines: str, told: str) -> None:
    (folder / "empty.png").touch()
    (folder / "folder.png").mkdir()
    (found,) = mistakes(folder, DEFAULT + f'[[advert]]\nid = "x"\n{lines}\n')
    assert found.startswith(told)


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file(folder: Path) -> None:
    text = "hold = -1\n" + DEFAULT + '[[advert]]\nid = "x"\nfile = "x.png"\nshare = "much"\nshow = 1\n'
    text += '[[advert]]\nid = "default"\nfile = "none.png"\n'
    assert [line.split(": ")[0] for line in mistakes(folder, text)] == [f"line {n}" for n in (1, 9, 10, 12, 13)]


def advert(id_: str, **keys: object) -> str:
    return f'[[advert]]\nid = "{id_}"\nfile = "d.svg"\n' + "".join(f"{key} = {value}\n" for key, value in keys.items())


def test_the_shares_of_a_tier_are_no_more_than_all_of_it(folder: Path) -> None:
    load(written(folder, DEFAULT + advert("a", share=60) + advert("b", share=40)))
    load(written(folder, DEFAULT + advert("a", share=60) + advert("b", share=60, priority=1)))
    (told,) = mistakes(folder, DEFAULT + advert("a", share=60) + advert("b", share=40.5))
    assert told.startswith("line 12: advert[3].share: the shares of priority 0 add up to 100.5 %")
    (told,) = mistakes(folder, DEFAULT + advert("a", share=60) + advert("b", share=40) + advert("c"))
    assert told.startswith("line 13: advert[4]: the shares of priority 0 leave nothing for 'c'")


def test_a_target_of_minors_is_taken_where_the_campaign_allows_it(folder: Path) -> None:
    text = DEFAULT + '[[advert]]\nid = "x"\nfile = "d.svg"\ntargeting = { age = [5, 17] }\n'
    assert load(written(folder, '[minors]\npolicy = "allow"\n' + text)).adverts[1].target.age == (5, 17)
    assert load(written(folder, text.replace("17", "18"))).adverts[1].target.age == (5, 18)


def test_an_advert_may_play_on_one_day_alone(folder: Path) -> None:
    day = advert("x", **{"from": "2026-02-02", "until": "2026-02-02"})
    assert load(written(folder, DEFAULT + day)).adverts[1].schedule.first == date(2026, 2, 2)


def test_files_need_not_be_there_where_they_are_not_asked_for(tmp_path: Path) -> None:
    campaign = load(written(tmp_path, DEFAULT), files=False)
    assert campaign.default.source == tmp_path / "d.svg"


def test_a_file_that_is_not_there_or_no_toml_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.toml: cannot be read"):
        load(tmp_path / "none.toml")
    with pytest.raises(ConfigError, match="is no TOML"):
        load(written(tmp_path, "[["))


def test_the_document_names_every_key_and_its_example_is_a_campaign(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "campaigns.md").read_text(encoding="utf-8")
    example = text.partition("```toml\n")[2].partition("```")[0]
    assert [a.id for a in load(written(tmp_path, example), files=False).adverts] == ["welcome", "soup", "dress"]
    keys = {*_File.__struct_encode_fields__, *_Advert.__struct_encode_fields__, *_Targeting.__struct_encode_fields__}
    keys |= {f"minors.{key}" for key in _Minors.__struct_fields__}
    keys |= {f"learning.{key}" for key in _Learning.__struct_fields__}
    named = set(re.findall(r"[`\[]([a-z_.]+)[`\] ]", text))
    assert keys - named == {"minors", "learning"}


def test_the_example_is_a_campaign() -> None:
    campaign = load(ROOT / "examples" / "campaign.toml")
    assert len(campaign.adverts) > 4
    assert campaign.default.general
