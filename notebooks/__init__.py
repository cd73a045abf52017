"""The course as notebooks, built by `notebooks.tools` from the sources in src/."""
