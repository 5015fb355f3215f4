"""The settings in the words of the file: every section with its keys, defaults and words."""

from collections.abc import Iterator
from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from procore_4hse.settings.values import (
    Age,
    Count,
    Day,
    Duration,
    Filled,
    Flag,
    Folder,
    Id,
    Issuer,
    LinkPattern,
    Networks,
    Origin,
    Percent,
    Port,
    Secret,
    StoreUrl,
    Text,
    Texts,
    Url,
    Uuid,
    is_loopback,
    refusal,
    word_of,
)

KeyPath = tuple[str | int, ...]
"""Where a value stands: ("procore", "client_id"), or ("routes", 0, "since")."""


class DirectionSetting(StrEnum):
    BOTH = "both"
    PROCORE_TO_FOURHSE = "procore-to-4hse"
    FOURHSE_TO_PROCORE = "4hse-to-procore"


class CrossingSetting(StrEnum):
    """Which way the values of one class may cross."""

    BOTH = "both"
    PROCORE_TO_FOURHSE = "procore-to-4hse"
    FOURHSE_TO_PROCORE = "4hse-to-procore"
    NONE = "none"


class WhenBarred(StrEnum):
    """What becomes of a row whose class may not go where the row goes."""

    REFUSE = "refuse"
    LEAVE_OUT = "leave out"


class Deletions(StrEnum):
    """What happens to the survivor when one side deleted its record."""

    ASK = "ask"
    PROPAGATE = "propagate"
    CLOSE = "close"
    IGNORE = "ignore"


class Private(StrEnum):
    """What happens to Procore incidents that are marked private."""

    SKIP = "skip"
    INCLUDE = "include"


class DeskAuth(StrEnum):
    """How people sign in to the desk: by a printed link, by OpenID Connect, or at an authenticating proxy."""

    LINK = "link"
    OIDC = "oidc"
    PROXY = "proxy"


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class ProcoreSettings(_Section):
    api_url: Url = "https://api.procore.com"
    login_url: Url = "https://login.procore.com"
    company_id: Id
    client_id: Filled
    client_secret: Secret


class FourHseSettings(_Section):
    api_url: Url = "https://service.4hse.com"
    token_url: Url = "https://auth.4hse.com/realms/4hse/protocol/openid-connect/token"  # noqa: S105 an address
    client_id: Filled
    client_secret: Annotated[SecretStr, Field(description="text in quotes")] = SecretStr("")
    username: Annotated[Filled, Field(repr=False)]
    password: Secret


class StoreSettings(_Section):
    url: StoreUrl
    """A SQLite path in it is absolute once the settings are loaded. Secret, for it may hold a password."""


class ScheduleSettings(_Section):
    every: Duration = timedelta(minutes=5)
    full_sweep_every: Duration = timedelta(hours=24)
    settle_for: Duration = timedelta(minutes=30)


class GuardSettings(_Section):
    max_deletes: Count = 20
    max_delete_percent: Percent = 10
    max_change_percent: Percent = 50
    max_creates: Count = 200


class RetentionSettings(_Section):
    """How old contents may become; without an age they stay. What past cycles did goes in any case."""

    cycles: Age = timedelta(days=90)
    raw: Age = None
    journal: Age = None
    tombstones: Age = None


NoSecret = Annotated[SecretStr, Field(description="text in quotes")]

NEEDED_BY = {DeskAuth.OIDC: ("issuer", "client_id", "base_url"), DeskAuth.PROXY: ("trusted_peers", "secret")}
"""What must be filled in besides, by the way of signing in."""


