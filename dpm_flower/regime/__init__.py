"""The paper's three steps as plain functions: pre-train, contribute, refine. No Flower in here."""
