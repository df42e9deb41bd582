import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autodialer.simulators.zoho_coql import Comparison, Condition, Pair, comparisons, parse
from autodialer.zoho import coql

COLUMNS = ("id", "Lead_Status")


def _value_lists(condition: Condition, column: str) -> list[str | int | float]:
    return [value for c in comparisons(condition) if c.column == column for value in c.values]


def test_three_criteria_are_grouped_in_pairs() -> None:
    parts = [coql.has_value("A"), coql.has_value("B"), coql.has_value("C")]
    assert coql.all_of(parts).text == "((A is not null and B is not null) and C is not null)"
    assert coql.any_of(parts).text == "((A is not null or B is not null) or C is not null)"


def test_quotes_in_values_are_doubled() -> None:
    assert coql.one_of("Lead_Status", ["O'Brien", "''"]).text == "Lead_Status in ('O''Brien', '''''')"


def test_lists_are_split_at_fifty() -> None:
    query = coql.select(COLUMNS, "Leads", coql.one_of("Lead_Status", [f"S{i}" for i in range(101)]))
    assert [len(c.values) for c in comparisons(parse(query).where)] == [50, 50, 1]


@pytest.mark.parametrize("bad", ["", "1 or 1=1", "12345678901234567890123", "-1", "1\n", "٣", "1'"])
def test_an_id_has_one_to_twenty_digits_and_nothing_else(bad: str) -> None:
    with pytest.raises(ValueError, match="digits"):
        coql.after_id(bad)
    with pytest.raises(ValueError, match="digits"):
        coql.has_id(["1", bad])


@pytest.mark.parametrize("bad", ["", "Phone; drop", "Phone, Mobile", "1st", "a b", "Status\n"])
def test_a_name_that_is_no_api_name_is_refused(bad: str) -> None:
    with pytest.raises(ValueError, match="API name"):
        coql.select((bad,), "Leads", coql.has_value("id"))
    with pytest.raises(ValueError, match="API name"):
        coql.select(COLUMNS, bad, coql.has_value("id"))


@pytest.mark.parametrize("limit", [0, -1, 2001])
def test_a_limit_that_zoho_would_refuse_is_refused(limit: int) -> None:
    with pytest.raises(ValueError, match="limit"):
        coql.select(COLUMNS, "Leads", coql.has_value("id"), limit=limit)


def test_more_than_twenty_five_criteria_are_refused() -> None:
    with pytest.raises(ValueError, match="criteria"):
        coql.select(COLUMNS, "Leads", coql.all_of([coql.has_value("id")] * 26))


def test_a_condition_without_values_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        coql.one_of("Lead_Status", [])


texts = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=30)
ids = st.integers(0, 10**20 - 1).map(str)


@settings(max_examples=150, deadline=None)
@given(values=st.lists(texts, min_size=1, max_size=120), last=ids, limit=st.integers(1, 2000))
def test_whatever_is_built_reads_back_as_what_was_meant(values: list[str], last: str, limit: int) -> None:
    where = coql.all_of([coql.one_of("Lead_Status", values), coql.after_id(last)])
    query = parse(coql.select(COLUMNS, "Leads", where, limit=limit))
    assert (query.columns, query.module, query.limit, query.offset) == (COLUMNS, "Leads", limit, 0)
    assert _value_lists(query.where, "Lead_Status") == values
    assert _value_lists(query.where, "id") == [int(last)]
    assert isinstance(query.where, Pair)
    assert query.where.word == "and"


def _nested(children: st.SearchStrategy[coql.Criterion]) -> st.SearchStrategy[coql.Criterion]:
    some = st.lists(children, min_size=1, max_size=4)
    return some.map(coql.all_of) | some.map(coql.any_of)


simple = st.sampled_from(
    [coql.has_value("A"), coql.one_of("B", ["x", "y'"]), coql.none_of("C", ["z"]), coql.after_id("7")]
)


@settings(max_examples=150, deadline=None)
@given(where=st.recursive(simple, _nested, max_leaves=20))
def test_any_nesting_is_grouped_in_pairs_and_its_criteria_are_counted(where: coql.Criterion) -> None:
    query = parse(coql.select(COLUMNS, "Leads", where)) if where.size <= coql.MAX_CRITERIA else None
    assert query is None or len(comparisons(query.where)) == where.size


def test_the_simulator_reads_the_documented_forms() -> None:
    query = parse(
        "SELECT id, 'External' FROM Contacts WHERE ((A is null or B not like '%x''y%') and "
        "(C between '2023-05-28T04:25:36-07:00' and '2023-05-29T04:25:36+05:30' and D not in (1, -2.5))) "
        "ORDER BY A desc, id LIMIT 10, 20;"
    )
    assert query.columns == ("id", "External")
    assert query.order == (("A", False), ("id", True))
    assert (query.offset, query.limit) == (10, 20)
    assert [c.operator for c in comparisons(query.where)] == ["is null", "not like", "between", "not in"]
    assert comparisons(query.where)[3] == Comparison("D", "not in", (1, -2.5), (False, False))


def test_without_a_limit_a_query_means_two_hundred_rows_by_id() -> None:
    query = parse("select id from Leads where id is not null")
    assert (query.limit, query.offset, query.order) == (200, 0, (("id", True),))