class DeskSettings(_Section):
    """The inbox in the browser. `viewers` and `deciders` are rules, such as `hse-team on riverside sees health`."""

    host: Filled = "127.0.0.1"
    port: Port = 8484
    base_url: Origin = ""
    auth: Annotated[DeskAuth, word_of(DeskAuth)] = DeskAuth.LINK
    viewers: Texts = ()
    deciders: Texts = ()
    issuer: Issuer = ""
    client_id: Text = ""
    client_secret: NoSecret = SecretStr("")
    role_claim: Filled = "roles"
    header: Filled = "X-Forwarded-User"
    trusted_peers: Networks = ()
    secret: NoSecret = SecretStr("")

    @model_validator(mode="after")
    def _can_work(self) -> "DeskSettings":
        """Checked where its parts meet: each way of signing in needs its keys, and a network needs an address."""
        if missing := [key for key in NEEDED_BY.get(self.auth, ()) if not self._has(key)]:
            raise refusal(
                f"lacks {', '.join(missing)} for auth = {self.auth}", f"Add {', '.join(missing)} under [desk]"
            )
        if not is_loopback(self.host) and not self.base_url:
            what = f"would open the desk to a network at {self.host} without the address that people use"
            raise refusal(what, "Add base_url under [desk], or take out host")
        return self

    def _has(self, key: str) -> bool:
        value = getattr(self, key)
        return bool(value.get_secret_value() if isinstance(value, SecretStr) else value)


class LinkSettings(_Section):
    """How a record is opened in its own system: addresses with {id}, {project} and {office} in them."""

    procore: LinkPattern = ""
    fourhse: LinkPattern = ""


Crosses = Annotated[CrossingSetting, word_of(CrossingSetting)]


class PrivacySettings(_Section):
    """Which classes of values may cross, by the classes that the rows of a mapping have."""

    identity: Crosses = CrossingSetting.BOTH
    health: Crosses = CrossingSetting.BOTH
    location: Crosses = CrossingSetting.BOTH
    plain: Crosses = CrossingSetting.BOTH
    when_barred: Annotated[WhenBarred, word_of(WhenBarred)] = WhenBarred.REFUSE


class RouteSettings(_Section):
    name: Filled
    procore_project: Id
    fourhse_project: Uuid
    fourhse_office: Uuid
    mapping: Folder
    """Absolute once the settings are loaded."""
    direction: Annotated[DirectionSetting, word_of(DirectionSetting)] = DirectionSetting.BOTH
    enabled: Flag = True
    since: Day
    deletions: Annotated[Deletions, word_of(Deletions)] = Deletions.ASK
    private: Annotated[Private, word_of(Private)] = Private.SKIP
    privacy: Annotated[PrivacySettings, Field(description="a [routes.privacy] table")] = PrivacySettings()


def _at_least_one(routes: object) -> object:
    if routes in ([], ()):
        raise ValueError("no routes")
    return routes


class Settings(BaseSettings):
    """Everything that a run may be told. Built from its arguments alone; `load` collects those."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    procore: ProcoreSettings
    fourhse: FourHseSettings
    store: StoreSettings
    schedule: ScheduleSettings = ScheduleSettings()
    guards: GuardSettings = GuardSettings()
    retention: RetentionSettings = RetentionSettings()
    desk: DeskSettings = DeskSettings()
    links: LinkSettings = LinkSettings()
    routes: Annotated[
        tuple[RouteSettings, ...],
        BeforeValidator(_at_least_one),
        Field(description="one or more [[routes]] tables (in the environment a JSON list)"),
    ]

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)


def keys() -> Iterator[tuple[str, ...]]:
    """The path of every key that one variable or one secret file can set."""
    for section, info in Settings.model_fields.items():
        model = section_model(info)
        if model is None:
            yield (section,)
        else:
            yield from ((section, key) for key in model.model_fields)


def section_model(info: FieldInfo) -> type[BaseModel] | None:
    """The keys of a section; None for the routes, which are a list."""
    kind = info.annotation
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def fields_at(path: KeyPath) -> dict[str, FieldInfo]:
    """What may stand under a place."""
    if not path:
        return Settings.model_fields
    if path[0] == "routes":
        return PrivacySettings.model_fields if "privacy" in path else RouteSettings.model_fields
    model = section_model(Settings.model_fields[str(path[0])])
    return model.model_fields if model else {}


def expected(path: KeyPath) -> str:
    """What is to be written at a place, in words."""
    if isinstance(path[-1], int):
        return "a [[routes]] table"
    return fields_at(path[:-1])[path[-1]].description or f"a table [{path[-1]}]"
