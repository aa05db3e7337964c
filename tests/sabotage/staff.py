"""The safeguards of the console's door, and of what it shows."""

from __future__ import annotations

from tests.sabotage.case import Case, Edit, code

_MIGRATION = "src/doorstep/db/migrations/brand/0001_initial.sql"


def _schema(old: str, new: str) -> tuple[Edit, ...]:
    """A change of the schema, where databases are made from."""
    return (Edit(_MIGRATION, old, new),)


_STAFF_DOOR = "web/console/door.py"
_ROUTES = "tests/web/test_every_route.py"
_ENTRANCE = "tests/web/test_console_door.py"

STAFF = (
    Case(
        name="the permission a page of the console needs",
        edits=(code(_STAFF_DOOR, "if not staff.may(permission):", "if not permission:"),),
        test=f"{_ROUTES}::test_each_role_reaches_what_its_permissions_say_and_nothing_else",
    ),
    Case(
        name="the proof that a form of the console is ours",
        edits=(
            code(
                _STAFF_DOOR,
                'if not hmac.compare_digest(fields.get("csrf", "").encode(), staff.csrf.encode()):',
                'if fields.get("csrf") is staff:',
            ),
        ),
        test=f"{_ROUTES}::test_no_form_of_the_console_acts_without_its_proof",
    ),
    Case(
        name="the count of failed logins",
        edits=(code(_STAFF_DOOR, 'if any(row["failed"] >= limits[row["door"]] for row in failed):', "if not failed:"),),
        test=f"{_ENTRANCE}::test_after_five_wrong_passwords_even_the_right_one_is_not_heard",
    ),
    Case(
        name="where a login may lead",
        edits=(code(_STAFF_DOOR, "return path if _NEXT.fullmatch(path) and not", "return path if path and not"),),
        test=f"{_ENTRANCE}::test_the_login_leads_to_the_console_and_nowhere_else",
    ),
    Case(
        name="the trigger that keeps the audit log",
        edits=_schema(
            "CREATE TRIGGER audit_log_stays BEFORE UPDATE OR DELETE ON audit_log",
            "CREATE TRIGGER audit_log_stays BEFORE TRUNCATE ON audit_log",
        )
        + _schema("ON audit_log FOR EACH ROW EXECUTE", "ON audit_log EXECUTE"),
        test=f"{_ENTRANCE}::test_an_entry_of_the_audit_log_stays_as_it_was_written",
    ),
    Case(
        name="whose location a return is at",
        edits=(code("web/console/goods_back.py", "if not staff.may_at(one.location_id):", "if not one.number:"),),
        test="tests/web/test_console_returns.py::test_another_locations_return_is_not_to_be_seen_or_received",
    ),
    Case(
        name="whose location an exception is at",
        edits=(
            code(
                "web/console/exceptions.py",
                "rows = await tx.fetch(SQL.chosen_exceptions, ids, staff.locations)",
                "rows = await tx.fetch(SQL.chosen_exceptions, ids, None)",
            ),
        ),
        test="tests/web/test_console_home.py::test_an_agent_of_one_location_sees_the_exceptions_of_its_orders_only",
    ),
    Case(
        name="each event in the figures once",
        edits=(code("insights/queries.sql", "value = figures.value + excluded.value", "value = excluded.value"),),
        test="tests/web/test_console_home.py::test_a_figure_counts_each_event_once_however_often_the_worker_starts",
    ),
)
