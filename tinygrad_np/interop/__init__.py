"""Bridges to other libraries. Each imports the other side where it is used."""
