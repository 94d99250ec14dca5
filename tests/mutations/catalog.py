"""Mutations of the catalog and of launches by its commands."""

from __future__ import annotations

from tests.mutations.mutation import Mutation

_MODELS = "daylily_ec/catalog/models.py"
_TABLES = "daylily_ec/catalog/tables.py"
_CATALOG = "tests/unit/catalog/test_catalog.py"
_LAUNCH = "tests/unit/catalog/test_launch.py"
_LINE = "tests/unit/catalog/test_command_line.py"
_BY_ID = "tests/unit/launch/test_catalog_launch.py"

_FACTS = "tests/unit/catalog/test_facts.py"

MUTATIONS = (
    Mutation(
        "keep what was found about a catalog whatever it holds now",
        "daylily_ec/catalog/facts.py",
        "[text.encode(), *code]",
        "code",
        _FACTS,
    ),
    Mutation(
        "keep what was found about a catalog whatever the rules are now",
        "daylily_ec/catalog/facts.py",
        "[text.encode(), *code]",
        "[text.encode()]",
        _FACTS,
    ),
    Mutation("let unknown keys of a catalog pass", _MODELS, 'extra="forbid"', 'extra="allow"', _CATALOG),
    Mutation(
        "let a sample command have a profile of run mounts",
        _MODELS,
        '"sample_analysis": mode == "run_dra_required",',
        '"sample_analysis": False,',
        _CATALOG,
    ),
    Mutation(
        "let two commands have one id",
        _MODELS,
        "for index, name in _repeated([one.command_id for one in commands]):",
        "for index, name in _repeated([]):",
        _CATALOG,
    ),
    Mutation(
        "point at the first line whatever is wrong",
        "daylily_ec/catalog/loader.py",
        "line, node = mark[0] + 1, node[part]",
        "node = node[part]",
        _CATALOG,
    ),
    Mutation(
        "let a run lie outside of its mount",
        _TABLES,
        "        if not seen.startswith((prefix.value, *elsewhere)):",
        "        if False:",
        _LAUNCH,
    ),
    Mutation(
        "let units lack their reads",
        _TABLES,
        "if sets and not any(all(_filled(row, column) for column in one) for one in sets):",
        "if False:",
        _LAUNCH,
    ),
    Mutation(
        "add a second --config",
        "daylily_ec/catalog/command_line.py",
        "    if not groups:\n        return",
        "    if True:\n        return",
        _LINE,
    ),
    Mutation(
        "follow an implied branch",
        "daylily_ec/catalog/launch.py",
        "return chosen.git_tag if _is_pinned(chosen) else",
        "return chosen.git_tag if _is_pinned(chosen) or chosen.git_tag else",
        _LAUNCH,
    ),
    Mutation(
        "launch without the startup associations",
        "daylily_ec/workflow/launch_mounts.py",
        "    _check_startup(plan.startup_mounts, existing)\n",
        "",
        _BY_ID,
    ),
    Mutation(
        "launch a stage unread",
        "daylily_ec/workflow/launch_workflow.py",
        "if request.command_id and mounts.stage is not None:",
        "if False:",
        _BY_ID,
    ),
    Mutation(
        "require tables that an analysis need not have",
        "daylily_ec/catalog/registration.py",
        "and path not in WHEN_PRESENT)",
        ")",
        "tests/unit/catalog/test_other_catalogs.py",
    ),
)
