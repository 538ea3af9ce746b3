"""Lifting: from order and payment to the gate, settlement and the invoice record (CHEM-2, CHEM-5)."""
