"""Which page plays, where several are open."""

from dataclasses import dataclass

from onlooker.service.display.seat import ASKED, GRACE, Seat


@dataclass
class Hand:
    time: float = 100.0

    def now(self) -> float:
        return self.time


def test_whoever_comes_first_plays_and_the_other_waits_until_it_is_gone() -> None:
    hand = Hand()
    seat = Seat(hand.now)
    assert seat.claim("first")
    with seat.listening("first"), seat.listening("second"):
        assert not seat.claim("second")
        hand.time += 1000
        assert not seat.claim("second", waits=True)
        assert seat.claim("first")
    assert not seat.claim("second", waits=True)  # the first may be back at once
    hand.time += GRACE
    assert seat.claim("second", waits=True)


def test_a_page_that_has_just_been_opened_need_not_wait_for_one_that_is_closed() -> None:
    seat = Seat(Hand().now)
    with seat.listening("first"):
        assert seat.claim("first")
    assert seat.claim("second")
    assert not seat.claim("first", waits=True)


def test_after_a_restart_of_the_server_the_page_that_played_goes_on() -> None:
    hand = Hand()
    seat = Seat(hand.now)
    assert not seat.claim("waiting", waits=True)
    assert seat.claim("playing")
    hand.time += 1000
    with seat.listening("playing"):
        assert not seat.claim("waiting", waits=True)


def test_somebody_may_have_another_page_play() -> None:
    seat = Seat(Hand().now)
    with seat.listening("first"), seat.listening("second"):
        assert seat.claim("first")
        assert seat.claim("second", take=True)
        assert not seat.claim("first")
        assert seat.holder == "second"


def test_that_another_page_waits_is_known_while_it_asks() -> None:
    hand = Hand()
    seat = Seat(hand.now)
    known = [seat.contested]
    with seat.listening("first"):
        for page, later in (("first", 0.0), ("second", ASKED)):
            seat.claim(page)
            known.append(seat.contested)
            hand.time += later
    assert [*known, seat.contested] == [False, False, True, False]


def test_a_page_that_listens_twice_is_there_until_both_have_ended() -> None:
    seat = Seat(Hand().now)
    assert seat.claim("first")
    with seat.listening("first"):
        with seat.listening("first"):
            pass
        assert not seat.claim("second")
