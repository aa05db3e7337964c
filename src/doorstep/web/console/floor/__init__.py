"""The console's floor: fulfillment work for people who stand, with a phone or a tablet and a scanner.

Work goes step by step: accept, pick, personalize, wrap, pack, hand over. Each page shows one step of one piece of work.
Nobody sees or does anything at a location that is not theirs; nobody sees a customer's e-mail address here.
"""
