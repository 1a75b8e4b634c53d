"""The description fits the application, and real answers fit the description."""

import base64
import json
import re
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
from starlette.routing import Mount, Route

from onlooker.core.doubts import DOUBTS
from onlooker.service.problems import PREFIX, TYPES
from onlooker.service.reference import _CURL, METHODS
from tests.service.conftest import Server
from tests.service.running import answered, call, sent
from tests.service.world import PIXEL, World, make_world

pytestmark = pytest.mark.anyio

WEBSITE = {"/", "/page", "/model", "/samples/{name}", "/favicon.ico", "/static", "/openapi.json", "/docs"}
"""What belongs to the website, and is described by it."""


@pytest.fixture
async def api(world: World) -> dict[str, Any]:
    answer = await world.client.get("/openapi.json")
    assert answer.headers["content-type"] == "application/json"
    found: dict[str, Any] = answer.json()
    return found


def operations(api: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [(path, method, item[method]) for path, item in api["paths"].items() for method in METHODS if method in item]


def check(api: dict[str, Any], value: Any, schema: dict[str, Any]) -> None:
    whole = {**schema, "components": api["components"]}
    jsonschema.validate(value, whole, jsonschema.Draft202012Validator, format_checker=jsonschema.FormatChecker())


def fits(api: dict[str, Any], answer: httpx.Response, path: str, method: str = "get") -> None:
    """An answer is one of those that its operation describes."""
    described = api["paths"][path][method]["responses"][str(answer.status_code)]
    for name in described["headers"]:
        assert name in answer.headers
    if answer.status_code == 204:
        return
    kind = answer.headers["content-type"].partition(";")[0]
    content = described["content"][kind]
    if kind.endswith("json"):
        check(api, answer.json(), content["schema"])


async def test_every_route_is_described_and_nothing_else_is(world: World, api: dict[str, Any]) -> None:
    there: set[tuple[str, str]] = set()
    for route in world.app.routes:
        assert isinstance(route, Route | Mount)
        path = re.sub(r":\w+}", "}", route.path)
        if path not in WEBSITE:
            assert isinstance(route, Route)
            there |= {(path, method.lower()) for method in (route.methods or set()) - {"HEAD"}}
    assert {(path, method) for path, method, _ in operations(api)} == there


async def test_an_api_without_a_website_or_a_folder_is_described_as_it_is(tmp_path: Path) -> None:
    without = make_world(tmp_path, serve={"website": False}, keys={"required": True})
    described = (await without.client.get("/openapi.json")).json()
    assert described["security"] == [{"bearer": []}, {"header": []}]
    assert (await without.client.get("/docs")).status_code == 200
    assert (await without.client.get("/static/reference.css")).status_code == 200


async def test_names_and_tags_are_each_used_once_and_known(api: dict[str, Any]) -> None:
    names = [operation["operationId"] for _, _, operation in operations(api)]
    assert len(set(names)) == len(names)
    assert set(names) == set(_CURL)
    assert {tag for _, _, one in operations(api) for tag in one["tags"]} == {tag["name"] for tag in api["tags"]}


async def test_every_reference_leads_somewhere_and_every_schema_is_used(api: dict[str, Any]) -> None:
    references = set(re.findall(r'"#/components/(\w+)/([\w-]+)"', json.dumps(api)))
    there = {(part, name) for part in ("schemas", "headers") for name in api["components"][part]}
    assert references == there


async def test_every_schema_is_one(api: dict[str, Any]) -> None:
    for schema in api["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


async def test_every_example_fits_its_schema(api: dict[str, Any]) -> None:
    checked = 0
    for _, _, operation in operations(api):
        contents = [answer.get("content", {}) for answer in operation["responses"].values()]
        for content in (*contents, operation.get("requestBody", {}).get("content", {})):
            for one in content.values():
                examples = [one["example"]] if "example" in one else []
                examples += [example["value"] for example in one.get("examples", {}).values()]
                for example in examples:
                    check(api, example, one["schema"])
                    checked += 1
    assert checked > 40


async def test_problems_are_listed_under_their_status(api: dict[str, Any]) -> None:
    for path, method, operation in operations(api):
        for status, answer in operation["responses"].items():
            content = answer.get("content", {}).get("application/problem+json")
            for kind in (content or {}).get("examples", {}):
                assert str(TYPES[kind][0]) == status, (path, method)
    types = api["components"]["schemas"]["Problem"]["properties"]["type"]["enum"]
    assert types == [PREFIX + name for name in TYPES]
    assert api["components"]["schemas"]["Face"]["properties"]["doubts"]["items"]["enum"] == list(DOUBTS)


async def test_answers_fit_their_description(world: World, api: dict[str, Any]) -> None:
    client, nobody = world.client, "0" * 32
    two = [("file", ("a", PIXEL)), ("file", ("b", b"bad"))]
    wrong = {"content-type": "text/plain"}
    fits(api, await client.post("/v1/analyze", content=PIXEL), "/v1/analyze", "post")
    fits(api, await client.post("/v1/analyze", files=two), "/v1/analyze", "post")
    fits(api, await client.post("/v1/analyze", content=b"bad"), "/v1/analyze", "post")
    fits(api, await client.post("/v1/analyze", content=PIXEL, headers=wrong), "/v1/analyze", "post")
    for data in (PIXEL, b"bad"):
        made = await client.post("/v1/jobs", content=data)
        fits(api, made, "/v1/jobs", "post")
        job = made.json()["id"]
        fits(api, await client.get(f"/v1/jobs/{job}"), "/v1/jobs/{id}")
        world.work(job)
        fits(api, await client.get(f"/v1/jobs/{job}"), "/v1/jobs/{id}")
        fits(api, await client.get(f"/v1/jobs/{job}/events"), "/v1/jobs/{id}/events")
        fits(api, await client.get(f"/v1/jobs/{job}/picture"), "/v1/jobs/{id}/picture")
        fits(api, await client.delete(f"/v1/jobs/{job}"), "/v1/jobs/{id}", "delete")
    fits(api, await client.get(f"/v1/jobs/{nobody}"), "/v1/jobs/{id}")
    upload = await client.post("/v1/uploads", json={"name": "a.jpg"})
    fits(api, upload, "/v1/uploads", "post")
    form = {"data": upload.json()["fields"], "files": {"file": ("a", PIXEL)}}
    fits(api, await client.post("/v1/store", **form), "/v1/store", "post")
    fits(api, await client.post("/v1/store", files={"file": ("a", PIXEL)}), "/v1/store", "post")
    fits(api, await client.get("/v1/store/x"), "/v1/store/{key}")
    for path in ("/healthz", "/readyz", "/metrics"):
        fits(api, await client.get(path), path)
    world.reader.ready = 0
    fits(api, await client.get("/readyz"), "/readyz")


async def test_an_answer_that_does_not_fit_would_be_seen(api: dict[str, Any]) -> None:
    schema = {"$ref": "#/components/schemas/Analysis"}
    example = api["paths"]["/v1/analyze"]["post"]["responses"]["200"]["content"]["application/json"]["example"]
    for name in example:
        with pytest.raises(jsonschema.ValidationError):
            check(api, {key: value for key, value in example.items() if key != name}, schema)
    with pytest.raises(jsonschema.ValidationError):
        check(api, {**example, "more": 1}, schema)
    with pytest.raises(jsonschema.ValidationError):
        check(api, {**example, "faces": [{**example["faces"][0], "doubts": ["ugly"]}]}, schema)


def test_the_example_is_what_the_server_answers(server: Server, samples: Path) -> None:
    data = (samples / "grace_hopper.jpg").read_bytes()
    api = call(server, "GET", "/openapi.json")[1]
    described = api["paths"]["/v1/analyze"]["post"]["responses"]["200"]["content"]["application/json"]
    _, analysis, headers = call(server, "POST", "/v1/analyze?name=grace_hopper.jpg", data)
    check(api, analysis, described["schema"])
    for name, value in described["example"]["faces"][0].items():
        if name in ("age", "age_low", "age_high"):
            assert analysis["faces"][0][name] == pytest.approx(value, abs=1), "write the new answer down"
    assert re.fullmatch(r"(\w+;dur=[\d.]+(, )?)+", headers["Server-Timing"])
    group = call(server, "POST", "/v1/analyze", (samples / "group.jpg").read_bytes())[1]
    check(api, group, described["schema"])
    body = json.dumps({"image": base64.b64encode(data).decode()})
    json_kind = {"Content-Type": "application/json"}
    check(api, call(server, "POST", "/v1/analyze", body, json_kind)[1], described["schema"])
    job = answered(server, sent(server, data, "/v1/jobs?keep=true"))
    check(api, job, {"$ref": "#/components/schemas/Job"})


# The page


async def test_the_page_shows_every_operation_schema_and_problem(world: World, api: dict[str, Any]) -> None:
    page = (await world.client.get("/docs")).text
    for path, method, operation in operations(api):
        assert f'id="{operation["operationId"]}"' in page, (path, method)
        assert operation["summary"].replace("'", "&#x27;") in page
    for name in api["components"]["schemas"]:
        assert f'id="schema-{name}"' in page
    for name in TYPES:
        assert f'id="problem-{name}"' in page
    links = set(re.findall(r'href="#([^"]+)"', page))
    assert links <= set(re.findall(r'id="([^"]+)"', page))
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(set(ids)) == len(ids)
    assert "{{" not in page


async def test_the_page_needs_nothing_from_elsewhere_and_nothing_inline(world: World) -> None:
    page = (await world.client.get("/docs")).text
    assert re.findall(r'(?:src|href)="(?:https?:)?//', page) == []
    assert "style=" not in page
    assert "<style" not in page
    assert re.findall(r"<script(?![^>]*src=)", page) == []
    assert re.findall(r"\son\w+=", page) == []
    own = re.findall(r'(?:src|href)="(/static/[^"#]+)', page)
    assert len(own) >= 4
    for path in own:
        assert (await world.client.get(path)).status_code == 200, path


async def test_the_host_that_was_asked_is_shown_as_text(world: World) -> None:
    page = await world.client.get("/docs", headers={"host": "faces.example"})
    assert "http://faces.example/v1/analyze" in page.text
    evil = await world.client.get("/docs", headers={"host": '"><script>alert(1)</script>'})
    assert "<script>alert" not in evil.text
