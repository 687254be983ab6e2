"""`cloudProviderSettings` as the API takes and shows it: one shape for each cloud kind, drawn from the table."""

from collections.abc import Iterable
from typing import Any, Literal

from pydantic import Field, GetJsonSchemaHandler, ModelWrapValidatorHandler, create_model, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from waypost.destinations.kinds import CLOUD
from waypost.destinations.kinds.kind import CloudKind
from waypost.validation import Body

_PROVIDERS = tuple(dict.fromkeys(provider for provider, _ in CLOUD))
_PRODUCTS = tuple(dict.fromkeys(product for _, product in CLOUD))


class CloudProviderSettings(Body):
    """A cloud provider, one of its products, and where in it the files go."""

    typeId: Literal[_PROVIDERS]  # type: ignore[valid-type]
    productId: Literal[_PRODUCTS]  # type: ignore[valid-type]
    settings: Any

    @model_validator(mode="wrap")
    @classmethod
    def _by_kind(cls, raw: Any, handler: ModelWrapValidatorHandler["CloudProviderSettings"]) -> Any:
        """Check against the shape of the kind that is named: its faults, and no other kind's."""
        if cls is not CloudProviderSettings or not isinstance(raw, dict):
            return handler(raw)
        pair = nearest(_SHAPES, raw.get("typeId"), raw.get("productId"))
        return handler(raw) if pair is None else _SHAPES[pair].model_validate(raw)

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        if cls is not CloudProviderSettings:
            return handler(core)
        return {"oneOf": [handler(shape.__pydantic_core_schema__) for shape in _SHAPES.values()]}


def nearest(pairs: Iterable[tuple[str, str]], provider: Any, product: Any) -> tuple[str, str] | None:
    """The kind that is named; else the provider's first, whose faults say what is wrong; else none."""
    of_provider = [pair for pair in pairs if pair[0] == provider]
    return next((pair for pair in of_provider if pair[1] == product), next(iter(of_provider), None))


def _one_of(word: str) -> Any:
    return Literal[word], Field()


def _shape(kind: CloudKind) -> type[CloudProviderSettings]:
    return create_model(
        kind.settings.__name__.removesuffix("Settings"),
        __base__=CloudProviderSettings,
        __doc__=kind.title,
        typeId=_one_of(kind.provider),
        productId=_one_of(kind.product),
        settings=(kind.settings, Field(description="Where the files go.")),
    )


_SHAPES = {pair: _shape(kind) for pair, kind in CLOUD.items()}
