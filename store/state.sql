-- version 1
CREATE TABLE sequence (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO sequence VALUES ('mark', 0);
-- ingest writes these
CREATE TABLE mark (
    device TEXT NOT NULL, day TEXT NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (device, day)
) WITHOUT ROWID;
CREATE TABLE quarantine (
    id INTEGER PRIMARY KEY, received_us INTEGER NOT NULL, topic TEXT NOT NULL, payload BLOB NOT NULL,
    reason TEXT NOT NULL, detail TEXT NOT NULL, device TEXT NOT NULL
);
CREATE TABLE counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
-- serve writes these
CREATE TABLE settled (
    device TEXT NOT NULL, day TEXT NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (device, day)
) WITHOUT ROWID;
CREATE TABLE event (
    entity TEXT NOT NULL, code TEXT NOT NULL, start_us INTEGER NOT NULL, end_us INTEGER NOT NULL, params TEXT NOT NULL
);
CREATE INDEX event_by_entity ON event (entity, start_us);
CREATE INDEX event_by_start ON event (start_us);
CREATE TABLE alert (
    fingerprint TEXT NOT NULL, active_us INTEGER NOT NULL, rule TEXT NOT NULL, entity TEXT NOT NULL,
    severity TEXT NOT NULL, state TEXT NOT NULL, fired_us INTEGER, resolved_us INTEGER, last_sent_us INTEGER,
    keep_firing_us INTEGER, value REAL, params TEXT, PRIMARY KEY (fingerprint, active_us)
) WITHOUT ROWID;
CREATE INDEX alert_by_state ON alert (state, resolved_us);
CREATE TABLE small_value (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE config (digest TEXT PRIMARY KEY, text TEXT NOT NULL, loaded_us INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE lease (name TEXT PRIMARY KEY, pid INTEGER NOT NULL, born TEXT NOT NULL, taken_us INTEGER NOT NULL)
WITHOUT ROWID;
-- version 2
ALTER TABLE quarantine ADD COLUMN replayed_us INTEGER;
-- ingest writes this: what it noticed as the readings came, which no recomputing brings back
CREATE TABLE noticed (
    entity TEXT NOT NULL, code TEXT NOT NULL, start_us INTEGER NOT NULL, end_us INTEGER NOT NULL, params TEXT NOT NULL,
    PRIMARY KEY (entity, code, start_us)
) WITHOUT ROWID;
CREATE INDEX noticed_by_start ON noticed (start_us);
