"""The rules. Each is one function from a file to its findings; its docstring is the rule."""

from __future__ import annotations

import ast
import random
import re
from collections.abc import Callable, Iterator

from tests.style.source import FUNCTIONS, Finding, Function, Source

Rule = Callable[[Source], Iterator[Finding]]

FUNCTION_LINES_P95 = 40
FUNCTION_LINES_MAX = 70
FILE_LINES_MAX = 500

CLOCK = "take the time as an argument; at the edge use doorstep.kit.clock (business time is the brand's clock row)"
IDS = "use doorstep.kit.ids"
SEEDED = "use random.Random(seed) with a seed that is handed in"
BANNED = {
    "datetime.datetime.now": CLOCK,
    "datetime.datetime.utcnow": CLOCK,
    "datetime.datetime.today": CLOCK,
    "datetime.date.today": CLOCK,
    "time.time": f"{CLOCK}; time.monotonic is for durations",
    "time.time_ns": f"{CLOCK}; time.monotonic_ns is for durations",
    **{f"uuid.uuid{version}": IDS for version in (1, 4, 6, 7, 8)},
    **{f"random.{name}": SEEDED for name in dir(random) if name[0].islower()},
    "random.SystemRandom": SEEDED,
}


def clock_ids_and_chance_come_from_outside(source: Source) -> Iterator[Finding]:
    """Outside kit/ nobody asks the machine for time, ids or chance: they are arguments, so that runs are repeatable."""
    if source.within("src/doorstep/kit"):
        return
    for node, name in source.used():
        if name in BANNED:
            yield source.finding(node, f"{name}: {BANNED[name]}")
    for node in source.nodes:
        is_random = isinstance(node, ast.Call) and source.full_name(node.func) == "random.Random"
        if isinstance(node, ast.Call) and is_random and not node.args and not node.keywords:
            yield source.finding(node, f"random.Random() without a seed: {SEEDED}")


def only_db_commits(source: Source) -> Iterator[Finding]:
    """One request is one transaction, and it is committed in one place."""
    if source.within("src/doorstep/db"):
        return
    for node in source.nodes:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "commit":
            yield source.finding(node, ".commit(): use the transaction block of doorstep.db, which commits at its end")


def tests_do_not_sleep(source: Source) -> Iterator[Finding]:
    """A test waits for a condition. sleep(0), which only lets others run, is fine."""
    if not source.within("tests") or source.path == "tests/support/waiting.py":
        return
    sleeps = ("time.sleep", "asyncio.sleep", "anyio.sleep")
    calls = (node for node in source.nodes if isinstance(node, ast.Call) and source.full_name(node.func) in sleeps)
    for call in calls:
        if not (call.args and isinstance(call.args[0], ast.Constant) and call.args[0].value == 0):
            yield source.finding(call, "sleep in a test: use tests.support.waiting.eventually")


def no_branch_asks_whether_it_is_a_rehearsal(source: Source) -> Iterator[Finding]:
    """Production code has no `if sandbox` and no `if demo`: the twin outside behaves, the code inside does not know."""
    free = ("src/doorstep/adapters", "src/doorstep/demo", "src/doorstep/cli.py", "tests", "scripts", "bench")
    if source.within(*free):
        return
    for node in source.nodes:
        test = node.subject if isinstance(node, ast.Match) else getattr(node, "test", None)
        tests = node.ifs if isinstance(node, ast.comprehension) else [test]
        for part in (part for test in tests if isinstance(test, ast.AST) for part in ast.walk(test)):
            word = getattr(part, "id", None) or getattr(part, "attr", None) or getattr(part, "value", None)
            if isinstance(word, str) and {"sandbox", "demo"} & set(re.split(r"[\W_]+", word.lower())):
                yield source.finding(part, f"a branch on {word!r}: choose an adapter by settings instead (adapters/)")


def every_module_says_what_it_is_for(source: Source) -> Iterator[Finding]:
    """A module begins with a docstring."""
    if not ast.get_docstring(source.tree):
        yield source.finding(1, "no module docstring: say in a sentence what the file is for")


def length(function: Function) -> int:
    """Lines from `def` to the end, docstring included, decorators not."""
    return (function.end_lineno or function.lineno) - function.lineno + 1


def no_function_is_long(source: Source) -> Iterator[Finding]:
    """No function is longer than 70 lines."""
    for function in source.functions:
        if length(function) > FUNCTION_LINES_MAX:
            advice = (
                f"{function.name} has {length(function)} lines, the limit is {FUNCTION_LINES_MAX}: cut it at its steps"
            )
            yield source.finding(function, advice)


