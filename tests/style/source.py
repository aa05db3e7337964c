"""One Python file as the rules see it: its place, tree, comments, and what each dotted name really is."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterator
from functools import cached_property

import msgspec

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
Function = ast.FunctionDef | ast.AsyncFunctionDef


class Finding(msgspec.Struct, frozen=True):
    """One breach: where, and what to do instead."""

    path: str
    line: int
    advice: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.advice}"


class Source:
    """A file by its path from the root of the repository (POSIX), with everything derived from it once."""

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.text = text

    def within(self, *folders: str) -> bool:
        """Say whether the file is one of these, or lies in one of these folders (`src/doorstep/kit/`)."""
        return any(self.path == folder or self.path.startswith(folder.rstrip("/") + "/") for folder in folders)

    def finding(self, at: ast.AST | int, advice: str) -> Finding:
        """Make a finding at a node or line."""
        return Finding(self.path, at if isinstance(at, int) else getattr(at, "lineno", 1), advice)

    @cached_property
    def tree(self) -> ast.Module:
        """The parsed file."""
        return ast.parse(self.text, self.path)

    @cached_property
    def nodes(self) -> list[ast.AST]:
        """Every node, in no promised order."""
        return list(ast.walk(self.tree))

    @cached_property
    def functions(self) -> list[Function]:
        """Every function and method, nested ones too."""
        return [node for node in self.nodes if isinstance(node, FUNCTIONS)]

    @cached_property
    def parents(self) -> dict[ast.AST, ast.AST]:
        """The node above each node."""
        return {child: parent for parent in self.nodes for child in ast.iter_child_nodes(parent)}

    @cached_property
    def comments(self) -> list[tuple[int, str]]:
        """Line and text of every comment."""
        tokens = tokenize.generate_tokens(io.StringIO(self.text).readline)
        return [(token.start[0], token.string) for token in tokens if token.type == tokenize.COMMENT]

    @cached_property
    def imported(self) -> dict[str, str]:
        """Local name → full name of everything imported: `dt` → `datetime.datetime`."""
        names: dict[str, str] = {}
        for node in self.nodes:
            if isinstance(node, ast.Import):
                for alias in node.names:
                    names[alias.asname or alias.name.split(".")[0]] = (
                        alias.name if alias.asname else alias.name.split(".")[0]
                    )
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
        return names

    def full_name(self, node: ast.AST) -> str | None:
        """The full dotted name of a name or attribute that begins with an import, else None."""
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name) or node.id not in self.imported:
            return None
        return ".".join([self.imported[node.id], *reversed(parts)])

    def used(self) -> Iterator[tuple[ast.AST, str]]:
        """Every use of something imported, by its full name; a bare reference counts like a call."""
        for node in self.nodes:
            if isinstance(node, ast.Attribute | ast.Name) and isinstance(node.ctx, ast.Load):
                name = self.full_name(node)
                if name:
                    yield node, name

    def is_docstring(self, node: ast.AST) -> bool:
        """Say whether a string stands alone as a statement."""
        return isinstance(self.parents.get(node), ast.Expr)
