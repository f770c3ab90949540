from __future__ import annotations

import pytest

from tests.architecture.conftest import Plant
from tests.architecture.exceptions import SIZE_EXCEPTIONS
from tests.architecture.sizes import oversized, unexcused
from tests.architecture.source import Finding, SourceFile, read_sources


def test_project_keeps_to_the_budgets(project: list[SourceFile]) -> None:
    left = unexcused(oversized(project), SIZE_EXCEPTIONS)
    assert not left, "\n".join(left)


def keys(plant: Plant, text: str) -> list[str]:
    return [finding.key for finding in oversized(read_sources(plant({"argus/core/money.py": text})))]


@pytest.mark.parametrize(("lines", "found"), [(600, []), (601, ["argus/core/money.py"])])
def test_file_lines(plant: Plant, lines: int, found: list[str]) -> None:
    assert keys(plant, "x = 1\n" * lines) == found


@pytest.mark.parametrize("head", ["def post(x):", "async def post(x):"])
@pytest.mark.parametrize(("body_lines", "found"), [(69, []), (70, ["argus/core/money.py::post"])])
def test_function_lines(plant: Plant, head: str, body_lines: int, found: list[str]) -> None:
    assert keys(plant, f"{head}\n" + "    x += 1\n" * body_lines) == found


def test_function_lines_leave_the_docstring_out_but_no_other_string(plant: Plant) -> None:
    long_string = '"""' + "line\n" * 40 + '"""'
    assert keys(plant, f"def post(x):\n    {long_string}\n" + "    x += 1\n" * 60) == []
    assert keys(plant, f"def post(x):\n    text = {long_string}\n" + "    x += 1\n" * 60) == [
        "argus/core/money.py::post"
    ]


def test_nested_and_method_lines_carry_their_dotted_name(plant: Plant) -> None:
    body = "            x += 1\n" * 70
    text = f"class Book:\n    def post(self):\n        def inner(x):\n{body}"
    assert keys(plant, text) == ["argus/core/money.py::Book.post", "argus/core/money.py::Book.post.inner"]


def test_conditional_definitions_are_seen(plant: Plant) -> None:
    assert keys(plant, "if True:\n    def post(x):\n" + "        x += 1\n" * 70) == ["argus/core/money.py::post"]


@pytest.mark.parametrize(
    ("signature", "found"),
    [
        ("self, a, b, c, d, e, f, g, h", 0),
        ("self, a, b, c, d, e, f, g, h, i", 1),
        ("self, a, b, c, d, e, f, g, *, h, i", 1),
        ("self, a, b, c, d, e, f, g, *h, **i", 1),
    ],
)
def test_constructor_parameters(plant: Plant, signature: str, found: int) -> None:
    text = f"class Book:\n    def __init__({signature}):\n        pass\n"
    assert keys(plant, text) == ["argus/core/money.py::Book.__init__"] * found


FIELDS = "".join(f"    f{i}: int = 0\n" for i in range(8))


@pytest.mark.parametrize(
    ("decorator", "last", "found"),
    [
        ("@dataclass", "f8: int = 0", 1),
        ("@dataclass(slots=True)", "f8: int = 0", 1),
        ("@dataclasses.dataclass(frozen=False)", "f8: int = 0", 1),
        ("@dataclass(frozen=True)", "f8: int = 0", 0),
        ("@dataclass", "f8: ClassVar[int] = 0", 0),
        ("@dataclass", "_: KW_ONLY", 0),
        ("@dataclass", "f8: int = field(default=0, init=False)", 0),
        ("@dataclass", "f8: int = field(default=0, repr=False)", 1),
        ("@final", "f8: int = 0", 0),
    ],
)
def test_dataclass_fields_count_unless_it_is_a_value_record(
    plant: Plant, decorator: str, last: str, found: int
) -> None:
    text = f"{decorator}\nclass Book:\n{FIELDS}    {last}\n"
    assert keys(plant, text) == ["argus/core/money.py::Book.__init__"] * found


@pytest.mark.parametrize(("methods", "found"), [(20, []), (21, ["argus/core/money.py::Book"])])
def test_public_methods(plant: Plant, methods: int, found: list[str]) -> None:
    public = "".join(f"    def m{i}(self): ...\n" for i in range(methods))
    private = "".join(f"    def _p{i}(self): ...\n" for i in range(30))
    setter = "    @m0.setter\n    def m0(self, value): ...\n"
    assert keys(plant, f"class Book:\n{public}{private}{setter}") == found


def test_exceptions_excuse_only_what_they_name_while_it_is_needed() -> None:
    finding = Finding("argus/core/money.py", "post", "99 lines")
    reason = "one state machine reads best whole"
    assert unexcused([finding], {}) == ["argus/core/money.py::post: 99 lines"]
    assert unexcused([finding], {finding.key: reason}) == []
    assert unexcused([], {finding.key: reason}) == [
        "argus/core/money.py::post: the exception is no longer needed, remove it"
    ]
    assert unexcused([finding], {finding.key: ""}) == ["argus/core/money.py::post: the exception gives no reason"]
