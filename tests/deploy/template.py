"""The template as it is read: its resources, and what they hold as text."""

from pathlib import Path
from typing import Any

from tests.deploy.lint import parsed

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "deploy" / "template.yaml").read_text("utf-8")
TEMPLATE = parsed(TEXT)
RESOURCES = TEMPLATE["Resources"]


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


def of_type(kind: str) -> dict[str, Any]:
    return {name: held["Properties"] for name, held in RESOURCES.items() if held["Type"] == kind}


def environment(name: str) -> dict[str, str]:
    """The variables that a function or the website is given."""
    properties = RESOURCES[name]["Properties"]
    if "Environment" in properties:
        return {key: text(value) for key, value in properties["Environment"]["Variables"].items()}
    options = [option for option in properties["OptionSettings"] if "Namespace" in option]
    wanted = ("application:environment", "application:environmentsecrets")
    return {o["OptionName"]: text(o["Value"]) for o in options if o["Namespace"].endswith(wanted)}
