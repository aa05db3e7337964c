"""`kill -9` of server, worker and PostgreSQL while orders are placed and sent, and what must be true afterwards.

Every process is one of its own, kept running by the supervisor, with the twins of carrier, bank and mail outside.
Buyers keep each 201 they saw and send an order again until it is answered; the floor accepts, picks, packs and hands
over all the while, so that labels are bought, payments captured and messages sent when the plug is pulled. In the end
every 201 is there and answered alike, no number stands twice, nothing was bought or captured twice, the audit holds.
A mail that was on its way when the worker died may come twice: SMTP cannot be asked. How many did is told.
"""
