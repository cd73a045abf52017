"""The exercises of each chapter: references, cases and typical mistakes."""
