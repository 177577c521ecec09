"""The operator's pages name every setting and command that there is, and none that there isn't."""

import ast
import re
from pathlib import Path

import pytest
from django.core.management import get_commands

from maker import settings
from tests.attacks import ATTACKS

ROOT = Path(__file__).resolve().parents[2]
OURS = {"maker", "users", "sso_connectors"}


def read_from_the_environment() -> set[str]:
    """The names in `env.str("NAME", …)` and its like."""
    tree = ast.parse(Path(settings.__file__).read_text())
    names: set[str] = set()
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute | ast.Name)
            and _belongs_to_env(node.func)
        ):
            (first, *_rest) = node.args
            assert isinstance(first, ast.Constant), f"line {node.lineno}: not a plain name"
            names.add(str(first.value))
    return names


def _belongs_to_env(function: ast.Attribute | ast.Name) -> bool:
    if isinstance(function, ast.Name):
        return function.id == "env"
    is_env = isinstance(function.value, ast.Name) and function.value.id == "env"
    return is_env and function.attr != "read_env"


def our_commands() -> set[str]:
    return {name for name, app in get_commands().items() if app in OURS}


def first_column(page: str) -> set[str]:
    """The names in back-quotes that begin the rows of a page's tables."""
    text = (ROOT / "docs" / page).read_text()
    return set(re.findall(r"^\| *`([^`]+)` *\|", text, re.MULTILINE))


def test_the_settings_are_found() -> None:
    """A test of the test: an empty set would agree with everything."""
    assert {"SECRET_KEY", "DATABASE_URL", "PUBLIC_BASE_URL"} <= read_from_the_environment()
    assert {"sso_apply", "first_administrator"} <= our_commands()


def test_every_setting_is_explained() -> None:
    assert first_column("settings.md") == read_from_the_environment()


def test_every_command_is_explained() -> None:
    assert first_column("commands.md") & our_commands() == our_commands()
    headings = set(
        re.findall(r"^## `(\w+)`", (ROOT / "docs/commands.md").read_text(), re.MULTILINE)
    )
    assert headings == our_commands()


def test_only_the_settings_file_reads_the_environment() -> None:
    """But for the variables that a file of connectors names (`env:NAME`), which no setting can know."""
    readers = {Path(settings.__file__), ROOT / "sso_connectors/management/commands/sso_apply.py"}
    for app in OURS:
        for file in (ROOT / app).rglob("*.py"):
            text = file.read_text()
            if file not in readers and file.name != "wsgi.py":
                assert not re.search(r"\bos\.environ\b|\bos\.getenv\b|\bimport environ\b", text), (
                    file
                )


PAGES = [
    *sorted(ROOT.glob("*.md")),
    *sorted(ROOT.glob("docs/*.md")),
    *sorted(ROOT.glob("docs/idp/*.md")),
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_every_row_that_a_test_defends_is_explained() -> None:
    defended = {attack.row for attack in ATTACKS}
    for file in (ROOT / "tests").rglob("test_*.py"):
        defended |= {int(row) for row in re.findall(r"\bmark\.row\((\d+)\)", file.read_text())}
    page = (ROOT / "docs/security.md").read_text()
    explained = {int(row) for row in re.findall(r"^\| *(\d+) *\|", page, re.MULTILINE)}
    assert {1, 12, 29} <= defended, "a test of the test"
    assert defended <= explained, defended - explained


def code(*tops: str) -> dict[str, str]:
    """The text of each file of ours below these folders, by its path."""
    files = (file for top in tops for file in (ROOT / top).rglob("*.py"))
    return {f"/{file.relative_to(ROOT)}": file.read_text() for file in files}


def quoted(cell: str) -> set[str]:
    return set(re.findall(r"`([\w./]+)`", cell))


def test_every_guard_and_test_on_the_page_of_attacks_exists() -> None:
    guards, tests = code(*OURS, "tests"), code("tests")
    missing = []
    rows = re.findall(
        r"^\| *(\d+) *\|[^|]+\|([^|]+)\|([^|]+)\|$",
        (ROOT / "docs/security.md").read_text(),
        re.MULTILINE,
    )
    assert len(rows) == 47
    for row, guard, proof in rows:
        for cell, files in ((guard, guards), (proof, tests)):
            names = {name for name in quoted(cell) if name.endswith(".py")}
            found = {path for path in files if path.endswith(tuple(f"/{name}" for name in names))}
            missing += [
                (row, name)
                for name in names
                if not any(path.endswith(f"/{name}") for path in found)
            ]
            if files is guards:
                text = "\n".join(files[path] for path in found)
                words = {
                    word
                    for name in quoted(cell) - names - our_commands()
                    for word in name.split(".")
                }
                missing += [(row, each) for each in words if not re.search(rf"\b{each}\b", text)]
            else:
                text = "\n".join(files.values())
                functions = {name for name in quoted(cell) if re.fullmatch(r"test_\w+", name)}
                missing += [(row, each) for each in functions if f"def {each}(" not in text]
    assert not missing
