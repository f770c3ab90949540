"""An interruption that meets the database is an interruption, not an error with a traceback."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import MetaData

from argus.lab.journal._database import connected, url_of


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
def test_an_interruption_while_a_connection_is_closed_prints_nothing(
    error: type[BaseException], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    engine = connected(url_of(tmp_path / "argus.db"), 5.0, MetaData(), "nothing")
    held = engine.dialect.do_close

    def do_close(connection: object) -> None:
        held(connection)  # type: ignore[arg-type]
        raise error

    engine.dialect.do_close = do_close  # type: ignore[method-assign,assignment]
    if error is KeyboardInterrupt:
        with pytest.raises(KeyboardInterrupt), engine.connect():
            pass
        assert not caplog.records
    else:
        with engine.connect():
            pass
        assert "Exception closing connection" in caplog.text
