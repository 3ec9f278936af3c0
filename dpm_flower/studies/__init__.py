"""Running the cells of a study, and what comes out: rows, files, tables, figures and the report."""
