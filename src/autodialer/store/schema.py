"""The schema that all tables of the ledger belong to, and how what it holds is named."""

from typing import Any

from sqlalchemy import BigInteger, Integer, MetaData
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.schema import CreateIndex, CreateTable

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Id = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers rows itself only for INTEGER keys

WHOLE = "whole"  # in an index's `info`: its condition is for SQLite alone
FILLFACTOR = "fillfactor"  # in a table's `info`: how full, in percent, PostgreSQL makes its pages

# What only PostgreSQL is told of a table or index is said when it makes them: said where they are described, it would load its
# dialect on SQLite too, for 25 ms and 2 MB.


@compiles(CreateIndex, "postgresql")
def _with_its_condition(create: CreateIndex, compiler: Any, **more: Any) -> str:
    options = create.element.dialect_options
    if options["postgresql"]["where"] is None and not create.element.info.get(WHOLE):
        options["postgresql"]["where"] = options["sqlite"]["where"]
    return str(compiler.visit_create_index(create, **more))


@compiles(CreateTable, "postgresql")
def _with_room_in_its_pages(create: CreateTable, compiler: Any, **more: Any) -> str:
    if (fillfactor := create.element.info.get(FILLFACTOR)) is not None:
        create.element.dialect_options["postgresql"]["with"] = {"fillfactor": fillfactor}
    return str(compiler.visit_create_table(create, **more))
