"""The settings of a run: collected from three sources, checked as a whole, frozen.

Strongest first: environment variables (`SYNC_`, with `__` between levels), files in the folder that
`SYNC_SECRETS_DIR` names, the TOML file. `load` is the only door: nothing is read when these modules are
imported, and no other module reads the environment or a settings file.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import SecretStr, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource

from procore_4hse.errors import ConfigurationError
from procore_4hse.settings.findings import problem, shared_by_routes
from procore_4hse.settings.model import Settings, section_model
from procore_4hse.settings.sources import (
    CONFIG_VARIABLE,
    SECRETS_VARIABLE,
    Source,
    from_environment,
    from_secret_files,
    unknown_variables,
)
from procore_4hse.settings.toml_file import DEFAULT_FILE, from_toml
from procore_4hse.settings.values import anchored


def load(config: Path | None, environ: Mapping[str, str]) -> Settings:
    """The settings from `config` (else SYNC_CONFIG, else config/sync.toml), secret files and `environ`.

    Paths in them are absolute. Raises ConfigurationError with every problem found.
    """
    named = config or (Path(environ[CONFIG_VARIABLE]) if environ.get(CONFIG_VARIABLE) else None)
    file = named or DEFAULT_FILE
    secrets, secret_problems = from_secret_files(environ.get(SECRETS_VARIABLE))
    others = (from_environment(environ), secrets)
    toml, toml_problems = from_toml(file, required=named is not None or not any(each.tree for each in others))
    sources = (*others, toml) if toml else others
    is_whole = toml is not None or not toml_problems
    settings, faults = _validated(sources)
    problems = [
        *unknown_variables(environ),
        *secret_problems,
        *toml_problems,
        *(problem(fault, sources) for fault in faults if is_whole or fault["type"] != "missing"),
        *shared_by_routes(sources),
    ]
    if settings is None or problems:
        raise ConfigurationError(tuple(problems))
    return _anchored(settings, (file.parent if toml else Path()).absolute())


def _validated(sources: Sequence[Source]) -> tuple[Settings | None, list[ErrorDetails]]:
    """The settings that the sources give together, the first one strongest, or what is wrong with them."""
    bare: dict[str, Any] = {section: {} for section, info in Settings.model_fields.items() if section_model(info)}
    trees = [*(dict(source.tree) for source in sources), bare]

    class Layered(Settings):
        @classmethod
        def settings_customise_sources(
            cls, settings_cls: type[BaseSettings], *_: Any, **__: Any
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return tuple(InitSettingsSource(settings_cls, tree) for tree in trees)

    try:
        layered = Layered()
    except ValidationError as error:
        return None, error.errors(include_url=False, include_input=False)
    return Settings(**{name: getattr(layered, name) for name in Settings.model_fields}), []


def _anchored(settings: Settings, folder: Path) -> Settings:
    """The settings with every relative path counted from `folder`."""
    url = SecretStr(anchored(settings.store.url.get_secret_value(), folder))
    routes = tuple(route.model_copy(update={"mapping": folder / route.mapping}) for route in settings.routes)
    store = settings.store.model_copy(update={"url": url})
    return settings.model_copy(update={"store": store, "routes": routes})
