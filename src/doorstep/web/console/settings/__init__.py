"""The console's settings: what a shop is made of, and who may work in it. Every change is one form, one transaction and
one entry in the audit log with what was and what is.
"""
