"""Carriers: who buys labels and reports where a parcel is."""
