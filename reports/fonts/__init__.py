"""The font of the report, cut from Noto Sans CJK SC, and the list of characters it can show."""
