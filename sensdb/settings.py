"""Where the values come from that are not in a command: flag > environment > config file > default (design.md 8)."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sensdb.errors import SensdbError, did_you_mean

DEFAULT_DATABASE_URL = "sqlite:///sensdb.db"
ENVIRONMENT = {
    "database_url": "SENSDB_DATABASE_URL",
    "data": "SENSDB_DATA",
    "artifacts": "SENSDB_ARTIFACTS",
    "cache": "SENSDB_CACHE",
}
CONFIG_VARIABLE = "SENSDB_CONFIG"


@dataclass(frozen=True)
class Setting:
    """One value and where it came from, as `sensdb doctor` shows them.

    `origin` is "flag", the environment variable's name, the config file's path, or "default".
    """

    value: str
    origin: str


@dataclass(frozen=True)
class Settings:
    """The settings of one process (design.md 8); build it with `resolve`."""

    database: Setting
    data: Setting
    artifacts: Setting
    cache: Setting
    config: Setting

    @property
    def database_url(self) -> str:
        """The database's URL as given, password and all: never print it, use `sensdb.database.url.mask`."""
        return self.database.value

    @property
    def data_paths(self) -> tuple[Path, ...]:
        """Folders searched for data files, in order; the last is where `sensdb data fetch` puts them."""
        given = [Path(part).expanduser() for part in self.data.value.split(os.pathsep) if part]
        return tuple(dict.fromkeys([*given, _user_folder("data")]))

    @property
    def artifacts_url(self) -> str:
        """Folder or fsspec URL of stored weights and region slices."""
        return self.artifacts.value

    @property
    def cache_path(self) -> Path:
        """Folder of the mirror's files, one folder a database within."""
        return Path(self.cache.value).expanduser()

    @classmethod
    def resolve(cls, *, database: str | None = None, environment: Mapping[str, str] | None = None) -> Settings:
        """Resolve every setting once, at the start of a command or of `sensdb.connect`.

        Args:
            database: the value of --database, which wins over everything; None where not given.
            environment: for tests; os.environ otherwise. A variable that is set but empty counts as not set.

        Raises:
            SensdbError: the config file is named but missing, is not TOML, or has a key that does not exist.
        """
        variables = os.environ if environment is None else environment
        config, entries = _read_config(variables)
        defaults = {
            "database_url": DEFAULT_DATABASE_URL,
            "data": str(_user_folder("data")),
            "artifacts": str(_user_folder("artifacts")),
            "cache": str(_user_folder("cache")),
        }
        found: dict[str, Setting] = {}
        for name, variable in ENVIRONMENT.items():
            if name == "database_url" and database:
                found[name] = Setting(database, "flag")
            elif variables.get(variable):
                found[name] = Setting(variables[variable], variable)
            elif name in entries:
                found[name] = Setting(entries[name], config.value)
            else:
                found[name] = Setting(defaults[name], "default")
        return cls(found["database_url"], found["data"], found["artifacts"], found["cache"], config)


def _user_folder(kind: str) -> Path:
    import platformdirs

    folders = platformdirs.PlatformDirs("sensdb", appauthor=False)
    if kind == "cache":
        return Path(folders.user_cache_dir)
    return Path(folders.user_data_dir) / kind


def _read_config(variables: Mapping[str, str]) -> tuple[Setting, dict[str, str]]:
    named = variables.get(CONFIG_VARIABLE)
    if named:
        origin, path = CONFIG_VARIABLE, Path(named).expanduser()
    else:
        import platformdirs

        origin, path = "default", Path(platformdirs.user_config_dir("sensdb", appauthor=False)) / "config.toml"
    if not path.exists():
        if named:
            raise SensdbError(f"{CONFIG_VARIABLE}: no file {path}.", "write it, or unset the variable.")
        return Setting(str(path), origin), {}
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SensdbError(
            f"{path} is not TOML: {error}.", 'a line reads: database_url = "sqlite:///sensdb.db"'
        ) from None
    for key, value in entries.items():
        if key not in ENVIRONMENT:
            raise SensdbError(
                f"{path}: no setting '{key}'.", did_you_mean(key, ENVIRONMENT, f"allowed: {', '.join(ENVIRONMENT)}.")
            )
        if not isinstance(value, str):
            raise SensdbError(f"{path}: {key} must be text, not {value!r}.", f'a line reads: {key} = "..."')
    return Setting(str(path), origin), entries
