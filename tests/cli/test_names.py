from pathlib import Path

import pytest

from onlooker.cli.names import identity, printable, shorten


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("caf\xe9 \u5bb6 \U0001f600.jpg", "caf\xe9 \u5bb6 \U0001f600.jpg"),
        ("a\x1b[31mred.jpg", "a\\x1b[31mred.jpg"),
        ("a\nb\r\tc.jpg", "a\\nb\\r\\tc.jpg"),
        ("csi \x9b31m.jpg", "csi \\x9b31m.jpg"),
        ("right to left \u202egpj.exe", "right to left \\u202egpj.exe"),
        ("line \u2028 end", "line \\u2028 end"),
        ("undecodable \udcff.jpg", "undecodable \\udcff.jpg"),
        ("a space that does not break\xa0\u202f.png", "a space that does not break\xa0\u202f.png"),
    ],
)
def test_what_could_move_the_cursor_is_shown_as_an_escape(text: str, shown: str) -> None:
    assert printable(text) == shown
    assert shorten(text, 60) == shown


def test_the_lines_of_a_text_of_several_stay() -> None:
    assert printable("first\nsecond\x07", keep="\n") == "first\nsecond\\x07"


def test_a_name_is_shortened_after_it_is_made_printable() -> None:
    assert shorten("\x1b" * 10 + "end.jpg", 12) == "\N{HORIZONTAL ELLIPSIS}\\x1bend.jpg"


def test_a_picture_is_one_however_its_path_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    same = {identity(name) for name in ("w/a.jpg", "./w/a.jpg", "w//x/../a.jpg", str(tmp_path / "w" / "a.jpg"))}
    assert same == {str(tmp_path / "w" / "a.jpg")}
    assert identity("w/\udcff.jpg") == identity("./w/\\udcff.jpg"), "an output holds odd bytes as escapes"


@pytest.mark.parametrize("name", ["-", "s3://shop/a/../b.jpg"])
def test_what_is_no_path_goes_by_its_name(name: str) -> None:
    assert identity(name) == name
