"""The template: what cfn-lint says of it, what is safe in it, and that its rights are what the code uses, no less and
no more."""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from fnmatch import fnmatchcase
from io import BytesIO
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from PIL import Image

import onlooker.jobs.aws_lambda as functions
from onlooker.analyzer import Analysis
from onlooker.core.faces import Faces
from onlooker.jobs.answering import answer, give_up
from onlooker.jobs.folder import FolderStore
from onlooker.jobs.job import JobOptions, Jobs, kept_key
from onlooker.jobs.objects import Form, ObjectInfo, StoredObject
from onlooker.jobs.sqlite import SqliteQueue
from onlooker.settings import Settings, load
from tests.deploy.lint import findings, parsed

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "deploy" / "template.yaml").read_text("utf-8")
TEMPLATE = parsed(TEXT)
RESOURCES = TEMPLATE["Resources"]
ROLES = ("AnswerRole", "DeadRole", "WebsiteRole")
WHOLE = re.compile(r"(\$\{\w+(\.Arn)?\}|arn:\$\{AWS::Partition\}:[a-z0-9]+:[^*]*[^:/*])(/[^*]*\*?(\.json)?)?")


def text(value: Any) -> str:
    """A value with its references as ``${Name}`` or ``${Name.Attribute}``."""
    match value:
        case {"Ref": str(name)}:
            return f"${{{name}}}"
        case {"Fn::GetAtt": [name, attribute]}:
            return f"${{{name}.{attribute}}}"
        case {"Fn::Sub": [str(pattern), {**names}]}:
            for name, inner in names.items():
                pattern = pattern.replace(f"${{{name}}}", text(inner))
            return pattern
        case {"Fn::Sub": str(pattern)}:
            return pattern
        case _:
            return str(value)


