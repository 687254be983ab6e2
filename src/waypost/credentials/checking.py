"""What is wrong with a request for a new credential, or for a change to one: every fault at once."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from waypost.credentials.model import Created, Credential, Renamed, immutable, immutable_faults, moved_url, same
from waypost.credentials.strategies import DEFAULT, Strategies, keys
from waypost.credentials.strategies.strategy import Fields, Strategy
from waypost.egress.policy import Policy
from waypost.environments.store import Environment
from waypost.errors import Fault, Invalid
from waypost.validation import UNKNOWN_FIELD, check


@dataclass(frozen=True, slots=True)
class Checked:
    """A name and a strategy's values that were found right, secrets apart."""

    name: str
    strategy: Strategy[Any]
    settings: dict[str, Any]
    secrets: dict[str, str]


@dataclass(frozen=True, slots=True)
class Checker:
    """The rules for requests. Each method raises Invalid with every fault."""

    policy: Policy
    strategies: Strategies

    def new(
        self, given: Mapping[str, Any], environment: Environment | None, unsound: Sequence[Fault] = ()
    ) -> Checked:
        """A create request; None stands for an environment that the request does not properly name.

        `unsound` is what `unsound_keys` found.
        """
        common, faults = check(Created, {name: given[name] for name in given if name in Created.model_fields})
        if environment is not None:
            faults += _organization_faults(given, environment)
        strategy = self._strategy(given.get("authStrategy", DEFAULT))
        fields = None
        if strategy is None:
            faults += _unknown_strategy(given, self.strategies)
        else:
            values = {name: given[name] for name in given if name not in Created.model_fields}
            fields, more = self._fields(strategy, values, environment)
            faults += [*more, *_others(unsound, more)]
        if faults or common is None or strategy is None or fields is None:
            raise Invalid(faults)
        return _checked(common.name, strategy, fields)

    def change(
        self,
        given: Mapping[str, Any],
        before: Credential,
        stored: Mapping[str, str],
        environment: Environment,
        unsound: Sequence[Fault] = (),
    ) -> Checked:
        """The whole credential as a change leaves it; `stored` are the secrets it has."""
        strategy = self.strategies[before.strategy]
        faults = immutable_faults(given, before, strategy)
        name = before.name
        if "name" in given:
            renamed, more = check(Renamed, {"name": given["name"]})
            name, faults = renamed.name if renamed else name, faults + more
        touched = {field: given[field] for field in changes(given, before, strategy)}
        if not touched and not faults:
            return Checked(name, strategy, dict(before.settings), dict(stored))
        merged = {**before.settings, **stored, **touched}
        fields, more = self._fields(strategy, merged, environment)
        faults += [*more, *_others(unsound, more), *_secret_faults(given, before, merged, strategy)]
        if faults or fields is None:
            raise Invalid(faults)
        return _checked(name, strategy, fields)

    def _strategy(self, name: Any) -> Strategy[Any] | None:
        return self.strategies.get(name) if isinstance(name, str) else None

    def _fields(
        self, strategy: Strategy[Any], values: Mapping[str, Any], environment: Environment | None
    ) -> tuple[Fields | None, list[Fault]]:
        """The strategy's fields and their faults; a null means that a field is not there."""
        https_only = environment is not None and not environment.is_development
        policy = self.policy if environment is None else self.policy.within(environment.egress)
        there = {name: v for name, v in values.items() if v is not None or name not in strategy.available}
        dropped = there.keys() & strategy.fields.dropped
        fields, faults = check(strategy.fields, {name: v for name, v in there.items() if name not in dropped})
        if fields is not None:
            faults = fields.faults()
        faults += [Fault(f"/{name}", *UNKNOWN_FIELD) for name in sorted(dropped)]
        wrong = {fault.pointer for fault in faults}
        for name in sorted(strategy.urls):
            if isinstance(there.get(name), str) and f"/{name}" not in wrong:
                faults += policy.faults(there[name], https_only=https_only, pointer=f"/{name}")
        return fields, faults


def unsound_keys(given: Mapping[str, Any], strategy: Strategy[Any]) -> list[Fault]:
    """A fault for each private key that can be read and is none all the same. Slow: call it in a thread."""
    keys_given = {name: given.get(name) for name in sorted(strategy.private_keys)}
    return [
        Fault(f"/{name}", "unusable_key", keys.UNUSABLE)
        for name, key in keys_given.items()
        if isinstance(key, str) and keys.is_readable(key) and not keys.is_sound(key)
    ]


def _others(faults: Iterable[Fault], known: Iterable[Fault]) -> list[Fault]:
    """The faults of fields that nothing was found wrong with so far."""
    wrong = {fault.pointer for fault in known}
    return [fault for fault in faults if fault.pointer not in wrong]


def changes(given: Mapping[str, Any], before: Credential, strategy: Strategy[Any]) -> list[str]:
    """The fields of the strategy that a request would change: secrets always, unknown names too."""
    fixed = {"name", *immutable(strategy)}
    return [
        name
        for name, value in given.items()
        if name not in fixed
        and (
            name not in strategy.available
            or name in strategy.secrets
            or not same(value, before.settings.get(name))
        )
    ]


def _checked(name: str, strategy: Strategy[Any], fields: Fields) -> Checked:
    values = fields.model_dump(exclude_unset=True)
    settings = {field: value for field, value in values.items() if field not in strategy.secrets}
    secrets = {field: value for field, value in values.items() if field in strategy.secrets}
    return Checked(name, strategy, settings, secrets)


def _organization_faults(given: Mapping[str, Any], environment: Environment) -> Iterable[Fault]:
    organization = given.get("organization")
    if isinstance(organization, int) and organization != environment.organization_id:
        yield Fault("/organization", "wrong_organization", "The environment belongs to another organization.")


def _unknown_strategy(given: Mapping[str, Any], strategies: Strategies) -> Iterable[Fault]:
    if isinstance(given["authStrategy"], str):
        detail = f"There is no such strategy here; there is {', '.join(strategies)}."
        yield Fault("/authStrategy", "unknown_strategy", detail)


def _secret_faults(
    given: Mapping[str, Any], before: Credential, merged: Mapping[str, Any], strategy: Strategy[Any]
) -> Iterable[Fault]:
    """Secrets were given for one address: another one gets them only from whoever knows them."""
    if moved_url(strategy, before.settings, merged):
        for name in sorted(before.secrets - given.keys()):
            yield Fault(f"/{name}", "secret_required", "The address changes: send this secret again.")
