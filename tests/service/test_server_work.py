"""Jobs through a real server: what outlives a server or a worker that is killed, and what is given up."""

import concurrent.futures
import os
import signal
from collections.abc import Callable

from tests.service.conftest import Server
from tests.service.running import answered, awaited, call, children, sent, stored, works

# Ending and starting again


def test_what_was_accepted_is_answered_after_the_server_was_killed(
    own: Callable[..., Server], portrait: bytes, hooked: dict[str, str]
) -> None:
    server = own(**hooked)
    jobs = [sent(server, b"SLOW"), *(sent(server, portrait) for _ in range(6))]
    server.stop(signal.SIGKILL)
    again = own(ONLOOKER_LEASE="1")
    assert [answered(again, job)["status"] for job in jobs] == ["failed"] + ["done"] * 6
    works(again, portrait)


def test_a_request_sent_again_after_the_server_was_killed_is_the_same_job(own: Callable[..., Server]) -> None:
    ids = []
    for _ in range(2):
        server = own(ONLOOKER_WORKERS="0")
        ids.append(sent(server, b"picture", **{"Idempotency-Key": "k"}))
        server.stop(signal.SIGKILL)
    assert ids[0] == ids[1]
    assert len([path for path in stored(server) if path.parent.name == "in_"]) == 1


# Workers


def test_a_picture_that_kills_its_worker_is_given_up_and_its_neighbours_are_answered(
    own: Callable[..., Server], portrait: bytes, hooked: dict[str, str]
) -> None:
    server = own(**hooked, ONLOOKER_THREADS="2", ONLOOKER_LIMITS_WAIT="60")
    with concurrent.futures.ThreadPoolExecutor(4) as clients:
        killing = clients.submit(call, server, "POST", "/v1/analyze", b"KILL")
        innocent = [clients.submit(call, server, "POST", "/v1/analyze", portrait) for _ in range(3)]
        status, problem, _ = killing.result()
        assert (status, problem["type"]) == (500, "urn:onlooker:problem:picture-stops-worker")
        assert "try it in another format" in problem["detail"]
        assert [call.result()[0] for call in innocent] == [200, 200, 200]
    works(server, portrait)


def test_a_job_that_kills_its_worker_goes_to_the_dead_letters_and_says_so(
    own: Callable[..., Server], portrait: bytes, hooked: dict[str, str]
) -> None:
    server = own(**hooked, ONLOOKER_THREADS="2")
    killing = sent(server, b"KILL")
    innocent = [sent(server, portrait) for _ in range(3)]
    failed = answered(server, killing)
    assert failed["status"] == "failed"
    assert "stopped its worker" in failed["error"]
    assert [answered(server, job)["status"] for job in innocent] == ["done"] * 3
    works(server, portrait)


def test_a_picture_that_hangs_is_given_up(own: Callable[..., Server], portrait: bytes, hooked: dict[str, str]) -> None:
    server = own(**hooked, ONLOOKER_LIMITS_PATIENCE="1")
    status, problem, _ = call(server, "POST", "/v1/analyze", b"HANG")
    assert (status, problem["type"]) == (500, "urn:onlooker:problem:picture-stops-worker")
    awaited(lambda: call(server, "GET", "/readyz")[0] == 200)
    works(server, portrait)


def test_what_is_answered_at_once_and_as_a_job_is_counted(own: Callable[..., Server], portrait: bytes) -> None:
    server = own()
    works(server, portrait)
    for data in (portrait, b"no picture"):
        answered(server, sent(server, data))
    counted = awaited(lambda: (text := call(server, "GET", "/metrics")[1].decode()).count("unreadable") and text)
    assert 'onlooker_pictures_total{outcome="read"} 2.0' in counted
    assert 'onlooker_pictures_total{outcome="unreadable"} 1.0' in counted
    assert "onlooker_faces_total 2.0" in counted
    assert 'onlooker_step_seconds_count{step="detect"} 3.0' in counted


def test_a_worker_that_is_killed_while_it_rests_is_replaced(own: Callable[..., Server], portrait: bytes) -> None:
    server = own(ONLOOKER_LIMITS_WAIT="60")
    os.kill(children(server)[0], signal.SIGKILL)
    works(server, portrait)
    assert "worker lost" in server.log.read_text()


def test_more_than_can_wait_is_refused_at_once(own: Callable[..., Server], hooked: dict[str, str]) -> None:
    server = own(**hooked, ONLOOKER_THREADS="1", ONLOOKER_LIMITS_BACKLOG="1")
    with concurrent.futures.ThreadPoolExecutor(8) as clients:
        calls = [clients.submit(call, server, "POST", "/v1/analyze", b"SLOW") for _ in range(8)]
        outcomes = [one.result() for one in calls]
    statuses = [status for status, _, _ in outcomes]
    assert set(statuses) == {422, 503}
    awaited(lambda: "onlooker_pictures_held 0.0" in call(server, "GET", "/metrics")[1].decode())
    for status, problem, headers in outcomes:
        if status == 503:
            assert problem["type"] == "urn:onlooker:problem:busy"
            assert int(headers["Retry-After"]) >= 1
