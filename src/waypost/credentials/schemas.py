"""The shapes of requests and answers for the OpenAPI document, drawn from the declared strategies.

Each model is made once: to make the models of all strategies takes as long as many requests.
"""

from functools import cache
from typing import Any, Generic, TypeVar, Union

from pydantic import BaseModel, ConfigDict, Field, RootModel, create_model
from pydantic.fields import FieldInfo

from waypost.credentials.model import Created, has, immutable
from waypost.credentials.strategies import DEFAULT, Strategies
from waypost.credentials.strategies.strategy import Strategy
from waypost.validation import Body, Shown

R = TypeVar("R")


class OneOf(RootModel[R], Generic[R]):
    """Any of several bodies, for the document as well."""

    model_config = ConfigDict(defer_build=True)


class CredentialView(Shown):
    """What every credential has."""

    organization: int
    name: str
    environmentId: str
    id: str
    createdAt: str
    updatedAt: str
    authStrategy: str


class StrategyView(Shown):
    """The fields of one strategy."""

    availableFields: list[str]


class StrategiesView(Shown):
    """Every strategy by name."""

    strategies: dict[str, StrategyView]


class KeySet(Shown):
    """A JWKS: public keys only."""

    keys: list[dict[str, str]]


class Issuer(Shown):
    """OpenID provider metadata, as far as it says where the keys are."""

    issuer: str
    jwks_uri: str
    response_types_supported: list[str]
    subject_types_supported: list[str]
    id_token_signing_alg_values_supported: list[str]


def create_body(strategies: Strategies) -> type[BaseModel]:
    """The body of Create auth credential."""
    return _one_of("CreateAuthCredential", tuple(_create(strategy) for strategy in strategies.values()))


def update_body(strategies: Strategies) -> type[BaseModel]:
    """The body of Update auth credential: any subset of the fields."""
    return _one_of("UpdateAuthCredential", tuple(_update(strategy) for strategy in strategies.values()))


def one(strategies: Strategies) -> type[BaseModel]:
    """The payload with one credential."""
    return _one(_views(strategies))


def many(strategies: Strategies) -> type[BaseModel]:
    """The payload with an environment's credentials."""
    return _many(_views(strategies))


def _views(strategies: Strategies) -> tuple[type[BaseModel], ...]:
    return tuple(_shown(strategy) for strategy in strategies.values())


@cache
def _one(views: tuple[type[BaseModel], ...]) -> type[BaseModel]:
    return _model("OneAuthCredential", Shown, {"credential": (_any_of(views), ...)})


@cache
def _many(views: tuple[type[BaseModel], ...]) -> type[BaseModel]:
    return _model("AuthCredentials", Shown, {"credentials": (list[_any_of(views)], ...)})  # type: ignore[misc]


def _any_of(models: tuple[type[BaseModel], ...]) -> Any:
    return Union[models]  # noqa: UP007 - made at run time


@cache
def _one_of(name: str, models: tuple[type[BaseModel], ...]) -> type[BaseModel]:
    body: Any = OneOf[_any_of(models)]  # type: ignore[misc]
    return type(name, (body,), {"__doc__": "One of the strategies."})


@cache
def _create(strategy: Strategy[Any]) -> type[BaseModel]:
    fields = {**Created.model_fields, **strategy.declared}
    declared: dict[str, Any] = {name: (info.annotation, info) for name, info in fields.items()}
    default: Any = DEFAULT if strategy.name == DEFAULT else ...
    words = "The strategy; Redox does not document it." if strategy.ours else "The strategy."
    named = Field(default, description=words, json_schema_extra={"const": strategy.name})
    declared["authStrategy"] = (str, named)
    return _model(f"Create{strategy.fields.__name__}", Body, declared)


@cache
def _update(strategy: Strategy[Any]) -> type[BaseModel]:
    fields: dict[str, Any] = {"name": (str, Field("", description="A name for people."))}
    for name, info in strategy.declared.items():
        fields[name] = (_or_null(info), Field(None, description=info.description))
    for name in immutable(strategy):
        fields[name] = (Any, Field(None, description="Cannot change; accepted when equal (ours)."))
    return _model(f"Update{strategy.fields.__name__}", Body, fields)


@cache
def _shown(strategy: Strategy[Any]) -> type[BaseModel]:
    fields: dict[str, Any] = {}
    for name, info in strategy.declared.items():
        if name in strategy.secrets:
            fields[has(name)] = (bool, Field(description=f"Whether there is a `{name}`."))
        else:
            fields[name] = (_or_null(info), Field(None, description=info.description))
    return _model(strategy.fields.__name__, CredentialView, fields)


def _or_null(info: FieldInfo) -> Any:
    kind: Any = info.annotation
    return kind | None


def _model(name: str, base: type[BaseModel], fields: dict[str, Any]) -> type[BaseModel]:
    made: type[BaseModel] = create_model(name, __base__=base, **fields)
    return made
