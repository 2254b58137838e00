"""What every strategy repository promises, as checks that anybody may run on their own engine.

@pytest.mark.parametrize("check", check_repository(MyRepository), ids=lambda check: check.name)
def test_my_repository_keeps_the_contract(check):
    check.run()
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from langchain_intercascade._steps import arun, run
from langchain_intercascade.testing.checks import Check, in_new_loop
from langchain_intercascade.testing.custody_contract import CUSTODY_PROMISES
from langchain_intercascade.testing.material import Factory, Promise
from langchain_intercascade.testing.repository_promises import PROMISES
from langchain_intercascade.testing.sharing_promises import (
    LASTING_PROMISES,
    SHARING_PROMISES,
    serve_two_loops,
)


def check_repository(factory: Factory, *, reopen: Factory | None = None) -> list[Check]:
    """Return a check for every promise of `StrategyRepository`, in both colours.

    Nothing is made or opened before a check is run.  Of an engine that cannot list
    (its class says `lists = False`) only the rest is asked, and that it says so.

    Args:
        factory: Makes a fresh, empty repository; called once a check.
        reopen: Opens again, as a new object, the repository that `factory` made
            last and that has been closed since.  Leave it out for engines that
            keep nothing.
    """
    promises = {
        promise.__name__: promise for promise in (*PROMISES, *SHARING_PROMISES, *CUSTODY_PROMISES)
    }
    if reopen is not None:
        promises |= {
            lasting.__name__: partial(lasting, reopen=reopen) for lasting in LASTING_PROMISES
        }
    return [
        *(check for named in promises.items() for check in _in_both_colours(*named, factory)),
        Check("serves_one_event_loop_after_another", partial(serve_two_loops, factory)),
    ]


def _in_both_colours(name: str, promise: Promise, factory: Factory) -> Iterator[Check]:
    words = name.removeprefix("_")
    yield Check(f"{words}-sync", partial(_run, promise, factory))
    yield Check(f"{words}-async", lambda: in_new_loop(_arun(promise, factory)))


def _run(promise: Promise, factory: Factory) -> None:
    repository = factory()
    try:
        run(promise(repository))
    finally:
        repository.close()


async def _arun(promise: Promise, factory: Factory) -> None:
    repository = factory()
    try:
        await arun(promise(repository))
    finally:
        await repository.aclose()