def no_file_is_long(source: Source) -> Iterator[Finding]:
    """No file is longer than 500 lines."""
    lines = len(source.text.splitlines())
    if lines > FILE_LINES_MAX:
        yield source.finding(lines, f"{lines} lines, the limit is {FILE_LINES_MAX}: one verb per file")


def nothing_is_swallowed(source: Source) -> Iterator[Finding]:
    """A broad except that goes on in silence loses work: make it an exception someone sees."""
    broad = ("Exception", "BaseException")
    advice = "swallowed: catch what you expect, or make it an exception that a person can see"
    for node in source.nodes:
        is_suppress = isinstance(node, ast.Call) and source.full_name(node.func) == "contextlib.suppress"
        if isinstance(node, ast.ExceptHandler):
            kinds = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
            is_broad = any(kind is None or (isinstance(kind, ast.Name) and kind.id in broad) for kind in kinds)
            if is_broad and all(_does_nothing(statement) for statement in node.body):
                yield source.finding(node, advice)
        elif isinstance(node, ast.Call) and is_suppress and any(getattr(kind, "id", "") in broad for kind in node.args):
            yield source.finding(node, advice)


def _does_nothing(statement: ast.stmt) -> bool:
    is_word = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    return is_word or isinstance(statement, ast.Pass | ast.Continue)


def every_ignore_has_a_code_and_a_reason(source: Source) -> Iterator[Finding]:
    """`# noqa: CODE (why)` and `# type: ignore[code]  # why`; no ignore covers a whole file."""
    for line, comment in source.comments:
        for found in re.finditer(r"#\s*(noqa|type:\s*ignore|ruff:\s*noqa|mypy:)(.*?)(?=#\s*(?:noqa|type:)|$)", comment):
            kind, rest = found[1], found[2]
            if kind.startswith(("ruff", "mypy")):
                yield source.finding(line, f"{kind} for a whole file: put it into pyproject.toml with its reason")
            elif not re.match(r":\s*[A-Z]+\d+(\s*,\s*[A-Z]+\d+)*" if kind == "noqa" else r"\[[\w, -]+\]", rest):
                yield source.finding(line, f"{kind} without a code: name what is ignored")
            elif len(re.sub(r"^(:\s*[A-Z]+\d+(\s*,\s*[A-Z]+\d+)*|\[[\w, -]+\])", "", rest).strip(" #()-:")) < 8:
                yield source.finding(line, f"{kind} without a reason: say why it is right here")


SQL = re.compile(
    r"\s*(?:SELECT\s|INSERT\s|UPDATE\s|DELETE\s|select\s.+\sfrom\s|insert\s+into\s|update\s+\S+\s+set\s|delete\s+from\s)",
    re.DOTALL,
)


def sql_lives_in_named_files(source: Source) -> Iterator[Finding]:
    """SQL stands in queries.sql, by name: no string begins a statement, except in db/, tests/ and the twins."""
    if source.within("src/doorstep/db", "tests"):
        return
    for node in source.nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and SQL.match(node.value):
            if _is_command_tag(source, node, node.value):
                continue
            built = _is_built(source, node)
            if built:
                yield source.finding(node, f"SQL put together by {built}: write it whole in queries.sql, values as $1")
            elif not source.within("src/doorstep/adapters") and not source.is_docstring(node):
                yield source.finding(node, "SQL in Python: give it a name in queries.sql")


def _is_command_tag(source: Source, node: ast.AST, text: str) -> bool:
    """Say whether a string is PostgreSQL's answer to a statement (`UPDATE 1`), whole or with the count filled in."""
    above = source.parents.get(node)
    if isinstance(above, ast.JoinedStr):
        return len(above.values) == 2 and text in ("UPDATE ", "DELETE ", "SELECT ", "INSERT 0 ")
    return re.fullmatch(r"(UPDATE|DELETE|SELECT|INSERT 0) \d+", text) is not None


def _is_built(source: Source, node: ast.AST) -> str | None:
    """Say how a string is put together at run time, if it is."""
    above = source.parents.get(node)
    if isinstance(above, ast.JoinedStr):
        return "an f-string"
    if isinstance(above, ast.BinOp) and isinstance(above.op, ast.Mod | ast.Add):
        return "% or +"
    if isinstance(above, ast.Attribute) and above.attr in ("format", "join", "replace", "format_map"):
        return f".{above.attr}()"
    return None


