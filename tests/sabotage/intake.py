"""The safeguards of the intake: what is refused early, who goes first, and what comes twice."""

from __future__ import annotations

from tests.sabotage.case import Case, code

_INTAKE = "tests/orders/test_intake.py::"
_BULK = "tests/orders/test_bulk.py::"
_ROUTE = "tests/web/test_place_route.py::"
_EXPRESS = "LINES_PER_BATCH - (LINES_FOR_STANDARD if standard else 0)"

FULL = (
    Case(
        name="intake: a full queue refuses an order",
        edits=(code("orders/intake.py", "        self._queue.room_for(1, len(placing.order.lines))\n", ""),),
        test=f"{_INTAKE}test_a_full_queue_refuses_at_once_and_writes_nothing",
    ),
    Case(
        name="intake: a full queue refuses before a body is read",
        edits=(code("orders/intake.py", "        self._queue.room_for(1, 1)\n", ""),),
        test=f"{_ROUTE}test_a_full_queue_refuses_a_request_before_its_body_is_read",
    ),
    Case(
        name="intake: the queue is bounded by lines, too",
        edits=(code("orders/queue.py", " or self.lines + lines > LINES_WAITING * of:", ":"),),
        test=f"{_INTAKE}test_the_queue_is_bounded_by_orders_and_by_lines",
    ),
    Case(
        name="intake: room for a request's bytes",
        edits=(code("orders/queue.py", "        if size > self._free:\n", "        if size > 10**18:\n"),),
        test=f"{_ROUTE}test_without_room_a_request_is_refused_before_its_body_is_read",
    ),
    Case(
        name="intake: who waited too long is not placed",
        edits=(code("orders/queue.py", "if waiting.since < latest:", "if False:"),),
        test=f"{_INTAKE}test_who_waited_too_long_is_told_so_and_costs_no_work",
    ),
    Case(
        name="intake: half of the queue is for those who come alone",
        edits=(code("orders/intake.py", "for placing in placings), of=0.5)", "for placing in placings), of=1.0)"),),
        test=f"{_BULK}test_half_of_the_queue_is_for_those_who_come_alone",
    ),
)

FIRST = (
    Case(
        name="intake: express before standard in a batch",
        edits=(
            code(
                "orders/queue.py",
                f"lines = self._take(express, batch, {_EXPRESS})\n"
                "        lines += self._take(standard, batch, LINES_PER_BATCH - lines)",
                "lines = self._take(standard, batch, LINES_PER_BATCH)\n"
                "        lines += self._take(express, batch, LINES_PER_BATCH - lines)",
            ),
        ),
        test=f"{_INTAKE}test_express_orders_go_first_each_lane_in_order_of_arrival",
    ),
    Case(
        name="intake: a part of each batch is for standard orders",
        edits=(code("orders/queue.py", _EXPRESS, "LINES_PER_BATCH"),),
        test=f"{_INTAKE}test_endless_express_orders_leave_standard_ones_a_part_of_each_batch",
    ),
    Case(
        name="intake: an order stands in its service's lane",
        edits=(code("orders/intake.py", "self._networks.lane(placing.order.service)", "1"),),
        test=f"{_INTAKE}test_an_express_order_overtakes_standard_ones_that_wait",
    ),
)

BATCH = (
    Case(
        name="intake: the most lines of one body",
        edits=(code("web/api/ndjson.py", "if self._number > BULK_LINES:", "if False:"),),
        test=f"{_BULK}test_a_body_has_an_end",
    ),
    Case(
        name="intake: the most bytes of one body",
        edits=(code("web/api/ndjson.py", "if self._bytes > BULK_BYTES else lines", "if False else lines"),),
        test=f"{_BULK}test_a_body_has_an_end",
    ),
    Case(
        name="intake: a body that says it is too long is not read",
        edits=(code("web/api/ndjson.py", "if length.isdigit() and int(length) > BULK_BYTES:", "if False:"),),
        test=f"{_BULK}test_what_is_wrong_with_the_request_is_answered_before_it_is_read",
    ),
    Case(
        name="intake: the most bytes of one line",
        edits=(code("web/api/ndjson.py", "len(self._rest) + len(piece) > BODY_BYTES", "False"),),
        test=f"{_BULK}test_each_line_is_answered_in_its_place_and_a_bad_one_stops_nothing",
    ),
    Case(
        name="intake: what is read ahead of placing",
        edits=(code("web/api/ndjson.py", "while self._size > BULK_AHEAD_BYTES:", "while False:"),),
        test=f"{_BULK}test_who_reads_no_answers_stops_being_read",
    ),
    Case(
        name="intake: an order that cannot be placed takes no other down",
        edits=(code("orders/intake.py", "            if len(batch) > 1:", "            if False:"),),
        test=_INTAKE + "test_an_order_that_cannot_be_placed_takes_no_other_down",
    ),
)

