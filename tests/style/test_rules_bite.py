"""Each rule catches a bad sample and lets a good one pass: a rule that never fires protects nothing."""

from __future__ import annotations

import textwrap

import pytest

from tests.style import rules
from tests.style.rules import PYTHON_RULES, TEXT_RULES, Rule
from tests.style.source import Source

CODE = "src/doorstep/orders/place.py"
TEST = "tests/orders/test_place.py"
LONG_FUNCTION = "def f():\n" + "    print()\n" * 70

BAD: list[tuple[Rule, str, str]] = [
    (rules.clock_ids_and_chance_come_from_outside, CODE, "from datetime import datetime\ndatetime.now()"),
    (rules.clock_ids_and_chance_come_from_outside, CODE, "from datetime import datetime as dt, UTC\ndt.now(UTC)"),
    (rules.clock_ids_and_chance_come_from_outside, CODE, "import datetime\ndatetime.datetime.utcnow()"),
    (rules.clock_ids_and_chance_come_from_outside, CODE, "import datetime as d\nd.date.today()"),
    (rules.clock_ids_and_chance_come_from_outside, CODE, "import time\ntime.time()"),
    (rules.clock_ids_and_chance_come_from_outside, CODE, "from time import time\ntime()"),
    (rules.clock_ids_and_chance_come_from_outside, CODE, "import uuid\nuuid.uuid4()"),
    (rules.clock_ids_and_chance_come_from_outside, CODE, "from uuid import uuid4\nf(default_factory=uuid4)"),
    (rules.clock_ids_and_chance_come_from_outside, TEST, "import uuid\nuuid.uuid1()"),
    (rules.clock_ids_and_chance_come_from_outside, CODE, "import random\nrandom.choice([1])"),
    (rules.clock_ids_and_chance_come_from_outside, CODE, "from random import shuffle\nshuffle([1])"),
    (rules.clock_ids_and_chance_come_from_outside, CODE, "import random\nrandom.Random()"),
    (rules.only_db_commits, CODE, "await tx.commit()"),
    (rules.only_db_commits, TEST, "connection.commit()"),
    (rules.tests_do_not_sleep, TEST, "import time\ntime.sleep(1)"),
    (rules.tests_do_not_sleep, TEST, "from asyncio import sleep\nasync def f():\n    await sleep(0.1)"),
    (rules.no_branch_asks_whether_it_is_a_rehearsal, CODE, "if settings.sandbox: pass"),
    (rules.no_branch_asks_whether_it_is_a_rehearsal, CODE, "if not is_demo: pass"),
    (rules.no_branch_asks_whether_it_is_a_rehearsal, CODE, "x = 1 if mode == 'demo' else 2"),
    (rules.no_branch_asks_whether_it_is_a_rehearsal, CODE, "while sandbox and x: pass"),
    (rules.no_branch_asks_whether_it_is_a_rehearsal, CODE, "x = [a for a in b if a.sandbox]"),
    (rules.no_branch_asks_whether_it_is_a_rehearsal, CODE, "match sandbox:\n    case True: pass"),
    (rules.every_module_says_what_it_is_for, CODE, "x = 1"),
    (rules.no_function_is_long, CODE, LONG_FUNCTION),
    (
        rules.no_function_is_long,
        TEST,
        "class A:\n" + textwrap.indent(LONG_FUNCTION.replace("def", "async def"), "    "),
    ),
    (rules.no_file_is_long, CODE, "x = 1\n" * 501),
    (rules.nothing_is_swallowed, CODE, "try:\n    f()\nexcept Exception:\n    pass"),
    (
        rules.nothing_is_swallowed,
        CODE,
        "for x in y:\n    try:\n        f()\n    except Exception as e:\n        continue",
    ),
    (rules.nothing_is_swallowed, CODE, "try:\n    f()\nexcept:\n    ..."),
    (rules.nothing_is_swallowed, CODE, "try:\n    f()\nexcept (ValueError, BaseException):\n    pass"),
    (rules.nothing_is_swallowed, CODE, "from contextlib import suppress\nwith suppress(Exception):\n    f()"),
    (rules.every_ignore_has_a_code_and_a_reason, CODE, "x = 1  # noqa"),
    (rules.every_ignore_has_a_code_and_a_reason, CODE, "x = 1  # noqa: E501"),
    (rules.every_ignore_has_a_code_and_a_reason, CODE, "x = 1  # type: ignore"),
    (rules.every_ignore_has_a_code_and_a_reason, CODE, "x = 1  # type: ignore[arg-type]"),
    (
        rules.every_ignore_has_a_code_and_a_reason,
        CODE,
        "x = 1  # type: ignore[arg-type]  # noqa: E501 (a long address)",
    ),
    (rules.every_ignore_has_a_code_and_a_reason, CODE, "# ruff: noqa: E501"),
    (rules.every_ignore_has_a_code_and_a_reason, CODE, "# mypy: ignore-errors"),
    (rules.sql_lives_in_named_files, CODE, "run('SELECT 1 FROM orders')"),
    (rules.sql_lives_in_named_files, CODE, "run('''\n    select id\n    from orders where x''')"),
    (rules.sql_lives_in_named_files, CODE, "run(f'UPDATE orders SET x = {y}')"),
    (rules.sql_lives_in_named_files, CODE, "run(f'UPDATE {table} SET x = 1')"),
    (rules.sql_lives_in_named_files, CODE, "run('DELETE FROM %s' % table)"),
    (rules.sql_lives_in_named_files, CODE, "run('INSERT INTO ' + table)"),
    (rules.sql_lives_in_named_files, "src/doorstep/adapters/x.py", "run('insert into {} values'.format(table))"),
    (rules.nothing_is_a_stub, CODE, "def f():\n    raise NotImplementedError('later')"),
    (rules.nothing_is_a_stub, CODE, "def f():\n    '''Do it.'''\n    ..."),
    (rules.nothing_is_a_stub, CODE, "class A:\n    async def f(self):\n        pass"),
    (rules.a_test_is_a_sentence, TEST, "def test_place():\n    assert f()"),
    (rules.a_test_can_fail, TEST, "def test_the_order_is_placed():\n    place()"),
    (rules.a_test_can_fail, TEST, "def test_a_b_c():\n    place(f())\ndef place(x):\n    return x"),
    (rules.everything_is_finished, "docs/x.md", "and then, " + "TO" + "DO, the rest"),
    (rules.everything_is_finished, CODE, "x = 1  # FIX" + "ME"),
    (rules.no_path_of_a_machine, CODE, "open('" + "/wor" + "k/main/x')"),
    (rules.no_path_of_a_machine, "README.md", "cd " + "/ho" + "me/anna/doorstep"),
    (rules.no_path_of_a_machine, "Makefile", "cp x " + "/ro" + "ot/x"),
    (rules.no_registry_host, "requirements.lock", "--index-url https://" + "py" + "pi.org/simple"),
]

