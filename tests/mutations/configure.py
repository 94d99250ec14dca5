"""Mutations of what puts dyec on a head node: each takes one safeguard away, and names a test that must notice."""

from __future__ import annotations

from tests.mutations.mutation import Mutation

_SCRIPT = "config/headnode/configure.sh"
_NODE = "tests/integration/headnode/test_configure_script.py"
_SITE = "daylily_ec/headnode/site_files.py"
_SITE_TEST = "tests/unit/headnode/test_site_files.py"
_CLONE = "daylily_ec/headnode/clone.py"
_CLONE_TEST = "tests/unit/headnode/test_clone.py"
_INIT = "daylily_ec/workflow/init_headnode.py"
_INIT_TEST = "tests/unit/configure/test_init.py"
_CREATED = "daylily_ec/workflow/configure_headnode.py"
_CREATED_TEST = "tests/unit/configure/test_configure.py"

MUTATIONS = (
    Mutation(
        "install wheels without comparing their sums",
        _SCRIPT,
        'found=$(cd "$place/wheels" && sha256sum --check --strict --quiet SHA256SUMS 2>&1) || return 1',
        "found=",
        f"{_NODE}::test_what_is_not_what_was_published_is_never_installed",
    ),
    Mutation(
        "believe any list of sums",
        _SCRIPT,
        '[ "$(sha256sum < "$place/wheels/SHA256SUMS" | cut -d \' \' -f 1)" = "$DYEC_DIGEST" ]',
        "true",
        f"{_NODE}::test_what_is_not_what_was_published_is_never_installed",
    ),
    Mutation(
        "run any conda installer",
        _SCRIPT,
        '[ "$(sha256sum < "$installer" | cut -d \' \' -f 1)" = "$DYEC_CONDA_SHA256" ]',
        "true",
        f"{_NODE}::test_a_foreign_conda_installer_is_not_run",
    ),
    Mutation(
        "append the login hook each time",
        _SCRIPT,
        'text=$(sed "/^$begin\\$/,/^$end\\$/d" "$file" 2> /dev/null)',
        'text=$(cat "$file" 2> /dev/null)',
        f"{_NODE}::test_everything_is_installed_and_a_second_time_changes_nothing",
    ),
    Mutation(
        "an installation counts by its marker alone",
        _SCRIPT,
        ' && "$env_dir/bin/dyec" version > /dev/null 2>&1; }',
        "; }",
        f"{_NODE}::test_a_damaged_installation_is_repaired_and_a_new_release_replaces_the_link",
    ),
    Mutation(
        "overwrite what was edited on the node",
        _SITE,
        "    edited = present != source and _sha256(present) != installed\n",
        "    edited = False\n",
        _SITE_TEST,
    ),
    Mutation(
        "ignore an override of an unknown repository",
        _SITE,
        "        if key not in repositories:\n            raise",
        "        if False:\n            raise",
        _SITE_TEST,
    ),
    Mutation(
        "clone in place",
        _CLONE,
        'partial = Path(folder, "analysis")\n',
        "partial = place\n",
        _CLONE_TEST,
    ),
    Mutation("try a clone once", _CLONE, "TRIES = 3\n", "TRIES = 1\n", _CLONE_TEST),
    Mutation(
        "create a budget unasked", _INIT, "if ask is None or not ask(", "if ask is not None and not ask(", _INIT_TEST
    ),
    Mutation(
        "a project without a row is fine",
        _INIT,
        "if self.project not in rows and not self.request.skip_project_check:",
        "if False:",
        _INIT_TEST,
    ),
    Mutation(
        "an unquoted value in shell code", _INIT, "{name}={shlex.quote(value)}", "{name}={value}", _INIT_TEST
    ),
    Mutation(
        "a head node that cannot be configured fails create",
        _CREATED,
        "    except (CredentialsExpired, NoCredentials):\n        raise\n    except DyecError as error:\n",
        "    except (CredentialsExpired, NoCredentials):\n        raise\n    except ZeroDivisionError as error:\n",
        _CREATED_TEST,
    ),
    Mutation(
        "lost credentials are a mere warning",
        _CREATED,
        "    except (CredentialsExpired, NoCredentials):\n        raise\n    except DyecError as error:\n",
        "    except DyecError as error:\n",
        _CREATED_TEST,
    ),
)  # fmt: skip
