from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.docs.examples import Example, examples_in, run_example, run_here
from tests.docs.pages import pages

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = {page.relative_to(ROOT).as_posix(): examples_in(page.read_text(encoding="utf-8")) for page in pages(ROOT)}


@pytest.mark.parametrize("page", [page for page, examples in EXAMPLES.items() if examples])
def test_examples_of_the_page_run(page: str, tmp_path: Path) -> None:
    runnable = [example for example in EXAMPLES[page] if os.environ.get("ARGUS_TEST_DATA") or not example.needs_data]
    if not runnable:
        pytest.skip("every example of the page needs ARGUS_TEST_DATA")
    # What a reader types first is typed: the installed command, in a shell, each in a process of its own.
    run = run_example if page == "README.md" else run_here
    for example in runnable:
        fault = run(example, tmp_path)
        assert fault is None, f"{page}, {fault}"


def test_the_first_page_shows_commands_to_run() -> None:
    assert EXAMPLES.get("README.md"), "README.md has no console block with a line that starts with '$ argus'"


PAGE = """\
Text with `$ argus no`.

```console
$ argus init demo
created demo
$ make demo
$ argus data check --workspace demo   # exits 3
$ argus backtest sma_cross --bars "$ARGUS_TEST_DATA/a.parquet" \\
>     --instrument ES   # needs data, exits 2
$ argus explain "what is # exits 9"
```

```sh
$ argus no
```

* in a list

    ````console
    $ argus doctor --json
    ```
    $ argus inventory | head -n 3
    ````

```console
$ argusx no
$ .venv/bin/argus ls
```
"""


def test_examples_are_read_from_console_blocks_only() -> None:
    assert examples_in(PAGE) == [
        Example(4, "argus init demo", 0, False),
        Example(7, "argus data check --workspace demo   # exits 3", 3, False),
        Example(
            8,
            'argus backtest sma_cross --bars "$ARGUS_TEST_DATA/a.parquet" --instrument ES   # needs data, exits 2',
            2,
            True,
        ),
        Example(10, 'argus explain "what is # exits 9"', 0, False),
        Example(20, "argus doctor --json", 0, False),
        Example(22, "argus inventory | head -n 3", 0, False),
        Example(27, "argus ls", 0, False),
    ]


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A folder with a command named argus that keeps what it is told in the workspace."""
    folder = tmp_path / "bin"
    folder.mkdir()
    script = folder / "argus"
    script.write_text(
        "#!/bin/sh\ncase $1 in\n"
        "  keep) echo kept > kept ;;\n"
        "  look) cat kept ;;\n"
        "  fail) echo 'no such file' >&2; exit 4 ;;\n"
        "  raise) echo 'Traceback (most recent call last)' >&2; exit 4 ;;\n"
        "esac\n"
    )
    script.chmod(0o755)
    return folder


def fault(program: Path, text: str) -> str | None:
    (example,) = examples_in(f"```console\n$ {text}\n```\n")
    return run_example(example, program.parent, program)


def test_examples_share_a_workspace_and_their_exit_code_is_checked(program: Path) -> None:
    assert "exit code 1, the page promises 0" in str(fault(program, "argus look"))
    assert fault(program, "argus keep") is None
    assert fault(program, "argus look") is None
    assert fault(program, "argus fail  # exits 4") is None
    assert "no such file" in str(fault(program, "argus fail"))
    assert "exit code 0, the page promises 4" in str(fault(program, "argus keep  # exits 4"))


def test_a_traceback_is_never_what_a_reader_was_promised(program: Path) -> None:
    assert "ends in a traceback" in str(fault(program, "argus raise  # exits 4"))


def test_in_this_process_the_shell_says_which_words_are_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOLDER", "a b")
    (example,) = examples_in("""```console\n$ argus init "$FOLDER/'c'" --json   # exits 0, a remark\n```\n""")
    assert run_here(example, tmp_path) is None
    assert (tmp_path / "a b" / "'c'" / "argus.yaml").is_file()


def test_in_this_process_exit_codes_are_checked_and_a_shell_gets_what_is_more_than_one_command(tmp_path: Path) -> None:
    def here(text: str) -> str | None:
        (example,) = examples_in(f"```console\n$ {text}\n```\n")
        return run_here(example, tmp_path)

    assert here("argus trace none  # exits 1") is None
    assert "exit code 1, the page promises 0" in str(here("argus trace none"))
    assert "no workspace here" in str(here("argus trace none"))
    assert here("argus init desk > said.txt") is None
    assert "is now a workspace" in (tmp_path / "said.txt").read_text(encoding="utf-8")
