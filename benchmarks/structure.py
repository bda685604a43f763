"""The structure of the code in figures.

Sizes, signatures, docstrings, mirrored tests, import circles, floors.

python benchmarks/structure.py                        # of this checkout
python benchmarks/structure.py --before ../old        # beside an older checkout, as a Markdown table

Floors are the length of the longest chain of imports inside a package, where modules of a circle share a
floor; imports under TYPE_CHECKING and inside functions count.
"""

from __future__ import annotations

import argparse
import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles

PACKAGES = {
    "maskgen": "maskgen",
    "pipelines": "maskgen.pipelines",
    "loaders": "maskgen.loaders",
    "trainers": "maskgen.trainers",
}
_ARRAY = re.compile(r"(?<!dict\[str, )(NDArray|ndarray|Tensor)|RGB|SoftMask|HardMask")
_SHAPE = re.compile(r"\([\w, ·.*+⌈⌉-]*\)|shape|scalar")
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass
class Module:
    """One file: its name as imported, its lines, its syntax tree."""

    name: str
    path: Path
    lines: int
    tree: ast.Module
    imports: set[str] = field(default_factory=set)

    @property
    def is_package(self) -> bool:
        """Whether it is a folder's ``__init__``."""
        return self.path.name == "__init__.py"


def read_modules(root: Path) -> dict[str, Module]:
    """Every module of a checkout by name; links are not followed."""
    found = {}
    for folder, package in PACKAGES.items():
        for path in sorted((root / folder).rglob("*.py")):
            inside = path.relative_to(root / folder)
            if any((root / folder / parent).is_symlink() for parent in inside.parents):
                continue
            name = ".".join([package, *inside.with_suffix("").parts]).removesuffix(".__init__")
            text = path.read_text()
            found[name] = Module(name, path, text.count("\n"), ast.parse(text))
    for module in found.values():
        module.imports = set(_imports(module, found)) - {module.name}
    return found


def _imports(module: Module, known: dict[str, Module]) -> Iterator[str]:
    package = module.name if module.is_package else module.name.rpartition(".")[0]
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:
                full = f"{base}.{alias.name}"
                if full in known or base in known:
                    yield full if full in known else base


def circles(modules: dict[str, Module]) -> list[set[str]]:
    """The sets of modules that import each other in a circle (Tarjan's components of two and more)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[set[str]] = []

    def visit(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for other in sorted(modules[name].imports & modules.keys()):
            if other not in index:
                visit(other)
                low[name] = min(low[name], low[other])
            elif other in stack:
                low[name] = min(low[name], index[other])
        if low[name] == index[name]:
            part = set(stack[stack.index(name) :])
            del stack[stack.index(name) :]
            if len(part) > 1:
                found.append(part)

    for name in modules:
        if name not in index:
            visit(name)
    return found


def floors(modules: dict[str, Module]) -> int:
    """The longest chain of imports, in modules."""
    together = {name: part for part in map(frozenset, circles(modules)) for name in part}
    height: dict[str, int] = {}

    def climb(name: str) -> int:
        if name not in height:
            part = together.get(name, frozenset((name,)))
            below = {other for one in part for other in modules[one].imports & modules.keys()} - part
            tall = 1 + max(map(climb, below), default=0)
            height.update(dict.fromkeys(part, tall))
        return height[name]

    return max(map(climb, modules), default=0)


def functions(module: Module) -> Iterator[tuple[Function, bool]]:
    """Every function of a module, and whether it is public: no underscore in its name or its class's."""

    def inside(node: ast.AST, public: bool) -> Iterator[tuple[Function, bool]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, Function):
                own = public and not child.name.startswith("_")
                yield child, own
                yield from inside(child, False)
            elif isinstance(child, ast.ClassDef):
                yield from inside(child, public and not child.name.startswith("_"))
            else:
                yield from inside(child, public)

    yield from inside(module.tree, True)


def _parameters(function: Function) -> list[ast.arg]:
    spec = function.args
    return [
        arg for arg in (*spec.posonlyargs, *spec.args, *spec.kwonlyargs) if arg.arg not in ("self", "cls")
    ]


def _raises(function: Function) -> bool:
    """Whether the function's own body raises something, other than what marks an abstract or unknown name."""
    nested = {
        id(inner)
        for part in ast.walk(function)
        if isinstance(part, Function) and part is not function
        for inner in ast.walk(part)
    }
    return any(
        isinstance(node, ast.Raise) and node.exc is not None and id(node) not in nested
        for node in ast.walk(function)
    )