GOOD: list[tuple[Rule, str, str]] = [
    (rules.clock_ids_and_chance_come_from_outside, CODE, "import time\ntime.monotonic()\nnow = tx.now()"),
    (rules.clock_ids_and_chance_come_from_outside, CODE, "import random\nrandom.Random(seed).choice([1])"),
    (rules.clock_ids_and_chance_come_from_outside, "src/doorstep/kit/clock.py", "import time\ntime.time()"),
    (rules.only_db_commits, "src/doorstep/db/pool.py", "await tx.commit()"),
    (rules.tests_do_not_sleep, TEST, "import asyncio\nasync def f():\n    await asyncio.sleep(0)"),
    (rules.tests_do_not_sleep, CODE, "import time\ntime.sleep(1)"),
    (rules.no_branch_asks_whether_it_is_a_rehearsal, CODE, "if democracy or sandboxes: pass"),
    (rules.no_branch_asks_whether_it_is_a_rehearsal, "src/doorstep/adapters/registry.py", "if sandbox: pass"),
    (rules.every_module_says_what_it_is_for, CODE, '"""Places an order."""'),
    (rules.no_function_is_long, CODE, LONG_FUNCTION.removesuffix("    print()\n")),
    (rules.no_file_is_long, CODE, "x = 1\n" * 500),
    (rules.nothing_is_swallowed, CODE, "try:\n    f()\nexcept Exception as e:\n    tell(e)"),
    (rules.nothing_is_swallowed, CODE, "try:\n    f()\nexcept KeyError:\n    pass"),
    (rules.every_ignore_has_a_code_and_a_reason, CODE, "x = 1  # noqa: E501 (the address is one word)"),
    (rules.every_ignore_has_a_code_and_a_reason, CODE, "x = 1  # type: ignore[arg-type]  # the stub forgets None"),
    (rules.sql_lives_in_named_files, CODE, "'''SELECT is explained here.'''\nsay('Update your address, please')"),
    (rules.sql_lives_in_named_files, CODE, "say('Select a label from the list')"),
    (rules.sql_lives_in_named_files, CODE, "assert done in ('UPDATE 1', f'INSERT 0 {count}')"),
    (rules.sql_lives_in_named_files, TEST, "run('SELECT 1')"),
    (rules.sql_lives_in_named_files, "src/doorstep/adapters/x.py", "run('SELECT 1 FROM labels')"),
    (rules.nothing_is_a_stub, CODE, "class A(Protocol):\n    def f(self):\n        '''Do it.'''"),
    (rules.nothing_is_a_stub, CODE, "class A(Protocol[T]):\n    def f(self): ..."),
    (rules.a_test_is_a_sentence, TEST, "def test_a_retry_takes_nothing_more():\n    assert f()"),
    (rules.a_test_can_fail, TEST, "def test_a_bad_sku_is_refused():\n    with pytest.raises(E):\n        f()"),
    (rules.a_test_can_fail, TEST, "def test_a_b_c():\n    refused(f())\ndef refused(x):\n    assert x == 409"),
    (rules.no_path_of_a_machine, CODE, "get('/v1/homework/1'); Path('src/work/x'); url = 'https://a.test/root/x'"),
]


@pytest.mark.parametrize(("rule", "path", "text"), BAD)
def test_the_rule_catches_a_bad_sample(rule: Rule, path: str, text: str) -> None:
    findings = list(rule(Source(path, text)))
    assert findings, f"{rule.__name__} lets this pass:\n{text}"
    assert all(len(finding.advice) > 20 for finding in findings)


@pytest.mark.parametrize(("rule", "path", "text"), GOOD)
def test_the_rule_lets_a_good_sample_pass(rule: Rule, path: str, text: str) -> None:
    assert [str(finding) for finding in rule(Source(path, text))] == []


def test_every_rule_has_a_bad_sample() -> None:
    assert {rule.__name__ for rule, _, _ in BAD} == {rule.__name__ for rule in (*PYTHON_RULES, *TEXT_RULES)}
