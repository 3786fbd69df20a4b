-- version 7: what the models said and are held to. serve writes it, and only ever adds to it
CREATE TABLE statement (
    id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, entity TEXT NOT NULL, subject TEXT NOT NULL,
    start_us INTEGER NOT NULL, end_us INTEGER NOT NULL, issued_us INTEGER NOT NULL, version TEXT NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX statement_by_key ON statement (kind, entity, subject, start_us, id);
CREATE TRIGGER statement_stays BEFORE UPDATE ON statement BEGIN SELECT raise(ABORT, 'a statement is never changed'); END;
CREATE TRIGGER statement_is_kept BEFORE DELETE ON statement BEGIN SELECT raise(ABORT, 'a statement is kept'); END;
