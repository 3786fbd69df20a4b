CREATE TABLE reading (
    series INTEGER NOT NULL,
    time_us BIGINT NOT NULL,
    value DOUBLE,
    received_us BIGINT NOT NULL,
    flags SMALLINT NOT NULL
);
CREATE TABLE compacted (day BIGINT NOT NULL, rows BIGINT NOT NULL);
CREATE TABLE slot (
    series INTEGER NOT NULL,
    start_us BIGINT NOT NULL,
    value DOUBLE,
    coverage DOUBLE,
    estimated DOUBLE,
    reasons VARCHAR NOT NULL
);
CREATE TABLE revision (
    period VARCHAR NOT NULL,
    scope VARCHAR NOT NULL,
    entity VARCHAR NOT NULL,
    quantity VARCHAR NOT NULL,
    start_us BIGINT NOT NULL,
    value DOUBLE,
    coverage DOUBLE,
    estimated DOUBLE,
    reasons VARCHAR NOT NULL,
    replaced_us BIGINT NOT NULL
);
CREATE VIEW readings AS
SELECT make_timestamp(time_us) AS time, device, quantity, channel, value, make_timestamp(received_us) AS received_at, flags
FROM (
    SELECT * FROM reading
    QUALIFY row_number() OVER (PARTITION BY series, time_us ORDER BY received_us DESC, rowid DESC) = 1
) JOIN reading_series USING (series);
CREATE VIEW slots AS
SELECT period, make_timestamp(start_us) AS start, scope, entity, quantity, value, coverage, estimated, reasons
FROM slot JOIN slot_series USING (series);
