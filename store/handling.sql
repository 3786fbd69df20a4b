-- version 5: what people do with alerts. serve writes these, and only ever adds to them
CREATE TABLE alert_act (
    id INTEGER PRIMARY KEY AUTOINCREMENT, fingerprint TEXT NOT NULL, active_us INTEGER NOT NULL, kind TEXT NOT NULL,
    at_us INTEGER NOT NULL, author TEXT NOT NULL, text TEXT NOT NULL, severity TEXT NOT NULL
);
CREATE INDEX alert_act_by_alert ON alert_act (fingerprint, active_us);
CREATE TABLE silence (
    id INTEGER PRIMARY KEY AUTOINCREMENT, rule TEXT, entity TEXT, start_us INTEGER NOT NULL, end_us INTEGER NOT NULL,
    made_us INTEGER NOT NULL, author TEXT NOT NULL, reason TEXT NOT NULL
);
CREATE INDEX silence_by_end ON silence (end_us);
CREATE TABLE silence_ended (
    silence INTEGER PRIMARY KEY REFERENCES silence (id), ended_us INTEGER NOT NULL, author TEXT NOT NULL,
    reason TEXT NOT NULL
);
CREATE INDEX alert_by_start ON alert (active_us);
