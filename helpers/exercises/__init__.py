"""The exercises of each chapter: references, cases and typical mistakes.

A reference has the name and the arguments of the function that the reader writes; the
build pastes it into the chapter as the solution.
"""
