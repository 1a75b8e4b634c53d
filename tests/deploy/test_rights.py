"""The template's rights: are they what the code uses, no less and no more?"""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from fnmatch import fnmatchcase
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from onlooker.analyzer import Analysis
from onlooker.core.faces import Faces
from onlooker.jobs.answering import answer, give_up
from onlooker.jobs.folder import FolderStore
from onlooker.jobs.job import JobOptions, Jobs, kept_key
from onlooker.jobs.objects import Form, ObjectInfo, StoredObject
from onlooker.jobs.sqlite import SqliteQueue
from tests.deploy.template import RESOURCES, of_type, text

ROLES = ("AnswerRole", "DeadRole", "WebsiteRole")
WHOLE = re.compile(r"(\$\{\w+(\.Arn)?\}|arn:\$\{AWS::Partition\}:[a-z0-9]+:[^*]*[^:/*])(/[^*]*\*?(\.json)?)?")


def many(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def allowed(role: str) -> set[tuple[str, str]]:
    """Every pair of action and resource that a role may use."""
    pairs = set()
    for policy in RESOURCES[role]["Properties"]["Policies"]:
        for statement in policy["PolicyDocument"]["Statement"]:
            assert statement["Effect"] == "Allow"
            pairs |= {(a, text(r)) for a in many(statement["Action"]) for r in many(statement["Resource"])}
    return pairs


class TestRights:
    @pytest.mark.parametrize("role", ROLES)
    def test_nothing_is_a_wildcard(self, role: str) -> None:
        for action, resource in allowed(role):
            assert "*" not in action, action
            # Only below a name that is whole: a folder of the bucket, an application's environments.
            assert WHOLE.fullmatch(resource), resource

    def test_no_policy_lets_everyone_do_anything(self) -> None:
        kinds = ("AWS::S3::BucketPolicy", "AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy")
        statements = [
            statement
            for kind in kinds
            for held in of_type(kind).values()
            for statement in held["PolicyDocument"]["Statement"]
        ]
        assert len(statements) == 6
        for statement in statements:
            if statement["Effect"] == "Allow":
                assert set(statement["Principal"]) == {"Service"}
                assert statement["Condition"]
                assert "*" not in statement["Action"]

    def test_the_website_may_do_what_its_code_does(self, used: "Used") -> None:
        assert granted("WebsiteRole") == used.website

    def test_the_function_may_do_what_its_code_does(self, used: "Used") -> None:
        assert granted("AnswerRole") == used.function

    def test_the_function_of_dead_letters_may_do_what_its_code_does(self, used: "Used") -> None:
        assert granted("DeadRole") == used.dead

    @pytest.mark.parametrize("role", ROLES)
    def test_a_missing_object_is_told_from_a_forbidden_one(self, role: str) -> None:
        assert ("s3:ListBucket", "${Pictures.Arn}") in allowed(role)

    def test_each_role_reaches_its_own_queue(self) -> None:
        consume = {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"}
        look = {"sqs:GetQueueUrl", "sqs:GetQueueAttributes"}
        queues = {
            "AnswerRole": ("Tasks", consume),
            "DeadRole": ("DeadLetters", consume),
            "WebsiteRole": ("Tasks", look),
        }
        for role, (queue, actions) in queues.items():
            found = {pair for pair in allowed(role) if pair[0].startswith("sqs:")}
            assert found == {(action, f"${{{queue}.Arn}}") for action in actions}


# ---- What the code does to a store, as rights ----

Right = tuple[str, str]
"""An action of S3, and the pattern of keys that it is for."""

PATTERNS = ("in/*.json", "in/*", "out/*", "kept/*", "ready")
"""The kinds of keys there are, the narrower first."""


def granted(role: str) -> set[Right]:
    """What a role may do to the pictures' bucket."""
    start = "${Pictures.Arn}/"
    return {(action, target.removeprefix(start)) for action, target in allowed(role) if target.startswith(start)}


class Watched(FolderStore):
    """A store that notes the right that each call would need of S3."""

    def __init__(self, folder: Path) -> None:
        self.rights: set[Right] = set()
        super().__init__(folder)

    def note(self, action: str, key: str) -> None:
        narrow = next(pattern for pattern in PATTERNS if fnmatchcase(key, pattern))
        # A right to look at or delete in/* has those of in/*.json in it.
        self.rights.add((action, narrow if action == "s3:PutObject" or narrow != "in/*.json" else "in/*"))

    def put(
        self,
        key: str,
        data: bytes,
        *,
        content_type: str = "application/octet-stream",
        metadata: Mapping[str, str] | None = None,
        if_absent: bool = False,
    ) -> bool:
        self.note("s3:PutObject", key)
        return super().put(key, data, content_type=content_type, metadata=metadata, if_absent=if_absent)

    def get(self, key: str) -> StoredObject:
        self.note("s3:GetObject", key)
        return super().get(key)

    def head(self, key: str) -> ObjectInfo | None:
        self.note("s3:GetObject", key)
        return super().head(key)

    def delete(self, *keys: str) -> None:
        for key in keys:
            self.note("s3:DeleteObject", key)
        super().delete(*keys)

    def presign_form(
        self, key: str, *, seconds: int, max_bytes: int, metadata: Mapping[str, str] | None = None
    ) -> Form:
        self.note("s3:PutObject", key)
        return super().presign_form(key, seconds=seconds, max_bytes=max_bytes, metadata=metadata)

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        raise AssertionError(f"nobody on Amazon lists {prefix}: the bucket's own rule deletes what expires")

    def expire(self, prefix: str, before: datetime) -> int:
        raise AssertionError(f"nobody on Amazon searches {prefix} before {before}")


class Used:
    """The rights that each part used, in every way that a job can go."""

    def __init__(self, folder: Path) -> None:
        self.store = Watched(folder / "pictures")
        jobs = Jobs(self.store, SqliteQueue(folder / "tasks.sqlite"), send=False)
        file = BytesIO()
        Image.new("RGB", (40, 40)).save(file, "PNG")
        picture = file.getvalue()
        self.website: set[Right] = set()
        self.function: set[Right] = set()
        self.dead: set[Right] = set()

        def analyze(data: bytes, name: str, *_: object) -> Analysis:
            return Analysis(name, 40, 40, Faces.empty(), None if data == picture else "no picture")

        def website(call: Any, *arguments: Any) -> Any:
            return self._noted(self.website, call, *arguments)

        for keep in (True, False):
            job = website(jobs.submit, picture, "a.jpg", JobOptions(keep=keep)).id
            website(jobs.find, job)
            self._noted(self.function, answer, self.store, f"in/{job}", analyze)
            self._noted(self.function, answer, self.store, f"in/{job}", analyze)  # the event came twice
            website(jobs.find, job)
            if keep:
                website(self.store.get, kept_key(job))
            website(jobs.delete, job)
        website(lambda: jobs.form("a.jpg", JobOptions(), max_bytes=1))
        website(self.store.head, "ready")
        self._deleted_meanwhile(jobs, picture, analyze)
        for key in ("in/by-hand.jpg", f"in/{'0' * 32}"):
            self.store.put(key, picture)
            assert self._noted(self.dead, give_up, self.store, key, "tried too often")
        # Whoever answered it was stopped before its picture was deleted.
        job = jobs.submit(picture, "a.jpg", JobOptions()).id
        answer(self.store, f"in/{job}", analyze)
        self.store.put(f"in/{job}", picture)
        assert not self._noted(self.dead, give_up, self.store, f"in/{job}", "tried too often")
        self.store.put("in/other.jpg", picture)
        self._noted(self.function, answer, self.store, "in/other.jpg", analyze)

    def _deleted_meanwhile(self, jobs: Jobs, picture: bytes, analyze: Any) -> None:
        job = jobs.submit(picture, "a.jpg", JobOptions()).id

        def slowly(data: bytes, name: str, *_: object) -> Any:
            noted = set(self.store.rights)
            jobs.delete(job)
            self.store.rights = noted
            return analyze(data, name)

        assert self._noted(self.function, answer, self.store, f"in/{job}", slowly) == "gone"

    def _noted(self, into: set[Right], call: Any, *arguments: Any) -> Any:
        self.store.rights = set()
        result = call(*arguments)
        into |= self.store.rights
        return result


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Used:
    return Used(tmp_path_factory.mktemp("used"))
