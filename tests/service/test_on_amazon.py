"""The website with its pictures in S3 and its tasks in SQS, and no worker of its own: the same path, other adapters.

SeaweedFS enforces what S3 does; the worker is a second process, as on another machine; the page is a real browser's,
which sends the picture to the bucket itself, across origins.
"""

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.jobs import servers
from tests.service.browser import browser
from tests.service.conftest import Server, start_server

pytest.importorskip("boto3", reason="needs the extra [aws]")


@pytest.fixture(scope="module")
def amazon(tmp_path_factory: pytest.TempPathFactory, detector: None) -> Iterator[tuple[Server, dict[str, str]]]:
    """A website on a bucket and a queue, with one worker beside it; and the environment they share."""
    del detector
    folder = tmp_path_factory.mktemp("amazon")
    (folder / "s3").mkdir()
    (folder / "sqs").mkdir()
    with servers.seaweed(folder / "s3") as s3, servers.moto(folder / "sqs") as sqs:
        client = servers.client("s3", s3)
        client.create_bucket(Bucket="shop")
        rule = {"AllowedMethods": ["GET", "POST"], "AllowedOrigins": ["*"], "AllowedHeaders": ["*"]}
        client.put_bucket_cors(Bucket="shop", CORSConfiguration={"CORSRules": [rule]})
        servers.client("sqs", sqs).create_queue(QueueName="tasks")
        environment = {
            **servers.ENVIRONMENT,
            "AWS_ENDPOINT_URL_S3": s3.endpoint,
            "AWS_ENDPOINT_URL_SQS": sqs.endpoint,
            "ONLOOKER_STORE": "s3://shop/site",
            "ONLOOKER_QUEUE": "sqs://tasks",
            "ONLOOKER_LIMITS_RATE": "0",
        }
        site = start_server(folder, "--workers", "0", environment=environment)
        other = folder / "worker"
        other.mkdir()
        worker = start_server(other, "--workers", "1", environment=environment, command="worker")
        try:
            yield site, environment
        finally:
            for process in (site, worker):
                process.stop()
                assert process.process.stdout is not None
                process.process.stdout.close()


def test_a_job_goes_through_bucket_and_queue(amazon: tuple[Server, dict[str, str]], samples: Path) -> None:
    site, _ = amazon
    with httpx.Client(base_url=site.url, timeout=60) as client:
        form = client.post("/v1/uploads", json={"name": "hopper.jpg"}).json()
        assert form["url"].startswith("http")
        picture = (samples / "grace_hopper.jpg").read_bytes()
        sent = httpx.post(form["url"], data=form["fields"], files={"file": picture}, timeout=60)
        assert sent.status_code == 201
        assert client.post("/v1/jobs", json={"upload": form["id"]}).status_code == 202
        until = time.monotonic() + 60
        while (job := client.get(f"/v1/jobs/{form['id']}").json())["status"] == "queued":
            assert time.monotonic() < until
            time.sleep(0.1)
        assert job["status"] == "done"
        assert job["analysis"]["source"] == "hopper.jpg"
        assert len(job["analysis"]["faces"]) == 1
        assert client.delete(f"/v1/jobs/{form['id']}").status_code == 204
        assert client.get(f"/v1/jobs/{form['id']}").status_code == 404
        assert client.get("/readyz").json()["status"] == "ready"


def test_an_answer_at_once_without_a_worker_of_its_own(amazon: tuple[Server, dict[str, str]], samples: Path) -> None:
    site, _ = amazon
    answer = httpx.post(f"{site.url}/v1/analyze", content=(samples / "grace_hopper.jpg").read_bytes(), timeout=60)
    assert answer.status_code == 200
    assert len(answer.json()["faces"]) == 1


def test_the_page_sends_its_picture_to_the_bucket_itself(
    amazon: tuple[Server, dict[str, str]], samples: Path, tmp_path: Path
) -> None:
    site, environment = amazon
    with browser(site.url, tmp_path / "downloads") as page:
        page.open()
        page.requests()
        page.choose(samples / "grace_hopper.jpg")
        card = page.card("done")
        assert "1 face" in card.text
        sent = page.requests()
        assert any(url.startswith(environment["AWS_ENDPOINT_URL_S3"]) for url in sent)
        assert not any("/v1/store" in url for url in sent)
        assert [complaint for complaint in page.complaints() if complaint.startswith("SEVERE")] == []
