"""What other shop systems hold to be right about stock, asked of Doorstep.

The scenarios come from the public test suites of Magento's inventory, Spree, Solidus and Saleor: only the situation and
the outcome they expect (so many units here, so many asked for, so many left), told anew in our words; no text and no
code is theirs. Each test says in its name what holds, and in its comment which suite had the idea. Where Doorstep
deliberately answers otherwise, the test asserts our answer and says why.

- `test_magento_salability.py`: what may be sold through which channel, which source serves an order, and what each
  event of an order does to stock. Fractions of a unit are doubled: Doorstep sells whole units.
- `test_magento_reconciler.py`: which orders and stock rows a reconciler must find, and which not.
- `test_spree_reservations.py`: stock reserved for a cart, and an order split over locations.
- `test_saleor_stock.py`: allocations and reservations side by side, over several warehouses.
"""
