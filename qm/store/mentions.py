"""Which symbols and orders an event is about, so that their story can be found without reading all of it."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any, Final, get_args

import msgspec

from qm.model.events import AnyEvent, Filled, Intended, StopMoved, TradeClosed

Names = tuple[str, ...]


def _optional(field: str) -> Callable[[Any], Names]:
    read = attrgetter(field)

    def names(event: Any) -> Names:
        value = read(event)
        return (value,) if value else ()

    return names


def _nothing(_event: Any) -> Names:
    return ()


def _symbols_reader(kind: type[msgspec.Struct]) -> Callable[[Any], Names]:
    if kind is Intended:
        return _optional("order.symbol")
    if "symbol" in kind.__struct_fields__:
        return _optional("symbol")
    if "symbols" in kind.__struct_fields__ and kind.__struct_config__.tag != "session_started":
        return attrgetter("symbols")
    return _nothing


def _orders_reader(kind: type[msgspec.Struct]) -> Callable[[Any], Names]:
    if kind is Intended:
        return _optional("order.id")
    if kind is Filled:
        return _optional("execution.order")
    if kind in (TradeClosed, StopMoved):
        return _optional("trade")
    if "order" in kind.__struct_fields__:
        return _optional("order")
    return _nothing


_READERS: Final = {kind: (_symbols_reader(kind), _orders_reader(kind)) for kind in get_args(AnyEvent)}


def symbols_of(event: AnyEvent) -> Names:
    """Return the symbols that an event names itself; an order's symbol is not looked up."""
    return _READERS[type(event)][0](event)


def orders_of(event: AnyEvent) -> Names:
    """Return the client order ids that an event names; a closed trade names the entry that opened it."""
    return _READERS[type(event)][1](event)


def tag_of(event: AnyEvent) -> str:
    """Return the event's name in the journal."""
    return str(event.__struct_config__.tag)
