"""The README tells the truth: its example runs, its tables are those of the code, its commands are there."""

import os
import re
import subprocess
import sys
from pathlib import Path

from crash_steps import STEPS
from tidy_rules import ROOT

from actors.app.reference import filled_in, parts
from actors.app.schedule import NAMES
from messages.queries import RefusalCode

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_readme_example_when_run_places_and_cancels_an_order(tmp_path: Path) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)

    ended = subprocess.run(
        [sys.executable, "-c", example], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
        env=os.environ | {"XDG_STATE_HOME": str(tmp_path)},
    )  # fmt: skip

    assert ended.returncode == 0, ended.stderr
    assert "SUBMITTED -> ACKNOWLEDGED" in ended.stdout
    assert ended.stdout.rstrip().endswith("CANCELLED")
    assert list(tmp_path.iterdir()) == [], "what happened on paper leaves nothing behind"


def test_readme_tables_are_those_of_the_code() -> None:
    assert filled_in(README) == README
    for name, text in parts().items():
        assert text in README, f"python -m actors.app.reference writes {name} again"


def test_refusal_table_has_every_code_with_a_meaning() -> None:
    rows = parts()["refusals"].splitlines()[2:]

    assert [row.split("`")[1] for row in rows] == [code.value for code in RefusalCode]
    assert all(len(row.split("|")[2].strip()) > 10 for row in rows)


def test_readme_counts_are_those_of_the_drill_and_of_the_kill_test() -> None:
    assert f"{len(NAMES)} kinds of faults" in README
    assert f"killed with sigkill at {len(STEPS)} steps" in README.lower()
