"""The lines of "Done when", measured. Each module measures one; `steps.py` lists them by step."""
