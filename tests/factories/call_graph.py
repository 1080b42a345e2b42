"""Which function of the product can reach which, read from the source: what a name refers to, and what calls what.

An edge is drawn wherever a function names another, be it to call it or to hand it on; a method called on something
unknown reaches every method of that name. So what is reached may be more than ever runs, never less.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
APPS = ("reference", "events", "ledger", "trades", "settlement", "clearing", "fmi")
# Names that querysets, files and dictionaries have too: a call of them says nothing.
COMMON = {
    "add", "all", "append", "apply", "clean", "close", "commit", "copy", "count", "create", "delete", "execute",
    "filter", "find", "first", "get", "handle", "head", "is_valid", "items", "key", "keys", "list", "name", "patch",
    "pop", "post", "put", "read", "ready", "render", "rows", "run", "save", "send", "set", "start", "stop", "update",
    "values", "write",
}  # fmt: skip
Node = str


@cache
def read_graph() -> Mapping[Node, frozenset[Node]]:
    """Return what each function or method names: "module:function" or "module:Class.method"."""
    trees = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): ast.parse(path.read_text())
        for app in APPS
        for path in (ROOT / app).rglob("*.py")
        if "migrations" not in path.parts
    }
    functions: dict[Node, ast.AST] = {}
    classes: dict[str, list[Node]] = {}
    by_method: dict[str, set[Node]] = {}
    for module, tree in trees.items():
        for item in tree.body:
            if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef):
                functions[f"{module}:{item.name}"] = item
            elif isinstance(item, ast.ClassDef):
                methods = [part for part in item.body if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef)]
                classes[f"{module}:{item.name}"] = [f"{module}:{item.name}.{part.name}" for part in methods]
                # What the class's own body names: hooks as attributes.
                functions[f"{module}:{item.name}"] = item
                for part in methods:
                    functions[f"{module}:{item.name}.{part.name}"] = part
                    if part.name not in COMMON and not part.name.startswith("__"):
                        by_method.setdefault(part.name, set()).add(f"{module}:{item.name}.{part.name}")
    names = {module: _names_of(module=module, tree=tree, trees=trees) for module, tree in trees.items()}
    # Constants stand for what they are made of, such as a ProposalKind or a statement.
    constants = {
        f"{module}:{target.id}": item
        for module, tree in trees.items()
        for item in tree.body
        if isinstance(item, ast.Assign | ast.AnnAssign) and item.value is not None
        for target in (item.targets if isinstance(item, ast.Assign) else [item.target])
        if isinstance(target, ast.Name)
    }
    nodes = {**constants, **functions}
    graph = {}
    for node, code in nodes.items():
        found = _referred(item=code, module=node.partition(":")[0], names=names, by_method=by_method)
        graph[node] = frozenset(
            reached for name in found for reached in (name, *classes.get(name, ())) if reached in nodes
        )
    return graph


def _names_of(*, module: str, tree: ast.Module, trees: Mapping[str, ast.Module]) -> dict[str, str]:
    """Return what the names of a module refer to: "module:name" or a module."""
    found = {}
    for part in ast.walk(tree):
        if isinstance(part, ast.ImportFrom) and part.module and part.level == 0:
            for alias in part.names:
                whole = f"{part.module}.{alias.name}"
                found[alias.asname or alias.name] = whole if whole in trees else f"{part.module}:{alias.name}"
    for item in tree.body:
        targets = item.targets if isinstance(item, ast.Assign) else [getattr(item, "target", None)]
        for name in [getattr(item, "name", None), *(getattr(target, "id", None) for target in targets)]:
            if isinstance(name, str):
                found[name] = f"{module}:{name}"
    return found


def _referred(
    *, item: ast.AST, module: str, names: Mapping[str, Mapping[str, str]], by_method: Mapping[str, set[Node]]
) -> set[str]:
    """Return what a function names."""
    found: set[str] = set()
    for part in ast.walk(item):
        if isinstance(part, ast.Name):
            name = names[module].get(part.id)
            if name and ":" in name:
                found.add(name)
        elif isinstance(part, ast.Attribute):
            base = names[module].get(part.value.id) if isinstance(part.value, ast.Name) else None
            if base and ":" not in base:
                found.add(f"{base}:{part.attr}")
            else:
                found |= by_method.get(part.attr, set())
    return found


def reachable(*, start: Iterable[Node], without: tuple[str, ...] = ()) -> set[Node]:
    """Return all that some functions can reach, themselves with them; not by way of modules named so."""
    graph = read_graph()
    seen: set[Node] = set()
    waiting = list(start)
    while waiting:
        node = waiting.pop()
        if node not in seen and not node.startswith(without):
            seen.add(node)
            waiting.extend(graph.get(node, ()))
    return seen


@cache
def source_of(node: Node) -> str:
    """Return the text of a module's function or method."""
    module, _, name = node.partition(":")
    text, items = _read_module(module)
    found: ast.stmt | None = None
    for part in name.split("."):
        found = next((item for item in items if getattr(item, "name", None) == part), None)
        items = getattr(found, "body", [])
    return "\n".join(text[found.lineno - 1 : found.end_lineno]) if found else ""


@cache
def _read_module(module: str) -> tuple[list[str], list[ast.stmt]]:
    """Return a module's lines and its statements."""
    path = ROOT / Path(*module.split("."))
    text = (path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).read_text()
    return text.splitlines(), ast.parse(text).body