def nothing_is_a_stub(source: Source) -> Iterator[Finding]:
    """What is written is done: no NotImplementedError, no function that does nothing but in a Protocol, ABC or
    command group.
    """
    for node in source.nodes:
        if isinstance(node, ast.Raise) and node.exc is not None:
            raised = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
            if isinstance(raised, ast.Name) and raised.id == "NotImplementedError":
                yield source.finding(node, "NotImplementedError: do it now, or leave it out and say so in the docs")
    if source.within("tests"):
        return
    for function in source.functions:
        body = function.body[1:] if ast.get_docstring(function) else function.body
        if all(_does_nothing(statement) for statement in body) and not _is_abstract(source, function):
            yield source.finding(function, f"{function.name} does nothing: do it now, or leave it out")


def _is_abstract(source: Source, function: Function) -> bool:
    above = source.parents.get(function)
    bases = above.bases if isinstance(above, ast.ClassDef) else []
    words = {ast.unparse(part).split("[")[0].split(".")[-1] for part in (*bases, *function.decorator_list)}
    words |= {ast.unparse(part).split("(")[0].split(".")[-1] for part in function.decorator_list}
    return bool(words & {"Protocol", "ABC", "abstractmethod", "overload", "group"})


def a_test_is_a_sentence(source: Source) -> Iterator[Finding]:
    """A test's name says what holds: test_a_retry_takes_nothing_more."""
    for function in _tests(source):
        if function.name.count("_") < 3:
            yield source.finding(function, f"{function.name}: name it as a sentence that says what holds")


def a_test_can_fail(source: Source) -> Iterator[Finding]:
    """A test asserts something, itself, through a function of its file, or through assert_…, check_…, expect_…."""
    asserting = {one.name for one in source.functions if any(_may_fail(node, set()) for node in ast.walk(one))}
    for function in _tests(source):
        if not any(_may_fail(node, asserting) for node in ast.walk(function)):
            yield source.finding(function, f"{function.name} asserts nothing: it cannot fail")


def _may_fail(node: ast.AST, asserting: set[str]) -> bool:
    if isinstance(node, ast.Assert):
        return True
    if not isinstance(node, ast.Call):
        return False
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    return name in {"raises", "warns", "fail", "eventually", *asserting} or name.startswith(
        ("assert_", "check_", "expect_")
    )


def _tests(source: Source) -> Iterator[Function]:
    if source.within("tests") and source.path.rpartition("/")[2].startswith("test_"):
        for node in source.tree.body:
            members = node.body if isinstance(node, ast.ClassDef) else [node]
            for member in members:
                if isinstance(member, FUNCTIONS) and member.name.startswith("test_"):
                    yield member


PYTHON_RULES: tuple[Rule, ...] = (
    clock_ids_and_chance_come_from_outside,
    only_db_commits,
    tests_do_not_sleep,
    no_branch_asks_whether_it_is_a_rehearsal,
    every_module_says_what_it_is_for,
    no_function_is_long,
    no_file_is_long,
    nothing_is_swallowed,
    every_ignore_has_a_code_and_a_reason,
    sql_lives_in_named_files,
    nothing_is_a_stub,
    a_test_is_a_sentence,
    a_test_can_fail,
)

# One letter in brackets, so that this file does not find itself.
UNFINISHED = re.compile(r"\b(?:TOD[O]|FIXM[E]|XX[X]|HAC[K])\b")
MACHINE = re.compile(r"(?<![\w.])/(?:wor[k]|roo[t])/|/hom[e]/[a-z]|/User[s]/[a-z]|[A-Z]:\\\\User[s]", re.ASCII)
REGISTRY = re.compile(r"pyp[i]\.org|pythonhoste[d]|registry\.np[m]js|npmj[s]\.(?:org|com)", re.IGNORECASE)


def everything_is_finished(source: Source) -> Iterator[Finding]:
    """No note to oneself stays in a file."""
    yield from _matches(source, UNFINISHED, "a note to oneself: do it, or write it into the docs as a limit")


def no_path_of_a_machine(source: Source) -> Iterator[Finding]:
    """A file knows nothing of the machine it was written on."""
    yield from _matches(source, MACHINE, "a path of one machine: take it from settings or from the file's own place")


def no_registry_host(source: Source) -> Iterator[Finding]:
    """Package clients know their registries; a file that names one works in fewer places."""
    yield from _matches(source, REGISTRY, "the name of a package registry's host: leave it to the client's settings")


def _matches(source: Source, pattern: re.Pattern[str], advice: str) -> Iterator[Finding]:
    for number, line in enumerate(source.text.splitlines(), 1):
        if pattern.search(line):
            yield source.finding(number, advice)


TEXT_RULES: tuple[Rule, ...] = (everything_is_finished, no_path_of_a_machine, no_registry_host)
