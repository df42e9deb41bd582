"""The table of figures, which triggers keep (store/counting.py)."""

from sqlalchemy import Column, Index, Integer, String, Table

from autodialer.store.schema import FILLFACTOR, metadata

figures = Table(
    "figures",
    metadata,
    Column("policy_day", String(10), primary_key=True),
    Column("hour", Integer, primary_key=True, autoincrement=False),  # since 1970, in which the call was sent
    Column("attempt_number", Integer, primary_key=True, autoincrement=False),
    Column("ended_as", String(10), primary_key=True),  # a disposition; not_rung: 8x8 took it and rang nobody
    Column("shard", Integer, primary_key=True, autoincrement=False),
    Column("calls", Integer, nullable=False),
    Column("people", Integer, nullable=False),  # summed over a day: how many records were called
    Column("agent_unreached", Integer, nullable=False),
    Column("unconfirmed", Integer, nullable=False),
    info={"moves": False, FILLFACTOR: 50},  # counted anew
    sqlite_with_rowid=False,
)
Index("ix_figures_hour", figures.c.hour)
