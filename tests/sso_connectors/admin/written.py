"""What the code can write into an attempt's checks and its detail, read from the source without running it."""

import ast
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import combinations, product
from pathlib import Path
from typing import Final

from sso_connectors.results.errors import LoginError, TooManyStarts

# Stands where a value comes in that the source doesn't tell.
VALUE: Final = "\ue000"
NOW: Final = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
# Whose text ends as a detail, or as what a check received. TooManyStarts comes before there is an attempt.
ERRORS: Final = {kind.__name__ for kind in LoginError.__subclasses__()} - {
    TooManyStarts.__name__
} | {
    "kind",  # one of two of them
    "SignatureError",
    "UnsafeXml",
    "OutboundRefused",
    "OutboundFailed",
    "CannotBeKept",
    "AuthProviderError",
    "AuthResponseError",
    "AuthSessionError",
    "DecodeError",
}
# They return the text that they are given, if shortened.
_SAME: Final = {"str", "as_text", "without_secrets"}

Names = Mapping[str, list[ast.expr]]


def written(source: str, file: Path | None = None) -> Iterator[str]:
    """Each text that checks.record() or an error in `source` may be given, with VALUE in its holes.

    What a function returns is read too, also of one that `file`, whose source it is, imports by a relative path.
    """
    module = ast.parse(source)
    outermost = _assigned(module.body)
    own = _functions(module)
    functions = {**(_imported(module, file) if file else {}), **own}
    for function in own.values():
        names = {**outermost, **_assigned(ast.walk(function))}
        for node in ast.walk(function):
            if isinstance(node, ast.Call):
                for text in _given(node):
                    yield from _Reader(functions, names).texts(text)


def _functions(module: ast.Module) -> dict[str, ast.FunctionDef]:
    return {node.name: node for node in ast.walk(module) if isinstance(node, ast.FunctionDef)}


def _imported(module: ast.Module, file: Path) -> dict[str, ast.FunctionDef]:
    found: dict[str, ast.FunctionDef] = {}
    for node in module.body:
        if not isinstance(node, ast.ImportFrom) or not node.level or not node.module:
            continue
        source = file.parents[node.level - 1].joinpath(*node.module.split(".")).with_suffix(".py")
        if source.exists():
            there = _functions(ast.parse(source.read_text()))
            found |= {
                each.asname or each.name: there[each.name]
                for each in node.names
                if each.name in there
            }
    return found


def _given(call: ast.Call) -> Iterator[ast.expr]:
    called = _name_of(call.func)
    if called == "record":
        yield from (each.value for each in call.keywords if each.arg in ("expected", "received"))
    elif called in ERRORS:
        yield from call.args


def _name_of(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _assigned(nodes: Iterable[ast.AST]) -> Names:
    names: dict[str, list[ast.expr]] = {}
    for node in nodes:
        match node:
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=ast.expr() as value)
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
            ):
                names.setdefault(name, []).append(value)
    return names


class _Reader:
    def __init__(self, functions: Mapping[str, ast.FunctionDef], names: Names) -> None:
        self._functions = functions
        self._names = names

    def texts(self, node: ast.expr) -> set[str]:
        match node:
            case ast.Constant(value=str(text)):
                return {text}
            case ast.JoinedStr(values=parts):
                return {"".join(each) for each in product(*map(self.texts, parts))}
            case ast.FormattedValue(
                format_spec=ast.JoinedStr(values=[ast.Constant(value=str(form))])
            ):
                return {format(NOW, form)} if form.startswith("%") else {VALUE}
            case ast.FormattedValue(value=value):
                return self.texts(value)
            case ast.IfExp(body=one, orelse=other):
                return self.texts(one) | self.texts(other)
            case ast.BoolOp(values=values):
                return self._any(values)
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return {a + b for a, b in product(self.texts(left), self.texts(right))}
            case ast.Name(id=name) if name in self._names:
                return self._without(name)._any(self._names[name])
            case ast.Subscript(value=table):
                return self._values(table)
            case ast.Call():
                return self._called(node)
        return {VALUE}

    def _any(self, nodes: Sequence[ast.expr]) -> set[str]:
        """The texts of each; that there is none ("") isn't told."""
        return set().union(*map(self.texts, nodes)) - {""} or {VALUE}

    def _called(self, call: ast.Call) -> set[str]:
        match call:
            case ast.Call(func=ast.Name(id=name)) if name in self._functions:
                return self._returned(self._functions[name])
            case ast.Call(func=ast.Attribute(value=ast.Constant(value=str(between)), attr="join")):
                items = self._items(call.args[0])
                if re.search("[a-z]", between):
                    alone = len(items) == 1
                    pairs = product(items, items) if alone else combinations(sorted(items), 2)
                    return items | {between.join(pair) for pair in pairs}
                return items
            case ast.Call(func=ast.Attribute(value=table, attr="get"), args=[_, *otherwise]):
                return self._values(table) | self._any(otherwise)
            case ast.Call(func=ast.Attribute(value=text, attr="strip")):
                return {each.strip() for each in self.texts(text)}
            case ast.Call(func=function, args=[text, *_]) if _name_of(function) in _SAME:
                return self.texts(text)
        return {VALUE}

    def _returned(self, function: ast.FunctionDef) -> set[str]:
        inside = _Reader(
            {name: each for name, each in self._functions.items() if each is not function},
            {**self._names, **_assigned(ast.walk(function))},
        )
        returned = [each.value for each in ast.walk(function) if isinstance(each, ast.Return)]
        return inside._any([each for each in returned if each])

    def _without(self, name: str) -> "_Reader":
        """For what is assigned to that name, maybe by itself."""
        others = {each: given for each, given in self._names.items() if each != name}
        return _Reader(self._functions, others)

    def _values(self, table: ast.expr) -> set[str]:
        """Of a dict that is written out here or by its name."""
        found = self._names.get(table.id, []) if isinstance(table, ast.Name) else [table]
        dicts = [each for each in found if isinstance(each, ast.Dict)]
        values = [value for each in dicts for value in each.values]
        return self._any(values)

    def _items(self, several: ast.expr) -> set[str]:
        """Of a list that is written out here or by its name, or made by a loop over one."""
        if isinstance(several, ast.Name):
            found = self._names.get(several.id, [])
            inside = self._without(several.id)
            return set().union(*map(inside._items, found)) if found else {VALUE}
        if isinstance(several, ast.List | ast.Tuple):
            return self._any(several.elts)
        if not isinstance(several, ast.ListComp | ast.GeneratorExp):
            return {VALUE}
        loop = several.generators[0]
        if ast.unparse(several.elt) == ast.unparse(loop.target):
            return self._items(loop.iter)
        names = dict(self._names)
        for target, value in _pairs(loop):
            names[target] = [*names.get(target, []), value]
        return _Reader(self._functions, names).texts(several.elt)


def _pairs(loop: ast.comprehension) -> Iterator[tuple[str, ast.expr]]:
    """The names of a loop over rows that are written out, with what each of them is."""
    if isinstance(loop.target, ast.Tuple) and isinstance(loop.iter, ast.Tuple):
        for row in loop.iter.elts:
            if isinstance(row, ast.Tuple):
                for target, value in zip(loop.target.elts, row.elts, strict=True):
                    yield ast.unparse(target), value
