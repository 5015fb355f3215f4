"""The settings in the words of the file: every section with its keys, defaults and words."""

from collections.abc import Iterator
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any
from urllib.parse import urlsplit

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
    LinkPattern,
    Listen,
    Networks,
    Origin,
    Percent,
    PingUrl,
    Place,
    Port,
    Secret,
    Secrets,
    StoreUrl,
    Text,
    Texts,
    Url,
    Uuid,
    WebUrl,
    is_loopback,
    not_a_flag,
    place_of,
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
    """where Procore's API is"""
    login_url: Url = "https://login.procore.com"
    """where its tokens come from"""
    company_id: Id
    """the company's number"""
    client_id: Filled
    """of the service account, a Data Connection app"""
    client_secret: Secret
    """the secret of that account"""


SIGN_IN = ("client_id", "username", "password")
UNUSED = "not used"
"""Stands in the place of what signs a user in, where a token does without."""


class FourHseSettings(_Section):
    api_url: Url = "https://service.4hse.com"
    """where 4HSE's API is"""
    token_url: Url = "https://auth.4hse.com/realms/4hse/protocol/openid-connect/token"  # noqa: S105 an address
    """where its tokens come from"""
    client_id: Filled
    """of the API client; not needed with `access_token`"""
    client_secret: Annotated[SecretStr, Field(description="text in quotes")] = SecretStr("")
    """its secret, when the client has one"""
    username: Annotated[Filled, Field(repr=False)]
    """of the 4HSE user under whose rights it works; not needed with `access_token`"""
    password: Secret
    """that user's password; not needed with `access_token`"""
    access_token: Annotated[SecretStr, Field(description="text in quotes")] = SecretStr("")
    """a personal token that 4HSE handed out, instead of signing in; it travels in the address of each call, so sign in
    where you can"""

    @model_validator(mode="before")
    @classmethod
    def _by_token(cls, data: Any) -> Any:
        """With a token nobody signs in; an empty key says nothing, as in the file that `init` writes."""
        if not isinstance(data, dict) or not data.get("access_token"):
            return data
        given = [key for key in ("username", "password") if data.get(key)]
        if given:
            what = f"names two ways to authenticate: access_token, and {' and '.join(given)}"
            raise refusal(what, "Keep the token, or username and password")
        return {**data, **{key: data.get(key) or UNUSED for key in SIGN_IN}}


class StoreSettings(_Section):
    # A SQLite path in it is absolute once the settings are loaded. Secret, for it may hold a password.
    url: StoreUrl
    """`sqlite:///data/sync.db` or `postgresql+psycopg://user:password@host/database`"""


class ScheduleSettings(_Section):
    every: Duration = timedelta(minutes=5)
    """the daemon's pause between two cycles of a route"""
    quiet_every: Annotated[Duration | None, Field(description='a number and its unit in quotes, such as "1h"')] = None
    """where the calls that Procore or 4HSE allows do not bear `every` for all routes: how far the pause of those may be
    stretched that wrote nothing for longest; none: no further than `every`"""
    full_sweep_every: Duration = timedelta(hours=24)
    """complete listing of Procore, where a project holds more than a page of 1000; and every pair is compared, moved or
    not"""
    settle_for: Duration = timedelta(minutes=30)
    """how long a create without an answer is looked for before it is made again"""

    @model_validator(mode="after")
    def _quiet_is_longer(self) -> "ScheduleSettings":
        if self.quiet_every is not None and self.quiet_every < self.every:
            raise refusal("is shorter for quiet routes than for all", "Make quiet_every as long as every, or longer")
        return self


class GuardSettings(_Section):
    max_deletes: Count = 20
    """so many deletions per route, side and cycle; what exceeds a limit waits for a person"""
    max_delete_percent: Percent = 10
    """the same as a share of the links, from 20 links up"""
    max_change_percent: Percent = 50
    """share of the links that one cycle may update, from 20 links up"""
    max_creates: Count = 200
    """so many creates per route, side and cycle"""


