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

from procore_4hse.errors import ConfigurationError, Problem
from procore_4hse.settings.findings import problem, shared_by_routes
from procore_4hse.settings.model import Settings, section_model
from procore_4hse.settings.sources import (
    CONFIG_VARIABLE,
    SECRETS_VARIABLE,
    EnvironmentSource,
    SecretFilesSource,
    Source,
)
from procore_4hse.settings.toml_file import DEFAULT_FILE, TomlSource
from procore_4hse.settings.values import anchored


def load(config: Path | None, environ: Mapping[str, str]) -> Settings:
    """The settings from `config` (else SYNC_CONFIG, else config/sync.toml), secret files and `environ`.

    Paths in them are absolute. Raises ConfigurationError with every problem found.
    """
    named = config or (Path(environ[CONFIG_VARIABLE]) if environ.get(CONFIG_VARIABLE) else None)
    file = named or DEFAULT_FILE
    environment = EnvironmentSource(Settings, environ)
    secrets = SecretFilesSource(Settings, environ.get(SECRETS_VARIABLE))
    toml = TomlSource(Settings, file, required=named is not None or not (environment.tree or secrets.tree))
    settings, problems = _checked(environment, secrets, toml)
    if settings is None or problems:
        raise ConfigurationError(tuple(problems))
    return _anchored(settings, (file.parent if toml.was_read else Path()).absolute())


def _checked(
    environment: EnvironmentSource, secrets: SecretFilesSource, toml: TomlSource
) -> tuple[Settings | None, list[Problem]]:
    """The settings that the sources give together, the first one strongest, and what is wrong with them."""
    sources: tuple[Source, ...] = (environment, secrets, toml) if toml.was_read else (environment, secrets)
    settings, faults = _collected(sources)
    is_whole = toml.was_read or not toml.problems
    return settings, [
        *environment.problems,
        *secrets.problems,
        *toml.problems,
        *(problem(fault, sources) for fault in faults if is_whole or fault["type"] != "missing"),
        *shared_by_routes(sources),
    ]


def _collected(sources: Sequence[Source]) -> tuple[Settings | None, list[ErrorDetails]]:
    # With a table for each section, each key that is missing in one is reported by its name.
    sections: dict[str, Any] = {section: {} for section, info in Settings.model_fields.items() if section_model(info)}
    chain = (*sources, InitSettingsSource(Settings, sections))

    class Collected(Settings):
        @classmethod
        def settings_customise_sources(
            cls, settings_cls: type[BaseSettings], *_: Any, **__: Any
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return chain

    try:
        collected = Collected()
    except ValidationError as error:
        return None, error.errors(include_url=False, include_input=False)
    return Settings(**{name: getattr(collected, name) for name in Settings.model_fields}), []


def _anchored(settings: Settings, folder: Path) -> Settings:
    """The settings with every relative path counted from `folder`."""
    url = SecretStr(anchored(settings.store.url.get_secret_value(), folder))
    routes = tuple(route.model_copy(update={"mapping": folder / route.mapping}) for route in settings.routes)
    store = settings.store.model_copy(update={"url": url})
    return settings.model_copy(update={"store": store, "routes": routes})
