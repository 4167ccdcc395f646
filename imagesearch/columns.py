"""Types of columns: the same to us on every engine."""
import json
from datetime import UTC, datetime
from typing import Any

import numpy as np
from sqlalchemy import ColumnElement, Dialect, LargeBinary, String
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import DateTime, TypeDecorator, TypeEngine, UserDefinedType


class UTCDateTime(TypeDecorator[datetime]):
    """Aware UTC times; SQLite would forget the zone, and PostgreSQL give that of the session."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class PublicId(TypeDecorator[str]):
    """No id holds a NUL, and PostgreSQL refuses to be asked for one."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else value.replace("\0", "\ufffd")


class HalfVector(TypeDecorator[bytes]):
    """The bytes of a float16 array, little-endian; on PostgreSQL they are pgvector's `halfvec`, which it can index."""

    impl = LargeBinary
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(Halfvec() if dialect.name == "postgresql" else LargeBinary())

    def process_bind_param(self, value: bytes | None, dialect: Dialect) -> Any:
        if value is None or dialect.name != "postgresql":
            return value
        return json.dumps(np.frombuffer(value, "<f2").tolist())

    def process_result_value(self, value: Any, dialect: Dialect) -> bytes | None:
        if value is None or dialect.name != "postgresql":
            return value
        return np.frombuffer(value, ">f2", offset=4).astype("<f2").tobytes()  # behind two numbers of 16 bits

    def column_expression(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        sent = _sent(column)
        sent.type = self  # else what comes back would not be taken for one
        return sent


class Halfvec(UserDefinedType[Any]):
    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "HALFVEC"


class _sent(FunctionElement[Any]):  # noqa: N801 - an SQL function
    """A HalfVector in binary: as text it is five times as long."""

    inherit_cache = True


class dimensions(FunctionElement[int]):  # noqa: N801 - an SQL function
    """How many numbers a HalfVector has."""

    inherit_cache = True


@compiles(_sent)
def _plain(element: _sent, compiler: SQLCompiler, **options: Any) -> str:
    return compiler.process(element.clauses, **options)


@compiles(_sent, "postgresql")
def _in_binary(element: _sent, compiler: SQLCompiler, **options: Any) -> str:
    return f"halfvec_send({compiler.process(element.clauses, **options)})"


@compiles(dimensions)
def _half_of_bytes(element: dimensions, compiler: SQLCompiler, **options: Any) -> str:
    return f"length({compiler.process(element.clauses, **options)}) / 2"


@compiles(dimensions, "postgresql")
def _dimensions(element: dimensions, compiler: SQLCompiler, **options: Any) -> str:
    return f"vector_dims({compiler.process(element.clauses, **options)})"