class RetentionSettings(_Section):
    """How old contents may become; without an age they stay. What past cycles did goes in any case."""

    cycles: Age = timedelta(days=90)
    """age of the records of past cycles; the last one and the last success stay"""
    raw: Age = None
    """age of records that neither side shows any more, such as `90d`, `26w` or `2y`"""
    journal: Age = None
    """age of values in the journal, which `history` shows, and in closed questions, and of notes of who opened health
    data; `check` warns below five years (29 CFR 1904.33)"""
    tombstones: Age = None
    """age of the last images of what was deleted"""


NoSecret = Annotated[SecretStr, Field(description="text in quotes")]

NEEDED_BY = {DeskAuth.OIDC: ("issuer", "client_id", "base_url"), DeskAuth.PROXY: ("trusted_peers", "secret")}
"""What must be filled in besides, by the way of signing in."""


class DeskSettings(_Section):
    """The inbox in the browser. `viewers` and `deciders` are rules, such as `hse-team on riverside sees health`."""

    host: Filled = "127.0.0.1"
    """where the desk listens; anywhere but on this machine it wants `base_url` too"""
    port: Port = 8484
    """its port, `0` for a free one"""
    base_url: Origin = ""
    """the address as people reach it, such as `https://desk.example.com`"""
    auth: Annotated[DeskAuth, word_of(DeskAuth)] = DeskAuth.LINK
    """how people sign in: `link`, `oidc` or `proxy`, see [operating.md](operating.md#the-desk)"""
    viewers: Texts = ()
    """rules who may look, with `oidc` and `proxy`"""
    deciders: Texts = ()
    """rules who may answer too, with `oidc` and `proxy`"""
    issuer: WebUrl = ""
    """with `oidc`: the address of the identity provider"""
    client_id: Text = ""
    """with `oidc`: the name of the desk there"""
    client_secret: NoSecret = SecretStr("")
    """with `oidc`: its secret, when it has one"""
    role_claim: Filled = "roles"
    """with `oidc`: the claim that holds the names of the rules"""
    header: Filled = "X-Forwarded-User"
    """with `proxy`: the header in which the proxy names the person"""
    trusted_peers: Networks = ()
    """with `proxy`: addresses or networks of the proxy"""
    secret: NoSecret = SecretStr("")
    """with `proxy`: what the proxy sends in the header `X-Desk-Secret`"""

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


class HookSettings(_Section):
    """Procore's hooks, which tell that something changed; `run --hooks` receives them."""

    listen: Place = "127.0.0.1:8485"
    """host and port of the receiver, port `0` for a free one; anywhere but on this machine it wants `url` too"""
    url: WebUrl = ""
    """the address as Procore reaches it, such as `https://sync.example.com/procore`; its path is the only one that
    answers"""

    @model_validator(mode="after")
    def _is_behind_an_address(self) -> "HookSettings":
        if not is_loopback(place_of(self.listen)[0]) and not self.url:
            what = f"would open the receiver to a network at {self.listen} without the address that Procore uses"
            raise refusal(what, "Add url under [hooks], or take out listen")
        return self

    @property
    def path(self) -> str:
        return urlsplit(self.url).path or "/"


class AlertSettings(_Section):
    """Who is told, and how, when something is wrong or a person is needed."""

    urls: Secrets = ()
    """where alerts go: a list of addresses of apprise (mail, Teams, Slack and more), see
    [monitoring.md](monitoring.md#alerts)"""
    ping_url: PingUrl = SecretStr("")
    """a dead-man's switch: a web address that is called after each round with the exit code at its end"""
    question_age: Duration = timedelta(hours=24)
    """a question that waits longer is told as an old one; so is a route that has not succeeded for longer"""


class MetricSettings(_Section):
    """What a monitoring system reads."""

    listen: Listen = ""
    """where `run` serves `/metrics`, `/healthz` and `/readyz`, such as `127.0.0.1:9464`; empty: nowhere"""


