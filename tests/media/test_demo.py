"""The demo camera: the same minute every time, at its pace, and nobody in it between the visits."""

from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from onlooker.core.errors import InputError
from onlooker.media import demo
from onlooker.media.video import Clock, frames


class Time:
    """A clock that runs when it is slept by, and when a test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def clock(self) -> Clock:
        return Clock(lambda: self.now, self.sleep)

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_it_is_a_source_by_its_name_at_720p_and_its_own_pace() -> None:
    demo.register()
    time = Time()
    seen = list(islice(frames(demo.NAME, clock=time.clock()), 4))
    assert [frame.pixels.shape for frame in seen] == [(720, 1280, 3)] * 4
    assert [frame.number for frame in seen] == [0, 1, 2, 3]
    assert [frame.at for frame in seen] == pytest.approx([n / demo.RATE for n in range(4)])
    assert time.now == pytest.approx(100 + 3 / demo.RATE)


def test_whoever_is_slow_misses_frames_as_with_a_camera() -> None:
    time = Time()
    stream = demo.frames(time.clock())
    next(stream)
    time.now += 10.5 / demo.RATE
    late = next(stream)
    assert (late.number, late.dropped) == (1, 9)
    assert late.at == pytest.approx(10 / demo.RATE)


def test_every_round_is_the_same_and_the_shop_is_empty_between_visits() -> None:
    time = Time()
    stream = demo.frames(time.clock())
    empty = next(stream).pixels
    time.now = 100 + 12.0
    visit = next(stream)
    time.now = 100 + demo.ROUND + 12.0
    again = next(stream)
    assert again.at - visit.at == pytest.approx(demo.ROUND)
    assert np.abs(again.pixels.astype(int) - visit.pixels.astype(int)).mean() < 4  # but for the noise
    stage = demo.stage(demo.samples_folder())

    def differs(at: float) -> bool:
        return bool(np.abs(stage.frame(at).astype(int) - empty.astype(int)).mean() > 4)

    assert [differs(at) for at in (1, 12, 20, 30, 39, 48, 55)] == [False, True, False, True, False, True, False]


def test_without_its_portraits_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(demo, "files", lambda _: tmp_path)
    with pytest.raises(InputError, match="name a camera or a video file as --source"):
        demo.samples_folder()
