"""What Prometheus reads. Nothing of a picture or a person is counted, only requests, pictures, faces and seconds."""

from collections.abc import Callable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

_PICTURES = "Pictures read, at once or as jobs by this server's own workers; jobs that others answer are not counted"


class Metrics:
    """The server's counters. ``held`` and ``ready`` are asked when the metrics are."""

    def __init__(self, held: Callable[[], int], ready: Callable[[], int]) -> None:
        self._registry = registry = CollectorRegistry()
        self.requests = Counter(
            "onlooker_requests", "Requests answered", ["method", "route", "status"], registry=registry
        )
        self.seconds = Histogram(
            "onlooker_request_seconds", "Seconds to answer a request", ["route"], buckets=_SECONDS, registry=registry
        )
        self._pictures = Counter("onlooker_pictures", _PICTURES, ["outcome"], registry=registry)
        self._faces = Counter("onlooker_faces", "Faces read in these pictures", registry=registry)
        self._steps = Histogram(
            "onlooker_step_seconds", "Seconds of a step of a picture", ["step"], buckets=_SECONDS, registry=registry
        )
        Gauge("onlooker_pictures_held", "Pictures worked on or waiting", registry=registry).set_function(held)
        Gauge("onlooker_workers_ready", "Worker processes ready", registry=registry).set_function(ready)

    def picture(self, faces: int, timings: Mapping[str, float], *, error: bool) -> None:
        """Count a picture that was looked at, at once or as a job."""
        self._pictures.labels("unreadable" if error else "read").inc()
        self._faces.inc(faces)
        for step, seconds in timings.items():
            self._steps.labels(step).observe(seconds)

    def text(self) -> bytes:
        """All of them, in Prometheus' text form."""
        return generate_latest(self._registry)
