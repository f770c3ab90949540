"""SQL over the catalog by DuckDB: every dataset is a view of its own name, and ``bars`` is all of them together.

Only questions are answered. The connection may read the catalog's own segments and nothing else on the machine, cannot
load extensions or change its settings, and its memory is bounded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from argus.core.arrays import BAR_FIELDS
from argus.core.errors import DataError
from argus.data.catalog import Catalog, Manifest

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

__all__ = ["query"]

_TRIES: Final = 3


def query(catalog: Catalog, sql: str, *, memory_mb: int = 1024) -> pa.Table:
    """The answer to one question.

    Every dataset is a view named like it, in double quotes: ``select * from "MES.1h"``. The view ``bars`` holds all
    datasets with the columns ``dataset``, ``instrument``, ``contract`` and ``interval``. Beside the columns of a bar a
    view has ``start``, ``"close_time"`` and ``session_date`` as SQL times; a field that was not observed is null.

    Parameters
    ----------
    catalog : Catalog
    sql : str
        One SELECT (or DESCRIBE, SHOW, EXPLAIN).
    memory_mb : int
        Most memory that the query may take.

    Raises
    ------
    DataError
        If it is not one question, or DuckDB cannot answer it; with DuckDB's own words.
    """
    import duckdb

    for attempt in range(_TRIES):
        manifests = catalog.manifests()
        with duckdb.connect(":memory:") as connection:
            _check(connection, sql)
            _prepare(connection, catalog, manifests, memory_mb)
            try:
                return connection.sql(sql).to_arrow_table() if _is_select(connection, sql) else _plan(connection, sql)
            except duckdb.IOException as error:
                # A writer may have replaced segments after the manifests were read; then there are newer manifests.
                if attempt == _TRIES - 1 or catalog.manifests() == manifests:
                    raise DataError(f"the catalog could not be read: {error}") from None
            except duckdb.Error as error:
                names = ", ".join(f'"{manifest.name}"' for manifest in manifests) or "none yet"
                raise DataError(f"{error}\nThe datasets are: {names}, and bars for all of them") from None
    raise AssertionError("unreachable")


def _check(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    import duckdb

    try:
        statements = connection.extract_statements(sql)
    except duckdb.Error as error:
        raise DataError(f"{error}") from None
    if len(statements) != 1:
        raise DataError(f"{len(statements)} SQL statements were given; give exactly one")
    if statements[0].type not in (duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN):
        raise DataError(
            f"{statements[0].type.name} is not a question; the catalog is read-only here: use SELECT, and argus data "
            "import to add data"
        )


def _is_select(connection: duckdb.DuckDBPyConnection, sql: str) -> bool:
    import duckdb

    return bool(connection.extract_statements(sql)[0].type == duckdb.StatementType.SELECT)


def _plan(connection: duckdb.DuckDBPyConnection, sql: str) -> pa.Table:
    import pyarrow as pa

    rows = connection.execute(sql).fetchall()
    return pa.table({"explain_key": [row[0] for row in rows], "explain_value": [row[1] for row in rows]})


def _prepare(
    connection: duckdb.DuckDBPyConnection, catalog: Catalog, manifests: tuple[Manifest, ...], memory_mb: int
) -> None:
    """Make the views, then close every door that a query does not need."""
    paths = {manifest.name: [str(path) for path in catalog.segment_paths(manifest.name)] for manifest in manifests}
    for manifest in manifests:
        connection.execute(f"create view {_name(manifest.name)} as {_view(manifest, paths[manifest.name])}")
    if manifests:
        parts = (
            f"select {_text(manifest.name)} as dataset, {_text(manifest.instrument)} as instrument, "
            f"{'null::varchar' if manifest.contract is None else _text(manifest.contract)} as contract, "
            f"{_text(manifest.name.rsplit('.', 1)[1])} as interval, * from {_name(manifest.name)}"
            for manifest in manifests
        )
        connection.execute(f"create view bars as {' union all '.join(parts)}")
    every = ", ".join(_text(path) for files in paths.values() for path in files)
    connection.execute(f"set memory_limit = '{int(memory_mb)}MB'")
    connection.execute("set temp_directory = ''")
    connection.execute("set python_enable_replacements = false")
    connection.execute(f"set allowed_paths = [{every}]")
    connection.execute("set enable_external_access = false")
    connection.execute("set lock_configuration = true")


def _view(manifest: Manifest, paths: list[str]) -> str:
    files = ", ".join(_text(path) for path in paths)
    fields = ", ".join(name if name in manifest.observed else f"null::double as {name}" for name in BAR_FIELDS)
    return (
        "select make_timestamp_ns(ts_event_ns) as start, make_timestamp_ns(ts_close_ns) as close_time, "
        f"date '1970-01-01' + session as session_date, {fields}, ts_event_ns, ts_close_ns, ts_recv_ns, session, "
        f"session_end from read_parquet([{files}])"
    )


def _name(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
