"""Every limit in one place. A limit is a promise about memory, time or money: raise one only with a measurement."""

from __future__ import annotations

from datetime import timedelta

LINES_PER_ORDER = 1_000  # the largest real order we know has 675
LINES_PER_BATCH = 500  # placed in one transaction: 249 µs an order at 200 lines, 215 at 500; more makes others wait
LINES_FOR_STANDARD = 125  # of them when express orders could fill a batch alone: nobody is overtaken for ever
LINES_WORTH_A_TRANSACTION = 60  # waiting beside one in flight; fewer cost more alone than they wait
PLACING_TRANSACTIONS = 2  # in flight, a brand and process: one is prepared while PostgreSQL works for the other
ORDERS_HINTED = (
    10  # placed together, without an express one: when more are, workers look by themselves, within a second
)
ORDERS_WAITING = 2_000  # queued for a brand in one web process before it answers 503: a second's work or less
LINES_WAITING = 20_000  # of them
ORDER_WAITS_S = 5.0  # in the queue; then it is told so instead of being placed for somebody who has given up
UNANSWERED_BYTES = 64_000_000  # of orders in one web process; as objects they take up to five times as much
CONNECTIONS = 8_192  # open to one web process; beyond, each request is refused. More than may wait to be placed
CONNECTIONS_TOLD = 128  # beyond them, that they are too many; still others are closed without a word
PIPELINED = 32  # requests that wait behind the one in hand, on one connection
HEAD_BYTES, HEAD_WITHIN_S = 65_536, 30  # of a request before its body; a client that takes longer is let go
KEEP_ALIVE_S = 75  # a connection without a request; longer than the proxies in front of us keep theirs
SHORT_BODY_BYTES = 16_384  # of an order that is read before there is room for it; so many for each connection
BULK_LINES, BULK_BYTES = 100_000, 1_000_000_000  # of one body of orders:batch; 15 s to a minute of placing
BULK_TOGETHER = 250  # of its orders placed at a time: beyond, nothing is gained, and who comes alone waits longer
BULK_AHEAD_BYTES = 500_000  # of it read and not yet placed; then its sender waits
BODY_IDLE_S = 60.0  # nothing sent by its sender, or nothing read by it, for so long: it is gone
UNITS_PER_LINE = 1_000_000
AMOUNT_MINOR = 10**13  # a hundred billion of a currency with cents
TEXT_SHORT = 200
TEXT_LONG = 2_000
BODY_BYTES = 2_000_000
PAGE_DEFAULT, PAGE_MAX = 50, 200
CANDIDATE_LOCATIONS = 12
PRODUCTS_KEPT = 50_000  # in the memory of a server process, a brand: some 50 MB
SKUS_PER_AVAILABILITY = 500  # one statement; about 3 ms of the database
LOW_STOCK = 5  # so many or fewer are low, where nothing else is said
LEVELS_TOLD = 5_000  # events in one transaction of the watch over stock levels

EVENTS_PER_RELAY = 2_000
EVENTS_PER_REACTION = 200
EVENTS_IN_BURST = 20  # likewise, of standard orders, while many are placed: what placing waits for is short
EVENTS_GATHERED = 5_000  # in one transaction of a reaction that reads each order once, however many events it has
LATER_WAITS_S = 60.0  # so long it waits in a burst of orders
GATHERING_S = 2.0  # from one of its rounds to the next, while there is much to do
EVENTS_SHARED = 5_000  # a reaction further behind is shared by partition among workers; before, one does all of it
PARTITIONS = 4
BURST_ORDERS_PER_S = 1_000  # placed faster, reactions to standard orders leave the processor to placing
RESTS = 19  # times as long as they worked: a twentieth of the time is theirs then
STANDARD_ROUND_S = 0.1  # batches of standard orders begun before express ones are looked for again
REACTIONS_AT_ONCE = 3  # in one worker: one computes while the database works for another; each takes a connection

JOBS_IN_HAND = 24  # of each kind, calling at once in one worker: who does not answer holds up its own kind only
JOBS_TOGETHER = 200  # read, and ended, in one transaction: of errands, and of kinds that call nobody
JOB_LEASE = timedelta(seconds=15)  # renewed while in hand; what a killed process had in hand waits so long
JOB_ATTEMPTS = 12
JOB_BACKOFF = timedelta(milliseconds=200)
ADAPTER_WAIT = timedelta(minutes=1)
JOB_BACKOFF_MAX = timedelta(minutes=5)
KEEP_DONE_JOBS = timedelta(days=30)
KEEP_COMMANDS = timedelta(days=30)
KEEP_WRONG_ANSWERS = timedelta(days=1)

COUNT_LINES = 500  # shelves of one count job: more than a day's walk

CART_HOLD_MINUTES, CART_HOLD_MINUTES_MAX = 15, 60
CART_HOLD_GRACE = timedelta(minutes=10)  # expired so long, a hold gives back what nobody has asked for: orders may wait
CART_KEYS_LAPSED = 500  # stock rows in one transaction of that

PAYMENT_RETRY_WINDOW = timedelta(hours=24)
PAYMENT_DECLINES = 3
LATE_WARNING = timedelta(hours=6)  # tell this long before the promise breaks, at the latest
RETURN_REQUEST_LIFE = timedelta(days=21)
REFUND_WITHIN = timedelta(days=14)
PARCEL_WEIGHT_G = 30_000  # heavier goods travel in several parcels; most carriers' limit for one
METRICS_LOOK_BACK, METRICS_PARCELS = timedelta(days=30), 1_000  # judged at each scrape: ten milliseconds, for ever
METRICS_WITHIN_S = 8.0  # Prometheus asks for 10 s at most
TRACKING_SILENCE = timedelta(hours=48)  # handed over, and nothing heard for so long: someone must ask

SEARCH_SEGMENT = (
    4_096  # orders in one part of the search index: bitmaps of 512 bytes, some 250 parts of a million orders
)
SEARCH_ROWS = 150_000  # rows of the index one search reads at most, about 100 ms; then it says how far it came
SEARCH_WORDS, SEARCH_WORD = 8, 40  # words of a search; characters of one
COUNT_TO = 1_000  # what takes reading word by word is counted so far: "1,000+"
GOODWILL_AGENT_PERCENT = 20  # of what an order's customer paid, in all: more takes an admin

FEED_ROWS = 5_000_000  # lines of one feed; more are sent as several
FEED_BATCH = 4_000  # lines read, checked and copied in one go: some ten milliseconds of a server process
FEED_LINE = 4_000  # bytes of one line
FEED_SLICE = 500  # stock rows changed in one transaction, and so locked at once
FEED_BAD_KEPT = 100_000  # bad rows kept of one feed, to be looked at; all are counted
FEED_ZEROED_PERCENT = 10  # of a location's units, or of its SKUs: a full feed that leaves out more is looked at first
KEEP_FEED_ROWS = timedelta(days=30)  # what differed and what was bad; the feed itself and its movements stay
FEED_SILENCE = timedelta(hours=1)  # a feed that began to arrive and stopped so long ago never will