class LinkSettings(_Section):
    """How a record is opened in its own system: addresses with {id}, {project} and {office} in them."""

    procore: LinkPattern = ""
    """how an incident is opened there, for links in questions: a web address with `{id}`, `{project}` and `{office}`"""
    fourhse: LinkPattern = ""
    """the same of 4HSE"""


Crosses = Annotated[CrossingSetting, word_of(CrossingSetting)]


class PrivacySettings(_Section):
    """Which classes of values may cross, by the classes that the rows of a mapping have."""

    identity: Crosses = CrossingSetting.BOTH
    """who: `both`, `procore-to-4hse`, `4hse-to-procore` or `none`, see below"""
    health: Crosses = CrossingSetting.BOTH
    """days of absence, afflictions, body parts, what is told about a person"""
    location: Crosses = CrossingSetting.BOTH
    """where it happened"""
    plain: Crosses = CrossingSetting.BOTH
    """everything else"""
    when_barred: Annotated[WhenBarred, word_of(WhenBarred)] = WhenBarred.REFUSE
    """what happens to rows of the mapping that may not cross: `leave out` does not send them; `refuse` names them and
    does not start"""


class MatchSettings(_Section):
    """What speaks for two incidents of the two systems being one."""

    days: Annotated[int, BeforeValidator(not_a_flag), Field(ge=0, le=30, description="a whole number from 0 to 30")] = 3
    """so many days apart two incidents of one title may be and still be asked about"""
    words: Annotated[
        int, BeforeValidator(not_a_flag), Field(ge=50, le=100, description="a whole number from 50 to 100")
    ] = 80
    """percent of the words of title and description that two incidents of one day share to be asked about"""
    key: Text = ""
    """what both systems know an incident by: the `field:` of a row of the mapping, such as a custom field, or `number`
    (Procore's number and 4HSE's code). Where it and the day agree, two are linked; where it alone agrees, you are
    asked"""


class RouteSettings(_Section):
    name: Filled
    """your word for the pair"""
    procore_project: Id
    """the project's number"""
    fourhse_project: Uuid
    """a UUID; 4HSE calls it `tenant_id`"""
    fourhse_office: Uuid
    """a UUID; 4HSE calls it `subtenant_id`"""
    # Absolute once the settings are loaded.
    mapping: Folder
    """a folder, see [mapping.md](mapping.md)"""
    direction: Annotated[DirectionSetting, word_of(DirectionSetting)] = DirectionSetting.BOTH
    """`both`, `procore-to-4hse` or `4hse-to-procore`"""
    enabled: Flag = True
    """`false` leaves the route alone"""
    since: Day
    """a day; unlinked incidents that happened before it are left alone"""
    deletions: Annotated[Deletions, word_of(Deletions)] = Deletions.ASK
    """what becomes of the other record when one side deleted its own: `ask`, `propagate`, `close` or `ignore`, see
    [operating.md](operating.md#answering)"""
    private: Annotated[Private, word_of(Private)] = Private.SKIP
    """`include` lets incidents that are marked private in Procore cross"""
    alerts: Secrets = ()
    """where alerts about this route go instead of `alerts.urls`"""
    match: Annotated[MatchSettings, Field(description="a [routes.match] table")] = MatchSettings()
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
    hooks: HookSettings = HookSettings()
    links: LinkSettings = LinkSettings()
    alerts: AlertSettings = AlertSettings()
    metrics: MetricSettings = MetricSettings()
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
        tables: dict[str | int, type[BaseModel]] = {"privacy": PrivacySettings, "match": MatchSettings}
        return next((tables[part] for part in path if part in tables), RouteSettings).model_fields
    model = section_model(Settings.model_fields[str(path[0])])
    return model.model_fields if model else {}


def expected(path: KeyPath) -> str:
    """What is to be written at a place, in words."""
    if isinstance(path[-1], int):
        return "a [[routes]] table"
    return fields_at(path[:-1])[path[-1]].description or f"a table [{path[-1]}]"
