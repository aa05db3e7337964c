"""The demo: six weeks of a real shop's orders, played through the whole journey.

``scenario.build(end=…)`` makes the input, a pure and seeded value: the first 2,060 sales of *Online Retail II* in their
order, with the cancellations that the data holds for them, seven places in Great Britain with too little stock, and
made-up people. What is real and what is made up, and by which rule, stands in docs/howto/demo.md.
"""

from __future__ import annotations