def many(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def of_type(kind: str) -> dict[str, Any]:
    return {name: held["Properties"] for name, held in RESOURCES.items() if held["Type"] == kind}


def allowed(role: str) -> set[tuple[str, str]]:
    """Every pair of action and resource that a role may use."""
    pairs = set()
    for policy in RESOURCES[role]["Properties"]["Policies"]:
        for statement in policy["PolicyDocument"]["Statement"]:
            assert statement["Effect"] == "Allow"
            pairs |= {(a, text(r)) for a in many(statement["Action"]) for r in many(statement["Resource"])}
    return pairs


def environment(name: str) -> dict[str, str]:
    """The variables that a function or the website is given."""
    properties = RESOURCES[name]["Properties"]
    if "Environment" in properties:
        return {key: text(value) for key, value in properties["Environment"]["Variables"].items()}
    options = [option for option in properties["OptionSettings"] if "Namespace" in option]
    wanted = ("application:environment", "application:environmentsecrets")
    return {o["OptionName"]: text(o["Value"]) for o in options if o["Namespace"].endswith(wanted)}


def test_cfn_lint_says_nothing() -> None:
    assert findings(TEXT) == []


@pytest.mark.parametrize(
    ("right", "wrong", "rule"),
    [
        ("Runtime: python3.13", "Runtime: python3.6", "E2533"),
        ("SSEAlgorithm: AES256", "SSEAlgorithm: AES", "E3030"),
        ("deadLetterTargetArn: !GetAtt DeadLetters.Arn", "deadLetterTargetArn: !GetAtt Dead.Letters", "E1010"),
        ("RawMessageDelivery: true", "RawMessage: true", "E3002"),
        ("maxReceiveCount: 5", "maxReceiveCount: many", "E3012"),
        ("Value: !Ref MaxPixels", "Value: !Ref MaximumPixels", "E1020"),
    ],
)
def test_cfn_lint_sees_what_is_broken(right: str, wrong: str, rule: str) -> None:
    assert right in TEXT
    assert rule in findings(TEXT.replace(right, wrong))


def test_every_name_is_there() -> None:
    # cfn-lint passes over a wrong name within a function of SAM.
    named = set(references(TEMPLATE))
    pseudo = {name for name in named if name.startswith("AWS::")}
    assert named - pseudo <= set(RESOURCES) | set(TEMPLATE["Parameters"])
    assert named - pseudo >= set(TEMPLATE["Parameters"])


def references(value: Any, own: frozenset[str] = frozenset()) -> Iterator[str]:
    """Every resource and parameter that a value names."""
    match value:
        case {"Ref": str(name)}:
            yield name
        case {"Fn::GetAtt": [str(name), *_]}:
            yield name
        case {"Fn::Sub": str(pattern)}:
            yield from (name.split(".")[0] for name in re.findall(r"\$\{([^}]+)\}", pattern) if name not in own)
        case {"Fn::Sub": [str(pattern), {**names}]}:
            yield from references({"Fn::Sub": pattern}, frozenset(map(str, names)))
            yield from references(names)
        case dict():
            for inner in value.values():
                yield from references(inner)
        case list():
            for inner in value:
                yield from references(inner)


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


class TestPictures:
    bucket: Mapping[str, Any] = RESOURCES["Pictures"]["Properties"]

    def test_are_private_and_encrypted(self) -> None:
        assert set(self.bucket["PublicAccessBlockConfiguration"].values()) == {True}
        assert len(self.bucket["PublicAccessBlockConfiguration"]) == 4
        rules = self.bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert rules == [{"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
        assert self.bucket["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]

    def test_travel_encrypted_only(self) -> None:
        statement = RESOURCES["PicturesPolicy"]["Properties"]["PolicyDocument"]["Statement"][0]
        assert (statement["Effect"], statement["Principal"], statement["Action"]) == ("Deny", "*", "s3:*")
        assert [text(r) for r in statement["Resource"]] == ["${Pictures.Arn}", "${Pictures.Arn}/*"]
        assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}

    def test_go_after_a_day(self) -> None:
        (rule,) = self.bucket["LifecycleConfiguration"]["Rules"]
        assert (rule["Status"], rule["ExpirationInDays"]) == ("Enabled", 1)
        assert rule["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}
        assert not {"Filter", "Prefix", "TagFilters"} & set(rule)  # all of them
        assert "VersioningConfiguration" not in self.bucket  # deleted is deleted

    def test_are_posted_by_the_website_alone(self) -> None:
        (rule,) = self.bucket["CorsConfiguration"]["CorsRules"]
        assert rule["AllowedMethods"] == ["POST"]
        assert "*" not in str(rule["AllowedOrigins"])

    def test_tell_the_topic_which_tells_the_queue(self) -> None:
        (told,) = self.bucket["NotificationConfiguration"]["TopicConfigurations"]
        assert (told["Event"], text(told["Topic"])) == ("s3:ObjectCreated:*", "${Arrivals}")
        assert told["Filter"] == {"S3Key": {"Rules": [{"Name": "prefix", "Value": "in/"}]}}
        subscription = RESOURCES["TasksSubscription"]["Properties"]
        assert text(subscription["TopicArn"]) == "${Arrivals}"
        assert text(subscription["Endpoint"]) == "${Tasks.Arn}"
        assert subscription["RawMessageDelivery"] is True


class TestQueue:
    tasks: Mapping[str, Any] = RESOURCES["Tasks"]["Properties"]

    def test_hides_a_message_six_times_as_long_as_the_function_may_take(self) -> None:
        assert self.tasks["VisibilityTimeout"] == {
            "Fn::FindInMap": ["Visibility", {"Ref": "FunctionTimeout"}, "Seconds"]
        }
        visibility = TEMPLATE["Mappings"]["Visibility"]
        timeouts = TEMPLATE["Parameters"]["FunctionTimeout"]["AllowedValues"]
        assert sorted(map(int, visibility)) == sorted(timeouts)
        for timeout, held in visibility.items():
            assert held["Seconds"] >= 6 * int(timeout)
        dead = RESOURCES["Dead"]["Properties"]["Timeout"]
        assert RESOURCES["DeadLetters"]["Properties"]["VisibilityTimeout"] >= 6 * dead

    def test_gives_up_after_five_tries(self) -> None:
        policy = self.tasks["RedrivePolicy"]
        assert (text(policy["deadLetterTargetArn"]), policy["maxReceiveCount"]) == ("${DeadLetters.Arn}", 5)
        kept = RESOURCES["DeadLetters"]["Properties"]["MessageRetentionPeriod"]
        assert kept > self.tasks["MessageRetentionPeriod"]

    @pytest.mark.parametrize("queue", ["Tasks", "DeadLetters"])
    def test_is_encrypted_where_it_lies_and_travels(self, queue: str) -> None:
        assert RESOURCES[queue]["Properties"]["SqsManagedSseEnabled"] is True
        statements = RESOURCES[f"{queue}Policy"]["Properties"]["PolicyDocument"]["Statement"]
        (deny,) = (s for s in statements if s["Effect"] == "Deny")
        assert deny["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        assert deny["Action"] == "sqs:*"


class TestFunctions:
    @pytest.mark.parametrize("name", ["Answer", "Dead"])
    def test_are_there_and_name_the_messages_that_failed(self, name: str) -> None:
        held = RESOURCES[name]["Properties"]
        module, _, function = held["Handler"].rpartition(".")
        assert module == functions.__name__
        assert callable(getattr(functions, function))
        ((_, event),) = held["Events"].items()
        assert event["Properties"]["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        assert RESOURCES[held["LoggingConfig"]["LogGroup"]["Ref"]]["Properties"]["RetentionInDays"]

    def test_one_picture_takes_no_other_with_it(self) -> None:
        properties = RESOURCES["Answer"]["Properties"]["Events"]["Tasks"]["Properties"]
        assert properties["BatchSize"] == 1
        assert properties["ScalingConfig"] == {"MaximumConcurrency": {"Ref": "Concurrency"}}


class TestEnvironment:
    @pytest.mark.parametrize("name", ["Answer", "Dead", "WebsiteEnvironment"])
    def test_every_variable_is_a_setting(self, name: str) -> None:
        tables = get_type_hints(Settings)
        known = {f"ONLOOKER_{key}".upper() for key in get_type_hints(tables["serve"])}
        known |= {f"ONLOOKER_{table}_{key}".upper() for table in tables for key in get_type_hints(tables[table])}
        assert {key for key in environment(name) if key.startswith("ONLOOKER_")} <= known

    def test_the_website_answers_nothing_itself(self) -> None:
        given = environment("WebsiteEnvironment")
        for parameter in ("MaxPixels", "PicturesPerSecond"):
            given = {k: v.replace(f"${{{parameter}}}", str(default(parameter))) for k, v in given.items()}
        settings = load(environment=given)
        assert (settings.serve.workers, settings.serve.tasks) == (0, "events")
        assert settings.store == "s3://${Pictures}"
        assert settings.queue == "sqs://${Tasks.QueueName}"
        assert settings.limits.rate == default("PicturesPerSecond")
        assert given["ONLOOKER_SECRET"] == "${Secret}"  # by address, of a secret that Amazon makes

    def test_no_secret_stands_in_the_template(self) -> None:
        secret = RESOURCES["Secret"]["Properties"]
        assert "SecretString" not in secret
        assert secret["GenerateSecretString"]["PasswordLength"] >= 32


class TestWatching:
    def test_every_alarm_is_told(self) -> None:
        alarms = of_type("AWS::CloudWatch::Alarm")
        assert {alarm["MetricName"] for alarm in alarms.values()} == {
            "ApplicationRequests5xx",
            "ApproximateAgeOfOldestMessage",
            "EnvironmentHealth",
            "Errors",
            "Invocations",
            "Throttles",
        }
        for alarm in alarms.values():
            assert [text(action) for action in alarm["AlarmActions"]] == ["${Alarms}"]
            assert alarm["AlarmDescription"]

    def test_the_metric_that_the_website_alarm_needs_is_sent(self) -> None:
        sent = next(o for o in self.options() if o.get("OptionName") == "ConfigDocument")
        assert "ApplicationRequests5xx" in sent["Value"]

    @staticmethod
    def options() -> list[dict[str, Any]]:
        return list(RESOURCES["WebsiteEnvironment"]["Properties"]["OptionSettings"])


class TestDocument:
    document = (ROOT / "docs" / "cloud.md").read_text("utf-8")

    @pytest.mark.parametrize("section", ["Resources", "Parameters", "Outputs"])
    def test_names_everything(self, section: str) -> None:
        assert [name for name in TEMPLATE[section] if f"`{name}`" not in self.document] == []

    def test_names_nothing_that_is_not_there(self) -> None:
        table = self.document.partition("## What is made")[2].partition("\n## ")[0]
        rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", table, re.MULTILINE)
        named = {name for row in rows for name in re.findall(r"\w+", row)}
        assert named == set(RESOURCES)

    def test_its_sums_are_right(self) -> None:
        table = self.document.partition("## What is made")[2].partition("\n## ")[0]
        cost = {row[0]: float(row[1]) for row in re.findall(r"^\| (`.+?) \|.*\| ([\d.]+) \|$", table, re.MULTILINE)}
        idle = sum(cost.values()) - sum(cost[row] for row in cost if self.by_picture(row))
        assert f"In all {sum(cost.values()):.2f} a month, of which {idle:.2f} come due" in table

    @staticmethod
    def by_picture(row: str) -> bool:
        return row in ("`Pictures`", "`Arrivals`", "`Tasks`, `DeadLetters`", "`Answer`", "`AnswerLog`, `DeadLog`")


def test_every_parameter_is_bounded_and_described() -> None:
    for name, parameter in TEMPLATE["Parameters"].items():
        assert parameter["Description"], name
        assert {"AllowedValues", "AllowedPattern", "MaxValue"} & set(parameter), name


def default(parameter: str) -> Any:
    return TEMPLATE["Parameters"][parameter]["Default"]


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
            self._noted(self.dead, give_up, self.store, key, "tried too often")
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
