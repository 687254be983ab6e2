"""The vendor's documented request limits, as `WAYPOST_RATE_LIMITS=vendor` has them."""

import pytest

from waypost.access import Caller, Principal, Source, User
from waypost.errors import RateLimited
from waypost.web.rates import Limits


def caller(principal: Principal, ip: str = "192.0.2.1") -> Caller:
    return Caller(principal, ip, "", "")


@pytest.mark.parametrize(
    ("first", "same", "another", "most"),
    [
        (caller(User(1, "a")), caller(User(1, "a")), caller(User(1, "a"), "192.0.2.2"), 10_000),
        (caller(User(1, "a")), caller(User(1, "a")), caller(User(2, "b")), 10_000),
        (caller(Source("a", "e")), caller(Source("b", "e")), caller(Source("a", "e"), "192.0.2.2"), 7_500),
    ],
)
def test_the_vendors_limits_are_those_of_its_quota_pages(
    first: Caller, same: Caller, another: Caller, most: int
) -> None:
    """A user at an address has so many requests in five minutes; sources have them by address alone."""
    limits = Limits("vendor")
    for _ in range(most):
        limits.count(first)
    with pytest.raises(RateLimited) as refused:
        limits.count(same)
    assert refused.value.limit == most
    assert 1 <= refused.value.retry_after_seconds <= 300
    limits.count(another)
