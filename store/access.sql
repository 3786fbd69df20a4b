-- version 6: users, tokens, sessions, audit
-- Numbers are never used again: a session of a removed user must not become another's.
CREATE TABLE person (
    id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL UNIQUE, name TEXT NOT NULL, role TEXT NOT NULL,
    password TEXT NOT NULL, created_us INTEGER NOT NULL, disabled_us INTEGER, signed_in_us INTEGER
) STRICT;
CREATE TABLE session (
    digest BLOB PRIMARY KEY, person INTEGER NOT NULL, created_us INTEGER NOT NULL, expires_us INTEGER NOT NULL,
    address TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX session_of ON session (person, created_us);
CREATE TABLE api_token (
    id INTEGER PRIMARY KEY AUTOINCREMENT, digest BLOB NOT NULL UNIQUE, name TEXT NOT NULL, prefix TEXT NOT NULL,
    scopes TEXT NOT NULL, created_us INTEGER NOT NULL, expires_us INTEGER, revoked_us INTEGER, used_us INTEGER
) STRICT;
-- A deed is one row when it is begun and another, `of` the first, when it has ended.
CREATE TABLE audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT, of INTEGER, at_us INTEGER NOT NULL, who TEXT NOT NULL, how TEXT NOT NULL,
    address TEXT NOT NULL, action TEXT NOT NULL, subject TEXT NOT NULL, detail TEXT, outcome TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX audit_end ON audit (of) WHERE of IS NOT NULL;
CREATE INDEX audit_at ON audit (at_us);
CREATE TRIGGER audit_stays BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log is only added to'); END;
CREATE TRIGGER audit_is_kept BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log is only added to'); END;