TWICE = (
    Case(
        name="intake: of one number twice in a part of a body the first decides",
        edits=(
            code("web/api/bulk.py", "now.setdefault(placing.key, place)", "now[(*placing.key, str(place))] = place"),
        ),
        test=f"{_BULK}test_the_intake_is_never_asked_for_one_number_twice_at_a_time",
    ),
    Case(
        name="intake: of one number in two parts of a body the first decides",
        edits=(
            code(
                "web/api/bulk.py", "if before and not before.done() and not self._last_keys", "if not self._last_keys"
            ),
            code("web/api/bulk.py", "            await asyncio.wait([before])\n", "            pass\n"),
        ),
        test=f"{_BULK}test_the_intake_is_never_asked_for_one_number_twice_at_a_time",
    ),
    Case(
        name="intake: a repeat on the hot route says that it is one",
        edits=(code("web/api/place.py", " if outcome.new else (200, [*headers, _REPLAY], body)", ""),),
        test=f"{_ROUTE}test_an_order_placed_one_way_is_answered_alike_the_other_way",
    ),
    Case(
        name="intake: a reader's key places nothing on the hot route",
        edits=(code("web/api/place.py", "if not found.writes:", "if False:"),),
        test=f"{_ROUTE}test_who_asks_is_looked_at_alike",
    ),
    Case(
        name="the head of a request has a bound",
        edits=(code("web/api/protocol.py", "if self._head > HEAD_BYTES or", "if"),),
        test="tests/web/test_protocol.py::test_a_head_without_end_is_refused",
    ),
    Case(
        name="a client may not take for ever",
        edits=(
            code(
                "web/api/protocol.py",
                "due = self._since + (KEEP_ALIVE_S if self._head < 0 else HEAD_WITHIN_S)",
                "due = now + HEAD_WITHIN_S",
            ),
        ),
        test="tests/web/test_protocol.py::test_who_takes_too_long_is_let_go",
    ),
    Case(
        name="a body must come",
        edits=(code("web/api/protocol.py", "if self._open and not self.flow.read_paused:", "if False:"),),
        test="tests/web/test_protocol.py::test_a_body_that_never_comes_is_not_waited_for",
    ),
    Case(
        name="what comes behind a body is no header",
        edits=(
            code(
                "web/api/protocol.py",
                "        if self._head >= 0:\n            super().on_header",
                "        if True:\n            super().on_header",
            ),
        ),
        test="tests/web/test_protocol.py::test_what_comes_behind_a_chunked_body_is_no_header_and_has_an_end",
    ),
    Case(
        name="a request to upgrade keeps its body",
        edits=(code("web/api/protocol.py", "if self.parser.should_upgrade():", "if False:"),),
        test="tests/web/test_protocol.py::test_who_would_rather_speak_http_2_is_answered_in_http_1",
    ),
    Case(
        name="a connection has room for so many requests",
        edits=(code("web/api/protocol.py", "if len(self.pipeline) >= PIPELINED:", "if False:"),),
        test="tests/web/test_protocol.py::test_so_many_requests_may_stand_one_behind_the_other_and_no_more",
    ),
    Case(
        name="garbage does not take the answer of the request before it",
        edits=(code("web/api/protocol.py", "        if not self._free and not broken:\n", "        if False:\n"),),
        test="tests/web/test_protocol.py::test_garbage_behind_a_request_does_not_take_its_answer",
    ),
    Case(
        name="who does not read is not written to",
        edits=(
            code("web/api/protocol.py", "if self._protocol.flow.write_paused and not self.disconnected:", "if False:"),
        ),
        test="tests/web/test_protocol.py::test_who_does_not_read_is_not_answered_for_ever",
    ),
    Case(
        name="requests on one connection are answered one after the other",
        edits=(code("web/api/protocol.py", "elif free and self.url in _HOT", "elif self.url in _HOT"),),
        test="tests/web/test_protocol.py::test_requests_one_behind_the_other_are_answered_in_their_order",
    ),
    Case(
        name="there is room for so many connections",
        edits=(code("web/api/protocol.py", "if free and self.limit_concurrency is not None and", "if False and"),),
        test="tests/web/test_protocol.py::test_beyond_the_connections_there_is_room_for_requests_are_refused",
    ),
    Case(
        name="in a burst, a round of reactions is small",
        edits=(code("journal/react.py", "begun_within_s=0.0, most=EVENTS_IN_BURST", "begun_within_s=0.0"),),
        test="tests/journal/test_react.py::"
        "test_in_a_burst_a_round_is_a_few_small_batches_of_standard_orders_and_all_of_express_ones",
    ),
    Case(
        name="intake: who hangs up loses their place",
        edits=(code("web/api/place.py", "if not intake.behind:", "if True:"),),
        test=f"{_ROUTE}test_who_hangs_up_while_much_waits_loses_their_place",
    ),
)

INTAKE = (*FULL, *FIRST, *BATCH, *TWICE)
