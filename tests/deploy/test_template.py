"""The template: what does cfn-lint say of it, is each thing in it safe, and does its document tell of it?"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, get_type_hints

import pytest

import onlooker.jobs.aws_lambda as functions
from onlooker.settings import Settings, load
from tests.deploy.lint import findings
from tests.deploy.template import RESOURCES, ROOT, TEMPLATE, TEXT, environment, of_type, text


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
