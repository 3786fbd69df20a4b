-- serve writes these, and only ever adds to them
CREATE TABLE correction (
    id INTEGER PRIMARY KEY AUTOINCREMENT, made_us INTEGER NOT NULL, start_us INTEGER NOT NULL, end_us INTEGER NOT NULL,
    content TEXT NOT NULL
);
CREATE TABLE correction_undone (
    correction INTEGER PRIMARY KEY REFERENCES correction (id), undone_us INTEGER NOT NULL, author TEXT NOT NULL,
    reason TEXT NOT NULL
);
