"""The arithmetic of limits, pure: the generic cell rate algorithm, which needs one number for each key.

That number is the time at which the key has all of its allowance again (`until`). Whatever is spent moves it on by the
policy's interval, and it must not come to lie further ahead than the policy's window. There is no border between two
minutes across which one could spend twice as much, as there is where one counts for each.
"""

from __future__ import annotations

from dataclasses import dataclass

from limits.policies import Policy


@dataclass(frozen=True, slots=True)
class Standing:
    """How a key stands with a policy.

    Attributes:
        remaining: how many more are allowed now.
        reset_s: seconds until all of it is there again.
        retry_after_s: seconds until one more is allowed; 0 where one is allowed now.
    """

    policy: Policy
    remaining: int
    reset_s: float
    retry_after_s: float = 0.0


def spend(policy: Policy, until: float, now: float) -> tuple[float, Standing, bool]:
    """Take one.

    Returns:
        The new `until`, the standing after it, and whether it was allowed; where it was not, nothing is taken.
    """
    begin = max(until, now)
    after = begin + policy.interval_s
    # Less than a thousandth of a second too early is what adding up many intervals may come to.
    if after - now > policy.window_s + 0.001:
        return until, Standing(policy, 0, begin - now, after - now - policy.window_s), False
    return after, standing(policy, after, now), True


def standing(policy: Policy, until: float, now: float) -> Standing:
    """How it stands, with nothing taken."""
    ahead = max(until - now, 0.0)
    remaining = max(int((policy.window_s - ahead) / policy.interval_s + 0.001), 0)
    return Standing(policy, min(remaining, policy.limit), ahead)
