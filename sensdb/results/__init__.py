"""Storing results whole or not at all, in the transaction that ends the job."""