def _is_command(function: Function) -> bool:
    """A command's docstring is its help text, which says in words what ends it."""
    return any("command" in ast.unparse(decorator) for decorator in function.decorator_list)


def _takes_arrays(function: Function) -> bool:
    notes = [ast.unparse(arg.annotation) for arg in _parameters(function) if arg.annotation]
    notes += [ast.unparse(function.returns)] if function.returns else []
    return any(_ARRAY.search(note) for note in notes)


def _share(part: int, whole: int) -> str:
    return f"{part} of {whole} ({part / max(whole, 1):.0%})"


def mirrored(root: Path, modules: dict[str, Module]) -> str:
    """How many modules have a test file of their name, alone or with a subject, in the folder of tests."""
    files = {path.relative_to(root / "tests") for path in (root / "tests").rglob("test_*.py")}
    needed = [module for module in modules.values() if module.path.stem not in ("__init__", "__main__")]
    hits = 0
    for module in needed:
        parts = module.path.relative_to(root).parts
        parts = parts[1:] if parts[0] == "maskgen" else parts
        stem = f"test_{Path(parts[-1]).stem}"
        hits += any(
            file.parent == Path(*parts[:-1]) and (file.stem == stem or file.stem.startswith(f"{stem}_"))
            for file in files
        )
    return _share(hits, len(needed))


def measure(root: Path) -> dict[str, str]:
    """Every figure by name, as text."""
    modules = read_modules(root)
    lines = [module.lines for module in modules.values()]
    longest = max(modules.values(), key=lambda module: module.lines)
    every = [(module, *found) for module in modules.values() for found in functions(module)]
    lengths = [(function.end_lineno or 0) - function.lineno + 1 for _, function, _ in every]
    widths = [len(_parameters(function)) for _, function, _ in every]
    public = [function for _, function, is_public in every if is_public]
    told = [function for function in public if ast.get_docstring(function)]
    arrays = [function for function in public if _takes_arrays(function)]
    shapes = [function for function in arrays if _SHAPE.search(ast.get_docstring(function) or "")]
    raising = [function for function in public if _raises(function) and not _is_command(function)]
    listed = [function for function in raising if "Raises:" in (ast.get_docstring(function) or "")]
    owners = [*public, *(n for m in modules.values() for n in m.tree.body if isinstance(n, ast.ClassDef))]
    examples = sum(">>>" in (ast.get_docstring(owner) or "") for owner in owners)
    figures = {
        "modules": str(len(modules)),
        "lines, in all": str(sum(lines)),
        "module: median, longest": f"{median(lines):.0f}, {longest.lines} ({longest.path.relative_to(root)})",
        "modules over 350 lines": str(sum(line > 350 for line in lines)),
        "functions": str(len(every)),
        "function: median, p90, longest": f"{median(lengths):.0f}, {quantiles(lengths, n=10)[-1]:.0f}, "
        f"{max(lengths)}",
        "functions over 60 lines": str(sum(length > 60 for length in lengths)),
        "most parameters": str(max(widths)),
        "functions of more than 8 parameters": str(sum(width > 8 for width in widths)),
        "public functions with a docstring": _share(len(told), len(public)),
        "of those on arrays, with shapes": _share(len(shapes), len(arrays)),
        "of those that raise, with Raises": _share(len(listed), len(raising)),
        "docstrings with an example": str(examples),
        "modules with a test file of their name": mirrored(root, modules),
    }
    for package in PACKAGES.values():
        inside = {
            name: module
            for name, module in modules.items()
            if f"{name}.".startswith(f"{package}.") and (package != "maskgen" or _is_core(name))
        }
        rounds = circles(inside)
        figures[f"{package}: files, floors, circles (modules in them)"] = (
            f"{len(inside)}, {floors(inside)}, {len(rounds)} ({sum(map(len, rounds))})"
        )
    return figures


def _is_core(name: str) -> bool:
    return not any(f"{name}.".startswith(f"{package}.") for package in list(PACKAGES.values())[1:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("root", type=Path, nargs="?", default=Path(__file__).resolve().parents[1])
    parser.add_argument("--before", type=Path, help="an older checkout to show beside it")
    options = parser.parse_args()
    now = measure(options.root.resolve())
    if not options.before:
        print("\n".join(f"{name:55} {value}" for name, value in now.items()))
        return
    before = measure(options.before.resolve())
    print("| measure | before | now |\n|---|---|---|")
    print("\n".join(f"| {name} | {before[name]} | {value} |" for name, value in now.items()))


if __name__ == "__main__":
    main()
